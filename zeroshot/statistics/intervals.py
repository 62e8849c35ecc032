"""Counts, figures made of them, and how sure each is: Wilson, Student's t, bootstrap over videos."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

NUM_DRAWS = 4000  # the ends of a 95 % interval then move by about 3 % of its width from seed to seed


@dataclass(frozen=True)
class Estimate:
    """One figure and its interval.

    Attributes:
        value: a share in [0, 1], or what else is measured; nan where nothing could be.
        low: lower end of the interval.
        high: upper end.
        n: videos, or seeds, that it rests on.
    """

    value: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float | int | None]:
        """The fields as JSON holds them; what is not finite becomes None."""
        ends = {"value": self.value, "low": self.low, "high": self.high}
        return {**{name: end if math.isfinite(end) else None for name, end in ends.items()}, "n": self.n}


@dataclass(frozen=True)
class Count:
    """Integers before the one division: counts of batches are added, shares never averaged.

    Attributes:
        hits: videos that were answered so.
        total: videos asked.
    """

    hits: int
    total: int

    def __post_init__(self) -> None:
        """Refuse more hits than videos."""
        if not 0 <= self.hits <= self.total:
            raise OptionError(f"{self.hits} hits of {self.total} videos; expected 0 ≤ hits ≤ videos")

    @classmethod
    def of(cls, outcomes: ArrayLike) -> Count:
        """The number of true values among (n,) booleans."""
        rows = _checked(outcomes, 1)
        return cls(int(rows.sum()), len(rows))

    def __add__(self, other: Count) -> Count:
        return Count(self.hits + other.hits, self.total + other.total)

    @property
    def share(self) -> float:
        """The division of hits by total; nan of no videos."""
        return self.hits / self.total if self.total else math.nan

    def estimate(self, level: float = 0.95) -> Estimate:
        """The share with Wilson's interval, which holds for few videos and for shares near 0 and 1.

        Args:
            level: share of such intervals that cover the truth.
        Source: Wilson 1927.
        """
        if self.total == 0:
            return Estimate(math.nan, 0.0, 1.0, 0)
        z = NormalDist().inv_cdf(_checked_level(level))
        return Estimate(self.share, *wilson(self.hits, self.total, z), self.total)


class PairedTable(NamedTuple):
    """Videos by two outcomes of each.

    Attributes:
        both: have both.
        first: have the first alone.
        second: have the second alone.
        neither: have none.
    """

    both: int
    first: int
    second: int
    neither: int

    @property
    def total(self) -> int:
        """All videos.

        Raises:
            OptionError: a count below 0.
        """
        if min(self) < 0:
            raise OptionError(f"the counts of pairs are {tuple(self)}; expected 0 or more of each")
        return sum(self)


def paired_ratio(table: PairedTable, level: float = 0.95) -> Estimate:
    """The share of one outcome over that of another on the same videos, with an interval that has a width.

    Where nothing or everything is right a bootstrap draws the same ratio each time; here Wilson's interval of
    each share, among the videos with either outcome, is brought to the width that pairs have, and one end is
    divided by the other's. No hits below the line: the upper end is infinite.

    Args:
        table: of `paired_table`.
        level: share of such intervals that cover the truth.

    Raises:
        OptionError: a count below 0.
    Source: Bonett and Price 2006.
    """
    n = table.total
    either = n - table.neither
    if either == 0:
        return Estimate(math.nan, math.nan, math.nan, n)
    over, under = table.both + table.first, table.both + table.second
    apart = math.sqrt((table.first + table.second + 2) / ((over + 1) * (under + 1)))
    own = [math.sqrt((1 - (hits + 1) / (either + 2)) / (hits + 1)) for hits in (over, under)]
    z = NormalDist().inv_cdf(_checked_level(level)) * apart / sum(own)
    (low, high), (least, most) = wilson(over, either, z), wilson(under, either, z)
    value = over / under if under else math.inf
    return Estimate(value, low / most, high / least if least else math.inf, n)


def paired_difference(table: PairedTable, level: float = 0.95) -> Estimate:
    """The share of one outcome minus that of another on the same videos, with an interval that has a width.

    Args:
        table: of `paired_table`.
        level: share of such intervals that cover the truth.

    Raises:
        OptionError: a count below 0.
    Source: Bonett and Price 2012, who add a video to each kind on which the two differ.
    """
    n = table.total
    if n == 0:
        return Estimate(math.nan, -1.0, 1.0, 0)
    one, other = (table.first + 1) / (n + 2), (table.second + 1) / (n + 2)
    reach = NormalDist().inv_cdf(_checked_level(level)) * math.sqrt(
        (one + other - (one - other) ** 2) / (n + 2)
    )
    middle = one - other
    return Estimate((table.first - table.second) / n, max(middle - reach, -1.0), min(middle + reach, 1.0), n)


def paired_outcomes(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two (n,) booleans of the same videos in the same order, as arrays.

    Raises:
        OptionError: other shapes, or no booleans.
    """
    one, other = np.asarray(first), np.asarray(second)
    if one.dtype != np.bool_ or other.dtype != np.bool_ or one.ndim != 1 or one.shape != other.shape:
        raise OptionError(
            f"outcomes are {one.dtype} {one.shape} and {other.dtype} {other.shape}; "
            "expected (n,) booleans of the same videos"
        )
    return one, other


