"""Examples as a cache: a video is like a label as far as it is like its examples. Nothing is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARPNESS = 5.5
"""β of the paper: how fast an example counts for less as it resembles a video less."""

SHARPNESSES = (2.0, SHARPNESS, 15.0, 40.0)
"""β that leaving examples out chooses from: vectors of some models lie closer together than others'."""

WEIGHT = 1.0
"""α of the paper: what an example that is the video itself adds to the logit of its label."""


def nearness(likeness: NDArray[np.float32], sharpness: float = SHARPNESS) -> NDArray[np.float32]:
    """Like `likeness`: exp(−β (1 − cosine)), 1 for an example that is the video itself.

    Args:
        likeness: (n, m) cosines of videos with examples.
        sharpness: β.

    Source: Zhang et al., ECCV 2022 (Tip-Adapter).
    """
    near: NDArray[np.float32] = np.exp(-sharpness * (1 - likeness))
    return near


def sums_by_label(
    values: NDArray[np.float32], targets: NDArray[np.int64], num_labels: int
) -> NDArray[np.float64]:
    """(n, K) sums of (n, m) values over the examples of each label, each row by itself.

    Args:
        values: of videos and examples.
        targets: (m,) row of each example's label.
        num_labels: K.
    """
    sums = [np.bincount(targets, row, num_labels) for row in values]
    return np.array(sums, np.float64).reshape(len(values), num_labels)


def blended(
    texts: NDArray[np.float32],
    likeness: NDArray[np.float32],
    targets: NDArray[np.int64],
    logit_scale: float,
) -> NDArray[np.float32]:
    """Scores like `texts`: the cosine with the text, and what each example of the label adds by its likeness.

    An example adds α · exp(−β (1 − cosine)) to the logit, here over the logit scale, so that it is a score.

    Args:
        texts: (n, K) cosines with the labels' texts, or (n, V, K) of V views, to each of which is added.
        likeness: (n, m) cosines with the examples.
        targets: (m,) row of each example's label.
        logit_scale: the model's own.

    Source: Zhang et al., ECCV 2022 (Tip-Adapter without training), with its α and β.
    """
    added = WEIGHT * sums_by_label(nearness(likeness), targets, texts.shape[-1]).astype(texts.dtype)
    added = added if texts.ndim == 2 else added[:, None]
    scores: NDArray[np.float32] = texts + added / np.float32(logit_scale)
    return scores


def near_class_mean(
    videos: NDArray[np.float32], examples: NDArray[np.float32], targets: NDArray[np.int64], num_labels: int
) -> NDArray[np.float32]:
    """(n, K) cosines of videos with the unit mean of each label's examples; −1 for a label without one.

    Args:
        videos: (n, D) unit rows.
        examples: (m, D) unit rows.
        targets: (m,) row of each example's label.
        num_labels: K.
    """
    sums = np.zeros((num_labels, examples.shape[1]), np.float32)
    np.add.at(sums, targets, examples)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    means = (sums / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    scores: NDArray[np.float32] = videos @ means.T
    scores[:, np.bincount(targets, minlength=num_labels) == 0] = -1
    return scores


def cached(
    likeness: NDArray[np.float32], targets: NDArray[np.int64], num_labels: int, sharpness: float
) -> NDArray[np.float64]:
    """(n, K) what examples say of videos: mean nearness of each label's, above its mean over such labels.

    A mean instead of the paper's sum, so that a label with more examples than another is not favoured; above
    the mean, so that a label without any, which gets 0, is not held back.

    Args:
        likeness: (n, m) cosines of videos with examples.
        targets: (m,) row of each example's label.
        num_labels: K.
        sharpness: β.
    """
    sums = sums_by_label(nearness(likeness, sharpness), targets, num_labels)
    counts = np.bincount(targets, minlength=num_labels)
    return _above_mean(sums, np.broadcast_to(counts, sums.shape))


def cached_without_itself(
    likeness: NDArray[np.float32], targets: NDArray[np.int64], num_labels: int, sharpness: float
) -> NDArray[np.float64]:
    """(m, K) as `cached` of the examples themselves, each without itself; the only one of a label has none.

    Args:
        likeness: (m, m) cosines of the examples.
        targets: (m,) row of each example's label.
        num_labels: K.
        sharpness: β.
    """
    near = nearness(likeness, sharpness).astype(np.float64)
    np.fill_diagonal(near, 0)
    own = np.zeros((len(targets), num_labels), np.int64)
    own[np.arange(len(targets)), targets] = 1
    return _above_mean(near @ own, own.sum(axis=0) - own)


def _above_mean(sums: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n, K) means over each label's examples, above their mean over the labels that have some."""
    has_some = counts > 0
    means = sums / np.where(has_some, counts, 1)
    middle = means.sum(axis=1, keepdims=True) / np.maximum(has_some.sum(axis=1, keepdims=True), 1)
    above: NDArray[np.float64] = np.where(has_some, means - middle, 0)
    return above
