"""Frames made small, in time order."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from zeroshot.reports.thumbnails import thumbnails
from zeroshot.types import Clip


def clip(seconds: list[float], levels: list[int], size: tuple[int, int] = (720, 1280)) -> Clip:
    frames = np.array(levels, np.uint8)[:, None, None, None] + np.zeros((1, 3, *size), np.uint8)
    return Clip(frames, np.array(seconds))


def test_frames_of_all_views_in_time_order():
    small = thumbnails((clip([0.0, 2.0], [10, 90]), clip([1.0, 3.0], [50, 130])))
    images = [Image.open(io.BytesIO(file)) for file in small]
    assert [image.format for image in images] == ["JPEG"] * 4
    assert all(
        72 <= image.size[1] < 144 and abs(image.size[0] / image.size[1] - 16 / 9) < 0.05 for image in images
    )
    levels = [float(np.asarray(image).mean()) for image in images]
    np.testing.assert_allclose(levels, [10, 50, 90, 130], atol=3)


def test_eight_at_most_and_small_ones_as_they_are():
    assert len(thumbnails((clip(list(range(30)), list(range(30)), (8, 8)),))) == 8
    (only,) = thumbnails((clip([0.0], [9], (5, 7)),))
    assert Image.open(io.BytesIO(only)).size == (7, 5)
