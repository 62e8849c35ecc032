"""Open-set evaluation: some labels are held out, and their videos should be answered with "none of these"."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import OptionError
from zeroshot.index.duplicates import NEAR
from zeroshot.rejection.background import background_labels
from zeroshot.rejection.rule import AUTO, Rule
from zeroshot.rejection.scores import CALIBRATED, CHOSEN, SCORES, energy
from zeroshot.statistics.conformal import least_videos, lower_threshold
from zeroshot.statistics.intervals import Count, Estimate
from zeroshot.statistics.open_set import RiskCoverage, auroc, false_positives, risk_coverage
from zeroshot.statistics.temperature import calibration_error, fit_temperature
from zeroshot.text.prompts import read_labels
from zeroshot.video.source import name_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.datasets.evaluation_plan import EvaluationPlan
    from zeroshot.evaluation.scoring import Outcome
    from zeroshot.text.prompts import LabelSource

HALF = "half"
"""What stands for every other label, drawn by their names."""
ERRORS = (0.05, 0.1)
"""Errors that are promised on the validation videos, and looked for on the others."""
COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)


@dataclass(frozen=True)
class ScoreFigures:
    """How well one score tells videos of known labels from others.

    Attributes:
        score: of `SCORES`.
        background: "all" background labels, those "unnamed" that name no unknown label either, or "none".
        auroc: area under the curve.
        fpr95: share of unknown videos that pass where 95 % of known ones do.
    """

    score: str
    background: str
    auroc: Estimate
    fpr95: Estimate

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        shares = {"auroc": self.auroc.as_dict(), "fpr95": self.fpr95.as_dict()}
        return {"score": self.score, "background": self.background, **shares}


@dataclass(frozen=True)
class Promise:
    """What a way of rejecting does on videos that it was not calibrated on.

    Attributes:
        way: auto, without data; quantiles, of validation videos without their labels; sets, with them.
        error: that is promised; None: nothing is.
        known_rejected: share of videos of known labels answered with none; of quantiles at most the error.
        unknown_rejected: share of the others.
        missed: of sets, share of known videos whose set lacks their label: at most the error; else None.
        set_size: of sets, mean number of labels of a known video; else None.
    """

    way: str
    error: float | None
    known_rejected: Estimate
    unknown_rejected: Estimate
    missed: Estimate | None = None
    set_size: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "way": self.way,
            "error": self.error,
            "known_rejected": self.known_rejected.as_dict(),
            "unknown_rejected": self.unknown_rejected.as_dict(),
            "missed": None if self.missed is None else self.missed.as_dict(),
            "set_size": self.set_size,
        }


@dataclass(frozen=True, eq=False)
class OpenSet:
    """Figures of one stream of one model where some labels are unknown.

    Attributes:
        unknown: labels that are held out.
        num_background: background labels beside the known ones.
        counts: of videos: `validation` and `test` ones of known labels, and `unknown` ones.
        scores: every score on the test videos.
        curve: of the chosen score, known and unknown test videos; an unknown one is right nowhere.
        temperature: that validation videos ask for.
        ece: expected calibration error of known test videos, before and after it.
        promises: each way of rejecting on test videos.
    """

    unknown: tuple[str, ...]
    num_background: int
    counts: dict[str, int]
    scores: tuple[ScoreFigures, ...]
    curve: RiskCoverage
    temperature: float
    ece: tuple[float, float]
    promises: tuple[Promise, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "unknown_labels": list(self.unknown),
            "background_labels": self.num_background,
            "videos": dict(self.counts),
            "chosen_score": CHOSEN,
            "scores": [one.as_dict() for one in self.scores],
            "curve": [{"coverage": share, "accuracy": self.curve.at(share)} for share in COVERAGES],
            "risk_area": self.curve.area,
            "temperature": self.temperature,
            "ece": {"before": self.ece[0], "after": self.ece[1]},
            "promises": [one.as_dict() for one in self.promises],
        }


def unknown_labels(plan: EvaluationPlan, source: LabelSource) -> tuple[str, ...]:
    """The labels of a plan that are held out.

    Args:
        plan: of the protocol.
        source: labels of it, or "half": every other one in the order of their names' digests.

    Raises:
        OptionError: a plan of several rounds or labels a video, a label that it has not, or nothing left.
    """
    if len(plan.rounds) != 1 or plan.shape != "mean" or plan.examples:
        raise OptionError(
            f"{plan.protocol} has several rounds, sides, examples, or labels a video; an open set is one "
            "list of labels and one label a video: take folders or csv"
        )
    if source == HALF:
        ordered = sorted(plan.labels, key=lambda label: hashlib.sha256(label.encode()).digest())
        chosen = set(ordered[1::2])
    else:
        chosen = set(read_labels(source, spaced=False))
    if strange := sorted(chosen - set(plan.labels)):
        raise OptionError(
            f"the unknown label {strange[0]!r} is none of {plan.data}; expected some of "
            f"{', '.join(plan.labels[:3])} …, or half"
        )
    unknown = tuple(label for label in plan.labels if label in chosen)
    if not unknown or len(unknown) > len(plan.labels) - 1:
        raise OptionError(
            f"{len(unknown)} of {len(plan.labels)} labels are held out as unknown; expected some, not all"
        )
    return unknown


@dataclass(frozen=True, eq=False)
class Background:
    """Background labels beside the known ones.

    Attributes:
        scores: stream → (n, M) cosines of the plan's videos.
        named: (M,) whether a background label means one of the unknown labels.
    """

    scores: dict[str, NDArray[np.float32]]
    named: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        scores: dict[str, NDArray[np.float32]],
        names: tuple[str, ...],
        vectors: tuple[NDArray[np.float32], NDArray[np.float32]],
        plan: EvaluationPlan,
    ) -> Background:
        """Of all background labels, those that the model takes for a known one left out.

        Args:
            scores: stream → (n, M) cosines.
            names: M background labels.
            vectors: (M, D) of them, and (K, D) of known labels.
            plan: whose labels none of the unnamed ones means.
        """
        far = (vectors[0] @ vectors[1].T).max(1) < NEAR
        unnamed = set(background_labels(plan.labels))
        named = np.array([name not in unnamed for name in names])
        return cls({stream: table[:, far] for stream, table in scores.items()}, named[far])


def open_set_figures(
    outcome: Outcome, plan: EvaluationPlan, unknown: tuple[str, ...], background: Background, scale: float
) -> OpenSet:
    """The figures of one stream.

    Half of the videos of known labels are for validation alone: temperature and thresholds are found there,
    and every figure on the others.

    Args:
        outcome: of the plan's one round.
        plan: of the protocol.
        unknown: labels that are held out.
        background: with the scores of this stream alone.
        scale: the model's own factor on cosines.

    Raises:
        OptionError: no validation, test or unknown video is left.
    """
    known = np.array([label not in unknown for label in plan.rounds[0].labels])
    is_known = known[outcome.targets]
    first = validation_rows(plan, outcome, is_known)
    (table,) = background.scores.values()
    logits = scale * outcome.scores[:, known].astype(np.float64)
    behind = scale * table[outcome.rows].astype(np.float64)
    targets = np.cumsum(known)[outcome.targets] - 1  # rows among the known labels
    groups = {"validation": first, "test": is_known & ~first, "unknown": ~is_known}
    counts = {name: int(rows.sum()) for name, rows in groups.items()}
    if not all(counts.values()):
        missing = next(name for name, count in counts.items() if not count)
        raise OptionError(f"{plan.data} has no {missing} video for an open set; expected more videos a label")
    test, other = groups["test"], groups["unknown"]
    right = logits.argmax(1) == targets
    heat = fit_temperature(logits[first], targets[first])
    before, after = (
        calibration_error(np.exp(factor * logits.max(1) - energy(factor * logits))[test], right[test])
        for factor in (1.0, 1 / heat)
    )
    scored = _scored(logits, behind, background.named)
    chosen = scored[CHOSEN, "all"]
    asked = test | other
    return OpenSet(
        unknown,
        table.shape[1],
        counts,
        tuple(
            ScoreFigures(
                *name, auroc(values[test], values[other]), false_positives(values[test], values[other])
            )
            for name, values in scored.items()
        ),
        risk_coverage(chosen[asked], (right & is_known)[asked]),
        heat,
        (before, after),
        tuple(_promises(logits, behind, targets, groups)),
    )


def validation_rows(plan: EvaluationPlan, outcome: Outcome, is_known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(m,) every other known video, label by label, in the order of digests of their names.

    Args:
        plan: of the protocol.
        outcome: of its one round.
        is_known: (m,) whether a video shows a known label.
    """

    def place(row: int) -> tuple[int, bytes, int]:
        name = name_of(plan.videos[outcome.rows[row]].path).rpartition("/")[2]
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
        return int(outcome.targets[row]), digest, row

    ordered = sorted(np.flatnonzero(is_known).tolist(), key=place)
    chosen = np.zeros(len(is_known), np.bool_)
    chosen[ordered[::2]] = True
    return chosen


