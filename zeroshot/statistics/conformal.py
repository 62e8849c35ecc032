"""Thresholds with a promise that holds for any distribution, from a few videos like those to come."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError, require_number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_ROUNDING = 1e-9  # 0.05 × 20 is 1, whatever the last bit says


def require_error(error: float) -> None:
    """Refuse what no share of errors can be.

    Raises:
        OptionError: it is no number between 0 and 1.
    """
    require_number("the error", error)
    if not 0 < error < 1:
        raise OptionError(f"the error is {error}; expected a share between 0 and 1, such as 0.05")


def least_videos(error: float) -> int:
    """How many videos it takes, at least, to promise that error: 19 for 0.05.

    Args:
        error: share of videos like them that may fall below the threshold.

    >>> [least_videos(error) for error in (0.5, 0.1, 0.05, 0.01)]
    [1, 9, 19, 99]
    """
    require_error(error)
    return math.ceil(1 / error - _ROUNDING) - 1


def lower_threshold(scores: ArrayLike, error: float) -> float:
    """The threshold below which at most `error` of further videos like these fall, on average.

    It is the k-th smallest of n scores, k = ⌊error · (n + 1)⌋. Where the further video is exchangeable with
    these it stands below with a probability of k / (n + 1) or less, ties or not, whatever the distribution.

    Args:
        scores: (n,) of the videos, the higher the better.
        error: share that may fall below.

    Raises:
        OptionError: too few videos, scores that are no numbers, or an impossible error.
    Source: Vovk, Gammerman and Shafer 2005; Papadopoulos et al. 2002 for a split of its own.
    """
    least, values = least_videos(error), np.asarray(scores, np.float64)
    if values.ndim != 1 or np.isnan(values).any():
        raise OptionError(f"scores have shape {values.shape} or are no numbers; expected (n,) numbers")
    if len(values) < least:
        raise OptionError(f"{len(values)} videos cannot promise an error of {error:g}; it takes {least}")
    place = math.floor(error * (len(values) + 1) + _ROUNDING)
    return float(np.partition(values, place - 1)[place - 1])
