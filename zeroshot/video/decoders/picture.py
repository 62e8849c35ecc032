"""A decoded libav frame as an RGB array, as players show it, and no larger than is worth it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.video.decoders.orientation import Orientation
from zeroshot.video.decoders.tone import is_high_dynamic_range, standard_range

if TYPE_CHECKING:
    from fractions import Fraction

    from av import VideoFrame
    from numpy.typing import NDArray

REDUCED_SIDE = 2
"""A picture is reduced while its shorter side stays at least this many times the one asked for.

Measured on 720p and 1080p film resized to 224 by antialiased bicubic afterwards: means of boxes differ from
the native picture's result by 0.24 grey levels of 255 on average, 4 at most, at 2.4 times the size, by 0.55
at 1.6 times, which is too much. libswscale's area scaling differs by 1.0 even at 2.4 times: it is not used.
"""

_BICUBIC = 4  # libswscale's number
_NEARLY_SQUARE = 0.01  # encoders round: a pixel wider or narrower by less is square
_WIDEST = 8  # times its height; nothing real is wider, and a header at fault must not ask for all memory


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


def squared_width(width: int, aspect: Fraction | None) -> int:
    """How wide a stored picture is once its pixels are square.

    Args:
        width: in stored pixels.
        aspect: a stored pixel's width by its height; None, or one that cannot be meant, is square.
    """
    if not aspect or not 1 / _WIDEST <= aspect <= _WIDEST or abs(aspect - 1) < _NEARLY_SQUARE:
        return width
    return max(1, round(width * aspect))


@dataclass(frozen=True)
class Look:
    """How frames become pictures of one size.

    Attributes:
        width: of an upright picture, in pixels; frames of another size are resized, as ffmpeg does.
        height: of an upright picture, in pixels.
        tone_mapped: whether frames of high dynamic range are shown as an ordinary screen would.
    """

    width: int
    height: int
    tone_mapped: bool = True

    def picture(self, frame: VideoFrame, shorter_side: int | None) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB of a frame, upright.

        Args:
            frame: as decoded.
            shorter_side: see `reduction`.
        """
        orientation = Orientation.of(frame)
        width, height = orientation.size(self.width, self.height)
        pixels = self._rgb(frame, width, height)
        factor = reduction(height, width, shorter_side)
        return orientation.upright(box_mean(pixels, factor))

    def leaves_alone(self, frame: VideoFrame) -> bool:
        """Whether a frame's pixels are shown as they are stored, but for turning them."""
        same_size = Orientation.of(frame).size(self.width, self.height) == (frame.width, frame.height)
        return same_size and not (self.tone_mapped and is_high_dynamic_range(frame))

    def _rgb(self, frame: VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 of a frame, not yet turned."""
        # One thread: a pool a picture costs more than it saves, and cannot start where memory is limited.
        how = {"threads": 1}
        if (frame.width, frame.height) != (width, height):
            how |= {"width": width, "height": height, "interpolation": _BICUBIC}
        if self.tone_mapped and is_high_dynamic_range(frame):
            signal: NDArray[np.uint16] = frame.to_ndarray(format="rgb48le", **how)
            return standard_range(signal, frame.color_trc, frame.color_primaries)
        pixels: NDArray[np.uint8] = frame.to_ndarray(format="rgb24", **how)
        return pixels
