"""A report as one HTML page that needs no other file and no network."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import counted
from zeroshot.evaluation.markdown import how, seen_warning, spread, videos_line
from zeroshot.reports.html import document, html_list, html_table
from zeroshot.reports.svg import COLOURS, confusion, intervals, label_bars, plane
from zeroshot.reports.tables import percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.evaluation.report import Report

_BARS = 60  # labels that get a bar each; of more, the worst and the best
_SQUARES = 40  # labels of a confusion matrix that can be read; of more, the most confused
_NAMED = 50


def page_of(report: Report) -> str:
    """The page: figures first, then pictures, then how they were made."""
    title = f"{report.plan.protocol} on {report.plan.data}"
    sections = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="quiet">{escape(videos_line(report))} {counted(len(report.plan.labels), "label")}.</p>',
        _warnings(report),
        _cards(report),
        _accuracy(report),
        _plane(report),
        _rounds(report),
        _comparisons(report),
        _labels(report),
        _confusions(report),
        "<h2>How it was measured</h2>",
        html_list(how(report)),
        _left_out(report),
        _repeat(report),
    ]
    return document(title, sections)


def _warnings(report: Report) -> str:
    lines = [seen_warning(report).replace("**", "")] if report.allow_seen else []
    lines += [
        f"{model.name} is untrained: its figures should be chance."
        for model in report.models
        if model.facts["untrained"]
    ]
    return "".join(f'<p class="warn">{escape(line)}</p>' for line in lines)


def _cards(report: Report) -> str:
    cards = []
    for place, model in enumerate(report.models):
        name, estimate = model.figures.headline
        more = spread(model, model.stream)
        stream = "" if model.stream == "clip" else f", {model.stream} stream"
        cards.append(
            f'<div class="card"><div>{_dot(place)}{escape(model.name)}</div>'
            f'<div class="big">{100 * estimate.value:.1f} %</div>'
            f'<div class="quiet">{_figure(name)}{stream}<br>95 % interval {100 * estimate.low:.1f} to '
            f"{100 * estimate.high:.1f}{', ' + more + ' over rounds' if more else ''}</div></div>"
        )
    return f'<div class="cards">{"".join(cards)}</div>'


def _figure(name: str) -> str:
    names = {
        "top1": "top-1",
        "harmonic": "harmonic mean H",
        "harmonic_calibrated": "harmonic mean H, calibrated",
    }
    return names.get(name, name.replace("_", ", "))


def _accuracy(report: Report) -> str:
    rows = []
    for place, model in enumerate(report.models):
        for one in model.streams:
            name = model.name if one.stream == "clip" else f"{model.name}, {one.stream}"
            if one.sides and one.stream == model.stream:
                rows += [(f"{name}: {_figure(side)}", figure, place) for side, figure in one.sides.items()]
            elif not one.sides:
                rows.append((name, one.top1, place))
    sides = bool(report.models[0].figures.sides)
    chance = None if sides else float(np.mean([1 / len(one.labels) for one in report.plan.rounds]))
    table = _sides_table(report) if sides else _top_table(report)
    heading = "Accuracy on both sides" if sides else "Accuracy, top-1"
    return f"<h2>{heading}</h2>{intervals(rows, chance)}{table}"


def _sides_table(report: Report) -> str:
    names = list(report.models[0].figures.sides)
    rows = [
        [
            model.name,
            one.stream,
            *(percent(one.sides[name]) for name in names),
            *([] if one.gamma is None else [f"{one.gamma:.4f}"]),
        ]
        for model in report.models
        for one in model.streams
    ]
    gamma = ["γ"] if report.plan.shape == "generalized" else []
    return html_table(["model", "stream", *(_figure(name) for name in names), *gamma], rows)


def _top_table(report: Report) -> str:
    rows = [
        [
            model.name,
            one.stream,
            percent(one.top1),
            percent(one.top5),
            f"{100 * one.mean_class:.1f}",
        ]
        for model in report.models
        for one in model.streams
    ]
    return html_table(["model", "stream", "top-1", "top-5", "mean of labels"], rows)


def _plane(report: Report) -> str:
    points = []
    for place, model in enumerate(report.models):
        found = {one.stream: one.top1 for one in model.streams}
        if {"static", "dynamic"} <= set(found):
            points.append((model.name, found["static"], found["dynamic"], place))
    if not points:
        return ""
    there = {name for name, *_ in points}
    single = ", ".join(model.name for model in report.models if model.name not in there)
    words = escape(f" Not split into two, and so not here: {single}.") if single else ""
    return (
        "<h2>What stands still against what moves</h2>"
        '<p class="quiet">Top-1 of the stream that does not know the order of frames, and of the one that '
        f"sees change alone.{words}</p>" + plane(points)
    )


def _rounds(report: Report) -> str:
    if len(report.plan.rounds) == 1:
        return ""
    rows = [
        [
            model.name,
            one.name,
            str(one.num_labels),
            f"{100 / one.num_labels:.1f}",
            str(one.top1.total),
            percent(one.top1.estimate()),
            percent(one.top5.estimate()),
            percent(one.mean_class),
        ]
        for model in report.models
        for one in model.figures.rounds
    ]
    header = ["model", "round", "labels", "chance, %", "videos", "top-1", "top-5", "mean of labels"]
    return "<h2>Rounds</h2>" + html_table(header, rows)


def _comparisons(report: Report) -> str:
    if not report.comparisons:
        return ""
    rows = []
    for pair in report.comparisons:
        for place, (first, second, p) in enumerate(pair.rounds):
            name = f"{pair.first} − {pair.second}" if place == 0 else ""
            difference = percent(pair.difference) if place == 0 else ""
            rows.append(
                [name, difference, report.plan.rounds[place].name, str(first), str(second), f"{p:.2g}"]
            )
    header = [
        "difference",
        "points of top-1",
        "round",
        "only first right",
        "only second right",
        "McNemar’s p",
    ]
    return "<h2>Side by side, on the same videos</h2>" + html_table(header, rows)


def _labels(report: Report) -> str:
    """Bars of each label, from the easiest to the hardest."""
    figures = [model.figures for model in report.models]
    rows = []
    for row, (label, _, videos) in enumerate(figures[0].classes):
        counts = [one.classes[row] for one in figures]
        shares = [hits / total if total else math.nan for _, hits, total in counts]
        if videos:
            rows.append((label, videos, shares))
    rows.sort(key=lambda row: (-row[2][0], row[0]))
    heading = f"<h2>Labels</h2>{_legend(report)}"
    if len(rows) <= _BARS:
        return heading + label_bars(rows)
    half = _BARS // 2
    best, worst = label_bars(rows[:half]), label_bars(rows[-half:])
    return f"{heading}<h3>The {half} easiest</h3>{best}<h3>The {half} hardest</h3>{worst}"


def _dot(place: int) -> str:
    return f'<span class="dot" style="background:{COLOURS[place % len(COLOURS)]}"></span>'


def _legend(report: Report) -> str:
    dots = (
        f"{_dot(place)}{escape(model.name)}{'' if model.stream == 'clip' else ', ' + model.stream} &nbsp; "
        for place, model in enumerate(report.models)
    )
    return f'<p class="quiet">{"".join(dots)}</p>'


def _confusions(report: Report) -> str:
    parts = []
    for place, model in enumerate(report.models):
        matrix = model.figures.confusion
        names = [label for label, _, _ in model.figures.classes]
        wrong = matrix - np.diag(np.diag(matrix))
        rows = _most(wrong.sum(1), matrix.sum(1) > 0)
        columns = _most(matrix[rows].sum(0), matrix[rows].sum(0) > 0)
        asked = int((matrix.sum(1) > 0).sum())
        few = f", the {_SQUARES} labels of {asked} with most errors" if asked > _SQUARES else ""
        labels = [(names[row], int(matrix[row].sum())) for row in rows]
        answers = [names[column] for column in columns]
        picture = confusion(labels, answers, matrix[np.ix_(rows, columns)], place)
        parts.append(f'<h3>{escape(model.name)}{few}</h3><div class="scroll">{picture}</div>')
        pairs = [[label, answer, str(count)] for label, answer, count in model.figures.confusions[:10]]
        if pairs:
            parts.append(html_table(["label", "answered with", "videos"], pairs))
    note = '<p class="quiet">Rows: what it is. Columns: what was answered. Darker: more of its videos.</p>'
    return f"<h2>Confusions</h2>{note}{''.join(parts)}"


def _most(counts: NDArray[np.int64], there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Places of the largest counts among those that are there, as many as can be read, in their order."""
    places = np.flatnonzero(there)
    chosen: NDArray[np.int64] = np.sort(places[np.argsort(-counts[places], kind="stable")[:_SQUARES]])
    return chosen


