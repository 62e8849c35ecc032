"""A comparison of finished runs, said once: how much they differ, on which labels, and on which videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.errors import counted
from zeroshot.reports.document import (
    Bar,
    Bars,
    Differences,
    Document,
    List,
    Note,
    Section,
    Table,
    percent,
)
from zeroshot.reports.environment import environment_lines
from zeroshot.statistics.intervals import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zeroshot.evaluation.compare_runs import LabelDifference, PairedRun, RunComparison
    from zeroshot.reports.document import Part

_LABELS = 40  # that are shown of a pair: those that differ most; report.json has all
_NAMED = 50  # videos that are named of those that one run alone has
_BRIEF = 5  # labels of each side on a terminal


def document(found: RunComparison) -> Document:
    """The whole comparison; a terminal shows the differences, the labels that differ most, what is amiss."""
    lone = [*_lone(found)]
    sections = [
        Section("", [*_warnings(found), Note(_opening(found), "quiet")]),
        Section("The runs, each on its own videos", [_bars(found), _runs(found)]),
        Section("Side by side, on the videos that both have", [_differences(found), _table(found)]),
        *(
            Section(f"Labels: {_title(pair)}", _labels(pair, place))
            for place, pair in enumerate(found.pairs, start=1)
        ),
        Section("Videos that one run alone has", [List(lone)] if lone else []),
        Section("To repeat it", [List([*_repeat(found)])]),
    ]
    lines = [line for pair in found.pairs for line in _brief(pair)] + [*_lone_counts(found)]
    lines += [f"{note.lead} {note.text}" for note in _warnings(found)]
    return Document("Finished runs side by side", sections, [_table(found), *map(Note, lines)])


def _title(pair: PairedRun) -> str:
    return f"{pair.comparison.first} − {pair.comparison.second}"


def _opening(found: RunComparison) -> str:
    """What is compared with what."""
    base = found.runs[0]
    return (
        f"{counted(len(found.runs), 'run')}; each is held against {base.name}, video by video. Protocol "
        f"{base.report['protocol']} on {base.report['data']}."
    )


def _warnings(found: RunComparison) -> list[Note]:
    """What must not be missed."""
    seen = [run.name for run in found.runs if run.seen]
    notes = []
    if seen:
        words = f"{', '.join(seen)} had training videos of some labels."
        notes.append(Note(words, "warn", "No figures on unseen classes:"))
    notes += [
        Note("; ".join(pair.apart) + ".", "warn", f"Not alike in all but the model: {_title(pair)}:")
        for pair in found.pairs
        if pair.apart
    ]
    return notes


def _bars(found: RunComparison) -> Bars:
    """Top-1 of each run on its own videos."""
    bars = [
        Bar(f"{run.name}, {run.stream}", Estimate.from_dict(run.figures["top1"]), place)
        for place, run in enumerate(found.runs)
    ]
    return Bars(bars)


def _runs(found: RunComparison) -> Table:
    rows = [
        (
            run.name,
            run.stream,
            run.report["protocol"],
            run.report["data"],
            f"{run.report['videos']['evaluated']:,}",
            percent(Estimate.from_dict(run.figures["top1"])),
        )
        for run in found.runs
    ]
    return Table(("run", "stream", "protocol", "data", "videos", "top-1"), rows)


def _differences(found: RunComparison) -> Differences:
    bars = [
        Bar(_title(pair), pair.comparison.difference, place)
        for place, pair in enumerate(found.pairs, start=1)
    ]
    return Differences(
        bars, "Points of top-1, on the same videos; right of the line the first of the two is better."
    )


def _table(found: RunComparison) -> Table:
    """The difference of each pair, and who alone was right in each round."""
    rows = []
    for pair in found.pairs:
        names = (_title(pair), f"{pair.videos:,}", percent(pair.comparison.difference))
        for name, (first, second, p) in zip(pair.rounds, pair.comparison.rounds, strict=True):
            rows.append((*names, name, str(first), str(second), f"{p:.2g}"))
            names = ("", "", "")
    right = ("only first right", "only second right", "McNemar's p")
    return Table(("difference", "videos", "points of top-1", "round", *right), rows)


def _most(pair: PairedRun) -> list[LabelDifference]:
    """Labels that differ most, in the order of their differences."""
    apart = sorted(pair.labels, key=lambda each: -abs(each.first - each.second) / each.videos)[:_LABELS]
    return [each for each in pair.labels if each in apart]


def _labels(pair: PairedRun, colour: int) -> list[Part]:
    """A chart and a table of the labels that differ most, in the colour of the later run."""
    shown = _most(pair)
    bars = [
        Bar(f"{each.label} ({each.videos})", each.difference, colour)
        for each in shown
        if each.difference is not None
    ]
    few = f" The {_LABELS} of {len(pair.labels)} that differ most." if len(pair.labels) > len(shown) else ""
    caption = (
        "Points of the share right, in brackets the label's videos. Each interval is by itself: of 20 labels "
        f"that do not differ, one will seem to.{few}"
    )
    rows = [
        (
            each.label,
            str(each.videos),
            str(each.first),
            str(each.second),
            f"{100 * (each.first - each.second) / each.videos:+.1f}"
            if each.difference is None
            else percent(each.difference),
        )
        for each in shown
    ]
    header = ("label", "videos", "first right", "second right", "points")
    chart: list[Part] = [Differences(bars, caption)] if bars else []
    return [*chart, Table(header, rows)]


def _brief(pair: PairedRun) -> Iterator[str]:
    """The labels that one of the two is better at, the largest differences first."""
    better = [each for each in pair.labels if each.first > each.second][:_BRIEF]
    worse = [each for each in reversed(pair.labels) if each.first < each.second][:_BRIEF]
    for name, some in ((pair.comparison.first, better), (pair.comparison.second, worse)):
        if some:
            words = ", ".join(
                f"{each.label} ({each.first} : {each.second} of {each.videos})" for each in some
            )
            yield f"{name} is better at {words}"


def _lone_counts(found: RunComparison) -> Iterator[str]:
    """How many videos one run alone has."""
    for pair in found.pairs:
        sides = (pair.comparison.first, pair.only_first), (pair.comparison.second, pair.only_second)
        for name, videos in sides:
            if videos:
                more = ", …" if len(videos) > 3 else ""
                yield f"{name} alone has {counted(len(videos), 'video')} ({', '.join(videos[:3])}{more})"


def _lone(found: RunComparison) -> Iterator[str]:
    """Videos that one run alone has, a line each."""
    for pair in found.pairs:
        sides = (pair.comparison.first, pair.only_first), (pair.comparison.second, pair.only_second)
        for name, videos in sides:
            yield from (f"{name}: {video}" for video in videos[:_NAMED])
            if len(videos) > _NAMED:
                yield f"{name}: {len(videos) - _NAMED} more, in report.json"


def _repeat(found: RunComparison) -> Iterator[str]:
    for run in found.runs:
        weights = ", ".join(f"{each[:16]}" for each in run.weights if each)
        yield f"{run.name}: {run.place}, weights {weights}"
    yield from environment_lines(found.record)
