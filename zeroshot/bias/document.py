"""A bias report, said once; its page shows what the clips look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.errors import VideoError, counted
from zeroshot.probes.dependence import in_words
from zeroshot.reports.document import (
    Bar,
    Bars,
    Document,
    List,
    Note,
    Picture,
    Pictures,
    Plane,
    Point,
    Section,
    Table,
    percent,
)
from zeroshot.reports.environment import environment_lines
from zeroshot.reports.thumbnails import frame_strip
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling

if TYPE_CHECKING:
    from collections.abc import Collection

    from zeroshot.bias.manifest import BiasManifest, BiasRow
    from zeroshot.bias.report import BiasReport, ModelBias
    from zeroshot.reports.document import Part
    from zeroshot.statistics.ratio import Ratio
    from zeroshot.types import Clip

_EXAMPLES = 3  # clips of which every edit is shown
_HEIGHT = 84  # pixels of a frame on the page
_MOMENTS = 2  # frames of an edit
_CHARTED = (
    "orig",
    "bor",
    "hor",
    "shacc-random",
    "sberr-random",
    "scuba",
    "scufo",
    "contra",
    "conflfg",
    "afd",
)
_MADE_OF_TWO = {"bor", "hor", "contra"}  # what guessing gives depends on both
_COUNTED = {
    "orig": "right on the clips as they are",
    "bor": "hits without the person, over hits on the same clips as they are: lower is better",
    "hor": "hits on the person alone, over hits on the same clips as they are: higher is better",
    "shacc": "right about the person of a swap: higher is better",
    "sberr": "says what was done where a swap's background comes from: lower is better",
    "close, far": "swaps with labels whose places are most or least alike by the colours of a 4 × 4 grid",
    "scuba": "right on persons before a picture that tells nothing: higher is better",
    "scufo": "right on one frame of such a clip, repeated: lower is better",
    "contra": "right on the moving clip and wrong on its frame: higher is better",
    "conflfg": "right although another person stands still in the picture: higher is better",
    "conflerr": "says what that person did: lower is better",
    "afd": "right on noise that moves as the clip does, no frame of which tells anything: higher is better",
    "clip": "the stream of the backbone alone: its frames' mean, without an adapter",
}
"""Metric → what it counts; swaps have one of shacc and sberr a pairing."""


def document(report: BiasReport, manifest: BiasManifest | None = None) -> Document:
    """The whole report; a terminal shows the metrics of each model.

    Args:
        report: the metrics.
        manifest: the sets they are of, whose clips are shown; None shows none.
    """
    counts = ", ".join(f"{count} {kind}" for kind, count in report.counts.items())
    chance = 1 / len(report.labels)
    asked = f"{counted(len(report.labels), 'label')}, chance {chance:.1%}"
    warning = [Note(report.banner, "warn")] if report.banner else []
    opening = [*warning, Note(f"Clips scored: {counts}. {asked}.", "quiet")]
    if report.failures:
        opening.append(Note(f"{_left_out(report)} (first: {report.failures[0][1]}).", "warn"))
    tables = {model.model: _numbers(model) for model in report.models}
    without = {path for path, _ in report.failures}
    sections = [
        Section("", opening),
        Section("What stands still against what moves", _plane(report)),
        *(Section(model.model, [*_bars(model, chance), *tables[model.model]]) for model in report.models),
        Section("What the clips look like", [] if manifest is None else _examples(manifest, without)),
        Section("What the figures count", [List([f"{m}: {words}." for m, words in _COUNTED.items()])]),
        Section("How the sets were made", [List([f"{k}: {v}" for k, v in report.settings.items()])]),
        Section("In what they differ from the papers' sets", _differences(report)),
        Section("To repeat it", [List(_to_repeat(report))]),
    ]
    unit = Note(f"{asked}; % [95 % interval] hits/clips")
    brief = [*warning, unit, *(part for parts in tables.values() for part in parts)]
    return Document(f"Static bias on {report.sets}", sections, brief)


def _differences(report: BiasReport) -> list[Part]:
    """What keeps the figures from standing beside published ones, if anything does."""
    return [List(list(report.differences))] if report.differences else []


def _to_repeat(report: BiasReport) -> list[str]:
    """Digests, templates, machine and versions, a line each."""
    record = report.record
    lines = [f"{name} {record[name]}" for name in ("sets", "prompts", "templates") if name in record]
    for model in report.models:
        if model.fingerprint:
            facts = "".join(f", {name} {value}" for name, value in model.facts.items())
            lines.append(f"{model.model}: weights {model.fingerprint}{facts}")
    return lines + environment_lines(record)


def _left_out(report: BiasReport) -> str:
    """How many videos no metric counts."""
    were = "was" if len(report.failures) == 1 else "were"
    return f"{counted(len(report.failures), 'video')} {were} left out, of all models"


def _plane(report: BiasReport) -> list[Part]:
    """Where each stream of each model stands between the place and the person of random swaps."""
    points = [
        Point(f"{model.model}, {stream}", metrics["sberr-random"], metrics["shacc-random"], stream)
        for model in report.models
        for stream, metrics in model.streams.items()
        if {"sberr-random", "shacc-random"} <= set(metrics)
    ]
    caption = (
        "Persons before the places of other clips: a model that follows the motion stands at the upper left, "
        "one that reads the place at the lower right."
    )
    axes = ("answers what was done in that place (SBErr), %", "answers what the person does (SHAcc), %")
    return [Plane(points, caption, axes)] if points else []


def _bars(model: ModelBias, chance: float) -> list[Part]:
    """The charts of one model: what a guess gets right now and then, and what is made of two such shares."""
    bars = {
        metric: [
            Bar(f"{metric}, {stream}", metrics[metric], stream)
            for stream, metrics in model.streams.items()
            if metric in metrics and metrics[metric].value <= 1  # a ratio above stands in the table
        ]
        for metric in _CHARTED
    }
    shares = [bar for metric, some in bars.items() if metric not in _MADE_OF_TWO for bar in some]
    others = [bar for metric, some in bars.items() if metric in _MADE_OF_TWO for bar in some]
    words = "Ratios and contrasts of two such shares, which have no chance of their own."
    return [
        *([Bars(shares, chance)] if shares else []),
        *([Bars(others, None, words)] if others else []),
    ]


def _numbers(model: ModelBias) -> list[Part]:
    """The table of one model, every metric of any stream, and how its streams depend on each other."""
    names = dict.fromkeys(metric for metrics in model.streams.values() for metric in metrics)
    rows = [(name, *(_cell(metrics.get(name)) for metrics in model.streams.values())) for name in names]
    table = Table((model.model, *model.streams), rows)
    return [table] if model.dependence is None else [table, Note(in_words(model.dependence), "quiet")]


def _cell(ratio: Ratio | None) -> str:
    """Per cent, interval, counts."""
    return "–" if ratio is None else f"{percent(ratio)} {ratio.hits}/{ratio.total}"


def _examples(manifest: BiasManifest, without: Collection[str]) -> list[Part]:
    """Some clips, spread over the sets, with two frames of each of their edits, those left out left out."""
    there = [row for row in manifest.rows if row.path not in without and row.copy == 0]
    clips = list(dict.fromkeys(row.clip for row in there))
    chosen = [clips[place] for place in sorted({round(part * (len(clips) - 1) / 2) for part in (0, 1, 2)})]
    rows = [row for clip in chosen[:_EXAMPLES] for row in there if row.clip == clip]
    paths = [str(manifest.folder / row.path) for row in rows]
    with ClipReader() as reader:
        outcomes = [outcome for _, outcome in reader.read_many(paths, Sampling(_MOMENTS))]
    groups: dict[str, list[Picture]] = {}
    for row, outcome in zip(rows, outcomes, strict=True):
        if not isinstance(outcome, VideoError):
            groups.setdefault(row.clip, []).append(_shown(row, outcome[0]))
    return [Pictures(pictures) for pictures in groups.values()]


def _shown(row: BiasRow, clip: Clip) -> Picture:
    """Two frames of one edit, and what it is."""
    strip, width = frame_strip(clip.frames, _HEIGHT)
    words = row.label
    if row.background_label and row.background_label != row.label:
        words += f" before {row.background_label}"
    if row.bystander_label:
        words += f" beside {row.bystander_label}"
    return Picture(strip, (width, _HEIGHT), row.kind, words)
