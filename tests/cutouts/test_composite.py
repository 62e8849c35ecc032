"""What stands behind a person and where: sizes and moments by formula, movements by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from zeroshot.cutouts.composite import (
    Cutout,
    beside,
    centre_of,
    moments,
    moved,
    over,
    shape_beside,
    stretched,
)


def test_frames_at_the_same_share_of_the_length():
    assert moments(4, 8).tolist() == [0, 2, 4, 6]
    assert moments(8, 4).tolist() == [0, 0, 1, 2, 2, 2, 3, 3]  # halves go to the even one
    assert moments(5, 5).tolist() == [0, 1, 2, 3, 4]
    assert moments(3, 1).tolist() == [0, 0, 0]
    for count, other in itertools.product((1, 7, 90, 250), (1, 11, 300)):
        expected = [min(round(frame / count * other), other - 1) for frame in range(count)]
        assert moments(count, other).tolist() == expected


@pytest.mark.parametrize(
    ("size", "other", "expected"),
    [
        ((240, 320), (240, 320), (240, 320)),
        ((120, 160), (240, 426), (240, 320)),
        ((320, 180), (240, 320), (427, 240)),
        ((100, 333), (90, 60), (60, 200)),
    ],
)
def test_a_place_keeps_its_shape_and_has_the_shorter_side_of_the_clip(size, other, expected):
    assert shape_beside(size, other) == expected
    plate = np.zeros((3, 3, *size), np.uint8)
    plate[1] = 200
    made = beside(plate, 6, other)
    assert made.shape == (6, 3, *expected)
    assert made[:, 0, 5, 5].tolist() == [
        0,
        0,
        200,
        0,
        0,
        0,
    ]  # frames 0, ½, 1, 1½, 2, 2½: halves go to the even


def test_a_picture_fills_any_frame():
    halves = np.zeros((3, 50, 100), np.uint8)
    halves[:, :, 50:] = 200
    shown = stretched(halves, (30, 40))
    assert shown.shape == (3, 30, 40)
    assert (shown[:, :, :17] == 0).all()
    assert (shown[:, :, 23:] == 200).all()
    assert stretched(halves, (50, 100)) is halves


def test_the_middle_of_a_person():
    levels = np.zeros((10, 20), np.uint8)
    assert centre_of(levels) == (5, 10)
    levels[2:5, 6:8] = 255
    levels[9, 19] = 127  # too faint
    assert centre_of(levels) == (3, 6.5)


@pytest.mark.parametrize("step", [(0, 0), (3, -2), (-5, 4), (40, 0), (0, -40)])
@pytest.mark.parametrize("size", [(12, 16), (9, 21)])
def test_a_clip_moved_pixel_by_pixel(step, size):
    generator = np.random.default_rng(0)
    frames, plate = generator.integers(0, 256, (2, 2, 3, 12, 16), dtype=np.uint8)
    levels = generator.choice(np.array([0, 100, 255], np.uint8), (2, 12, 16))
    place = generator.integers(0, 256, (2, 3, *size), dtype=np.uint8)
    made = over(moved(Cutout(frames, levels, plate, exact=True), size, step), place)
    expected = place.astype(int)
    for t, row, column in itertools.product(range(2), range(12), range(16)):
        down, right = row + step[0], column + step[1]
        if not (0 <= down < size[0] and 0 <= right < size[1]):
            continue
        share = int(levels[t, row, column]) / 255
        for colour in range(3):
            old, new = int(plate[t, colour, row, column]), int(place[t, colour, down, right])
            exchanged = int(frames[t, colour, row, column]) + (1 - share) * (new - old)
            expected[t, colour, down, right] = np.clip(np.rint(exchanged if share else new), 0, 255)
    assert np.abs(made.astype(int) - expected).max() <= 1
