"""The nouns: what the streets hand to each other. Frozen, small, checked when they are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import LabelError, OptionError, VideoError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Clip:
    """T frames sampled from one video.

    Attributes:
        frames: (T, 3, H, W) uint8 RGB.
        seconds: (T,) float64, when each frame is shown, counted from the first frame of the video.
        moved_seconds: (T,) float64, how far each lies from the moment asked for, where key frames stand in;
            None where the frames are those shown at the moments.
    """

    frames: NDArray[np.uint8]
    seconds: NDArray[np.float64]
    moved_seconds: NDArray[np.float64] | None = None

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
        compared: where an index of very many labels was searched in cells, how many labels the softmax is
            over, which makes the probability an upper bound; None: all K.
    """

    label: str
    score: float
    probability: float
    compared: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The row that JSON output carries; `compared` only where it is not all."""
        row: dict[str, Any] = {"label": self.label, "score": self.score, "probability": self.probability}
        return row if self.compared is None else {**row, "compared": self.compared}


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
        return {
            "start_seconds": self.start_seconds,
            "end_seconds": self.end_seconds,
            "predictions": predictions,
        }


@dataclass(frozen=True)
class Match:
    """A video, or a stretch of one, that a text was found in.

    Attributes:
        path: the video as it was named when it was embedded.
        score: cosine in [-1, 1] of the text and the video.
        start_seconds: where the stretch begins, from the first frame of the video; None for a whole video.
        end_seconds: where it ends.
    """

    path: str
    score: float
    start_seconds: float | None = None
    end_seconds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The row that JSON output carries."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Streams:
    """What the adapter says of B videos, in the joint space of the backbone.

    Attributes:
        static: (B, D) unit rows; blind to the order of the frames.
        dynamic: (B, D) unit rows, but the row of a still clip, which is zero.
        fused: (B, D) unit rows; both together, by the adapter's stored weight.
        static_hidden: (B, H) what the static stream knows before its last layer, for the losses; or None.
        dynamic_hidden: (B, H + R) the same of the dynamic stream; zero for a still clip; or None.
        anchor: (B, D) unit rows; CLIP averaged over frames without its scene directions, to which the fused
            stream adds the dynamic one; or None.
    """

    static: torch.Tensor
    dynamic: torch.Tensor
    fused: torch.Tensor
    static_hidden: torch.Tensor | None = None
    dynamic_hidden: torch.Tensor | None = None
    anchor: torch.Tensor | None = None

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
        if self.anchor is not None and tuple(self.anchor.shape) != shape:
            raise OptionError(f"the anchor has shape {tuple(self.anchor.shape)}; expected {shape}")
        for name in ("static_hidden", "dynamic_hidden"):
            hidden = getattr(self, name)
            if hidden is not None and (hidden.ndim != 2 or len(hidden) != shape[0]):
                raise OptionError(f"{name} has shape {tuple(hidden.shape)}; expected ({shape[0]}, H)")


STATIC_INPUTS = ("frame", "mean", "shuffled", "network")
REFERENCES = ("mean", "first", "none")
READINGS = ("both", "content", "correlation")


@dataclass(frozen=True)
class AdapterConfig:
    """Everything needed to rebuild an adapter, but its weights.

    Attributes:
        token_dim: C, the width of the backbone's tokens.
        embedding_dim: D, the width of the joint space.
        num_frames: T; the adapter reads clips of exactly as many frames.
        grid: (rows, columns) of patch tokens after pooling; 4 × 4 keeps a video at 17 tokens a frame.
        hidden_dim: H, width inside both streams; 256 keeps ViT-B under 3 M parameters.
        num_heads: attention heads of the temporal transformer; divides hidden_dim.
        num_layers: layers of the temporal transformer.
        num_queries: places that the dynamic stream can look at in one frame.
        num_bases: temporal patterns that it reads off (constant, end against start, …); no more than
            num_frames are used.
        kernel_size: frames under the temporal convolution, odd.
        spatial_kernel: patches under the spatial convolution, odd; 1 is none.
        static_input: what the static stream sees: one random `frame` at a time, the `mean` of the frames,
            the `shuffled` frames, or all frames through a `network` without a temporal kernel.
        reference: what the dynamic stream subtracts: the temporal `mean`, the `first` frame, or `none`,
            which is there to measure what subtraction brings: a still clip is then no longer zero.
        reads: what the dynamic stream takes from the change: its `content`, which also tells the scene; its
            `correlation` with itself over places and frames, which tells where and when alone; or `both`. On
            moving puppets correlation was ahead even of content that was learned from unbiased videos.
        num_lags: frames ahead that are correlated, the present one included; at most num_frames.
        num_components: principal components of a frame's change through which detectors of direction compare
            frames; 0 has no such detectors, and cannot tell turning left from turning right.
        num_scene_directions: how many directions of the joint space can be taken out of what the fused stream
            has from CLIP, those along which training scenes differ most; 16 holds all of up to 17 scenes.
        stillness: a clip whose tokens move less than this share of their size counts as still; 1e-3 lies
            above what rounding to float16 and batched arithmetic do to equal frames.
        dropout: share of hidden units dropped in training.
    """

    token_dim: int
    embedding_dim: int
    num_frames: int = 8
    grid: tuple[int, int] = (4, 4)
    hidden_dim: int = 256
    num_heads: int = 4
    num_layers: int = 2
    num_queries: int = 8
    num_bases: int = 4
    kernel_size: int = 3
    spatial_kernel: int = 1
    static_input: str = "frame"
    reference: str = "mean"
    reads: str = "correlation"
    num_lags: int = 5
    num_components: int = 48
    num_scene_directions: int = 16
    stillness: float = 1e-3
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what no adapter can be built from."""
        object.__setattr__(self, "grid", tuple(self.grid))
        counts = ("token_dim", "embedding_dim", "hidden_dim", "num_heads", "num_queries", "num_bases")
        for name in (*counts, "num_lags", "kernel_size", "spatial_kernel"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is {getattr(self, name)}; expected 1 or more")
        if self.num_frames < 2:
            raise OptionError(f"num_frames is {self.num_frames}; motion needs 2 or more")
        if len(self.grid) != 2 or min(self.grid) < 1:
            raise OptionError(f"grid is {self.grid}; expected two counts of patches, such as (4, 4)")
        for name in ("num_layers", "num_components", "num_scene_directions"):
            if getattr(self, name) < 0:
                raise OptionError(f"{name} is {getattr(self, name)}; expected 0 or more")
        if self.num_components == 1:
            raise OptionError(
                "num_components is 1; expected 0 or 2 or more, since they are compared in pairs"
            )
        if self.hidden_dim % (4 * self.num_heads):
            raise OptionError(f"hidden_dim {self.hidden_dim} is no multiple of 4 × {self.num_heads} heads")
        self._check_choices()

    @property
    def num_detectors(self) -> int:
        """R, detectors of direction: one to four hidden numbers."""
        return self.hidden_dim // 4 if self.num_components else 0

    @property
    def dynamic_dim(self) -> int:
        """H + R, the width of the dynamic stream's hidden features."""
        return self.hidden_dim + self.num_detectors

    def _check_choices(self) -> None:
        """Refuse words that mean nothing and shares that are none."""
        for name in ("kernel_size", "spatial_kernel"):
            if getattr(self, name) % 2 == 0:
                raise OptionError(f"{name} is {getattr(self, name)}; expected an odd number")
        choices = {"static_input": STATIC_INPUTS, "reference": REFERENCES, "reads": READINGS}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise OptionError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}")
        if not 0 <= self.dropout < 1:
            raise OptionError(f"dropout is {self.dropout}; expected a share from 0 to below 1")
        if self.stillness < 0:
            raise OptionError(f"stillness is {self.stillness}; expected 0 or more")

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return {**asdict(self), "grid": list(self.grid)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> AdapterConfig:
        """The config that `as_dict` wrote; unknown names are refused, missing ones have their default."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise OptionError(
                f"the adapter's config has unknown fields {', '.join(unknown)}; made by a newer version?"
            )
        if missing := sorted({"token_dim", "embedding_dim"} - set(values)):
            raise OptionError(f"the adapter's config lacks {', '.join(missing)}")
        return cls(**values)


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
