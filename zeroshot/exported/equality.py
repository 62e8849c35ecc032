"""How far an exported graph's answers lie from the model's own, on clips made for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.index.exact import all_scores, probabilities
from zeroshot.model.clip_queue import PLAIN, ClipQueue, rows_of
from zeroshot.types import Clip
from zeroshot.video.source import FRAMES_FPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.classifier import Classifier
    from zeroshot.exported.runtime import Exported

MOST = 1e-4
"""By how much a cosine or a probability may differ."""


@dataclass(frozen=True)
class Difference:
    """The largest differences found.

    Attributes:
        cosine: of a score, or of a coordinate of a unit vector.
        probability: of a label.
    """

    cosine: float
    probability: float

    @property
    def is_small(self) -> bool:
        """Whether both are below what is allowed; numbers that are none are not."""
        return self.cosine <= MOST and self.probability <= MOST


def difference(classifier: Classifier, exported: Exported) -> Difference:
    """The largest differences over all streams: noise, a moving block, a still clip, one view and two.

    Args:
        classifier: the model and labels that were exported.
        exported: the graph, opened from its file.
    """
    model, streams = classifier.model, exported.about.streams
    height, width = exported.about.preprocess.size
    sizes = ((height, width), (height + height // 2 + 1, 2 * width + 3))
    named = streams if model.adapter is not None else (PLAIN,)
    cosines, shares = [0.0], [0.0]
    for views in (1, 2):
        videos = [_clips(size, exported.about.sampling.num_frames, views) for size in sizes]
        for group in zip(*videos, strict=True):
            found = exported.answer(group)
            queue: ClipQueue[None] = ClipQueue(model.backbone, model.adapter, named)
            for clips in group:
                queue.put(None, clips)
            rows = rows_of(queue.rest()).reshape(len(group), len(named), -1)
            scores = _scores(rows, classifier.index.embeddings)
            cosines += [_largest(rows - found.vectors), _largest(scores - found.scores)]
            shares.append(_largest(probabilities(scores, model.logit_scale) - found.probabilities))
    return Difference(max(cosines), max(shares))


def _scores(rows: NDArray[np.float32], labels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(B, S, K) cosines of rows (B, S, D), as the index gives them."""
    flat = np.ascontiguousarray(rows.reshape(-1, rows.shape[-1]))
    return all_scores(flat, labels).reshape(*rows.shape[:2], -1)


def _largest(differences: NDArray[Any]) -> float:
    """The largest entry, infinite where one is no number."""
    found = float(np.abs(differences).max())
    return found if np.isfinite(found) else float("inf")


def _clips(size: tuple[int, int], num_frames: int, views: int) -> list[list[Clip]]:
    """V clips each of noise, of a block that moves, and of a picture that stands still."""
    draw = np.random.default_rng(0)
    shape = (views, num_frames, 3, *size)
    noise = draw.integers(0, 256, shape, np.uint8)
    still = np.repeat(noise[:, :1], num_frames, axis=1)
    moving = np.full(shape, 90, np.uint8)
    side = max(1, min(size) // 4)
    for frame in range(num_frames):
        at = (size[1] - side) * frame // max(1, num_frames - 1)
        moving[:, frame, :, side : 2 * side, at : at + side] = (230, 60, 30)[frame % 3]
    seconds = np.arange(num_frames) / FRAMES_FPS
    return [[Clip(view, seconds) for view in video] for video in (noise, moving, still)]
