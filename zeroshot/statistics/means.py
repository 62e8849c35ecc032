"""Means of shares and their intervals: over labels, over rounds that share videos, and harmonic.

A bootstrap of few videos is too sure: it draws from what was seen, and a label with one video always answers
alike. Here each mean is given the number of videos that would make a plain share as sure as it is, and the
interval that Wilson has for so many; differences are given the videos that Bonett and Price add.
`benchmarks/coverage.py` simulates how often each interval holds the truth.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zeroshot.errors import OptionError
from zeroshot.statistics.intervals import Estimate, checked_level, checked_outcomes, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

_ADDED = 2.0  # squared differences, as large as among all videos, that are added to those within labels
_MORE = 2.0  # the variance within labels is taken for this many times that of all videos at most
_ANGLES = 61  # directions from the first side alone to the second alone; more move H's ends by less than 1e-3
_SOME = 1e-12


def mean_class_accuracy(counts: NDArray[np.int64], level: float = 0.95) -> Estimate:
    """Accuracy of each label, averaged over the labels that have videos.

    Labels with two videos or more say how much videos of one label differ, shrunk towards how much all videos
    do. One video says nothing of that: it is taken to vary as all videos do, and the interval is then
    rather too wide than too narrow.

    Args:
        counts: (K, 2) of `class_counts`.
        level: share of such intervals that cover the truth.

    Raises:
        OptionError: no label has a video.
    """
    present = counts[counts[:, 1] > 0]
    if len(present) == 0:
        raise OptionError("no label has a video; expected one or more")
    videos = present[:, 1].astype(np.float64)
    shares = present[:, 0] / videos
    mean = float(shares.mean())
    whole, single = mean * (1 - mean), present[:, 1] == 1
    weights = 1 / videos / len(present) ** 2  # of a label's variance in that of the mean
    variance = float(weights[~single].sum()) * _within(shares[~single], videos[~single], whole)
    if single.any():
        own = float(shares[single].mean())
        variance += float(weights[single].sum()) * max(whole, own * (1 - own))
    # Nothing or everything right: no variance is seen, so the videos count as they are.
    size = whole / variance if variance > _SOME else 1 / float(weights.sum())
    return _as_share(mean, size, int(videos.sum()), level)


def _within(shares: NDArray[np.float64], videos: NDArray[np.float64], whole: float) -> float:
    """The variance of one video's outcome within labels of two videos or more, as their mean weights it."""
    if len(shares) == 0:
        return 0.0
    freedom, weights = videos - 1, 1 / videos
    seen = float((weights * shares * (1 - shares) * videos / freedom).sum() / weights.sum())
    known = float(weights.sum() ** 2 / (weights**2 / freedom).sum())  # degrees of freedom of that sum
    if whole < _SOME:
        return whole
    return whole * min(_MORE, (known * seen + _ADDED) / (known * whole + _ADDED))


class _Rounds(NamedTuple):
    """A mean over R rounds with videos added to it, its variance, and how many videos it rests on."""

    mean: float
    variance: float
    size: float  # videos that a mean of equally many turns of each would be as sure of


def share_over_rounds(columns: ArrayLike, level: float = 0.95) -> Estimate:
    """The share of hits of each round, averaged over rounds; a video that stands in several counts once.

    Args:
        columns: (n, 2 R) integers, for each video and round whether it was right and whether it took part.
        level: share of such intervals that cover the truth.

    Raises:
        OptionError: no integers, or a round without videos.
    Source: Agresti and Coull 1998 for the two hits and two misses by which variances are told.
    """
    hits, asked = _sides(columns)
    told = _over_rounds(hits, asked, (1.0, 1.0, 0.0, 0.0))
    sizes = asked.sum(0)
    size = told.mean * (1 - told.mean) / told.variance - 4
    most = len(sizes) ** 2 / float((1 / sizes).sum())  # as sure as rounds without a common video
    mean = float((hits.sum(0) / sizes).mean())
    return _as_share(mean, min(max(size, 1.0), most), len(asked), level)


