"""The nouns: what the streets hand to each other. Frozen, small, checked when they are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from zeroshot.errors import LabelError, OptionError, VideoError
from zeroshot.notebook import ranking_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import torch
    from numpy.typing import NDArray

NONE = "none of these"
"""The label that rejection answers where none of a list fits; no list may have it."""


class Closes:
    """A context manager at whose end `close` is called."""

    def close(self) -> None:
        """Give back what is held."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, eq=False)
class Clip:
    """T frames sampled from one video.

    Attributes:
        frames: (T, 3, H, W) uint8 RGB.
        seconds: (T,) float64, when each frame is shown, counted from the first frame of the video.
        moved_seconds: (T,) float64, how far each lies from the moment asked for, where key frames stand in;
            None where the frames are those shown at the moments.
        end_seconds: where the video breaks off, if that is before the end that it declares; the moments are
            then spread over what there is. None where it does not.
    """

    frames: NDArray[np.uint8]
    seconds: NDArray[np.float64]
    moved_seconds: NDArray[np.float64] | None = None
    end_seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse anything but T ≥ 1 frames of three channels, each with its time."""
        shape = self.frames.shape
        if len(shape) != 4 or shape[1] != 3 or min(shape) < 1:
            raise VideoError(f"frames have shape {shape}; expected (T, 3, H, W) with T, H, W ≥ 1")
        if self.frames.dtype != np.uint8:
            raise VideoError(f"frames are {self.frames.dtype}; expected uint8 RGB in 0..255")
        if self.seconds.shape != shape[:1]:
            raise VideoError(f"seconds have shape {self.seconds.shape}; expected ({shape[0]},)")
        if self.moved_seconds is not None and self.moved_seconds.shape != shape[:1]:
            raise VideoError(f"moved_seconds have shape {self.moved_seconds.shape}; expected ({shape[0]},)")


@dataclass(frozen=True)
class Stages:
    """How an action starts and how it ends, each in one sentence or several.

    Attributes:
        start: what is seen where it starts.
        end: what is seen where it ends.
    """

    start: tuple[str, ...]
    end: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a start without an end, and an end without a start."""
        if not (self.start and self.end):
            raise LabelError(f"stages start {self.start} and end {self.end}; expected a sentence each")


