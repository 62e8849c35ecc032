"""Figures of several trainings judged on the same videos: intervals over both, and Holm's correction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError
from zeroshot.statistics.intervals import NUM_DRAWS, Estimate, checked_level, draw_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

_MANY = 1e6  # degrees of freedom where seeds do not differ: Student's quantile is then the normal one


@dataclass(frozen=True)
class SeedEstimate(Estimate):
    """A figure over trainings and videos.

    Attributes:
        num_seeds: trainings; `n` is the number of videos.
        p: how probable a figure this far from 0 would be if 0 were true, to either side; of differences.
    """

    num_seeds: int
    p: float


def hierarchical_bootstrap(
    columns: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    strata: ArrayLike | None = None,
    seed: int = 0,
    num_draws: int = NUM_DRAWS,
    level: float = 0.95,
) -> SeedEstimate:
    """The mean over trainings of a figure made of sums over videos; its interval knows that both were drawn.

    Each draw takes S trainings with replacement and then videos with replacement, the same ones for every
    training, as all were judged on the same. Of few trainings such draws vary too little and their ends lie
    too near: what is lacking of the trainings' variance, a share of 1 / S, is added, and the ends are
    Student's with Satterthwaite's degrees of freedom. One training alone gives no interval. Where nothing
    varies the interval has no width. Draws in which the figure is no number are left out.

    Args:
        columns: (S, n, M) numbers, for each training a row a video: M = 2 hits and whether it was asked for a
            share, 4 for the difference of two shares.
        statistic: sums (..., M) → figures (...).
        strata: (n,) integers: groups of videos whose sizes are fixed by design; None is one.
        seed: of the draws.
        num_draws: how many.
        level: share of such intervals that cover the truth.

    Raises:
        OptionError: another shape, no trainings or videos, or a level that is none.
    Source: Davison and Hinkley 1997, 3.8 (nested draws); Satterthwaite 1946.
    """
    table = np.asarray(columns, np.float64)
    if table.ndim != 3 or 0 in table.shape[:2]:
        raise OptionError(f"columns have shape {table.shape}; expected (S, n, M) with 1 or more of each")
    end = checked_level(level)
    from scipy import special

    num_seeds, num_videos, _ = table.shape
    groups = np.zeros(num_videos, np.int64) if strata is None else np.asarray(strata, np.int64)
    if groups.shape != (num_videos,):
        raise OptionError(f"strata have shape {groups.shape}; expected ({num_videos},), one a video")
    with np.errstate(divide="ignore", invalid="ignore"):
        own = statistic(table.sum(1))
        drawn = statistic(np.tensordot(_weights(groups.tobytes(), num_draws, seed), table, (1, 1)))
    drawn = np.where(np.isfinite(drawn), drawn, math.nan)  # a ratio over no hits
    value = float(own.mean())
    if num_seeds == 1 or not math.isfinite(value):
        return SeedEstimate(value, -math.inf, math.inf, num_videos, num_seeds, math.nan)
    picked = np.random.default_rng(seed).integers(num_seeds, size=drawn.shape)
    between = float(own.var(ddof=1)) / num_seeds
    variance = float(np.nanvar(np.take_along_axis(drawn, picked, 1).mean(1))) + between / num_seeds
    freedom = min(_MANY, (num_seeds - 1) * (variance / between) ** 2) if between else _MANY
    error = math.sqrt(variance)
    reach = float(special.stdtrit(freedom, end)) * error
    tail = float(special.stdtr(freedom, -abs(value) / error)) if error else 0.5 * (value == 0)
    return SeedEstimate(value, value - reach, value + reach, num_videos, num_seeds, 2 * tail)


def holm(p_values: Sequence[float]) -> list[float]:
    """The same, corrected for their number: any is below 0.05 by chance one time in twenty at most.

    Args:
        p_values: of every comparison that was made, in any order; nan is one that could not be.

    Source: Holm 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    made = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    found, highest = [math.nan] * len(p_values), 0.0
    for rank, (p, place) in enumerate(made):
        highest = max(highest, min(1.0, (len(made) - rank) * p))
        found[place] = highest
    return found


@lru_cache(maxsize=4)
def _weights(groups: bytes, num_draws: int, seed: int) -> NDArray[np.float64]:
    """(num_draws, n) how often each video comes up; many figures are of the same videos."""
    strata = np.frombuffer(groups, np.int64)
    generator = np.random.default_rng(seed)
    weights = np.empty((num_draws, len(strata)))
    for group in np.unique(strata):
        rows = strata == group
        weights[:, rows] = draw_counts(np.ones(int(rows.sum()), np.int64), num_draws, generator)
    return weights
