"""Pictures that tell nothing of any place: parallel wavy stripes of two colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 256
"""Pixels of a side."""
_CANVAS = 384  # pixels of a side before it is turned and cut: a square turned in it never leaves it


def stripes(generator: np.random.Generator) -> NDArray[np.uint8]:
    """(3, SIDE, SIDE) stripes along a sine, of a colour's opposite on that colour, turned by any angle.

    On a canvas of 384 × 384 a stripe follows y = 128 + A sin(w x + p); it reaches b pixels to both sides, yet
    not beyond row 255, and comes again every d pixels. A is 10 to 110, b 5 to 20, d 3 to 5 times b, 2π/w 4 to
    1004 pixels, p up to 100 pixels either way. The middle of the turned canvas is the picture.

    Args:
        generator: of seven numbers and the colour's three.

    Source: Li et al., ICCV 2023, the formula of their released code.
    """
    from PIL import Image

    colour = generator.uniform(0, 1, 3)
    breadth = 5 + 15 * generator.uniform()
    distance = (3 + 2 * generator.uniform()) * breadth
    wave = 2 * np.pi / (1000 * generator.uniform() + 4)
    phase = (200 * generator.uniform() - 100) * wave
    height = 10 + 100 * generator.uniform()
    middle = height * np.sin(wave * np.arange(_CANVAS) + phase) + SIDE // 2
    upper, lower = np.trunc((middle - breadth).clip(0)), np.trunc((middle + breadth).clip(None, SIDE - 1))
    rows, striped = np.arange(_CANVAS)[:, None], np.zeros((_CANVAS, _CANVAS), bool)
    most = int(_CANVAS / distance) + 1
    for turn in range(-most, most + 1):
        shift = turn * distance
        striped |= (rows >= np.trunc(upper + shift)) & (rows < np.trunc(lower + shift))
    levels = (255 * np.where(striped[..., None], 1 - colour, colour)).astype(np.uint8)
    turned = Image.fromarray(levels).rotate(360 * generator.uniform(), Image.Resampling.NEAREST, expand=True)
    left, top = (turned.width - SIDE) // 2, (turned.height - SIDE) // 2
    return np.asarray(turned.crop((left, top, left + SIDE, top + SIDE))).transpose(2, 0, 1)
