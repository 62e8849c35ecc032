"""The eight ways in which a stored frame may lie, and how each is turned upright."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

_MATRIX = struct.Struct("=9i")


@dataclass(frozen=True)
class Orientation:
    """What makes an upright picture of a stored frame: first the turn, then the mirror.

    Attributes:
        rotation: degrees counterclockwise: 0, 90, 180 or 270.
        mirrored: whether left and right are exchanged after it.
    """

    rotation: int = 0
    mirrored: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """By the display matrix that the container or the frame itself (an SEI) carries; else as stored."""
        for data in frame.side_data:
            if data.type.name == "DISPLAYMATRIX":
                return cls.from_matrix(_MATRIX.unpack(bytes(data)[: _MATRIX.size]))
        return cls()

    @classmethod
    def from_matrix(cls, matrix: tuple[int, ...]) -> Orientation:
        """By nine numbers, row by row, of which (x, y) goes to (m0 x + m3 y, m1 x + m4 y), y downwards.

        Angles between right ones count as the nearest.
        """
        a, b, _, c, d = matrix[:5]
        mirrored = a * d - b * c < 0
        clockwise = math.degrees(math.atan2(b, -a if mirrored else a))
        return cls(round(-clockwise / 90) * 90 % 360, mirrored)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the upright picture of a stored one, and the other way round."""
        return (width, height) if self.rotation % 180 == 0 else (height, width)

    def upright(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H', W', 3) of a stored picture (H, W, 3)."""
        if not (self.rotation or self.mirrored):
            return pixels
        turned = np.rot90(pixels, self.rotation // 90)
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)
