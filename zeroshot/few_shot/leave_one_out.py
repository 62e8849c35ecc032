"""Whether examples help: each is asked as if it had not been given, and the words alone are asked beside.

How much examples weigh is chosen for each left-out example by the others alone, so that the figure is not
that of a weight that was chosen for it. A label with one example has none left when that is taken out: such
labels tell only whether the examples of others do harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import counted
from zeroshot.statistics.intervals import Count, paired_difference, paired_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from zeroshot.statistics.intervals import Estimate

RATIOS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""How far the examples move scores apart, over how far the words do: what is chosen from."""

UNMEASURED = 0.125
"""The same where nothing can be measured and the words know something; where they know nothing, 1."""

_MOST_LOST = 0.25  # of the words' right answers, where each is asked without the only example of its label
_ABOVE_GUESSING = 0.05  # of the way from what guessing gets right to all
_ONE_EACH = "with one example of most labels nothing can be left out to measure what they add; two would do"
_LEVEL = 0.9  # of the interval whose lower end has to lie there: luck passes one time in twenty


@dataclass(frozen=True)
class Blend:
    """How examples and words go together.

    Attributes:
        shape: sharpness of a cache, or ridge of a head.
        weight: what the examples' answers are multiplied with, to be added to cosines; 0: words alone.
    """

    shape: float
    weight: float


@dataclass(frozen=True, eq=False)
class Judgement:
    """What m examples tell of themselves.

    Attributes:
        blend: that serves; of weight 0 where the examples do not help.
        best: of weight above 0, the best there is.
        reason: why it serves, or not, in a line.
        targets: (m,) rows of their labels.
        measured: (m,) which of them count: those of labels with several examples; none where fewer than two
            labels have.
        words: (m,) the label that the words alone answer.
        taught: (m,) the label that is answered with the other examples.
    """

    blend: Blend
    best: Blend
    reason: str
    targets: NDArray[np.int64]
    measured: NDArray[np.bool_]
    words: NDArray[np.int64]
    taught: NDArray[np.int64]

    @property
    def helps(self) -> bool:
        """Whether the examples serve."""
        return self.blend.weight > 0

    @property
    def num_right(self) -> int:
        """How many of the examples that count are right with the others."""
        return int(((self.taught == self.targets) & self.measured).sum())

    @property
    def difference(self) -> Estimate:
        """Share right with examples minus share right by words alone, over the examples that count."""
        rows = self.measured
        right = [(answers == self.targets)[rows] for answers in (self.taught, self.words)]
        return paired_difference(paired_table(right[0], right[1]))

    @property
    def doubted(self) -> NDArray[np.int64]:
        """Rows of examples that words and other examples agree on, against the label that they were given."""
        agreed = (self.words == self.taught) & (self.words != self.targets)
        return np.flatnonzero(agreed & self.measured)

    def as_dict(self, labels: Sequence[str]) -> dict[str, Any]:
        """Counts first, in all and by label; of labels without examples nothing is said.

        Args:
            labels: K names.
        """
        by_words, by_both = self.words == self.targets, self.taught == self.targets
        rows = []
        for row, label in enumerate(labels):
            own = self.targets == row
            if own.any():
                counts = own & self.measured
                rows.append(
                    {
                        "label": label,
                        "examples": int(own.sum()),
                        "left_out": int(counts.sum()),
                        "right_by_words": int(by_words[counts].sum()),
                        "right_with_examples": int(by_both[counts].sum()),
                    }
                )
        return {
            "helps": self.helps,
            "reason": self.reason,
            "left_out": int(self.measured.sum()),
            "right_by_words": int(by_words[self.measured].sum()),
            "right_with_examples": int(by_both[self.measured].sum()),
            "difference": self.difference.as_dict(),
            "labels": rows,
        }


def judge(
    words: NDArray[np.float32],
    without_itself: Mapping[float, NDArray[np.float64]],
    targets: NDArray[np.int64],
    logit_scale: float,
    usual: float,
) -> Judgement:
    """How far m examples are to be trusted.

    Args:
        words: (m, K) cosines of the examples with the labels' texts.
        without_itself: shape → (m, K) what the other examples say of each.
        targets: (m,) row of each example's label.
        logit_scale: the model's own.
        usual: the shape that is taken where none can be chosen.
    """
    measured = _measured(targets)
    right = words.argmax(axis=1) == targets
    if not measured.any():
        return _unmeasured(words, without_itself[usual], targets, usual)
    blends = [
        Blend(shape, ratio * unit)
        for shape, said in without_itself.items()
        if (unit := _unit(words, said)) > 0
        for ratio in RATIOS
    ]
    if not blends:
        return _refused(words, targets, measured, usual, "the examples are all alike to this model")
    shape = (len(blends), len(targets))
    answers, losses = np.zeros(shape, np.int64), np.zeros(shape)
    for row, each in enumerate(blends):
        table = words + each.weight * without_itself[each.shape]
        answers[row], losses[row] = table.argmax(axis=1), _losses(table, targets, logit_scale)
    hits = (answers == targets) & measured
    losses = np.where(measured, losses, 0)
    best = blends[int(_choice(hits.sum(axis=1)[:, None], losses.sum(axis=1)[:, None])[0])]
    # Of each example: what the others choose.
    chosen = _choice(hits.sum(axis=1, keepdims=True) - hits, losses.sum(axis=1, keepdims=True) - losses)
    rows = np.arange(len(targets))
    taught, loss = answers[chosen, rows], losses[chosen, rows].sum()
    plain = np.where(measured, _losses(words, targets, logit_scale), 0).sum()
    counts = [int((one & measured).sum()) for one in (right, taught == targets)]
    reason, helps = _verdict(counts, float(plain), float(loss), targets[measured])
    blend = best if helps else Blend(best.shape, 0.0)
    return Judgement(blend, best, reason, targets, measured, words.argmax(axis=1), taught)