def _scored(
    logits: NDArray[np.float64], behind: NDArray[np.float64], named: NDArray[np.bool_]
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """(score, background) → (n,) scores."""
    scored = {}
    for name, score in SCORES.items():
        if not name.endswith("-background"):
            scored[name, "none"] = score(logits, behind)
            continue
        scored[name, "all"] = score(logits, behind)
        if named.any() and not named.all():
            scored[name, "unnamed"] = score(logits, behind[:, ~named])
    return scored


def _promises(
    logits: NDArray[np.float64],
    behind: NDArray[np.float64],
    targets: NDArray[np.int64],
    groups: dict[str, NDArray[np.bool_]],
) -> list[Promise]:
    """Each way of rejecting, where the validation videos are enough for it: one threshold for all labels."""
    first, test, other = groups["validation"], groups["test"], groups["unknown"]
    fit, level = SCORES[CHOSEN](logits, behind), SCORES[CALIBRATED](logits, behind)
    shares = logits - (energy(logits) + np.logaddexp(0, -fit))[:, None]

    def share(rows: NDArray[Any]) -> Estimate:
        return Count.of(rows).estimate()

    def by(values: NDArray[np.float64], way: str, error: float | None, cut: float) -> Promise:
        return Promise(way, error, share(values[test] < cut), share(values[other] < cut))

    found = [by(fit, "auto", None, Rule.at(AUTO).others)]
    for error in ERRORS:
        if first.sum() < least_videos(error):
            continue
        found.append(by(level, "quantiles", error, lower_threshold(level[first], error)))
        # An unknown video has no label among the known ones; its row is never looked up below.
        own = np.take_along_axis(shares, np.maximum(targets, 0)[:, None], 1)[:, 0]
        cut = lower_threshold(own[first], error)
        sets = shares >= cut
        empty: NDArray[np.bool_] = ~np.any(sets, axis=1)
        size = float(sets[test].sum(1).mean())
        found.append(
            Promise("sets", error, share(empty[test]), share(empty[other]), share(own[test] < cut), size)
        )
    return found
