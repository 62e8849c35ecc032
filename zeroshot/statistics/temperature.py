"""Whether probabilities are as often right as they say, and the one number that brings them nearer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_LEAST, _MOST = 1e-3, 1e3  # temperatures that are tried: beyond, all labels or one alone have a share
_HALVINGS = 60


def calibration_error(probabilities: ArrayLike, right: ArrayLike, num_bins: int = 15) -> float:
    """The expected calibration error (ECE): |share right − mean probability|, averaged over bins by videos.

    Bins are equally wide. A figure of few videos is too high, since in small bins shares are off by chance.

    Args:
        probabilities: (n,) in [0, 1], of the answers.
        right: (n,) booleans.
        num_bins: 15 is what papers take.

    Raises:
        OptionError: no videos, other shapes, or what is no probability.
    Source: Guo et al., ICML 2017.
    """
    shares, hits = np.asarray(probabilities, np.float64), np.asarray(right)
    if shares.ndim != 1 or len(shares) == 0 or hits.shape != shares.shape or hits.dtype != np.bool_:
        raise OptionError(
            f"{shares.shape} probabilities and {hits.dtype} {hits.shape}; expected (n,) of both"
        )
    if not ((shares >= 0) & (shares <= 1 + 1e-9)).all():
        raise OptionError("a probability is no number from 0 to 1")
    bins = np.minimum((shares * num_bins).astype(np.int64), num_bins - 1)
    gaps = np.bincount(bins, hits, num_bins) - np.bincount(bins, shares, num_bins)
    return float(np.abs(gaps).sum() / len(shares))


def fit_temperature(logits: ArrayLike, targets: ArrayLike) -> float:
    """The T > 0 for which softmax(logits / T) fits the targets best; 1 where there is nothing to fit.

    The likelihood is concave in 1 / T, so its one maximum is found by halving. Fit it on videos that no
    figure is counted on.

    Args:
        logits: (n, K) of videos of known labels.
        targets: (n,) integer rows.

    Raises:
        OptionError: other shapes, or logits that are not finite.
    Source: Guo et al., ICML 2017.
    """
    table, rows = np.asarray(logits, np.float64), np.asarray(targets)
    if table.ndim != 2 or rows.shape != table.shape[:1] or not np.isfinite(table).all():
        raise OptionError(f"logits have shape {table.shape} or are not finite; expected (n, K), (n,) targets")
    if len(table) == 0 or table.shape[1] < 2 or not np.ptp(table, axis=1).any():
        return 1.0
    own = np.take_along_axis(table, rows[:, None].astype(np.int64), 1)[:, 0]
    low, high = math.log(1 / _MOST), math.log(1 / _LEAST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _slope(table, own, math.exp(middle)) > 0:
            low = middle
        else:
            high = middle
    return math.exp(-(low + high) / 2)


def _slope(table: NDArray[np.float64], own: NDArray[np.float64], beta: float) -> float:
    """How fast the mean log-likelihood rises with beta = 1 / T."""
    powers = np.exp(beta * (table - table.max(1, keepdims=True)))
    means = (powers * table).sum(1) / powers.sum(1)
    return float((own - means).mean())