def difference_over_rounds(columns: ArrayLike, others: ArrayLike, level: float = 0.95) -> Estimate:
    """The share of hits of one model minus that of another, averaged over rounds of the same videos.

    Of one round this is `paired_difference`. Significant where 0 lies outside the interval.

    Args:
        columns: (n, 2 R) as for `share_over_rounds`.
        others: of the second model, the same videos in the same order.
        level: share of such intervals that cover the truth.

    Raises:
        OptionError: other shapes, or other videos in a round.
    Source: Bonett and Price 2012, who add a video to each kind on which the two differ.
    """
    (hits, asked), (theirs, same) = _sides(columns), _sides(others)
    if asked.shape != same.shape or not np.array_equal(asked, same):
        raise OptionError(
            f"the models have outcomes of shapes {asked.shape} and {same.shape}; expected the same videos in "
            "each round"
        )
    signs = hits - theirs
    told = _over_rounds(signs, asked, (1.0, -1.0))
    reach = NormalDist().inv_cdf(checked_level(level)) * math.sqrt(told.variance)
    value = float((signs.sum(0) / asked.sum(0)).mean())
    low, high = max(told.mean - reach, -1.0), min(told.mean + reach, 1.0)
    return Estimate(value, min(low, value), max(high, value), len(asked))


def _over_rounds(
    outcomes: NDArray[np.float64], asked: NDArray[np.float64], added: Sequence[float]
) -> _Rounds:
    """The mean over rounds of outcomes (n, R) with some videos added, which take part as a usual one does."""
    turns = asked / asked.sum(0) / asked.shape[1]  # what a video counts for in the mean, round by round
    size = 1 / float((turns.sum(1) ** 2).sum())
    kept = size / (size + len(added))
    means = kept * (outcomes.sum(0) / asked.sum(0)) + sum(added) / (size + len(added))
    own = kept * (turns * (outcomes - means)).sum(1)
    mean = float(means.mean())
    more = sum((value - mean) ** 2 for value in added) / (size + len(added)) ** 2
    return _Rounds(mean, float((own**2).sum()) + more, size)


def harmonic_mean(columns: ArrayLike, level: float = 0.95) -> Estimate:
    """H = 2SU / (S + U) of two sides of different videos, over all S and U that go with what was seen.

    The two sides are let go from their shares in every direction, together as far as one side alone would be
    by Wilson's interval; the ends are the least and the most that H then is.

    Args:
        columns: (n, 4) whether a video is a hit of the first side, of that side, a hit of the second, of it.
        level: share of such intervals that cover the truth.

    Raises:
        OptionError: no integers, or a side without videos.
    Source: the score statistic of each share, added over the two, as of a profile of the likelihood.
    """
    hits, asked = _sides(columns)
    if asked.shape[1] != 2:
        raise OptionError(f"columns have shape {np.shape(columns)}; expected (n, 4), of two sides")
    z, totals = NormalDist().inv_cdf(checked_level(level)), asked.sum(0)
    right = hits.sum(0)
    ends = []
    for angle in np.linspace(0.0, math.pi / 2, _ANGLES):
        first = wilson(right[0], totals[0], z * math.cos(angle))
        second = wilson(right[1], totals[1], z * math.sin(angle))
        ends.append([_harmonic(*side) for side in zip(first, second, strict=True)])
    value = _harmonic(*(right / totals))
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    return Estimate(value, min(low, value), max(high, value), len(asked))


def _harmonic(first: float, second: float) -> float:
    """H of two shares; 0 where both are."""
    both = first + second
    return float(2 * first * second / both) if both > 0 else 0.0


def _as_share(mean: float, size: float, n: int, level: float) -> Estimate:
    """A mean with Wilson's interval of a share that rests on `size` videos."""
    low, high = wilson(mean * size, size, NormalDist().inv_cdf(checked_level(level)))
    return Estimate(mean, min(low, mean), max(high, mean), n)


def _sides(columns: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """(n, R) hits and (n, R) turns of columns (n, 2 R), as floats; videos without a turn left out."""
    rows = checked_outcomes(columns, 2)
    rows = rows[rows[:, 1::2].any(1)]
    hits, asked = rows[:, 0::2].astype(np.float64), rows[:, 1::2].astype(np.float64)
    if hits.shape != asked.shape or (asked.sum(0) == 0).any() or len(rows) == 0:
        raise OptionError(
            f"columns have shape {rows.shape}; expected hits and videos of each round, and videos in each"
        )
    return hits, asked
