"""The nouns: what the streets hand to each other. Frozen, small, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import LabelError, OptionError, VideoError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Clip:
    """T frames sampled from one video.

    Attributes:
        frames: (T, 3, H, W) uint8 RGB.
        seconds: (T,) float64, when each frame is shown, counted from the first frame of the video.
    """

    frames: NDArray[np.uint8]
    seconds: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Refuse anything but T ≥ 1 frames of three channels, each with its time."""
        shape = self.frames.shape
        if len(shape) != 4 or shape[1] != 3 or min(shape) < 1:
            raise VideoError(f"frames have shape {shape}; expected (T, 3, H, W) with T, H, W ≥ 1")
        if self.frames.dtype != np.uint8:
            raise VideoError(f"frames are {self.frames.dtype}; expected uint8 RGB in 0..255")
        if self.seconds.shape != shape[:1]:
            raise VideoError(f"seconds have shape {self.seconds.shape}; expected ({shape[0]},)")


@dataclass(frozen=True)
class Prompts:
    """Labels and the sentences that stand for each.

    Attributes:
        labels: K names as a person says them.
        texts: K tuples of P ≥ 1 sentences; P may differ from label to label.
    """

    labels: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        """Refuse an empty list and a label without a sentence."""
        if not self.labels:
            raise LabelError("the label list is empty; expected one label or more")
        if len(self.labels) != len(self.texts):
            raise LabelError(f"{len(self.labels)} labels but texts for {len(self.texts)}")
        for label, texts in zip(self.labels, self.texts, strict=True):
            if not texts:
                raise LabelError(f"label {label!r} has no text; expected one sentence or more")


@dataclass(frozen=True)
class Prediction:
    """One label's rank for one video.

    Attributes:
        label: the name as given.
        score: cosine in [-1, 1].
        probability: softmax of the model's logits over all K labels, never over the k shown.
    """

    label: str
    score: float
    probability: float

    def as_dict(self) -> dict[str, Any]:
        """The row that JSON output carries."""
        return {"label": self.label, "score": self.score, "probability": self.probability}


@dataclass(frozen=True)
class Ranking:
    """What came of one video of many: predictions, best first, or the error that stopped it.

    Attributes:
        path: the video as it was named by the caller.
        predictions: best first; empty where the video failed.
        error: one line, or None.
    """

    path: str
    predictions: tuple[Prediction, ...]
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The row that JSON output carries."""
        predictions = [prediction.as_dict() for prediction in self.predictions]
        return {"path": self.path, "predictions": predictions, "error": self.error}


@dataclass(frozen=True)
class Segment:
    """A stretch of a long video and its predictions, best first.

    Attributes:
        start_seconds: where it begins, from the first frame of the video.
        end_seconds: where it ends.
        predictions: best first.
    """

    start_seconds: float
    end_seconds: float
    predictions: tuple[Prediction, ...]

    def __post_init__(self) -> None:
        """Refuse a segment that ends before it begins."""
        if not self.start_seconds <= self.end_seconds:
            raise OptionError(f"a segment cannot run from {self.start_seconds} to {self.end_seconds} s")

    def as_dict(self) -> dict[str, Any]:
        """The row that JSON output carries."""
        predictions = [prediction.as_dict() for prediction in self.predictions]
        return {"start_seconds": self.start_seconds, "end_seconds": self.end_seconds, "predictions": predictions}
