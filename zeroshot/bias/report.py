"""What a model decides by: counts of each set, then ratios of the counts, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.bias.manifest import SWAPS
from zeroshot.errors import LabelError, OptionError, counted
from zeroshot.reports.tables import machine_lines
from zeroshot.statistics.intervals import Count, Estimate
from zeroshot.statistics.metrics import accuracy, contrast, correct, relative_accuracy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from zeroshot.bias.manifest import BiasManifest, BiasRow

EXPLAINED = {
    "orig": "right on the clips as they are",
    "bor": "hits without the person, over hits on the same clips as they are: lower is better",
    "hor": "hits on the person alone, over hits on the same clips as they are: higher is better",
    "shacc": "right about the person of a swap: higher is better",
    "sberr": "says what was done where a swap's background comes from: lower is better",
    "close, far": "swaps with the label whose places are most or least alike by the colours of a 4 × 4 grid",
    "scuba": "right on persons before a picture that tells nothing: higher is better",
    "scufo": "right on one frame of such a clip, repeated: lower is better",
    "contra": "right on the moving clip and wrong on its frame: higher is better",
    "conflfg": "right although another person stands still in the picture: higher is better",
    "conflerr": "says what that person did: lower is better",
}
"""Metric → what it counts; swaps have one of shacc and sberr a pairing."""


@dataclass(frozen=True)
class BiasFigure:
    """One metric of one stream.

    Attributes:
        hits: clips answered so.
        total: clips asked; of bor and hor the hits on the same clips as they are.
        estimate: hits over total, with its 95 % interval and the number of clips.
    """

    hits: int
    total: int
    estimate: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Counts first."""
        return {"hits": self.hits, "total": self.total, **self.estimate.as_dict()}


@dataclass(frozen=True)
class ModelBias:
    """The figures of one model.

    Attributes:
        model: its name.
        streams: stream → metric → figure.
        dependence: normalized HSIC between the static and the dynamic stream on the original clips; None
            without an adapter, or of fewer than 20 clips.
        fingerprint: of the network, and of the adapter where there is one.
        facts: what else its figures depend on: frames and views, precision.
    """

    model: str
    streams: Mapping[str, Mapping[str, BiasFigure]]
    dependence: Estimate | None = None
    fingerprint: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "model": self.model,
            "fingerprint": self.fingerprint,
            **self.facts,
            "dependence": None if self.dependence is None else self.dependence.as_dict(),
            "streams": {
                stream: {metric: figure.as_dict() for metric, figure in figures.items()}
                for stream, figures in self.streams.items()
            },
        }


