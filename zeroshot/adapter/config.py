"""Everything needed to rebuild an adapter, but its weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from zeroshot.errors import OptionError, require_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping


STATIC_INPUTS = ("frame", "mean", "shuffled", "network")
REFERENCES = ("mean", "first", "random", "none")
READINGS = ("both", "content", "correlation")
EMBEDDINGS = "embeddings"
STATIC_CODE, FRAME_CODE = 64, 32
FUSIONS = ("unit", "residual")


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
        static_input: what the static stream sees: one random `frame` at a time, the `mean` of the frames,
            the `shuffled` frames, or all frames through a `network` without a temporal kernel.
        reference: what the dynamic stream subtracts: the temporal `mean`, the `first` frame, a `random` one
            while it learns and the mean afterwards, or `none`, which is there to measure what subtraction
            brings: a still clip is then no longer zero.
        reads: what the dynamic stream takes from the change: its `content`, which also tells the scene; its
            `correlation` with itself over places and frames, which tells where and when alone; or `both`. On
            moving puppets correlation was ahead even of content that was learned from unbiased videos.
            `embeddings` reads frame embeddings instead of tokens, as codes of 64 numbers for what stays and
            32 a frame for what changes (`adapter/sequence.py`); most other settings mean nothing then.
        num_lags: frames ahead that are correlated, the present one included; at most num_frames.
        num_components: principal components of a frame's change through which detectors of direction compare
            frames; 0 has no such detectors, and cannot tell turning left from turning right.
        num_scene_directions: how many directions of the joint space can be taken out of what the fused stream
            has from CLIP, those along which training scenes differ most; 16 holds all of up to 17 scenes.
        fusion: what the fused stream adds to CLIP: the dynamic stream's `unit` row, which has to be right by
            itself, or a `residual`, the same row at the length that it was learned with: small where CLIP is
            right already, so that little is changed for labels that were never trained on.
        num_known_labels: K labels whose texts the fused stream keeps, to go no farther from CLIP than their
            ranking asks for; 0 keeps none and goes equally far for every video.
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
    static_input: str = "frame"
    reference: str = "mean"
    reads: str = "correlation"
    num_lags: int = 5
    num_components: int = 48
    num_scene_directions: int = 16
    fusion: str = "unit"
    num_known_labels: int = 0
    stillness: float = 1e-3
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what no adapter can be built from."""
        require_kinds(self)
        object.__setattr__(self, "grid", tuple(self.grid))
        counts = ("token_dim", "embedding_dim", "hidden_dim", "num_heads", "num_queries", "num_bases")
        for name in (*counts, "num_lags", "kernel_size"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is {getattr(self, name)}; expected 1 or more")
        if self.num_frames < 2:
            raise OptionError(f"num_frames is {self.num_frames}; motion needs 2 or more")
        if len(self.grid) != 2 or min(self.grid) < 1:
            raise OptionError(f"grid is {self.grid}; expected two counts of patches, such as (4, 4)")
        for name in ("num_layers", "num_components", "num_scene_directions", "num_known_labels"):
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
    def code_dim(self) -> int:
        """Numbers of a frame's code; 0 where tokens are read."""
        return FRAME_CODE if self.reads == EMBEDDINGS else 0

    @property
    def dynamic_dim(self) -> int:
        """H + R, the width of the dynamic stream's hidden features; of codes means and log variances."""
        return 2 * self.num_frames * self.code_dim or self.hidden_dim + self.num_detectors

    @property
    def static_dim(self) -> int:
        """H, the width of the static stream's hidden features; of a code means and log variances."""
        return 2 * STATIC_CODE if self.code_dim else self.hidden_dim

    def _check_choices(self) -> None:
        """Refuse words that mean nothing and shares that are none."""
        if self.kernel_size % 2 == 0:
            raise OptionError(f"kernel_size is {self.kernel_size}; expected an odd number")
        choices = {
            "static_input": STATIC_INPUTS,
            "reference": REFERENCES,
            "reads": (*READINGS, EMBEDDINGS),
            "fusion": FUSIONS,
        }
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
        """The config that `as_dict` wrote; unknown names are refused, missing ones have their default.

        `spatial_kernel` is a setting of earlier versions, whose checkpoints have it at 1: off.
        """
        if values.get("spatial_kernel", 1) != 1:
            raise OptionError(
                "the adapter has a spatial_kernel, which this version cannot read: train it again"
            )
        values = {name: value for name, value in values.items() if name != "spatial_kernel"}
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise OptionError(
                f"the adapter's config has unknown fields {', '.join(unknown)}; made by a newer version?"
            )
        if missing := sorted({"token_dim", "embedding_dim"} - set(values)):
            raise OptionError(f"the adapter's config lacks {', '.join(missing)}")
        return cls(**values)
