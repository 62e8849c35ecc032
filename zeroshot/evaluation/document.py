"""An evaluation's report, said once: numbers first, then charts, then how they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import counted
from zeroshot.reports.document import (
    Bar,
    Bars,
    Card,
    Cards,
    Document,
    List,
    Matrix,
    Note,
    Plane,
    Point,
    Section,
    Table,
    percent,
)
from zeroshot.reports.environment import environment_lines
from zeroshot.statistics.intervals import Count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from zeroshot.evaluation.report import Report
    from zeroshot.reports.document import Part

_BARS = 60  # labels that get a bar each; of more, the best and the worst
_SQUARES = 40  # labels of a matrix that can be read; of more, the most confused
_ERRORS = 10  # pairs of labels that are named a model
_NAMED = 50  # missing and unreadable files that are named; report.json has all
_METRICS = {
    "top1": "top-1",
    "harmonic": "harmonic mean H",
    "harmonic_calibrated": "harmonic mean H, calibrated",
}


def document(report: Report) -> Document:
    """The whole report; a terminal shows each stream's headline, the differences and the notes."""
    cards = Cards(
        tuple(
            Card(
                model.name,
                one.stream,
                _metric(one.headline[0]),
                one.headline[1],
                "" if one.std is None else f"{100 * one.std:.1f}",
                leads=one.stream == model.stream,
            )
            for model in report.models
            for one in model.streams
        )
    )
    differences = [
        Note(f"{pair.first} − {pair.second}: {percent(pair.difference)} points of top-1")
        for pair in report.comparisons
    ]
    sections = [
        Section("", (*_warnings(report), Note(_videos(report), "quiet"), cards)),
        Section("Accuracy on both sides" if _sides(report) else "Accuracy, top-1", _accuracy(report)),
        Section("What stands still against what moves", _plane(report)),
        Section("Rounds", _rounds(report)),
        Section("Side by side, on the same videos", _comparisons(report)),
        Section("Labels", tuple(_labels(report))),
        Section("Confusions", _confusions(report)),
        Section("How it was measured", (List(tuple(_how(report))),)),
        Section("Videos left out", _left_out(report)),
        Section("To repeat it", _repeat(report)),
    ]
    notes = [Note(f"note: {note}") for note in report.plan.notes]
    return Document(
        f"{report.plan.protocol} on {report.plan.data}", tuple(sections), (cards, *differences, *notes)
    )


def _metric(name: str) -> str:
    return _METRICS.get(name, name.replace("_", ", "))


def _sides(report: Report) -> list[str]:
    """Keys of the two sides and their mean that this report has, in order."""
    return list(report.models[0].figures.sides)


def _warnings(report: Report) -> Iterator[Note]:
    """What must not be missed."""
    if report.allow_seen:
        names = ", ".join(model.name for model in report.models if model.namesakes)
        words = (
            f"{names} had training videos of {len(report.seen_labels)} of {len(report.plan.labels)} labels"
        )
        yield Note(f"{words} (allowed by --allow-seen).", "warn", "Not a figure on unseen classes:")
    for model in report.models:
        if model.facts["untrained"]:
            yield Note(f"{model.name} is untrained: its figures should be chance.", "warn")


def _videos(report: Report) -> str:
    """How many of how many."""
    videos = report.videos
    line = f"{videos.evaluated:,} of {videos.listed:,} listed videos evaluated"
    if videos.evaluated < videos.listed:
        gone, broken = len(videos.missing), len(videos.unreadable)
        line += f": {gone:,} missing, {broken:,} unreadable. Figures count the evaluated ones"
    return f"{line}. {counted(len(report.plan.labels), 'label')}."


