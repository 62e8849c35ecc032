"""A video model for FiftyOne: `dataset.apply_model`, `dataset.compute_embeddings`, temporal detections."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import OptionError, VideoError, printable, require_number, require_whole
from zeroshot.events.annotation_tools import frames_within
from zeroshot.resources import require_installed
from zeroshot.types import Closes
from zeroshot.video.sampling import Window
from zeroshot.video.source import Stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.classifier import Classifier
    from zeroshot.types import Prediction
    from zeroshot.video.source import VideoSource

_FRAMES = re.compile(r"(\d+)(?:-(\d+))?")


def video_model(
    classifier: Classifier,
    *,
    k: int = 1,
    window_seconds: float | None = None,
    stride_seconds: float | None = None,
    least_probability: float = 0.0,
) -> Any:  # noqa: ANN401 - a class that is made of FiftyOne's own
    """A `fiftyone.Model` of media type "video" that ranks a classifier's labels.

    `dataset.apply_model(video_model(classifier), label_field="action")` writes a Classification a sample, or
    with k above 1 Classifications; with a window TemporalDetections, neighbours of the same best label
    joined. `dataset.compute_embeddings(video_model(classifier), embeddings_field="clip")` writes vectors, and
    prompts can be embedded, as `sort_by_similarity` asks. Views of clips are read as stretches of their
    files. Files are decoded by this package, in processes of their own; one that fails is an error of its
    sample, which FiftyOne skips or raises, as `skip_failures` says.

    Args:
        classifier: from `zeroshot.load`.
        k: how many labels a sample; of temporal detections always one a segment.
        window_seconds: of temporal detections; None: one answer a sample.
        stride_seconds: from window to window; None: the window.
        least_probability: of an answer that is written down; 0 writes all.

    Raises:
        OptionError: FiftyOne is not installed, a stride without a window, or a number that makes no sense.
    """
    require_whole("k", k)
    require_number("least_probability", least_probability)
    if window_seconds is None and stride_seconds is not None:
        raise OptionError("stride_seconds is given without window_seconds; expected the length of a window")
    window = None if window_seconds is None else Window.of(window_seconds, stride_seconds)
    require_installed("a model for FiftyOne needs", ("fiftyone",), package="fiftyone")
    from fiftyone.core import models as kinds

    class VideoModel(_Answers, kinds.EmbeddingsMixin, kinds.PromptMixin, kinds.Model):  # type: ignore[misc]
        """FiftyOne asks what its own classes say it may."""

    return VideoModel(classifier, k, window, least_probability)


class _Answers(Closes):
    """What FiftyOne asks of a model, apart from being of its class.

    Attributes:
        classifier: that answers.
        config: None: thresholds and classes are FiftyOne's to apply.
    """

    config = None
    media_type = "video"
    has_logits = False
    has_embeddings = True
    can_embed_prompts = True
    ragged_batches = True
    transforms = None
    preprocess = False

    def __init__(
        self, classifier: Classifier, k: int, window: Window | None, least_probability: float
    ) -> None:
        self.classifier = classifier
        self._k, self._window, self._least = k, window, least_probability
        self._vector: NDArray[np.float32] | None = None

    def close(self) -> None:
        """End the decoding processes; they start again if another video is read."""
        self.classifier.close()

    def predict(self, reader: Any) -> Any:  # noqa: ANN401 - FiftyOne's reader and labels
        """Labels of the video that a reader of FiftyOne has open.

        Raises:
            VideoError: it cannot be decoded.
        """
        if self._window is not None:
            return self._detections(reader, self._window)
        predictions = self.classifier.rank(_video(reader), self._k)
        found = [self._classification(each) for each in predictions if each.probability >= self._least]
        if self._k == 1:
            return found[0] if found else None
        return self._labels.Classifications(classifications=found)

    def predict_all(self, readers: Any) -> list[Any]:  # noqa: ANN401 - readers of FiftyOne
        """As `predict`, for several."""
        return [self.predict(reader) for reader in readers]

    def embed(self, reader: Any) -> NDArray[np.float32]:  # noqa: ANN401 - FiftyOne's reader
        """The vector (D,) of the video that a reader has open.

        Raises:
            VideoError: it cannot be decoded.
        """
        self._vector = self.classifier.model.embed_videos([_video(reader)])
        vector: NDArray[np.float32] = self._vector[0]
        return vector

    def embed_all(self, readers: Any) -> NDArray[np.float32]:  # noqa: ANN401 - readers of FiftyOne
        """Vectors (n, D) of several."""
        return np.stack([self.embed(reader) for reader in readers])

    def get_embeddings(self) -> NDArray[np.float32]:
        """The last vector, (1, D).

        Raises:
            OptionError: none has been made yet.
        """
        if self._vector is None:
            raise OptionError("no video has been embedded yet; call embed first")
        return self._vector

    def embed_prompt(self, prompt: str) -> NDArray[np.float32]:
        """The vector (D,) of a text."""
        vector: NDArray[np.float32] = self.classifier.model.embed_texts([prompt])[0]
        return vector

    def embed_prompts(self, prompts: Any) -> NDArray[np.float32]:  # noqa: ANN401 - any iterable of text
        """Vectors (n, D) of texts."""
        return self.classifier.model.embed_texts(list(prompts))

    @cached_property
    def _labels(self) -> Any:  # noqa: ANN401 - a module without types
        from fiftyone.core import labels

        return labels

    def _classification(self, prediction: Prediction) -> Any:  # noqa: ANN401
        return self._labels.Classification(label=prediction.label, confidence=prediction.probability)

    def _detections(self, reader: Any, window: Window) -> Any:  # noqa: ANN401
        """Segments as FiftyOne has them: frames from the first to the last one, both within."""
        video = _video(reader)
        if isinstance(video, Stretch):
            raise VideoError(
                f"{printable(video.path)} is asked for in part; temporal detections need whole videos, so "
                "apply the model to the dataset itself"
            )
        rate = float(reader.frame_rate)
        last = int(reader.total_frame_count)
        segments = self.classifier.timeline(
            video, window.length_seconds, window.stride_seconds, 1, merge=True
        )
        found = []
        for segment in segments:
            (best,) = segment.predictions
            if best.probability < self._least:
                continue
            support = frames_within(segment.start_seconds, segment.end_seconds, rate, last)
            found.append(
                self._labels.TemporalDetection(
                    label=best.label, confidence=best.probability, support=list(support)
                )
            )
        return self._labels.TemporalDetections(detections=found)


def _video(reader: Any) -> VideoSource:  # noqa: ANN401 - FiftyOne's reader
    """The file that a reader has open, or the stretch of it that it is to read.

    Raises:
        VideoError: it is to read several stretches.
    """
    last, asked = int(reader.total_frame_count), str(reader.frames)
    found = _FRAMES.fullmatch(asked)
    if found is None:
        raise VideoError(f"{printable(reader.inpath)}: frames {asked[:60]} are no single stretch")
    first, end = int(found[1]), int(found[2] or found[1])
    if first <= 1 and end >= last:
        return str(reader.inpath)
    rate = float(reader.frame_rate)
    return Stretch(str(reader.inpath), (first - 1) / rate, end / rate)
