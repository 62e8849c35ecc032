"""A decoded libav frame as an RGB array: converted, turned upright, and no larger than is worth it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

REDUCED_SIDE = 2
"""A picture is reduced while its shorter side stays at least this many times the one asked for.

Measured on 720p and 1080p film resized to 224 by antialiased bicubic afterwards: means of boxes differ from
the native picture's result by 0.24 grey levels of 255 on average, 4 at most, at 2.4 times the size, by 0.55
at 1.6 times, which is too much. libswscale's area scaling differs by 1.0 even at 2.4 times: it is not used.
"""


def reduction(height: int, width: int, shorter_side: int | None) -> int:
    """By which whole number both sides are divided at no cost in accuracy: 1 is the native size.

    Only a divisor of both sides will do: an edge left over would shift what is cut from the middle later.

    Args:
        height: native, in pixels.
        width: native, in pixels.
        shorter_side: of the picture that will be made of it later; None keeps the native size.
    """
    if shorter_side is None:
        return 1
    largest = min(height, width) // (REDUCED_SIDE * max(1, shorter_side))
    return next((k for k in range(largest, 1, -1) if height % k == 0 and width % k == 0), 1)


def box_mean(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """(H / f, W / f, 3) uint8: the rounded mean of each box of f × f pixels."""
    if factor == 1:
        return pixels
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).reduce(factor))


def upright(pixels: NDArray[np.uint8], rotation: int) -> NDArray[np.uint8]:
    """(H, W, 3) turned counterclockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(pixels, rotation // 90)) if rotation else pixels


def to_rgb(frame: VideoFrame, rotation: int, shorter_side: int | None) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of an `av.VideoFrame`."""
    pixels: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    return upright(box_mean(pixels, reduction(pixels.shape[0], pixels.shape[1], shorter_side)), rotation)
