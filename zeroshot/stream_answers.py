"""One video, and what each stream of a model answers to it: what stands still, what moves, and both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import VideoError
from zeroshot.model.clip_queue import PLAIN
from zeroshot.model.model import STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zeroshot.classifier import Classifier
    from zeroshot.types import Prediction
    from zeroshot.video.source import VideoSource


def answering_stream(classifier: Classifier) -> str:
    """Which entry of `rank_streams` is what `Classifier.rank` says."""
    return PLAIN if classifier.model.adapter is None else classifier.model.stream


def rank_streams(
    classifier: Classifier, video: VideoSource, k: int = 5
) -> Mapping[str, tuple[Prediction, ...]]:
    """For each stream its k best labels, best first: static, dynamic, fused, and clip, the network alone.

    All of them at the cost of one. A model without an adapter has clip alone. A stream that has no answer, as
    the dynamic one has none where nothing moves, has no predictions.

    Args:
        classifier: of any labels.
        video: one, as for `Model.embed_sources`; a Clip that was read before is not read again.
        k: how many predictions each.

    Raises:
        VideoError: the video cannot be read.
        OptionError: k is below 1.
    """
    model, staged = classifier.model, classifier.is_staged
    names = (PLAIN,) if model.adapter is None else (*STREAMS, PLAIN)
    ((_, rows),) = model.embed_streams([video], drifts=staged, plain=model.adapter is not None)
    if isinstance(rows, VideoError):
        raise rows
    drifts = np.repeat(rows[-1:], len(names), axis=0) if staged else None
    vectors = rows[: len(names)]
    ranked = classifier.rank_vectors(vectors, k, drifts=drifts)
    return {
        name: tuple(predictions) if vector.any() else ()
        for name, vector, predictions in zip(names, vectors, ranked, strict=True)
    }
