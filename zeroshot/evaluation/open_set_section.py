"""What a report says of "none of these": scores, promises, and accuracy over how many are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.evaluation.open_set import COVERAGES
from zeroshot.rejection.scores import ABOUT, CALIBRATED, CHOSEN
from zeroshot.reports.document import Curve, Curves, List, Note, Part, Table, percent

if TYPE_CHECKING:
    from zeroshot.evaluation.open_set import OpenSet
    from zeroshot.evaluation.report import Report

_BACKGROUND = {
    "all": "all",
    "unnamed": "without names of the unknown labels",
    "none": "–",
}
_WAYS = {
    "auto": "auto: nothing of one's own",
    "quantiles": "quantiles of videos, labels unknown",
    "sets": "sets, labels known",
}


def none_of_these(report: Report) -> list[Part]:
    """Tables and a chart; nothing where no labels are held out."""
    opened = [(model, found) for model in report.models if (found := model.open_set) is not None]
    if not opened:
        return []
    return [
        _words(opened[0][1]),
        Table(
            ("model", "score", "background", "AUROC", "FPR95, %"),
            [row for model, found in opened for row in _scores(model.name, found)],
        ),
        Table(
            (
                "model",
                "way",
                "error promised",
                "known rejected, %",
                "unknown rejected, %",
                "label missed, %",
                "labels a set",
            ),
            [row for model, found in opened for row in _promises(model.name, found)],
        ),
        _curves(report),
        Table(
            ("model", *(f"{share:.0%}" for share in COVERAGES)),
            [
                (model.name, *(f"{100 * found.curve.at(share):.1f}" for share in COVERAGES))
                for model, found in opened
            ],
        ),
        Table(
            ("model", "temperature", "ECE before, %", "ECE after, %"),
            [
                (model.name, f"{found.temperature:.2f}", *(f"{100 * error:.1f}" for error in found.ece))
                for model, found in opened
            ],
        ),
        List([f"{name}: {words}" for name, words in ABOUT.items()]),
    ]


def _words(found: OpenSet) -> Note:
    """What was held out, and how it was looked at."""
    counts = found.counts
    return Note(
        f"Held out as unknown: {', '.join(found.unknown)}. {counts['validation']} videos of known labels are "
        f"for temperature and thresholds alone; figures count {counts['test']} others and "
        f"{counts['unknown']} of unknown labels. {found.num_background} background labels. Rejection goes by "
        f"{CHOSEN}, quantiles by {CALIBRATED}. What background labels name is easier "
        "to know for unknown: where they do, another line is without. The table of shares has accuracy among "
        "the surest videos, an unknown one right nowhere."
    )


def _scores(name: str, found: OpenSet) -> list[tuple[str, ...]]:
    return [
        (name, one.score, _BACKGROUND[one.background], percent(one.auroc), percent(one.fpr95))
        for one in found.scores
    ]


def _promises(name: str, found: OpenSet) -> list[tuple[str, ...]]:
    return [
        (
            name,
            _WAYS[one.way],
            "–" if one.error is None else f"{one.error:.0%}",
            percent(one.known_rejected),
            percent(one.unknown_rejected),
            "–" if one.missed is None else percent(one.missed),
            "–" if one.set_size is None else f"{one.set_size:.2f}",
        )
        for one in found.promises
    ]


def _curves(report: Report) -> Curves:
    curves = [
        Curve(
            f"{model.name}, {model.stream}",
            list(zip(found.curve.coverage.tolist(), found.curve.accuracy.tolist(), strict=True)),
            place if len(report.models) > 1 else model.stream,
        )
        for place, model in enumerate(report.models)
        if (found := model.open_set) is not None
    ]
    return Curves(
        curves, "The surer half is answered better, if the score is any good.", ("answered, %", "right, %")
    )
