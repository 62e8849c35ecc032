"""How sure a figure is that is no mean: computed again without each tenth of the videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.statistics.intervals import Estimate, t_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

NUM_GROUPS = 10
"""Parts, each of which is left out once."""


def jackknife(figure: Callable[[NDArray[np.bool_]], float], groups: NDArray[np.int64]) -> Estimate:
    """The figure of all rows with a 95 % interval from leaving groups out.

    (A bootstrap would count each row drawn twice as a pair of equal ones, and find dependence in noise.)

    Args:
        figure: of the rows that are kept, (n,) booleans.
        groups: (n,) numbers of groups, two or more different ones; rows of one video share theirs.
    """
    value, numbers = figure(np.ones(len(groups), dtype=bool)), np.unique(groups)
    count = len(numbers)
    parts = [count * value - (count - 1) * figure(groups != number) for number in numbers]
    return _around(value, parts, len(groups))


def mean_over_groups(values: NDArray[np.float64], groups: NDArray[np.int64]) -> Estimate:
    """The mean of (n,) values with a 95 % interval from the means of groups, since rows of one are not apart.

    Args:
        values: (n,) numbers.
        groups: (n,) numbers of groups, as `groups_of` gives them.
    """
    parts = [float(values[groups == number].mean()) for number in np.unique(groups)]
    return _around(float(values.mean()), parts, len(values))


def _around(value: float, parts: list[float], n: int) -> Estimate:
    """A value with the reach of Student's interval of its parts."""
    spread = t_interval(parts)
    reach = (spread.high - spread.low) / 2
    return Estimate(value, value - reach, value + reach, n)


def groups_of(number: int, members: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """(n,) numbers of at most `NUM_GROUPS` groups, dealt out like cards.

    Args:
        number: n.
        members: (n,) video of each row, so that none is in two groups; None: each row is its own.
    """
    rows = np.arange(number) if members is None else np.unique(members, return_inverse=True)[1]
    result: NDArray[np.int64] = rows % NUM_GROUPS
    return result