def _accuracy(report: Report) -> tuple[Part, ...]:
    """A chart and a table of every stream."""
    sides, bars, rows = _sides(report), [], []
    for place, model in enumerate(report.models):
        for one in model.streams:
            name = model.name if one.stream == "clip" else f"{model.name}, {one.stream}"
            cells = [model.name, one.stream]
            if sides:
                cells += [percent(one.sides[side]) for side in sides]
                cells += [] if one.gamma is None else [f"{one.gamma:.4f}"]
                shown = one.sides.items() if one.stream == model.stream else ()
                bars += [Bar(f"{name}: {_metric(side)}", value, place) for side, value in shown]
            else:
                spread = "" if one.std is None else f"± {100 * one.std:.1f}"
                cells += [percent(one.top1), spread, percent(one.top5), f"{100 * one.mean_class:.1f}"]
                bars.append(Bar(name, one.top1, place))
            rows.append(tuple(cells))
    header = [_metric(side) for side in sides] or ["top-1", "± over rounds", "top-5", "mean class"]
    gamma = ["γ"] if report.plan.shape == "generalized" else []
    chance = None if sides else float(np.mean([1 / len(one.labels) for one in report.plan.rounds]))
    others = (
        Note(f"{model.name} on labels that it was not trained on, among all: {percent(model.untrained)}")
        for model in report.models
        if model.untrained is not None
    )
    table = Table(("model", "stream", *header, *gamma), tuple(rows))
    return (Bars(tuple(bars), chance), table, *others)


def _plane(report: Report) -> tuple[Part, ...]:
    points, single = [], []
    for place, model in enumerate(report.models):
        found = {one.stream: one.top1 for one in model.streams}
        if {"static", "dynamic"} <= set(found):
            points.append(Point(model.name, found["static"], found["dynamic"], place))
        else:
            single.append(model.name)
    words = f" Not split into two, and so not here: {', '.join(single)}." if single else ""
    caption = (
        "Top-1 of the stream that does not know the order of frames, and of the one that sees change "
        f"alone.{words}"
    )
    return (Plane(tuple(points), caption),) if points else ()


def _rounds(report: Report) -> tuple[Part, ...]:
    if len(report.plan.rounds) == 1:
        return ()
    rows = tuple(
        (
            f"{model.name} ({model.stream})",
            one.name,
            str(one.num_labels),
            f"{100 / one.num_labels:.1f}",
            str(one.top1.total),
            percent(one.top1.estimate()),
            percent(one.top5.estimate()),
            percent(one.mean_class),
        )
        for model in report.models
        for one in model.figures.rounds
    )
    return (Table(("model", "round", "labels", "chance, %", "videos", "top-1", "top-5", "mean class"), rows),)


def _comparisons(report: Report) -> tuple[Part, ...]:
    header = (
        "difference",
        "points of top-1",
        "round",
        "only first right",
        "only second right",
        "McNemar's p",
    )
    rows = []
    for pair in report.comparisons:
        names = (f"{pair.first} − {pair.second}", percent(pair.difference))
        for place, (one, alone) in enumerate(zip(report.plan.rounds, pair.rounds, strict=True)):
            numbers = (str(alone.only_first), str(alone.only_second), f"{alone.p:.2g}")
            rows.append(((names if place == 0 else ("", "")), one.name, numbers))
    return (Table(header, tuple((*names, name, *numbers) for names, name, numbers in rows)),) if rows else ()


def _labels(report: Report) -> Iterator[Part]:
    """The share right of each label, from the easiest to the hardest."""
    rows = []
    for label in zip(*(model.figures.classes for model in report.models), strict=True):
        counts = [Count(hits, videos) for _, hits, videos in label if videos]
        name = f"{label[0][0]} ({counts[0].total})" if counts else ""
        bars = [Bar("" if row else name, count.estimate(), row) for row, count in enumerate(counts)]
        rows += [bars] if bars else []
    rows.sort(key=lambda bars: (-bars[0].estimate.value, bars[0].name))
    half = _BARS // 2
    parts = {"": rows} if len(rows) <= _BARS else {"easiest": rows[:half], "hardest": rows[-half:]}
    words = "Share right of each label, in brackets its videos, in the colours of the models"
    for which, some in parts.items():
        caption = f"{words}: the {half} {which}." if which else f"{words}."
        yield Bars(tuple(bar for bars in some for bar in bars), None, caption)