def paired_table(first: ArrayLike, second: ArrayLike) -> PairedTable:
    """How many videos have both outcomes, the first alone, the second alone, neither.

    Args:
        first: (n,) booleans.
        second: (n,) booleans of the same videos in the same order.

    Raises:
        OptionError: other shapes, or no booleans.
    """
    one, other = paired_outcomes(first, second)
    kinds = (one & other, one & ~other, ~one & other, ~one & ~other)
    return PairedTable(*(int(kind.sum()) for kind in kinds))


def t_interval(values: Sequence[float], level: float = 0.95) -> Estimate:
    """The mean of one figure over seeds, with Student's interval; unbounded for a single seed.

    For two models trained with the same seeds pass the differences: the seeds' common part cancels.

    Args:
        values: the figure, a seed each.
        level: share of such intervals that cover the truth.

    Raises:
        OptionError: no values, or one that is not finite.
    """
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 1 or len(rows) == 0:
        raise OptionError(f"values have shape {rows.shape}; expected one number a seed, one seed or more")
    if not np.isfinite(rows).all():
        raise OptionError(
            f"seed {int(np.argmin(np.isfinite(rows)))} has no finite value; leave it out or repeat it"
        )
    from scipy import special

    n, mean, end = len(rows), float(rows.mean()), _checked_level(level)
    if n == 1:
        return Estimate(mean, -math.inf, math.inf, 1)
    reach = float(special.stdtrit(n - 1, end)) * float(rows.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - reach, mean + reach, n)