@dataclass(frozen=True)
class Prompts:
    """Labels and the sentences that stand for each.

    Attributes:
        labels: K names as a person says them.
        texts: K tuples of P ≥ 1 sentences; P may differ from label to label.
        stages: K stages, None for a label of which nobody said how it starts and ends; empty where nobody
            said so of any.
    """

    labels: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    stages: tuple[Stages | None, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an empty list and a label without a sentence."""
        if not self.labels:
            raise LabelError("the label list is empty; expected one label or more")
        if len(self.labels) != len(self.texts):
            raise LabelError(f"{len(self.labels)} labels but texts for {len(self.texts)}")
        if self.stages and len(self.stages) != len(self.labels):
            raise LabelError(f"{len(self.labels)} labels but stages for {len(self.stages)}")
        for label, texts in zip(self.labels, self.texts, strict=True):
            if not texts:
                raise LabelError(f"label {label!r} has no text; expected one sentence or more")


@dataclass(frozen=True)
class Prediction:
    """One label's rank for one video.

    Attributes:
        label: the name as given.
        score: cosine in [-1, 1]; of labels with stages, that and what the order of the frames adds to it.
        probability: softmax of the model's logits over all K labels, never over the k shown; with rejection
            over these and "none of these".
        compared: where an index of very many labels was searched in cells, how many labels the softmax is
            over, which makes the probability an upper bound; None: all K.
        in_set: where a calibration on labeled videos gives sets, whether the label is in the video's; of
            "none of these", whether that is empty. None: there are no sets.
        fit: of "none of these" alone, the share that the best label has against the best background label,
            from 0 to 1, which no threshold has touched; None of any other label.
    """

    label: str
    score: float
    probability: float
    compared: int | None = None
    in_set: bool | None = None
    fit: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The row that JSON output carries; `compared`, `in_set` and `fit` only where there is something."""
        row: dict[str, Any] = {"label": self.label, "score": self.score, "probability": self.probability}
        told = {name: getattr(self, name) for name in ("compared", "in_set", "fit")}
        return row | {name: value for name, value in told.items() if value is not None}


class Predictions(list[Prediction]):
    """The predictions of one video, best first: a list that a notebook shows with the frames looked at.

    Attributes:
        path: the video as it was named by the caller.
        thumbnails: JPEG files of frames that were looked at, in time order.
    """

    def __init__(
        self, predictions: Iterable[Prediction] = (), path: str = "", thumbnails: tuple[bytes, ...] = ()
    ) -> None:
        super().__init__(predictions)
        self.path = path
        self.thumbnails = thumbnails

    def _repr_html_(self) -> str:
        return ranking_html(self.path, self, self.thumbnails)


@dataclass(frozen=True)
class Ranking:
    """What came of one video of many: predictions, best first, or the error that stopped it.

    Attributes:
        path: the video as it was named by the caller.
        predictions: best first; empty where the video failed.
        error: one line, or None.
        breaks_off_seconds: where the video ends, if that is before the end that it declares; else None.
    """

    path: str
    predictions: tuple[Prediction, ...]
    error: str | None = None
    breaks_off_seconds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The row that JSON output carries; `breaks_off_seconds` only where the video does."""
        predictions = [prediction.as_dict() for prediction in self.predictions]
        row: dict[str, Any] = {"path": self.path, "predictions": predictions, "error": self.error}
        end = self.breaks_off_seconds
        return row if end is None else {**row, "breaks_off_seconds": end}

    def _repr_html_(self) -> str:
        return ranking_html(self.path, self.predictions, error=self.error)


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
        return {
            "start_seconds": self.start_seconds,
            "end_seconds": self.end_seconds,
            "predictions": predictions,
        }


@dataclass(frozen=True)
class Event:
    """A stretch of a video in which a label is on.

    Attributes:
        label: the name as given.
        start_seconds: where it begins, from the first frame of the video.
        end_seconds: where it ends.
        probability: of the label among all, averaged over the windows of the stretch.
    """

    label: str
    start_seconds: float
    end_seconds: float
    probability: float

    def __post_init__(self) -> None:
        """Refuse an event that ends before it begins."""
        if not self.start_seconds <= self.end_seconds:
            raise OptionError(f"an event cannot run from {self.start_seconds} to {self.end_seconds} s")

    def as_dict(self) -> dict[str, Any]:
        """The row that JSON output carries."""
        return asdict(self)


@dataclass(frozen=True)
class Match:
    """A video, or a stretch of one, that a text was found in.

    Attributes:
        path: the video as it was named when it was embedded.
        score: cosine in [-1, 1] of the text and the video, or its best window; of a start and an end, and
            what order adds to it.
        start_seconds: where the stretch begins, from the first frame of the video; None for a whole video.
        end_seconds: where it ends.
        copies: other files of the same content, which are not found again.
    """

    path: str
    score: float
    start_seconds: float | None = None
    end_seconds: float | None = None
    copies: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The row that JSON output carries; `copies` only where there are some."""
        row = asdict(self)
        return row if self.copies else {name: value for name, value in row.items() if name != "copies"}


@dataclass(frozen=True, eq=False)
class Streams:
    """What the adapter says of B videos, in the joint space of the backbone.

    Attributes:
        static: (B, D) unit rows; blind to the order of the frames.
        dynamic: (B, D) unit rows, but the row of a still clip, which is zero.
        fused: (B, D) unit rows; both together, by the adapter's stored weight.
        static_hidden: (B, H) what the static stream knows before its last layer, for the losses; or None.
        dynamic_hidden: (B, H + R) the same of the dynamic stream; zero for a still clip; or None.
        anchor: (B, D) unit rows; CLIP averaged over frames without its scene directions; or None.
        correction: (B, D) what the fused stream adds to its anchor, at a weight of 1; or None.
    """

    static: torch.Tensor
    dynamic: torch.Tensor
    fused: torch.Tensor
    static_hidden: torch.Tensor | None = None
    dynamic_hidden: torch.Tensor | None = None
    anchor: torch.Tensor | None = None
    correction: torch.Tensor | None = None

    def __post_init__(self) -> None:
        """Refuse streams of different shapes, and hidden rows of another batch."""
        shape = tuple(self.static.shape)
        if len(shape) != 2:
            raise OptionError(f"the static stream has shape {shape}; expected (B, D)")
        for name in ("dynamic", "fused"):
            other = tuple(getattr(self, name).shape)
            if other != shape:
                raise OptionError(
                    f"the {name} stream has shape {other}; expected {shape} like the static one"
                )
        for name in ("anchor", "correction"):
            other = getattr(self, name)
            if other is not None and tuple(other.shape) != shape:
                raise OptionError(f"the {name} has shape {tuple(other.shape)}; expected {shape}")
        for name in ("static_hidden", "dynamic_hidden"):
            hidden = getattr(self, name)
            if hidden is not None and (hidden.ndim != 2 or len(hidden) != shape[0]):
                raise OptionError(f"{name} has shape {tuple(hidden.shape)}; expected ({shape[0]}, H)")


@dataclass(frozen=True, eq=False)
class Losses:
    """The sum that is minimized and what it is made of.

    Attributes:
        total: scalar with a gradient.
        terms: name → scalar without a gradient, before its weight: the figures that a log shows.
    """

    total: torch.Tensor
    terms: Mapping[str, torch.Tensor]

    def __post_init__(self) -> None:
        """Refuse anything but scalars."""
        for name, value in (("total", self.total), *self.terms.items()):
            if value.ndim != 0:
                raise OptionError(f"loss {name!r} has shape {tuple(value.shape)}; expected a scalar")

    def as_dict(self) -> dict[str, float]:
        """Names and plain numbers, `total` first."""
        return {name: float(value.detach()) for name, value in (("total", self.total), *self.terms.items())}
