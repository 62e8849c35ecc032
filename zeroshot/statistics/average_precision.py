"""Average precision: of videos ranked by a label where each has several, and of stretches found in time.

The interval of either is a bootstrap over videos: a draw weighs each video by how often it comes up, so that
the order of the scores, and which found stretch meets which true one, are found out once. A video that comes
up twice stands beside itself in the ranking, which raises the figure of every draw a little: the draws say
how much the figure varies, and the interval lies around the figure, on the scale of its odds.
"""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from zeroshot.errors import OptionError
from zeroshot.statistics.intervals import Count, Estimate, draw_counts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

NUM_DRAWS = 1000  # each costs as much as the figure itself
_Z = NormalDist().inv_cdf(0.975)


class Found(NamedTuple):
    """A stretch of a video that a model takes for an event of a label, and how sure it is."""

    video: int
    start: float
    end: float
    score: float


class Event(NamedTuple):
    """A stretch of a video in which a label really happens."""

    video: int
    start: float
    end: float


def mean_average_precision(
    scores: ArrayLike, truth: ArrayLike, *, seed: int = 0, num_draws: int = NUM_DRAWS
) -> Estimate:
    """Average precision of each label's ranking of videos that have several labels, averaged: mAP.

    The precision at each right video, averaged over them, not interpolated; videos of one score stand
    together where the last of them does. Labels without a video are left out.

    Args:
        scores: (n, K) of videos with labels.
        truth: (n, K) booleans, whether a label is right for a video.
        seed: of the bootstrap over videos.
        num_draws: of it.

    Raises:
        OptionError: other shapes, scores that are nan, or no video with a label.
    Source: Sigurdsson et al. 2016 (Charades), whose figure this is.
    """
    table, right = np.asarray(scores), np.asarray(truth)
    if table.ndim != 2 or right.shape != table.shape or right.dtype != np.bool_:
        raise OptionError(
            f"truth is {right.dtype} of shape {right.shape}; expected booleans of the shape of the scores, "
            f"{table.shape}"
        )
    if np.isnan(table).any():
        raise OptionError("the scores are not numbers; look at the embeddings")
    if not right.any():
        raise OptionError("no video has a label; expected one or more")
    n = len(table)
    weights = _weights(n, num_draws, seed).T.astype(np.float32)  # counts below 2²⁴ are exact
    sums, counted = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
    for label in np.flatnonzero(right.any(0)):
        values = _average_precision(table[:, label], np.flatnonzero(right[:, label]), weights)
        there = ~np.isnan(values)  # a label that was not drawn is not averaged
        sums[there] += values[there]
        counted += there
    with np.errstate(invalid="ignore"):
        return _around(sums / counted, n)


