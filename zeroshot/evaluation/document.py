"""An evaluation's report, said once: numbers first, then charts, then how they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import counted
from zeroshot.evaluation.open_set_section import none_of_these
from zeroshot.evaluation.unseen_section import unseen
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
    from zeroshot.evaluation.scoring import StreamFigures
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
    lines = [
        f"{pair.first} − {pair.second}: {percent(pair.difference)} points of top-1"
        for pair in report.comparisons
    ]
    lines += [f"note: {note}" for note in report.plan.notes]
    sections = [
        Section("", [*_warnings(report), Note(_videos(report), "quiet"), _cards(report)]),
        Section("Accuracy on both sides" if _sides(report) else "Accuracy, top-1", _accuracy(report)),
        Section("Is it really unseen?", unseen(report)),
        Section("What stands still against what moves", _plane(report)),
        Section("None of these", none_of_these(report)),
        Section("Rounds", _rounds(report)),
        Section("Side by side, on the same videos", _comparisons(report)),
        Section("Labels", [*_labels(report)]),
        Section("Confusions", _confusions(report)),
        Section("How it was measured", [List([*_how(report)])]),
        Section("Videos left out", _left_out(report)),
        Section("To repeat it", _repeat(report)),
    ]
    return Document(
        f"{report.plan.protocol} on {report.plan.data}",
        sections,
        [_headlines(report), *map(Note, lines), *unseen(report)],
    )


def _headlines(report: Report) -> Table:
    """The one number of each stream."""
    rows = [
        (model.name, one.stream, metric_in_words(name), percent(estimate), _spread(one, ""))
        for model in report.models
        for one in model.streams
        for name, estimate in [one.headline]
    ]
    return Table(("model", "stream", "metric", "% with 95 % interval", "± over rounds"), rows)


def _cards(report: Report) -> Cards:
    """The one number of each model."""
    cards = []
    for place, model in enumerate(report.models):
        name, estimate = model.figures.headline
        stream = "" if model.stream == "clip" else f", {model.stream} stream"
        spread = f", {_spread(model.figures)} over rounds" if model.figures.std is not None else ""
        interval = f"95 % interval {100 * estimate.low:.1f} to {100 * estimate.high:.1f}{spread}"
        words = (metric_in_words(name) + stream, interval)
        cards.append(Card(model.name, estimate, words, _colour(report, place)))
    return Cards(cards)


def _colour(report: Report, place: int) -> int | str:
    """Of a model among several; one by itself has the colour of the stream that speaks for it."""
    return place if len(report.models) > 1 else report.models[0].stream


def _spread(one: StreamFigures, sign: str = "± ") -> str:
    """The standard deviation over rounds, where there are several."""
    return "" if one.std is None else f"{sign}{100 * one.std:.1f}"


def metric_in_words(name: str) -> str:
    """What people call a figure: top-1, or a side of a protocol that has sides."""
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


def _accuracy(report: Report) -> list[Part]:
    """A chart and a table of every stream."""
    sides, bars, rows = _sides(report), [], []
    for model in report.models:
        for one in model.streams:
            name = model.name if one.stream == "clip" else f"{model.name}, {one.stream}"
            if sides:
                cells = [percent(one.sides[side]) for side in sides]
                cells += [] if one.gamma is None else [f"{one.gamma:.4f}"]
                shown = one.sides.items() if one.stream == model.stream else ()
                bars += [Bar(f"{name}: {metric_in_words(side)}", value, one.stream) for side, value in shown]
            else:
                cells = [percent(one.top1), _spread(one), percent(one.top5), f"{100 * one.mean_class:.1f}"]
                bars.append(Bar(name, one.top1, one.stream))
            rows.append([model.name, one.stream, *cells])
    header = [metric_in_words(side) for side in sides] or ["top-1", "± over rounds", "top-5", "mean class"]
    gamma = ["γ"] if report.plan.shape == "generalized" else []
    guessed = float(np.mean([1 / len(one.labels) for one in report.plan.rounds]))
    chance = None if sides or guessed == 1 else guessed  # among one label nothing can be wrong
    others = (
        Note(f"{model.name} on labels that it was {how}, among all: {percent(figure)}")
        for model in report.models
        for how, figure in (
            ("not trained on", model.untrained),
            ("trained on by mirrored or reversed videos alone", model.derived),
        )
        if figure is not None
    )
    return [Bars(bars, chance), Table(["model", "stream", *header, *gamma], rows), *others]


def _plane(report: Report) -> list[Part]:
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
    return [Plane(points, caption)] if points else []


def _rounds(report: Report) -> list[Part]:
    header = ("model", "round", "labels", "chance, %", "videos", "top-1", "top-5", "mean class")
    rows = [
        (
            f"{model.name} ({model.stream})",
            one.name,
            str(one.num_labels),
            f"{100 / one.num_labels:.1f}",
            str(one.top1.total),
            *map(percent, (one.top1.estimate(), one.top5.estimate(), one.mean_class)),
        )
        for model in report.models
        for one in model.figures.rounds
    ]
    return [Table(header, rows)] if len(report.plan.rounds) > 1 else []


def _comparisons(report: Report) -> list[Part]:
    right = ("only first right", "only second right", "McNemar's p")
    rows = []
    for pair in report.comparisons:
        names = (f"{pair.first} − {pair.second}", percent(pair.difference))
        asked = report.plan.rounds[: report.plan.num_counted]
        for one, (first, second, p) in zip(asked, pair.rounds, strict=True):
            rows.append((*names, one.name, str(first), str(second), f"{p:.2g}"))
            names = ("", "")
    return [Table(("difference", "points of top-1", "round", *right), rows)] if rows else []


def _labels(report: Report) -> Iterator[Part]:
    """The share right of each label, from the easiest to the hardest."""
    rows = []
    for label in zip(*(model.figures.classes for model in report.models), strict=True):
        counts = [Count(hits, videos) for _, hits, videos in label if videos]
        name = f"{label[0][0]} ({counts[0].total})" if counts else ""
        bars = [
            Bar("" if row else name, count.estimate(), _colour(report, row))
            for row, count in enumerate(counts)
        ]
        rows += [bars] if bars else []
    rows.sort(key=lambda bars: (-bars[0].estimate.value, bars[0].name))
    half = _BARS // 2
    parts = {"": rows} if len(rows) <= _BARS else {"easiest": rows[:half], "hardest": rows[-half:]}
    words = "Share right of each label, in brackets its videos, in the colours of the models"
    for which, some in parts.items():
        caption = f"{words}: the {half} {which}." if which else f"{words}."
        yield Bars([bar for bars in some for bar in bars], None, caption)


def _confusions(report: Report) -> list[Part]:
    """A matrix a model and the most frequent errors."""
    parts: list[Part] = []
    rows: list[tuple[str, ...]] = []
    for place, model in enumerate(report.models):
        counts = model.figures.confusion
        there, wrong = counts.sum(1) > 0, counts - np.diag(np.diag(counts))
        asked = _most(wrong.sum(1), there)
        said = _most(counts[asked].sum(0), counts[asked].sum(0) > 0)
        few = f", the {_SQUARES} labels of {there.sum()} with most errors" if there.sum() > _SQUARES else ""
        names = [label for label, _, _ in model.figures.classes]
        labels = [(names[row], int(counts[row].sum())) for row in asked]
        caption = f"{model.name}{few}. Rows: what it is. Columns: what was answered. Darker: more videos."
        table = counts[np.ix_(asked, said)].tolist()
        shown = [names[column] for column in said]
        parts.append(Matrix(labels, shown, table, caption, _colour(report, place)))
        errors = model.figures.confusions[:_ERRORS]
        rows += [(model.name, label, answer, str(count)) for label, answer, count in errors]
    return [*parts, Table(("model", "label", "answered with", "videos"), rows)] if rows else parts


def _most(counts: NDArray[np.int64], there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Places of the largest counts among those that are there, as many as can be read, in their order."""
    places = np.flatnonzero(there)
    chosen: NDArray[np.int64] = np.sort(places[np.argsort(-counts[places], kind="stable")[:_SQUARES]])
    return chosen


def _how(report: Report) -> Iterator[str]:
    """Names, templates, views, sources and notes, a line each."""
    settings = report.settings
    yield f"as {settings['lineage']}: {settings['about']}"
    yield from (f"{settings['lineage']} has {line}" for line in settings["lineage_says"])
    first = settings["example_prompts"][0]
    yield f"labels {settings['names']}; templates: {settings['templates']}; first text: {first!r}"
    yield f"views: {settings['views']}"
    for model in report.models:
        if model.facts["exchanged"]:
            top1 = f"top-1 {100 * model.facts['exchanged']['value']:.1f} %"
            yield f"{model.name} by {settings['lineage']}'s own table of names, labels exchanged: {top1}"
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


def _left_out(report: Report) -> list[Part]:
    videos = report.videos
    lines = [f"missing: {path}" for path in videos.missing[:_NAMED]]
    lines += [f"unreadable: {error}" for _, error in videos.unreadable[:_NAMED]]
    rest = videos.listed - videos.evaluated - len(lines)
    lines += [f"{rest} more, in report.json"] if rest else []
    return [List(lines)] if lines else []


def _repeat(report: Report) -> list[Part]:
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
    return [Table(("what", "", "digest"), rows), Note(run, "quiet")]
