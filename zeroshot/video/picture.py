"""A decoded libav frame as an RGB array: converted, turned upright, and no larger than is worth it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

REDUCED_SIDE = 2
"""A picture is reduced while its shorter side stays this many times the one asked for."""


def reduction(height: int, width: int, shorter_side: int | None) -> int:
    """By which whole number both sides may be divided at no cost in accuracy: 1 is the native size.

    Args:
        height: native, in pixels.
        width: native, in pixels.
        shorter_side: of the picture that will be made of it later; None keeps the native size.
    """
    if shorter_side is None:
        return 1
    return max(1, min(height, width) // (REDUCED_SIDE * shorter_side))


def box_mean(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """(H // f, W // f, 3) uint8: the mean of each f × f box, rounded; pixels that fill no box are dropped."""
    if factor == 1:
        return pixels
    height, width = pixels.shape[0] // factor * factor, pixels.shape[1] // factor * factor
    total = np.zeros((height // factor, width // factor, 3), dtype=np.uint32)
    for row in range(factor):
        for column in range(factor):
            total += pixels[row:height:factor, column:width:factor]
    return ((total + factor * factor // 2) // (factor * factor)).astype(np.uint8)


def upright(pixels: NDArray[np.uint8], rotation: int) -> NDArray[np.uint8]:
    """(H, W, 3) turned counterclockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(pixels, rotation // 90)) if rotation else pixels


def to_rgb(frame: VideoFrame, rotation: int, shorter_side: int | None) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of an `av.VideoFrame`."""
    pixels: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    return upright(box_mean(pixels, reduction(pixels.shape[0], pixels.shape[1], shorter_side)), rotation)
