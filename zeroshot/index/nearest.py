"""From vectors to predictions: the best labels of an index, with their scores and shares."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError
from zeroshot.index.index import Ranked, probabilities
from zeroshot.types import Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.index.index import LabelIndex

_SORTED_LABELS = 4096  # up to here sorting all scores costs less than a search for the best
_SCORES_AT_ONCE = 1 << 17  # bounds the memory of a block: 2 MB of scores and probabilities
_VECTORS_AT_ONCE = 64  # through a matrix product, where there are more labels


def nearest_labels(
    index: LabelIndex, vectors: NDArray[np.float32], k: int, scale: float, times: float = 1.0
) -> list[list[Prediction]]:
    """The k best of K labels for each of n vectors, best first.

    Args:
        index: of the K labels.
        vectors: (n, D) unit rows.
        k: how many predictions each.
        scale: the model's own factor on cosines.
        times: what scores are multiplied by, where rows are not as long as they should be.

    Raises:
        OptionError: vectors of another width or length.
    """
    ranked: list[list[Prediction]] = []
    step = _VECTORS_AT_ONCE if len(index) > _SORTED_LABELS else _SCORES_AT_ONCE // len(index)
    for start in range(0, len(vectors), step):
        found = _best(index, vectors[start : start + step], k, scale, times)
        columns = (found.rows.tolist(), found.scores.tolist(), found.probabilities.tolist())
        some = [None if number == len(index) else number for number in found.compared.tolist()]
        ranked += [
            [
                Prediction(index.labels[row], score, share, number)
                for row, score, share in zip(*each, strict=True)
            ]
            for number, *each in zip(some, *columns, strict=True)
        ]
    return ranked


def _best(index: LabelIndex, vectors: NDArray[np.float32], k: int, scale: float, times: float) -> Ranked:
    """The k best labels for each of n vectors; equal scores in the order of the labels."""
    if len(index) > _SORTED_LABELS:
        found = index.ranked(vectors, k, scale * times)
        return found if times == 1 else replace(found, scores=found.scores * np.float32(times))
    scores = index.scores(vectors) * np.float32(times)
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    shares = np.take_along_axis(probabilities(scores, scale), rows, axis=1)
    return Ranked(np.take_along_axis(scores, rows, axis=1), rows, shares, np.full(len(rows), len(index)))


def require_k(k: int) -> None:
    """Refuse a number of predictions that is below 1.

    Raises:
        OptionError: it is.
    """
    if k < 1:
        raise OptionError(f"k is {k}; expected 1 or more")