def bootstrap(
    columns: ArrayLike,
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    *,
    strata: ArrayLike | None = None,
    seed: int = 0,
    num_draws: int = NUM_DRAWS,
    level: float = 0.95,
) -> Estimate:
    """A figure made of sums over videos, with the percentile interval of videos drawn with replacement.

    Equal rows are drawn together, which is the same in law, costs nothing for many videos, and makes the
    interval independent of the order of the files. Draws in which the figure is 0 / 0 are left out. Where all
    videos agree the interval has no width: for a plain share take `Count.estimate`, for two on the same
    videos `paired_ratio` and `paired_difference`.

    Args:
        columns: (n, M) integers, a row a video; what belongs together (a clip and its edit, two models on one
            clip) stands in one row and is drawn together.
        statistic: sums (..., M) → figures (...).
        strata: (n,) integers: groups whose sizes are fixed by design, such as seen and unseen; None is one.
        seed: of the draws.
        num_draws: how many times n videos are drawn.
        level: share of such intervals that cover the truth.

    Raises:
        OptionError: no videos, or columns and strata of different lengths.
    """
    rows = _checked(columns, 2)
    groups = np.zeros(len(rows), np.int64) if strata is None else _checked(strata, 1)
    if len(groups) != len(rows):
        raise OptionError(f"{len(groups)} strata for {len(rows)} videos; expected one each")
    if len(rows) == 0:
        raise OptionError("there are no videos to draw; expected 1 or more")
    generator = np.random.default_rng(seed)
    kinds, counts = np.unique(np.column_stack([groups, rows]), axis=0, return_counts=True)
    sums = np.zeros((num_draws, rows.shape[1]), np.int64)
    for group in np.unique(groups):
        here = kinds[:, 0] == group
        sums += draw_counts(counts[here], num_draws, generator) @ kinds[here, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        value, draws = float(statistic(rows.sum(0))), statistic(sums)
    return percentiles(value, draws, len(rows), level)


def paired_bootstrap(
    columns: ArrayLike,
    others: ArrayLike,
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    *,
    seed: int = 0,
    num_draws: int = NUM_DRAWS,
) -> Estimate:
    """How much two models differ on the same videos: statistic(columns) − statistic(others).

    Significant where 0 lies outside the interval.

    Args:
        columns: (n, M) integers of the first model.
        others: (n, M) integers of the second one, the same videos in the same order.
        statistic: sums (..., M) → figures (...).
        seed: of the draws.
        num_draws: how many times n videos are drawn.

    Raises:
        OptionError: different shapes, or no videos.
    """
    first, second = _checked(columns, 2), _checked(others, 2)
    if first.shape != second.shape:
        raise OptionError(
            f"the models have outcomes of shapes {first.shape} and {second.shape}; expected the same videos"
        )
    width = first.shape[1]
    return bootstrap(
        np.column_stack([first, second]),
        lambda sums: statistic(sums[..., :width]) - statistic(sums[..., width:]),
        seed=seed,
        num_draws=num_draws,
    )


def draw_counts(
    counts: NDArray[np.int64], num_draws: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """(num_draws, P) how often each of P kinds of videos comes up when as many are drawn as there are.

    Args:
        counts: (P,) videos of each kind.
        num_draws: 1 or more.
        generator: of the draws.
    """
    if num_draws < 1:
        raise OptionError(f"{num_draws} bootstrap draws; expected 1 or more, best 1000 and up")
    total = int(counts.sum())
    return generator.multinomial(total, counts / total, size=num_draws)


def percentiles(value: float, draws: NDArray[np.float64], n: int, level: float = 0.95) -> Estimate:
    """The value with the interval that holds `level` of the draws; draws that are nan are left out."""
    draws = draws[~np.isnan(draws)]
    if len(draws) == 0:
        return Estimate(value, math.nan, math.nan, n)
    tail = 1 - _checked_level(level)
    # Without interpolation: an infinite draw (a ratio over no hits) stays infinite.
    low, high = np.quantile(draws, tail, method="lower"), np.quantile(draws, 1 - tail, method="higher")
    return Estimate(value, float(low), float(high), n)


def wilson(hits: float, n: float, z: float) -> tuple[float, float]:
    """Ends of Wilson's interval of hits among n videos, z standard errors to each side.

    By hand: scipy's `binomtest` takes a level, where pairs need a z of their own, and ninety times as long.
    """
    z2, p = z * z, hits / n
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    reach = math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    # At 0 and n hits one end is exactly 0 or 1, which rounding would miss.
    return 0.0 if hits == 0 else middle - reach, 1.0 if hits == n else middle + reach


def _checked_level(level: float) -> float:
    """The probability below the upper end of a two-sided interval."""
    if not 0 < level < 1:
        raise OptionError(f"level is {level}; expected a share between 0 and 1, such as 0.95")
    return (1 + level) / 2


def _checked(values: ArrayLike, num_dims: int) -> NDArray[np.int64]:
    """Booleans or integers as int64; shares are refused, since averages of averages would hide in them."""
    rows = np.asarray(values)
    if rows.ndim != num_dims or not (rows.dtype == np.bool_ or np.issubdtype(rows.dtype, np.integer)):
        raise OptionError(
            f"outcomes are {rows.dtype} of shape {rows.shape}; expected whole numbers, {num_dims}-dimensional"
        )
    return rows.astype(np.int64)
