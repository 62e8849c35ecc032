"""What probes found, as the three files of a folder."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from zeroshot.errors import counted
from zeroshot.reports.files import write_three
from zeroshot.reports.html import document, html_list, html_table
from zeroshot.reports.svg import intervals
from zeroshot.reports.tables import machine_lines, percent

if TYPE_CHECKING:
    import os

    from zeroshot.probes.frame_order import ProbeReport
    from zeroshot.statistics.intervals import Estimate

_MEANINGS = {
    "as filmed": "right with the frames in their order",
    "shuffled": "right with the frames in another order, the same for all videos",
    "reversed": "right with the last frame first",
    "frozen": "right with the middle frame alone, repeated",
    "lost": "accuracy as filmed minus accuracy so, on the same videos: how much order matters",
    "scene": "right about the scene, by a linear classifier that did not see the video; a stream that "
    "follows the motion alone stays at chance",
}


def write_probe_report(report: ProbeReport, folder: str | os.PathLike[str]) -> None:
    """`report.json`, `report.md` and `report.html` in `folder`, each whole.

    Raises:
        OutputError: they cannot be written there.
    """
    write_three(folder, report.as_dict(), probe_markdown(report), probe_page(report))


def probe_markdown(report: ProbeReport) -> str:
    """The report as a document with one table."""
    header, *rows = _table(report)
    lines = [f"# What the streams of {report.model} know", "", _asked(report), ""]
    lines += ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows)]
    lines += ["", *(f"{words}\n" for words in _said(report)), "## What the figures count", ""]
    lines += [f"* {name}: {words}" for name, words in _MEANINGS.items()]
    lines += ["", "## To repeat it", "", *(f"* {line}" for line in _record(report)), ""]
    return "\n".join(lines)


def probe_page(report: ProbeReport) -> str:
    """The report as a page that needs no other file."""
    header, *rows = _table(report)
    title = f"What the streams of {report.model} know"
    right = [
        (
            f"{name}, {stream}",
            found.intact.estimate() if order is None else found.orders[order].count.estimate(),
            place,
        )
        for name, order in (("as filmed", None), *((order, order) for order in _orders(report)))
        for place, (stream, found) in enumerate(report.streams.items())
    ]
    scenes = [
        (f"scene, {stream}", found.scene.accuracy, place)
        for place, (stream, found) in enumerate(report.streams.items())
        if found.scene is not None
    ]
    sections = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="quiet">{escape(_asked(report))}</p>',
        "<h2>Right, with the frames in another order</h2>",
        intervals(right, 1 / len(report.labels)),
        *(
            ["<h2>The scene, read from each stream</h2>", intervals(scenes, _chance(report))]
            if scenes
            else []
        ),
        html_table(header, rows),
        *(f"<p>{escape(words)}</p>" for words in _said(report)),
        "<h2>What the figures count</h2>",
        html_list(f"{name}: {words}" for name, words in _MEANINGS.items()),
        "<h2>To repeat it</h2>",
        html_list(_record(report)),
    ]
    return document(title, sections)


def _orders(report: ProbeReport) -> list[str]:
    return list(next(iter(report.streams.values())).orders)


def _chance(report: ProbeReport) -> float | None:
    """Of the scene probe: the share of the commonest scene."""
    return next((found.scene.chance for found in report.streams.values() if found.scene is not None), None)


def _asked(report: ProbeReport) -> str:
    """What was probed."""
    videos = next(iter(report.streams.values())).intact.total
    words = f"{report.split}: {counted(videos, 'video')}, {counted(report.num_frames, 'frame')} each, "
    return f"{words}{counted(len(report.labels), 'label')}, chance {1 / len(report.labels):.1%}."


def _table(report: ProbeReport) -> list[list[str]]:
    """Header and rows: a column a stream, % with 95 % intervals."""
    streams = list(report.streams.values())

    def row(name: str, estimates: list[Estimate]) -> list[str]:
        return [name, *(percent(estimate) for estimate in estimates)]

    rows = [["%, with 95 % intervals", *report.streams]]
    rows.append(row("as filmed", [stream.intact.estimate() for stream in streams]))
    for order in _orders(report):
        rows.append(row(order, [stream.orders[order].count.estimate() for stream in streams]))
        rows.append(row(f"lost {order}", [stream.orders[order].drop for stream in streams]))
    scenes = [stream.scene for stream in streams if stream.scene is not None]
    if scenes:
        rows.append(row(f"scene (chance {scenes[0].chance:.1%})", [scene.accuracy for scene in scenes]))
    return rows


def _said(report: ProbeReport) -> list[str]:
    """Dependence, notes and who is missing."""
    lines = []
    if report.dependence is not None:
        d = report.dependence
        lines.append(f"Normalized HSIC of static and dynamic: {d.value:.3f} ({d.low:.3f} to {d.high:.3f}).")
    lines += [f"Note: {note}." for note in report.notes]
    lines += [f"Left out: {reason}" for _, reason in report.failures]
    return lines


def _record(report: ProbeReport) -> list[str]:
    """Digests, settings, machine and versions, a line each."""
    lines = [
        f"{name}: {value}" for name, value in report.record.items() if name not in {"machine", "versions"}
    ]
    return lines + machine_lines(report.record)