def _confusions(report: Report) -> tuple[Part, ...]:
    """A matrix a model and the most frequent errors."""
    parts: list[Part] = []
    rows: list[tuple[str, ...]] = []
    for place, model in enumerate(report.models):
        counts = model.figures.confusion
        wrong = counts - np.diag(np.diag(counts))
        labels = _most(wrong.sum(1), counts.sum(1) > 0)
        answers = _most(counts[labels].sum(0), counts[labels].sum(0) > 0)
        asked = int((counts.sum(1) > 0).sum())
        few = f", the {_SQUARES} labels of {asked} with most errors" if asked > _SQUARES else ""
        names = [label for label, _, _ in model.figures.classes]
        parts.append(
            Matrix(
                tuple((names[row], int(counts[row].sum())) for row in labels),
                tuple(names[column] for column in answers),
                tuple(map(tuple, counts[np.ix_(labels, answers)].tolist())),
                f"{model.name}{few}. Rows: what it is. Columns: what was answered. Darker: more videos.",
                place,
            )
        )
        errors = model.figures.confusions[:_ERRORS]
        rows += [(model.name, label, answer, str(count)) for label, answer, count in errors]
    table = [Table(("model", "label", "answered with", "videos"), tuple(rows))] if rows else []
    return (*parts, *table)


def _most(counts: NDArray[np.int64], there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Places of the largest counts among those that are there, as many as can be read, in their order."""
    places = np.flatnonzero(there)
    chosen: NDArray[np.int64] = np.sort(places[np.argsort(-counts[places], kind="stable")[:_SQUARES]])
    return chosen


def _how(report: Report) -> Iterator[str]:
    """Names, templates, views, sources and notes, a line each."""
    settings = report.settings
    yield f"as {settings['lineage']}: {settings['about']}"
    first = settings["example_prompts"][0]
    yield f"labels {settings['names']}; templates: {settings['templates']}; first text: {first!r}"
    yield f"views: {settings['views']}"
    if settings["texts"]:
        yield f"label texts of {settings['texts']}"
    if settings["changed"]:
        yield f"changed by hand: {', '.join(settings['changed'])}"
    yield from (f"list: {source}" for source in report.plan.sources)
    yield f"intervals {settings['intervals']}"
    yield from report.plan.notes
    if report.plan.shape == "generalized":
        yield (
            "calibrated: γ is taken from the scores of seen labels, the largest that costs at most "
            f"{settings['seen_cost']:.0%} of the right answers on half of the seen videos; "
            "the figures are of the other videos"
        )


def _left_out(report: Report) -> tuple[Part, ...]:
    videos = report.videos
    lines = [f"missing: {path}" for path in videos.missing[:_NAMED]]
    lines += [f"unreadable: {error}" for _, error in videos.unreadable[:_NAMED]]
    rest = videos.listed - videos.evaluated - len(lines)
    lines += [f"{rest} more, in report.json"] if rest else []
    return (List(tuple(lines)),) if lines else ()


def _repeat(report: Report) -> tuple[Part, ...]:
    """Digests, time, machine and versions."""
    rows = [("prompts", "", str(report.settings["prompts_digest"]))]
    for one in report.plan.rounds:
        size = f"{counted(len(one.labels), 'label')}, {counted(len(one.videos), 'video')}"
        rows.append(("round", f"{one.name}: {size}", one.digest))
    for model in report.models:
        rows.append(("weights", model.name, str(model.facts["fingerprint"])[:16]))
        if model.facts["adapter_fingerprint"]:
            rows.append(("adapter", model.name, str(model.facts["adapter_fingerprint"])[:16]))
    run = "; ".join([f"{report.run['seconds']} s", *environment_lines(report.run)])
    return Table(("what", "", "digest"), tuple(rows)), Note(run, "quiet")
