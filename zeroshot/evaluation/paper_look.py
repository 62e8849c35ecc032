"""How a line of papers looks at a video, in the words of the network that looks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.datasets.lineage import Lineage, Pixels
    from zeroshot.index.index import LabelIndex
    from zeroshot.video.sampling import Sampling
    from zeroshot.video.transform import Preprocess

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CUT = 224  # the sizes of `Pixels` are those beside a network of so many pixels


@dataclass(frozen=True)
class Look:
    """What is looked at of a video, and what becomes of it.

    Attributes:
        sampling: frames and views; None: the model's own.
        preprocess: of frames; None: the network's own.
        pooling: one of `clip_queue.POOLINGS`.
        average: over views: embeddings, logits or probabilities.
    """

    sampling: Sampling | None = None
    preprocess: Preprocess | None = None
    pooling: str = "video"
    average: str = "embeddings"

    def settings(self) -> dict[str, Any]:
        """What vectors depend on beside model and sampling; nothing where that is the model's own."""
        found: dict[str, Any] = {} if self.pooling == "video" else {"pooling": self.pooling}
        return found if self.preprocess is None else found | {"preprocess": self.preprocess.as_dict()}


def look_of(lineage: Lineage, sampling: Sampling, own: Preprocess, *, whole: bool) -> Look:
    """How a lineage looks at videos through a network.

    Args:
        lineage: whose pixels and averages are taken.
        sampling: its own, with what the user changed.
        own: what the network wants done to a frame.
        whole: whether a video must have one vector, whatever the lineage averages.
    """
    preprocess = None if lineage.pixels is None else preprocess_of(lineage.pixels, own)
    if whole:
        return Look(sampling, preprocess)
    return Look(sampling, preprocess, lineage.pooling, lineage.views)


def preprocess_of(pixels: Pixels, own: Preprocess) -> Preprocess:
    """What becomes of a frame for a network of its own size, mean and deviation, as a lineage has it.

    Args:
        pixels: the lineage's.
        own: the network's.
    """
    height, width = own.size
    margin = pixels.resize != _CUT and (own.size == (_CUT, _CUT) or not pixels.at_224_alone)
    sides = (height * pixels.resize // _CUT, width * pixels.resize // _CUT) if margin else None
    is_clip = np.allclose(own.mean, _CLIP_MEAN, atol=1e-4)
    mean, std = _IMAGENET if pixels.imagenet and is_clip else (own.mean, own.std)
    return replace(
        own,
        mean=mean,
        std=std,
        interpolation=pixels.interpolation,
        resize_mode="squash" if pixels.squash else "shortest",
        resize_size=sides,
        crop_offset=pixels.crop_offset,
        antialias=pixels.antialias,
        long_side=pixels.long_side,
        whole_levels=pixels.whole_levels,
    )


def view_scores(vectors: NDArray[np.float32], index: LabelIndex, average: str) -> NDArray[np.float32]:
    """Scores of n videos with K labels, from V vectors each: (n, K), or (n, V, K) for probabilities.

    Logits are sums of cosines, so their mean is that of the vectors with the labels; probabilities depend on
    the labels that compete, so each round makes its own.

    Args:
        vectors: (n, V, D), zeros where a video failed.
        index: of K labels.
        average: embeddings, logits or probabilities.
    """
    if average == "probabilities":
        flat = _products(vectors.reshape(-1, vectors.shape[-1]), index)
        return flat.reshape(*vectors.shape[:2], -1)
    if average == "embeddings":
        return index.scores(whole_videos(vectors))
    return _products(vectors.mean(axis=1), index)


def whole_videos(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, D) unit rows of n videos: their own vectors, or for each the direction of the mean of its V views.

    Args:
        vectors: (n, D), or (n, V, D); zeros where a video failed, which stay.
    """
    return vectors if vectors.ndim == 2 else _unit(vectors.mean(axis=1))[0]


def mean_probabilities(scores: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
    """(m, K) probabilities, averaged over views, of cosines (m, V, K) with the labels that compete."""
    logits = scores.astype(np.float64) * scale
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    means: NDArray[np.float64] = shares.mean(axis=1)
    return means


def _products(vectors: NDArray[np.float32], index: LabelIndex) -> NDArray[np.float32]:
    """(n, K) products of vectors of any length with the labels'."""
    unit, lengths = _unit(vectors)
    scores: NDArray[np.float32] = index.scores(unit) * lengths
    return scores


def _unit(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors (n, D) at unit length, and their lengths (n, 1); zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, np.float32(1e-12)), lengths
