"""Frames resized and cut in numpy alone, to the levels that torch gives on a processor."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import VideoError
from zeroshot.video.transform import middle, resized_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.video.transform import Preprocess

# Half of what a kernel reaches over, in pixels of the smaller picture.
_REACH = {"bicubic": 2.0, "bilinear": 1.0}
_MOST_DIGITS, _LARGEST_WEIGHT = 22, 1 << 15


def is_drawable(preprocess: Preprocess) -> bool:
    """Whether `prepared` does what a network wants done to frames: with antialiasing, in one shape."""
    plain = preprocess.interpolation == "nearest" or preprocess.antialias
    return plain and preprocess.whole_levels and preprocess.resize_mode != "patches"


def prepared(frames: NDArray[np.uint8], preprocess: Preprocess) -> NDArray[np.uint8]:
    """Frames (T, 3, h, w) uint8 as the network sees them, of frames (T, 3, H, W) uint8 RGB of any size.

    Raises:
        VideoError: frames of another type or shape.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1] != 3 or min(frames.shape) < 1:
        raise VideoError(f"frames are {frames.dtype} {frames.shape}; expected uint8 (T, 3, H, W)")
    height, width = resized_size(frames.shape[2], frames.shape[3], preprocess)
    resized = []
    for frame in frames:  # one by one: in between stand eight bytes a level
        wide = _along_last(np.ascontiguousarray(frame), width, preprocess.interpolation)
        tall = _along_last(wide.swapaxes(1, 2), height, preprocess.interpolation)
        resized.append(tall.swapaxes(1, 2))
    return _cut_or_padded(np.stack(resized), preprocess)


def _along_last(levels: NDArray[np.uint8], size: int, interpolation: str) -> NDArray[np.uint8]:
    """(…, size) levels of (…, n), whole numbers throughout."""
    number = levels.shape[-1]
    if number == size:
        return levels
    if interpolation == "nearest":
        scale = np.float32(number) / np.float32(size)
        places = np.floor((np.arange(size, dtype=np.float32) + np.float32(0.5)) * scale).astype(int)
        return levels[..., np.minimum(places, number - 1)]
    weights, digits = _weights(number, size, interpolation)
    sums = levels.astype(np.float64) @ weights  # whole numbers below 2⁵³: exact in any order
    rounded = np.floor((sums + (1 << (digits - 1))) / (1 << digits))
    return np.clip(rounded, 0, 255).astype(np.uint8)


@lru_cache(maxsize=16)
def _weights(number: int, size: int, interpolation: str) -> tuple[NDArray[np.float64], int]:
    """(n, size) whole weights of n levels in each of the resized ones, and by how many bits they are larger.

    Source: the antialiased kernels of PIL, with weights of 16 bits as torch has them for uint8.
    """
    scale = number / size
    stretch = max(scale, 1.0)
    reach = _REACH[interpolation] * stretch
    exact = np.zeros((number, size))
    for place in range(size):
        center = scale * (place + 0.5)
        first = max(int(center - reach + 0.5), 0)
        taps = np.arange(first, min(int(center + reach + 0.5), number))
        shares = _kernel((taps - center + 0.5) / stretch, interpolation)
        exact[taps, place] = shares / shares.sum()
    digits = 0
    while digits < _MOST_DIGITS and int(0.5 + exact.max() * (1 << (digits + 1))) < _LARGEST_WEIGHT:
        digits += 1
    scaled = exact * (1 << digits)
    return np.trunc(scaled + np.copysign(0.5, scaled)), digits


def _kernel(away: NDArray[np.floating[Any]], interpolation: str) -> NDArray[np.floating[Any]]:
    """How much pixels so far away count."""
    x = np.abs(away)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    cubic = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    shares: NDArray[np.floating[Any]] = np.clip(1 - x, 0, None) if interpolation == "bilinear" else cubic
    return shares


def _cut_or_padded(frames: NDArray[np.uint8], preprocess: Preprocess) -> NDArray[np.uint8]:
    """The middle (T, 3, h, w) of frames, padded first along a side that is too short."""
    (above, below, rows), (left, right, columns) = middle(frames.shape[2], frames.shape[3], preprocess)
    if above or below or left or right:
        sides = ((0, 0), (0, 0), (above, below), (left, right))
        frames = np.pad(frames, sides, constant_values=preprocess.fill_color)
    return frames[:, :, rows, columns]
