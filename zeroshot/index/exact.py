"""Inner products of queries with many rows: checked, then the nearest rows, exact in any batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_ROWS_AT_ONCE = 8192  # of a matrix product: with 32 queries its result is 1 MiB, which stays in the cache
_ROWS_IN_CACHE = 512  # of one row at a time: 1 MiB at D = 512, read once for all queries
_MATRIX_FROM = 16  # queries from which a matrix product is faster than one row at a time
_UNIT_TOLERANCE = 1e-3  # rows that were normalized in half precision pass; rows that were not, do not
_FEW = 8  # candidates a place, beyond which a block's own best narrow them first


@dataclass(frozen=True, eq=False)
class Nearest:
    """The k nearest of K rows for each of B queries.

    Attributes:
        scores: (B, k) float32 cosines in [-1, 1], best first; equal ones in the order of the rows.
        rows: (B, k) int64.
        log_sums: (B,) float64, logarithm of the sum of exp(logit_scale × score) over all K rows; not numbers
            where no scale was given.
    """

    scores: NDArray[np.float32]
    rows: NDArray[np.int64]
    log_sums: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ranked:
    """The k nearest of K labels for each of B queries, as probabilities too.

    Attributes:
        scores: (B, k) float32 cosines, best first.
        rows: (B, k) int64.
        probabilities: (B, k) float64.
        compared: (B,) int64, how many labels the probabilities of each query are over.
    """

    scores: NDArray[np.float32]
    rows: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    compared: NDArray[np.int64]


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


def all_scores(queries: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """(B, K) float32 inner products, clipped to [-1, 1]: the same to the last bit in any batch.

    Each product is summed by itself, on one thread. Rows are gone through in blocks that stay in the cache
    while every query meets them.

    Args:
        queries: (B, D), contiguous.
        rows: (K, D), contiguous; may be mapped from a file.
    """
    import faiss

    kernels: Any = faiss  # its type hints leave out the functions that it generates
    result = np.empty((len(queries), len(rows)), dtype=np.float32)
    width, asked = rows.shape[1], [kernels.swig_ptr(query) for query in queries]
    for start in range(0, len(rows), _ROWS_IN_CACHE):
        block = rows[start : start + _ROWS_IN_CACHE]
        place, number = kernels.swig_ptr(block), len(block)
        for query, out in zip(asked, result, strict=True):
            kernels.fvec_inner_products_ny(kernels.swig_ptr(out[start:]), query, place, width, number)
    return np.clip(result, -1.0, 1.0, out=result)


def nearest_rows(
    queries: NDArray[np.float32], rows: NDArray[np.float32], k: int, logit_scale: float | None = None
) -> Nearest:
    """The k nearest of K rows, and with a logit scale what makes their scores probabilities over all K.

    Scores and rows are the same to the last bit in any batch, and equal those of `all_scores`: many queries
    go through a matrix product, whose last digits depend on its shape; every row that those digits leave
    in question is then scored by itself. `log_sums` agree to about 1e-5 between batches.

    Args:
        queries: (B, D), contiguous; rows of length 1 or 0.
        rows: (K, D), contiguous, of length 1; may be mapped from a file, is read once.
        k: 1 to K.
        logit_scale: the model's own; None where no probabilities are wanted.
    """
    through_matrix = len(queries) >= _MATRIX_FROM
    # What two orders of summing D products of unit rows can differ by, at the very worst.
    margin = np.float32(2.0**-22 * rows.shape[1]) if through_matrix else np.float32(0)
    found = _Found(queries, rows, k)
    sums = None if logit_scale is None else _LogSums(len(queries), logit_scale)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        block = rows[start : start + _ROWS_AT_ONCE]
        if through_matrix:
            scores = queries @ block.T
            np.clip(scores, -1.0, 1.0, out=scores)
        else:
            scores = all_scores(queries, block)
        found.look(scores, start, margin)
        if sums is not None:
            sums.add(scores)
    logs = np.full(len(queries), np.nan) if sums is None else sums.result()
    return Nearest(found.scores, found.rows, logs)


def log_sums(scores: NDArray[np.float32], logit_scale: float) -> NDArray[np.float64]:
    """(B,) float64, for (B, n) scores the logarithm of the sum of exp(logit_scale × score) over each row."""
    sums = _LogSums(len(scores), logit_scale)
    sums.add(scores)
    return sums.result()


class _Found:
    """The k best rows so far for each of B queries, by their own scores."""

    def __init__(self, queries: NDArray[np.float32], rows: NDArray[np.float32], k: int) -> None:
        self._queries, self._all, self._k = queries, rows, k
        self.scores = np.empty((len(queries), 0), np.float32)
        self.rows = np.empty((len(queries), 0), np.int64)

    def look(self, scores: NDArray[np.float32], start: int, margin: np.float32) -> None:
        """Take in (B, n) scores of the rows from `start` on, true to within `margin`."""
        k = self._k
        full = self.scores.shape[1] == k
        cut = self.scores[:, -1] - margin if full else np.full(len(scores), -np.inf, np.float32)
        if not full or np.count_nonzero(scores >= cut[:, None]) > _FEW * k * len(scores):
            own = np.partition(scores, -k, axis=1)[:, -k] if k < scores.shape[1] else scores.min(axis=1)
            cut = np.maximum(cut, own - 2 * margin)
        queries, places = np.nonzero(scores >= cut[:, None])
        bounds = np.searchsorted(queries, np.arange(len(scores) + 1))
        taken = min(k, self.scores.shape[1] + scores.shape[1])
        kept = np.empty((len(scores), taken), np.float32), np.empty((len(scores), taken), np.int64)
        for query, (first, last) in enumerate(pairwise(bounds.tolist())):
            at = places[first:last]
            own_scores = scores[query, at] if margin == 0 else self._scores_of(query, start + at)
            both = np.concatenate([self.scores[query], own_scores])
            numbers = np.concatenate([self.rows[query], start + at])
            order = np.lexsort((numbers, -both))[:taken]
            kept[0][query], kept[1][query] = both[order], numbers[order]
        self.scores, self.rows = kept

    def _scores_of(self, query: int, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n,) scores of one query with some rows, each summed by itself."""
        scores: NDArray[np.float32] = all_scores(
            self._queries[query : query + 1], np.ascontiguousarray(self._all[rows])
        )[0]
        return scores