def _verdict(
    counts: Sequence[int], plain: float, loss: float, targets: NDArray[np.int64]
) -> tuple[str, bool]:
    """Why examples serve or not, and whether.

    Args:
        counts: right by the words, and with examples.
        plain: loss by the words alone.
        loss: with examples.
        targets: (n,) of the examples that count.
    """
    by_words, by_both = counts
    total = len(targets)
    told = (
        f"left out one at a time, {by_both} of {total} are right with examples, {by_words} by the words alone"
    )
    if by_both < by_words:
        return f"{told}: they would do harm", False
    if not _beats_guessing(by_both, targets):
        return (
            f"{told}: no more than guessing might get; look whether the examples have the right labels",
            False,
        )
    if by_both == by_words and loss >= plain:
        return f"{told}: they add nothing", False
    return told, True


def _measured(targets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(m,) examples of labels with two or more; none where fewer than two labels have so many."""
    counts = np.bincount(targets)
    if (counts > 1).sum() < 2:
        return np.zeros(len(targets), np.bool_)
    several: NDArray[np.bool_] = counts[targets] > 1
    return several


def _unmeasured(
    words: NDArray[np.float32], said: NDArray[np.float64], targets: NDArray[np.int64], usual: float
) -> Judgement:
    """Examples that leave nothing over when one is taken out: they serve as far as they take nothing away."""
    unit, right = _unit(words, said), words.argmax(axis=1) == targets
    nobody = np.zeros(len(targets), np.bool_)
    if unit == 0:
        return _refused(words, targets, nobody, usual, "the examples are all alike to this model")
    known = _beats_guessing(int(right.sum()), targets)
    best = Blend(usual, (UNMEASURED if known else 1.0) * unit)
    taught = (words + best.weight * said).argmax(axis=1)
    lost = int((right & (taught != targets)).sum())
    blend, reason = best, _ONE_EACH
    if known and lost > _MOST_LOST * right.sum():
        blend = Blend(usual, 0.0)
        reason = f"the examples of other labels take {lost} of {counted(int(right.sum()), 'right answer')}"
    elif not known:
        reason += f"; of the examples the words get {int(right.sum())} of {len(targets)} right"
    return Judgement(blend, best, reason, targets, nobody, words.argmax(axis=1), taught)


def _beats_guessing(hits: int, targets: NDArray[np.int64]) -> bool:
    """Whether so many of the examples are right that it is no luck.

    Args:
        hits: right ones.
        targets: (n,) of the examples.
    """
    total = len(targets)
    guessing = float(((np.bincount(targets) / total) ** 2).sum())
    return Count(hits, total).estimate(_LEVEL).low > guessing + _ABOVE_GUESSING * (1 - guessing)


def _refused(
    words: NDArray[np.float32],
    targets: NDArray[np.int64],
    measured: NDArray[np.bool_],
    usual: float,
    reason: str,
) -> Judgement:
    """Examples that say nothing."""
    none, answers = Blend(usual, 0.0), words.argmax(axis=1)
    return Judgement(none, none, reason, targets, measured, answers, answers)


def _unit(words: NDArray[np.float32], said: NDArray[np.float64]) -> float:
    """The weight by which examples move the scores of a video apart as far as the words do."""
    spread = float(said.std(axis=1).mean())
    return float(words.std(axis=1).mean()) / spread if spread > 0 else 0.0


def _losses(
    scores: NDArray[np.floating[Any]], targets: NDArray[np.int64], logit_scale: float
) -> NDArray[np.float64]:
    """(m,) minus the logarithm of the right label's probability."""
    logits = scores.astype(np.float64) * logit_scale
    logits -= logits.max(axis=1, keepdims=True)
    sums: NDArray[np.float64] = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(targets)), targets]
    return sums


def _choice(hits: NDArray[np.int64], losses: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) of (G, n) blends the one with the most hits, and of those the one with the least loss."""
    found: NDArray[np.int64] = (hits - losses / (losses.max() + 1)).argmax(axis=0)
    return found
