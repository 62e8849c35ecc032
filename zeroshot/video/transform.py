"""From decoded frames to the pixels a network reads: what each library does with PIL, on whole batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from zeroshot.errors import VideoError
from zeroshot.video.preprocess import crop_margin, resized_size

if TYPE_CHECKING:
    from zeroshot.video.preprocess import Preprocess

# Name in a model's own configuration → mode of torch.nn.functional.interpolate, and whether it is
# antialiased.
_INTERPOLATIONS = {
    "bicubic": ("bicubic", True),
    "bilinear": ("bilinear", True),
    "nearest": ("nearest-exact", False),
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
    if frames.dtype != torch.uint8 or frames.ndim != 4 or frames.shape[1] != 3 or min(frames.shape[2:]) < 1:
        raise VideoError(f"frames are {frames.dtype} {tuple(frames.shape)}; expected uint8 (B, 3, H, W)")
    if frames.shape[0] == 0:
        return frames.new_zeros((0, 3, *preprocess.size))
    resized = _resize(frames, resized_size(frames.shape[2], frames.shape[3], preprocess), preprocess)
    return _crop_or_pad(resized, preprocess)


def _resize(frames: torch.Tensor, size: tuple[int, int], preprocess: Preprocess) -> torch.Tensor:
    """Frames (B, 3, *size) with levels 0 to 255: uint8 on the CPU, floats elsewhere, or as it is asked."""
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
    height, width = preprocess.size
    missing_height = max(height - frames.shape[2], 0)
    missing_width = max(width - frames.shape[3], 0)
    if missing_height or missing_width:
        left, top = missing_width // 2, missing_height // 2
        sides = (left, missing_width - left, top, missing_height - top)
        frames = F.pad(frames, sides, value=preprocess.fill_color)
    top = crop_margin(frames.shape[2] - height, preprocess.crop_offset)
    left = crop_margin(frames.shape[3] - width, preprocess.crop_offset)
    return frames[:, :, top : top + height, left : left + width]