class _LogSums:
    """Logarithms of sums of exponentials, block after block, without overflow."""

    def __init__(self, number: int, scale: float) -> None:
        self._scale = scale
        self._greatest = np.full(number, -np.inf)
        self._sums = np.zeros(number)

    def add(self, scores: NDArray[np.float32]) -> None:
        """Take in (B, n) scores."""
        logits = scores * np.float64(self._scale)
        greatest = np.maximum(self._greatest, logits.max(axis=1))
        self._sums *= np.exp(self._greatest - greatest)
        logits -= greatest[:, None]
        self._sums += np.exp(logits, out=logits).sum(axis=1)
        self._greatest = greatest

    def result(self) -> NDArray[np.float64]:
        """(B,) logarithms."""
        logs: NDArray[np.float64] = self._greatest + np.log(self._sums)
        return logs


def probabilities(scores: ArrayLike, logit_scale: float) -> NDArray[np.float64]:
    """(…, K) float64 softmax of logit_scale × scores over all K labels; every row sums to 1.

    A model's logit bias, where it has one (SigLIP), is the same for every label and cancels.

    Args:
        scores: (…, K) cosines with all K labels, never with the k shown alone.
        logit_scale: the backbone's own, > 0.

    Raises:
        OptionError: scores are empty or not finite, or the scale is not a positive number.

    >>> probabilities([[0.25, 0.25]], 100.0)
    array([[0.5, 0.5]])
    """
    logits = np.asarray(scores, dtype=np.float64)
    if logits.ndim < 1 or logits.shape[-1] < 1 or not np.isfinite(logits).all():
        raise OptionError(f"scores of shape {logits.shape} are empty or not finite; expected (B, K) cosines")
    check_scale(logit_scale)
    logits = logits * logit_scale
    # The largest logit becomes 0, so that no exponential overflows and one of them is 1.
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def check_scale(logit_scale: float) -> None:
    """Raise OptionError where a scale is none."""
    if not (math.isfinite(logit_scale) and logit_scale > 0):
        raise OptionError(f"logit scale {logit_scale} is not a positive number; use the model's own")
