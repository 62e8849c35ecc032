"""When a video shows none of the labels: what its best label, or each, has to reach, and the answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from zeroshot.errors import LabelError, OptionError
from zeroshot.types import NONE, Prediction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Way = Literal["auto", "quantiles", "sets"]

AUTO = 0.2
"""The share that the best label must have against the best background label where nothing was calibrated: one
that is four times as probable as every label says that it is none of these. Nobody promises anything; with it
known and unknown puppets of the validation seeds were told apart best, over two networks and 4 or 16 labels.
"""


@dataclass(frozen=True)
class Rule:
    """Thresholds that keep a label, or a video.

    Attributes:
        others: threshold of labels without one of their own.
        own: label → threshold.
        way: auto: a video's fit in log odds is held against the threshold of its best label; quantiles: so is
            the mean of that and the labels' energy; sets: each label's log share, its probability times the
            fit, is held against its own threshold, and those that pass are the set.
        error: share of videos like those of the calibration that may fall below; None: nothing is promised.
    """

    others: float
    own: Mapping[str, float] = field(default_factory=dict)
    way: Way = "auto"
    error: float | None = None

    @classmethod
    def at(cls, share: float) -> Rule:
        """The rule that the labels must have this share against the background labels, from 0 to 1.

        Raises:
            OptionError: it is no share between 0 and 1.
        """
        if not 0 < share < 1:
            raise OptionError(
                f"rejection at {share:g}; expected auto, a share between 0 and 1, or a file of `zeroshot "
                "calibrate`"
            )
        return cls(math.log(share / (1 - share)))

    def threshold(self, label: str) -> float:
        """Of one label."""
        return self.own.get(label, self.others)

    def excess(self, predictions: Sequence[Prediction], odds: float, scale: float) -> float:
        """By how much, in logits, a video is above being none of the labels; below 0 it is none.

        Args:
            predictions: best first; all K where the rule is of sets.
            odds: the video's fit in log odds.
            scale: the model's own factor on cosines.
        """
        if self.way != "sets":
            value = odds if self.way == "auto" else level(predictions[0], odds, scale)
            return value - self.threshold(predictions[0].label)
        return max(log_share(each, odds) - self.threshold(each.label) for each in predictions)

    def keeps(self, prediction: Prediction, odds: float) -> bool | None:
        """Whether a label is in the video's set; None where the rule is of none."""
        return log_share(prediction, odds) >= self.threshold(prediction.label) if self.way == "sets" else None


def level(best: Prediction, odds: float, scale: float) -> float:
    """The score "energy-margin-background" of a video, from its best label and its fit in log odds."""
    return (odds + best.score * scale - math.log(best.probability)) / 2


def log_share(prediction: Prediction, odds: float) -> float:
    """Logarithm of a label's probability among the labels times the fit of the video."""
    if prediction.probability == 0:
        return -math.inf
    return math.log(prediction.probability) - _softplus(-odds)


def with_none(
    predictions: Sequence[Prediction], odds: float, scale: float, rule: Rule, k: int
) -> list[Prediction]:
    """The k best labels and, where it belongs among them, "none of these"; probabilities sum to 1 over K + 1.

    "None" stands first exactly where the rule keeps nothing. Its score is the cosine at which the best label
    would just be kept.

    Args:
        predictions: best first; all K where the rule is of sets.
        odds: the video's fit in log odds: logit of the best label less that of the best background label.
        scale: the model's own factor on cosines.
        rule: thresholds.
        k: how many labels are wanted.
    """
    best, excess = predictions[0], rule.excess(predictions, odds, scale)
    # none's weight against all labels together: e^-excess of the best one's
    weight = math.log(best.probability) - excess
    rest = math.exp(-_softplus(weight))
    kept = [
        replace(each, probability=each.probability * rest, in_set=rule.keeps(each, odds))
        for each in predictions[:k]
    ]
    none = Prediction(
        NONE,
        best.score - excess / scale,
        math.exp(-_softplus(-weight)),
        best.compared,
        in_set=excess < 0 if rule.way == "sets" else None,
        fit=math.exp(-_softplus(-odds)),
    )
    above = sum(each.score >= none.score for each in kept)
    place = 0 if excess < 0 else max(1, above)  # whatever the last bit of a score says
    return [*kept[:place], none, *kept[place:]]


def odds_told(predictions: Sequence[Prediction], scale: float) -> float:
    """A video's fit in log odds, of what `with_none` gave by the rule `Rule.at(0.5)`, whose threshold is 0.

    With it any other rule can be applied later: a slider needs no second look at the video.

    Args:
        predictions: all of them, "none of these" included.
        scale: as it was given.
    """
    none = next(each for each in predictions if each.label == NONE)
    best = next(each for each in predictions if each.label != NONE)
    return (best.score - none.score) * scale


def require_no_none(labels: Sequence[str]) -> None:
    """Refuse a list that has "none of these" itself.

    Raises:
        LabelError: it has.
    """
    if taken := next((label for label in labels if label.casefold() == NONE), None):
        raise LabelError(f"the label {taken!r} is what rejection answers; call yours something else")


def _softplus(value: float) -> float:
    """log(1 + e^value), without overflow."""
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))
