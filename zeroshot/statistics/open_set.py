"""How well a score tells videos of known labels from others, and what answering fewer videos wins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError
from zeroshot.statistics.intervals import Count, Estimate, checked_level, wilson

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

_FEWEST = 1.0  # videos that a figure counts as sure as, at least


def auroc(known: ArrayLike, unknown: ArrayLike, level: float = 0.95) -> Estimate:
    """How often a video of a known label has the higher score of the two; of equal ones a half counts.

    The interval is Wilson's of a share that rests on as many videos as the area is sure as; so it stays
    within [0, 1], and has a width where every known video is above every unknown one.

    Args:
        known: (m,) scores of videos that show one of the labels.
        unknown: (n,) scores of videos that show none.
        level: share of such intervals that cover the truth.

    Raises:
        OptionError: there are none of one kind, or scores that are no numbers.
    Source: DeLong et al. 1988 for the variance; Mann and Whitney 1947.
    """
    first, second = _finite(known, "known"), _finite(unknown, "unknown")
    above = _shares_below(first, np.sort(second))
    below = 1 - _shares_below(second, np.sort(first))
    area = float(above.mean())
    variance = sum(float(np.var(part, ddof=1)) / len(part) for part in (above, below) if len(part) > 1)
    # Where no video is out of order, that is as sure as it can be said of the rarer kind.
    most = float(min(len(first), len(second)))
    size = most if variance == 0 else min(area * (1 - area) / variance, len(first) + len(second))
    size = max(size, _FEWEST)
    low, high = wilson(area * size, size, NormalDist().inv_cdf(checked_level(level)))
    return Estimate(area, min(low, area), max(high, area), len(first) + len(second))


def false_positives(known: ArrayLike, unknown: ArrayLike, kept: float = 0.95) -> Estimate:
    """The share of unknown videos that pass where `kept` of the known ones do: FPR95.

    The interval is of the unknown videos; that the threshold itself is found on a sample is not in it.

    Args:
        known: (m,) scores of videos that show one of the labels.
        unknown: (n,) scores of the others.
        kept: share of known videos that have to pass.

    Raises:
        OptionError: there are none of one kind, scores that are no numbers, or an impossible share.
    """
    if not 0 < kept <= 1:
        raise OptionError(f"kept is {kept}; expected a share above 0, 1 at most")
    first, second = np.sort(_finite(known, "known")), _finite(unknown, "unknown")
    lost = math.floor((1 - kept) * len(first) + 1e-9)
    return Count.of(second >= first[lost]).estimate()


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """What answering the surest videos alone wins.

    Attributes:
        coverage: (n,) shares of the videos that are answered, from 1/n to 1.
        accuracy: (n,) share right among them.
        area: mean of the wrong shares over all coverages (AURC); 0 is best.
    """

    coverage: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    area: float

    def at(self, coverage: float) -> float:
        """The share right where so many of the videos are answered, at least one."""
        place = min(max(math.ceil(coverage * len(self.coverage) - 1e-9), 1), len(self.coverage))
        return float(self.accuracy[place - 1])


def risk_coverage(scores: ArrayLike, right: ArrayLike) -> RiskCoverage:
    """Accuracy among the surest videos, for each number of them.

    Videos with equal scores are answered in no order: each of them counts the share right among them.

    Args:
        scores: (n,) the higher, the surer.
        right: (n,) booleans; an unknown video is right nowhere, whatever it is answered.

    Raises:
        OptionError: no videos, other shapes, or scores that are no numbers.
    Source: Geifman and El-Yaniv 2017.
    """
    values, hits = _finite(scores, "scored"), np.asarray(right)
    if hits.dtype != np.bool_ or hits.shape != values.shape:
        raise OptionError(f"right is {hits.dtype} {hits.shape}; expected {values.shape} booleans")
    levels, place = np.unique(-values, return_inverse=True)
    videos = np.bincount(place, minlength=len(levels))
    shares = np.bincount(place, weights=hits, minlength=len(levels)) / videos
    counts = np.arange(1, len(values) + 1)
    accuracy = np.cumsum(np.repeat(shares, videos)) / counts
    return RiskCoverage(counts / len(values), accuracy, float((1 - accuracy).mean()))


def _shares_below(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m,) for each value the share of sorted others below it, equal ones by half."""
    left, right = np.searchsorted(others, values, "left"), np.searchsorted(others, values, "right")
    shares: NDArray[np.float64] = (left + right) / (2 * len(others))
    return shares


def _finite(scores: ArrayLike, kind: str) -> NDArray[np.float64]:
    """(n,) scores, one or more.

    Raises:
        OptionError: there are none, or they are no numbers.
    """
    values: NDArray[Any] = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise OptionError(f"{kind} scores have shape {values.shape}; expected those of one video or more")
    if np.isnan(values).any():
        raise OptionError(f"a score of the {kind} videos is not a number; look at its embedding")
    return values