@dataclass(frozen=True)
class BiasReport:
    """How much of the accuracy of some models is scenery.

    Attributes:
        sets: where the videos lie.
        labels: K labels that were ranked.
        counts: kind → videos scored.
        models: in the order asked.
        settings: how the sets were made.
        failures: (video, reason) of those left out for all models.
        record: machine, versions and what else lets another repeat it.
    """

    sets: str
    labels: tuple[str, ...]
    counts: Mapping[str, int]
    models: tuple[ModelBias, ...]
    settings: Mapping[str, Any]
    failures: tuple[tuple[str, str], ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it: counts first."""
        return {
            "sets": self.sets,
            "counts": dict(self.counts),
            "labels": list(self.labels),
            "chance": 1 / len(self.labels),
            "models": [model.as_dict() for model in self.models],
            "settings": dict(self.settings),
            "failures": [list(failure) for failure in self.failures],
            "record": dict(self.record),
        }


def target_rows(labels: Sequence[str], wanted: Sequence[str]) -> NDArray[np.int64]:
    """(n,) row of each of n labels among the K that are ranked.

    Raises:
        LabelError: one is not among them.
    """
    places = {label: row for row, label in enumerate(labels)}
    if missing := sorted(set(wanted) - set(places)):
        raise LabelError(
            f"{counted(len(missing), 'label')} of the sets cannot be ranked (first: {missing[0]!r}): "
            f"not among the {len(places)} given; rank the labels that the sets were made with"
        )
    return np.array([places[label] for label in wanted], dtype=np.int64)


def bias_figures(
    rows: Sequence[BiasRow], scores: NDArray[np.float32], labels: Sequence[str]
) -> dict[str, BiasFigure]:
    """The figures of one stream: those whose clips are there.

    Args:
        rows: n videos of any kinds in any order.
        scores: (n, K) of them.
        labels: K labels.

    Raises:
        OptionError: scores of another number of videos.
        LabelError: a row's label is not among the K.
    """
    if len(scores) != len(rows):
        raise OptionError(f"{len(scores)} rows of scores for {len(rows)} videos; expected one each")
    right = correct(scores, target_rows(labels, [row.label for row in rows]))
    hits = {(row.kind, row.clip): bool(hit) for row, hit in zip(rows, right, strict=True)}
    figures = {"orig": _share(_of_kind(rows, right, "original"))}
    for metric, kind in (("bor", "background-only"), ("hor", "human-only")):
        both = [(hits[kind, clip], hits["original", clip]) for clip in _clips(hits, kind, "original")]
        if both:
            edited, original = np.array(both).T
            figures[metric] = BiasFigure(
                int(edited.sum()), int(original.sum()), relative_accuracy(edited, original)
            )
    for kind in SWAPS:
        here = [row for row in rows if row.kind == kind and row.label != row.background_label]
        if any(row.kind == kind for row in rows):
            figures[f"shacc-{kind.removeprefix('swap-')}"] = _share(_of_kind(rows, right, kind))
        if here:
            figures[f"sberr-{kind.removeprefix('swap-')}"] = _share(
                _says(rows, scores, labels, kind, "background_label")
            )
    figures |= {
        metric: _share(_of_kind(rows, right, kind))
        for metric, kind in (("scuba", "scuba"), ("scufo", "scufo"))
    }
    pairs = [(hits["scuba", clip], hits["scufo", clip]) for clip in _clips(hits, "scuba", "scufo")]
    moving, still = np.array(pairs, dtype=bool).reshape(-1, 2).T
    figures["contra"] = _share(contrast(moving, still))
    figures["conflfg"] = _share(_of_kind(rows, right, "conflict"))
    figures["conflerr"] = _share(_says(rows, scores, labels, "conflict", "figure_label"))
    return {metric: figure for metric, figure in figures.items() if figure.estimate.n}


def markdown(report: BiasReport) -> str:
    """The report as a document with one table a model."""
    lines = [f"# Static bias on {report.sets}", ""]
    counts = ", ".join(f"{count} {kind}" for kind, count in report.counts.items())
    labels, chance = counted(len(report.labels), "label"), 1 / len(report.labels)
    lines += [f"Clips scored: {counts}. {labels}; chance is {chance:.1%}."]
    if report.failures:
        lines += ["", f"{left_out(report)} (first: {report.failures[0][1]})."]
    for model in report.models:
        streams = list(model.streams)
        lines += ["", f"## {model.model}", "", "| | " + " | ".join(streams) + " |"]
        lines += ["|---|" + "---|" * len(streams)]
        for metric in _metrics(model):
            cells = [cell(model.streams[stream].get(metric)) for stream in streams]
            lines.append(f"| {metric} | " + " | ".join(cells) + " |")
        if model.dependence is not None:
            d = model.dependence
            lines += ["", f"Normalized HSIC of static and dynamic: {d.value:.3f} ({d.low:.3f}–{d.high:.3f})."]
    lines += ["", *(f"* {metric}: {words}." for metric, words in EXPLAINED.items())]
    lines += ["", "## How the sets were made", "", *(f"* {k}: {v}" for k, v in report.settings.items())]
    lines += ["", "## To repeat it", "", *(f"* {line}" for line in to_repeat(report)), ""]
    return "\n".join(lines)


def to_repeat(report: BiasReport) -> list[str]:
    """Digests, templates, machine and versions, a line each."""
    record = report.record
    lines = [f"{name} {record[name]}" for name in ("sets", "prompts", "templates") if name in record]
    lines += [
        ", ".join(
            [f"{model.model}: weights {model.fingerprint}", *(f"{k} {v}" for k, v in model.facts.items())]
        )
        for model in report.models
        if model.fingerprint
    ]
    return lines + machine_lines(record)


def left_out(report: BiasReport) -> str:
    """How many videos no figure counts."""
    were = "was" if len(report.failures) == 1 else "were"
    return f"{counted(len(report.failures), 'video')} {were} left out, of all models"


def cell(figure: BiasFigure | None) -> str:
    """One figure for people: percent, interval, counts."""
    if figure is None:
        return "–"
    if not np.isfinite(figure.estimate.value):
        return f"– ({figure.hits}/{figure.total})"
    e = figure.estimate
    high = f"{100 * e.high:.1f}" if np.isfinite(e.high) else "∞"
    return f"{100 * e.value:.1f} ({100 * e.low:.1f}–{high}; {figure.hits}/{figure.total})"


def _metrics(model: ModelBias) -> list[str]:
    """Every metric of any stream, in the order of the first that has it."""
    return list(dict.fromkeys(metric for figures in model.streams.values() for metric in figures))


def _of_kind(rows: Sequence[BiasRow], outcomes: NDArray[np.bool_], kind: str) -> NDArray[np.bool_]:
    """Outcomes of the rows of one kind."""
    chosen: NDArray[np.bool_] = outcomes[np.array([row.kind == kind for row in rows], dtype=bool)]
    return chosen


def _says(
    rows: Sequence[BiasRow], scores: NDArray[np.float32], labels: Sequence[str], kind: str, field_name: str
) -> NDArray[np.bool_]:
    """Whether each clip of a kind is answered with another label of its row, where that is not its own."""
    chosen = [
        place
        for place, row in enumerate(rows)
        if row.kind == kind and getattr(row, field_name) not in {"", row.label}
    ]
    others = [str(getattr(rows[place], field_name)) for place in chosen]
    return correct(scores[chosen], target_rows(labels, others)) if chosen else np.zeros(0, bool)


def _clips(hits: Mapping[tuple[str, str], bool], *kinds: str) -> list[str]:
    """Clips of which there is an edit of each of these kinds, in alphabetical order."""
    found = [{clip for kind, clip in hits if kind == wanted} for wanted in kinds]
    return sorted(set.intersection(*found))


def _share(outcomes: NDArray[np.bool_]) -> BiasFigure:
    """The share of true outcomes."""
    count = Count.of(outcomes)
    return BiasFigure(count.hits, count.total, accuracy(outcomes))


def manifest_counts(manifest: BiasManifest, rows: Sequence[BiasRow]) -> dict[str, int]:
    """Kind → videos among these rows."""
    return {kind: sum(row.kind == kind for row in rows) for kind in manifest.kinds}
