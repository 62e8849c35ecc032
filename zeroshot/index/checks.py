"""What queries and vectors must be before anything is computed with them."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_UNIT_TOLERANCE = 1e-3  # rows that were normalized in half precision pass; rows that were not, do not


def unit_rows(values: ArrayLike, name: str) -> NDArray[np.float32]:
    """A contiguous float32 copy of (n, D) values whose rows are finite and of length 1, or all zeros."""
    rows = np.asarray(values)
    if rows.ndim != 2 or rows.shape[1] < 1:
        raise OptionError(f"{name} have shape {rows.shape}; expected (n, D), one row each")
    if not np.issubdtype(rows.dtype, np.floating):
        raise OptionError(f"{name} are {rows.dtype}; expected float32")
    with np.errstate(over="ignore", invalid="ignore"):  # infinities are refused below, with their row
        rows = np.array(rows, dtype=np.float32, order="C")
        lengths = np.linalg.norm(rows, axis=1)
    # A comparison with NaN is false: what is not finite is caught by the same test.
    wrong = np.flatnonzero(~((np.abs(lengths - 1) <= _UNIT_TOLERANCE) | (lengths == 0)))
    if len(wrong):
        row = int(wrong[0])
        raise OptionError(
            f"{name}: row {row} has length {lengths[row]:.4g}; expected unit rows, so normalize them"
        )
    return rows


def whole_count(k: int) -> int:
    """`k` as a plain integer ≥ 1."""
    try:
        number = operator.index(k)
    except TypeError:
        number = 0
    if number < 1 or isinstance(k, bool):
        raise OptionError(f"k is {k!r}; expected a whole number, 1 or more")
    return number
