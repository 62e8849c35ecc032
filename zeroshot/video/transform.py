"""From decoded frames to the pixels a network reads: what each library does with PIL, on whole batches."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from zeroshot.errors import ModelError, VideoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    Along = tuple[int, int, slice]

# Name in a model's own configuration → mode of torch.nn.functional.interpolate, and whether it is
# antialiased.
_INTERPOLATIONS = {
    "bicubic": ("bicubic", True),
    "bilinear": ("bilinear", True),
    "nearest": ("nearest-exact", False),
}
_RESIZE_MODES = ("shortest", "squash", "longest", "patches")
_FACTOR_STEP = 1e-5
_LEAST_FACTOR, _MOST_FACTOR = _FACTOR_STEP / 10, 100.0
_CROP_OFFSETS = ("rounded", "floored", "ceiled")
_LONG_SIDES = ("floored", "rounded")
LARGEST_FRAME = 4096
"""Pixels a side, beyond what any network reads: what a file says of larger ones is not believed."""

_PLAIN = ("antialias", "long_side", "whole_levels", "patch", "most_patches")


@dataclass(frozen=True)
class Preprocess:
    """What a network wants done to a frame before it looks at it.

    Attributes:
        size: (h, w) in pixels of what the network reads.
        mean: subtracted from each channel, on a scale where white is 1.
        std: each channel is divided by it afterwards.
        interpolation: "bicubic", "bilinear" or "nearest"; antialiased as PIL does it, but for "nearest".
        resize_mode: "shortest" fits the shorter side and cuts the middle out, "squash" ignores the shape of
            the frame, "longest" fits the longer side and pads, "patches" keeps the shape of the frame, as
            large as `most_patches` allow: `size` is then that of a square frame.
        fill_color: grey level, 0 to 255, of the padding.
        resize_size: (h, w) to resize to before the middle is cut out; None means `size`. Some transformers
            checkpoints resize to 256 and cut 224.
        crop_offset: where half a pixel goes when the margin is odd: "rounded" to even as torchvision does
            it, "floored" as transformers and mmcv do it, or "ceiled" as SlowFast does it.
        antialias: False takes single pixels of a large frame, as OpenCV and SlowFast do.
        long_side: what becomes of a fraction of a pixel of the longer side: "floored", or "rounded" as mmcv
            does it.
        whole_levels: False keeps fractions of a level between resizing and the network, as SlowFast does.
        patch: pixels a side of a patch; of "patches" alone.
        most_patches: of a frame; of "patches" alone.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill_color: int = 0
    resize_size: tuple[int, int] | None = None
    crop_offset: str = "rounded"
    antialias: bool = True
    long_side: str = "floored"
    whole_levels: bool = True
    patch: int = 0
    most_patches: int = 0

    def __post_init__(self) -> None:
        """Refuse what is not known here, rather than prepare frames otherwise than in training."""
        _check_word("interpolation", self.interpolation, tuple(_INTERPOLATIONS))
        _check_word("resize_mode", self.resize_mode, _RESIZE_MODES)
        _check_word("crop_offset", self.crop_offset, _CROP_OFFSETS)
        _check_word("long_side", self.long_side, _LONG_SIDES)
        if self.resize_mode == "patches" and min(self.patch, self.most_patches) < 1:
            raise ModelError(f"{self.most_patches} patches of {self.patch} pixels; expected 1 or more")
        if len(self.size) != 2 or min(self.size) < 1:
            raise ModelError(f"the model reads frames of size {self.size}; expected (h, w) in pixels")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ModelError(f"mean {self.mean} and std {self.std}; expected three numbers each, std above 0")

    @property
    def shorter_side(self) -> int | None:
        """Pixels that frames are resized to at most: decoders may reduce larger ones; None: they may not."""
        plain = self.interpolation == "nearest" or not self.antialias
        return None if plain else max(self.resize_size or self.size)

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them; what no network asks for only where it is so, for older records."""
        usual = {field.name: field.default for field in fields(self) if field.name in _PLAIN}
        return {
            name: value for name, value in asdict(self).items() if name not in usual or value != usual[name]
        }


def preprocess_frames(frames: torch.Tensor, preprocess: Preprocess) -> torch.Tensor:
    """Pixels (B, 3, h, w) float32 that a network reads, on the device of `frames`.

    Resizing on the CPU works on uint8 and rounds after each of its two passes, as PIL does; where the two
    differ it is by 1 level, seldom by 2 or 3. Other devices round once, after both passes.

    Args:
        frames: (B, 3, H, W) uint8 RGB, any size.
        preprocess: the network's own wishes.

    Returns:
        (B, 3, h, w) float32, normalized.

    Raises:
        VideoError: frames of another type or shape.
    """
    return normalized(seen_frames(frames, preprocess), preprocess)


def normalized(seen: torch.Tensor, preprocess: Preprocess) -> torch.Tensor:
    """Pixels (B, 3, h, w) float32 that a network reads, of what `seen_frames` gave."""
    import torch

    mean = torch.tensor(preprocess.mean, device=seen.device)[:, None, None]
    std = torch.tensor(preprocess.std, device=seen.device)[:, None, None]
    return (seen / 255).sub_(mean).div_(std)


def seen_frames(frames: torch.Tensor, preprocess: Preprocess) -> torch.Tensor:
    """Frames (B, 3, h, w) as a network sees them, before their levels are normalized.

    Args:
        frames: (B, 3, H, W) uint8 RGB, any size.
        preprocess: the network's own wishes.

    Returns:
        levels 0 to 255, uint8 on the CPU and whole floats elsewhere; floats where levels need not be whole.

    Raises:
        VideoError: frames of another type or shape.
    """
    import torch

    if frames.dtype != torch.uint8 or frames.ndim != 4 or frames.shape[1] != 3 or min(frames.shape[2:]) < 1:
        raise VideoError(f"frames are {frames.dtype} {tuple(frames.shape)}; expected uint8 (B, 3, H, W)")
    if frames.shape[0] == 0:
        return frames.new_zeros((0, 3, *preprocess.size))
    resized = _resize(frames, resized_size(frames.shape[2], frames.shape[3], preprocess), preprocess)
    if preprocess.resize_mode == "patches":
        return resized
    return _crop_or_pad(resized, preprocess)


def resized_size(height: int, width: int, preprocess: Preprocess) -> tuple[int, int]:
    """(height, width) that a frame is resized to before the middle is cut out or the rest is padded.

    >>> square = Preprocess((224, 224), (0.5,) * 3, (0.5,) * 3)
    >>> resized_size(240, 427, square)
    (224, 398)

    Args:
        height: of the frame in pixels.
        width: of the frame in pixels.
        preprocess: the network's own wishes.

    Source: torchvision's `Resize` and transformers' `get_resize_output_image_size` cut the longer side's
        fraction
    off; open_clip's `ResizeKeepRatio` (targets that are not square, and "longest") rounds it.
    """
    if preprocess.resize_mode == "patches":
        return _patched_size(height, width, preprocess.patch, preprocess.most_patches)
    target_height, target_width = preprocess.resize_size or preprocess.size
    if preprocess.resize_mode == "squash":
        return target_height, target_width
    if preprocess.resize_mode == "shortest" and target_height == target_width:
        short, long = sorted((height, width))
        if preprocess.long_side == "rounded":
            longer = int(long * (target_height / short) + 0.5)
        else:
            longer = int(target_height * long / short)
        return (target_height, longer) if height <= width else (longer, target_height)
    ratios = height / target_height, width / target_width
    ratio = max(ratios) if preprocess.resize_mode == "longest" else min(ratios)
    return max(round(height / ratio), 1), max(round(width / ratio), 1)


def _patched_size(height: int, width: int, patch: int, most: int) -> tuple[int, int]:
    """The largest (height, width) in whole patches that keeps a frame's shape and has no more than `most`.

    The factor is halved towards as SigLIP 2's processor does it, so that frames on the edge fall alike.
    """

    def sides(factor: float) -> tuple[int, int]:
        rows, columns = (max(1, math.ceil(side * factor / patch)) for side in (height, width))
        return rows, columns

    low, high = _LEAST_FACTOR, _MOST_FACTOR
    while high - low >= _FACTOR_STEP:
        middle = (low + high) / 2
        rows, columns = sides(middle)
        low, high = (middle, high) if rows * columns <= most else (low, middle)
    rows, columns = sides(low)
    return rows * patch, columns * patch


def three_numbers(value: float | Sequence[float]) -> tuple[float, float, float]:
    """One number a channel, of one for all channels or of three.

    Raises:
        ModelError: there are neither one nor three.
    """
    values = [float(value)] * 3 if isinstance(value, int | float) else [float(number) for number in value]
    if len(values) != 3:
        raise ModelError(f"mean or std is {values}; expected a number for each of 3 channels")
    return values[0], values[1], values[2]


def _resize(frames: torch.Tensor, size: tuple[int, int], preprocess: Preprocess) -> torch.Tensor:
    """Frames (B, 3, *size) with levels 0 to 255: uint8 on the CPU, floats elsewhere, or as it is asked."""
    from torch.nn import functional as F

    if tuple(frames.shape[2:]) == size:
        return frames
    mode, antialias = _INTERPOLATIONS[preprocess.interpolation]
    antialias = antialias and preprocess.antialias
    if frames.device.type == "cpu" and preprocess.antialias and preprocess.whole_levels:
        return F.interpolate(frames, size=size, mode=mode, antialias=antialias)
    # Other devices have no antialiased kernel for uint8.
    levels = F.interpolate(frames.float(), size=size, mode=mode, antialias=antialias)
    return levels.round_().clamp_(0, 255) if preprocess.whole_levels else levels


def _crop_or_pad(frames: torch.Tensor, preprocess: Preprocess) -> torch.Tensor:
    """The middle (B, 3, h, w) of frames, padded first along a side that is too short."""
    from torch.nn import functional as F

    (above, below, rows), (left, right, columns) = middle(frames.shape[2], frames.shape[3], preprocess)
    if above or below or left or right:
        frames = F.pad(frames, (left, right, above, below), value=preprocess.fill_color)
    return frames[:, :, rows, columns]


def middle(height: int, width: int, preprocess: Preprocess) -> tuple[Along, Along]:
    """How much is padded before and behind each side of a resized frame, and what is then cut out of it."""
    return (
        _along(height, preprocess.size[0], preprocess.crop_offset),
        _along(width, preprocess.size[1], preprocess.crop_offset),
    )


def _along(there: int, wanted: int, crop_offset: str) -> Along:
    missing = max(wanted - there, 0)
    first = _margin(max(there - wanted, 0), crop_offset)
    return missing // 2, missing - missing // 2, slice(first, first + wanted)


def _margin(excess: int, crop_offset: str) -> int:
    """Pixels cut off before the middle, of `excess` pixels to lose."""
    if crop_offset == "ceiled":
        return -(-excess // 2)
    return round(excess / 2) if crop_offset == "rounded" else excess // 2


def _check_word(field: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a value that is none of the known ones."""
    if value not in known:
        raise ModelError(f"the model asks for {field} {value!r}; known are {', '.join(known)}")
