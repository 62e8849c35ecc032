"""Wavy stripes as the source's formula has them, painted a second time row by row."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from zeroshot.cutouts.stripes import stripes


def by_hand(seed):
    """The same numbers, a column at a time: a band around the sine, and its copies above and below."""
    draw = np.random.default_rng(seed)
    colour = draw.uniform(0, 1, 3)
    breadth = 5 + 15 * draw.uniform()
    distance = (3 + 2 * draw.uniform()) * breadth
    wave = 2 * math.pi / (draw.uniform() * 1000 + 4)
    phase = (draw.uniform() * 200 - 100) * wave
    height = 10 + draw.uniform() * 100
    canvas = np.tile(colour, (384, 384, 1))
    for x in range(384):
        y = height * math.sin(wave * x + phase) + 128
        low, high = int(max(0.0, y - breadth)), int(min(255.0, y + breadth))
        canvas[low:high, x] = 1 - colour
        turn = 1
        while int(high - turn * distance) > 0:
            canvas[max(0, int(low - turn * distance)) : int(high - turn * distance), x] = 1 - colour
            turn += 1
        turn = 1
        while int(low + turn * distance) < 384:
            canvas[int(low + turn * distance) : min(384, int(high + turn * distance)), x] = 1 - colour
            turn += 1
    image = Image.fromarray(np.uint8(canvas * 255))
    image = image.rotate(draw.uniform() * 360, Image.Resampling.NEAREST, expand=True)
    left, top = (image.width - 256) // 2, (image.height - 256) // 2
    return np.asarray(image.crop((left, top, left + 256, top + 256))).transpose(2, 0, 1), colour


@pytest.mark.parametrize("seed", range(5))
def test_the_formula(seed):
    expected, colour = by_hand(seed)
    made = stripes(np.random.default_rng(seed))
    assert np.array_equal(made, expected)
    pair = {tuple(np.uint8(255 * colour)), tuple(np.uint8(255 * (1 - colour)))}
    assert {tuple(pixel) for pixel in made.reshape(3, -1).T} == pair, (
        "a colour, its opposite, no corner of black"
    )
