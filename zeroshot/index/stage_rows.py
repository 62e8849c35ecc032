"""Labels with stages as rows of an index: two inner products in one; the index knows nothing of stages.

A label's score is z·t + β · v·g, with the video's unit vector z and drift v, the label's unit vector t and
change g. It is the inner product of [z, βv] and [t, g]. An index holds unit rows: both are divided by the
greatest length that any may have, and filled up to length 1 in a place where the other has zero.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError
from zeroshot.index.exact import unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORDER_WEIGHT = 2.0
"""β. Of embeddings that move evenly from one to another in 8 frames the drift is 0.21 of their difference:
with 2 order weighs about half as much as what the label's own words say of the frames. Chosen on puppet
videos of the validation places by the accuracy of untrained answers on unseen labels, in
`benchmarks/stages.py`; a trained stream, which has learned order of its own, loses by more."""

_LONGEST_LABEL = math.sqrt(1 + 2**2)  # t is 1 long, and g, between two unit vectors, at most 2
_LONGEST_VIDEO = math.sqrt(1 + ORDER_WEIGHT**2)  # z is 1 long, v at most 1

STAGED_SCALE = _LONGEST_LABEL * _LONGEST_VIDEO
"""What an index's score of such rows is multiplied with to be z·t + β · v·g."""


def staged_labels(texts: NDArray[np.float32], changes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(K, 2D + 2) float32 unit rows [t, g, rest, 0] of K labels.

    Args:
        texts: (K, D) unit rows.
        changes: (K, D) from `stage_changes`; zeros for a label without stages.
    """
    return _joined(texts, changes, _LONGEST_LABEL, first=True)


def staged_videos(vectors: NDArray[np.float32], drifts: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 2D + 2) float32 unit rows [z, βv, 0, rest] of n videos.

    Args:
        vectors: (n, D) unit rows, or zeros for the dynamic stream of a still clip.
        drifts: (n, D) of the same videos.

    Raises:
        OptionError: vectors are no unit rows, or drifts are of another shape, or longer than any can be.
    """
    rows = unit_rows(vectors, "vectors")
    if np.shape(drifts) != rows.shape:
        raise OptionError(f"drifts have shape {np.shape(drifts)}; expected {rows.shape} as the vectors have")
    if not (np.linalg.norm(drifts, axis=1) <= 1.001).all():
        raise OptionError("a drift is longer than 1, or no number; expected those of `Model.embed_many`")
    return _joined(rows, ORDER_WEIGHT * drifts, _LONGEST_VIDEO, first=False)


def staged_width(embedding_dim: int) -> int:
    """2D + 2, the width of such rows."""
    return 2 * embedding_dim + 2


def words_of_labels(rows: NDArray[np.float32], embedding_dim: int) -> NDArray[np.float32]:
    """(K, D) float32 unit rows t of labels, whether or not they have stages.

    Args:
        rows: (K, D) of an index without stages, or what `staged_labels` gave.
        embedding_dim: D.
    """
    if rows.shape[1] != staged_width(embedding_dim):
        return rows
    texts = unstaged_labels(rows)[:, :embedding_dim]
    unit: NDArray[np.float32] = texts / np.linalg.norm(texts, axis=1, keepdims=True)
    return unit


def unstaged_labels(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """(K, 2D) float32 unit rows [t, g] of what `staged_labels` gave, to compare labels with each other."""
    plain = rows[:, :-2]
    unit: NDArray[np.float32] = plain / np.linalg.norm(plain, axis=1, keepdims=True)
    return unit


def _joined(
    first_part: NDArray[np.float32], second_part: NDArray[np.float32], longest: float, *, first: bool
) -> NDArray[np.float32]:
    """Rows side by side, divided by the longest length, and filled up in the first or the second place."""
    number, width = first_part.shape
    rows = np.zeros((number, staged_width(width)), np.float32)
    rows[:, :width], rows[:, width:-2] = first_part / longest, second_part / longest
    rest = 1 - np.square(rows, dtype=np.float64).sum(axis=1)
    rows[:, -2 if first else -1] = np.sqrt(np.maximum(rest, 0))
    return rows