def _left_out(report: Report) -> str:
    videos = report.videos
    if videos.evaluated == videos.listed:
        return ""
    lines = [f"missing: {path}" for path in videos.missing[:_NAMED]]
    lines += [f"unreadable: {error}" for _, error in videos.unreadable[:_NAMED]]
    rest = videos.listed - videos.evaluated - len(lines)
    return "<h2>Videos left out</h2>" + html_list(
        [*lines, *([f"{rest} more, in report.json"] if rest else [])]
    )


def _repeat(report: Report) -> str:
    rows = [["prompts", "", str(report.settings["prompts_digest"])]]
    rows += [
        ["round", f"{one.name}, {counted(len(one.videos), 'video')}", one.digest]
        for one in report.plan.rounds
    ]
    for model in report.models:
        rows.append(["weights", model.name, str(model.facts["fingerprint"])[:16]])
        if model.facts["adapter_fingerprint"]:
            rows.append(["adapter", model.name, str(model.facts["adapter_fingerprint"])[:16]])
    machine = report.run["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in report.run["versions"].items())
    return (
        "<h2>To repeat it</h2>"
        + html_table(["what", "", "digest"], rows)
        + f'<p class="quiet">{escape(machine["system"])}, {counted(machine["processors"], "processor")}, '
        f"{report.run['seconds']} s; {escape(versions)}</p>"
    )