def _average_precision(
    scores: NDArray[np.floating], right: NDArray[np.int64], weights: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(R,) average precision of one label, for (n, R) weights of the videos; nan where none is right.

    Args:
        scores: (n,) of the label.
        right: (p,) rows of the videos that it is right for.
        weights: how often each video counts.
    """
    ahead = (scores[None] >= scores[right][:, None]).astype(np.float32)  # (p, n), each video itself included
    hits, own = ahead[:, right] @ weights[right], weights[right].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(own > 0, hits / (ahead @ weights), 0.0)
        share: NDArray[np.float64] = (own * precision).sum(0) / own.sum(0)
    return share


def temporal_iou(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Seconds that two stretches share over seconds that either covers; 0 where they do not meet.

    >>> temporal_iou((0, 4), (2, 6))
    0.3333333333333333
    """
    shared = min(one[1], other[1]) - max(one[0], other[0])
    covered = max(one[1], other[1]) - min(one[0], other[0])
    return shared / covered if shared > 0 else 0.0


def matches(
    found: Sequence[Found], events: Sequence[Event], thresholds: Sequence[float]
) -> NDArray[np.bool_]:
    """(X, n) whether each of n found stretches of a label, the surest first, meets an event at X thresholds.

    A stretch takes the event of its video that it covers best, if their IoU reaches the threshold and no
    surer stretch took it, else the next best; each event is met once.

    Args:
        found: of one label, in falling order of their scores.
        events: of the same label.
        thresholds: of the IoU.

    Source: ActivityNet's own evaluation (Caba Heilbron et al. 2015).
    """
    of_video: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for event in events:
        of_video[event.video].append((event.start, event.end))
    met = np.zeros((len(thresholds), len(found)), np.bool_)
    taken: list[set[tuple[int, int]]] = [set() for _ in thresholds]
    for row, one in enumerate(found):
        shares = [temporal_iou((one.start, one.end), event) for event in of_video[one.video]]
        best = sorted(range(len(shares)), key=lambda place, shares=shares: -shares[place])  # type: ignore[misc]
        for which, threshold in enumerate(thresholds):
            free = (
                (one.video, place)
                for place in best
                if shares[place] >= threshold and (one.video, place) not in taken[which]
            )
            if (event_met := next(free, None)) is not None:
                taken[which].add(event_met)
                met[which, row] = True
    return met


class Localized(NamedTuple):
    """How well events were found: mAP averaged over thresholds, and mAP at each of them."""

    average: Estimate
    at: tuple[Estimate, ...]


def localization(
    found: Mapping[str, Sequence[Found]],
    events: Mapping[str, Sequence[Event]],
    num_videos: int,
    thresholds: Sequence[float],
    *,
    seed: int = 0,
    num_draws: int = NUM_DRAWS,
) -> Localized:
    """Mean average precision of events found in time, over labels, at thresholds of the temporal IoU.

    Precision is interpolated: at each recall the best that is reached there or beyond. Labels without an
    event are left out; what is found of them does not count.

    Args:
        found: of each label, in any order.
        events: of each label, one label or more with one event or more.
        num_videos: of the data set, those without a found stretch included.
        thresholds: of the IoU, such as .3, .4, … .7 for THUMOS14.
        seed: of the bootstrap over videos.
        num_draws: of it.

    Raises:
        OptionError: there are no events.
    Source: Everingham et al. 2010 (interpolation); Caba Heilbron et al. 2015.
    """
    asked = [label for label, some in events.items() if some]
    if not asked:
        raise OptionError("no label has an event; expected one or more")
    weights = _weights(num_videos, num_draws, seed)
    sums, counted = np.zeros((len(weights), len(thresholds))), np.zeros((len(weights), 1))
    for label in asked:
        ranked = sorted(found.get(label, ()), key=lambda one: -one.score)
        total = weights[:, [event.video for event in events[label]]].sum(1)
        own = weights[:, [one.video for one in ranked]]
        ahead = np.cumsum(own, 1)
        for which, met in enumerate(matches(ranked, events[label], thresholds)):
            sums[:, which] += _interpolated(own[:, met], ahead[:, met], total)
        counted += (total > 0)[:, None]
    with np.errstate(invalid="ignore"):
        means = sums / counted
    at = tuple(_around(column, num_videos) for column in means.T)
    return Localized(_around(means.mean(1), num_videos), at)


def _interpolated(
    own: NDArray[np.int64], ahead: NDArray[np.int64], total: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(R,) interpolated average precision; 0 of no events.

    Args:
        own: (R, m) weights of the stretches that meet an event, the surest first.
        ahead: (R, m) weights of all stretches up to each of them. Between them precision only falls.
        total: (R,) weights of the events.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.nan_to_num(np.cumsum(own, 1) / ahead)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        area: NDArray[np.float64] = np.nan_to_num((own * best).sum(1) / total)
    return area


def _weights(num_videos: int, num_draws: int, seed: int) -> NDArray[np.int64]:
    """(1 + R, n) how often each video counts: once, then as often as it comes up in each draw."""
    if num_videos < 1:
        raise OptionError("there are no videos to draw; expected 1 or more")
    drawn = draw_counts(np.ones(num_videos, np.int64), num_draws, np.random.default_rng(seed))
    return np.vstack([np.ones((1, num_videos), np.int64), drawn])


def _around(figures: NDArray[np.float64], n: int) -> Estimate:
    """The first figure with an interval as wide as those of the draws vary, on the scale of its log odds.

    Where nothing or everything is found all draws agree, so that the interval is Wilson's of n videos.
    """
    value, draws = float(figures[0]), figures[1:][~np.isnan(figures[1:])]
    if not 0 < value < 1 or len(draws) < 2:
        share = Count(n if value >= 1 else 0, n).estimate()
        return Estimate(value, share.low, share.high, n)
    odds = math.log(value / (1 - value))
    reach = _Z * float(draws.std(ddof=1)) / (value * (1 - value))
    low, high = (1 / (1 + math.exp(-(odds + sign * min(reach, 50.0)))) for sign in (-1, 1))
    return Estimate(value, low, high, n)
