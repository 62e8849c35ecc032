"""Masks of what moves: their regions against a walk from pixel to pixel, and what is no share."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.cutouts.motion_mask import motion_mask, solid
from zeroshot.errors import OptionError


def walked(mask: np.ndarray) -> list[list[tuple[int, int]]]:
    """Pixels of each region, by walking along rows and columns."""
    left, regions = set(zip(*(where.tolist() for where in np.nonzero(mask)), strict=True)), []
    while left:
        region = [left.pop()]
        for row, column in region:  # it grows while it is walked
            around = {(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)} & left
            region += around
            left -= around
        regions.append(region)
    return regions


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("least", [0.0, 0.25])
def test_regions_are_those_of_a_walk_from_pixel_to_pixel(share, least):
    mask = np.random.default_rng(0).random((20, 28)) < share
    regions = walked(mask)
    largest = max(map(len, regions))
    kept = np.zeros_like(mask)
    for region in regions:
        if len(region) >= least * largest:
            kept[tuple(zip(*region, strict=True))] = True
    for hole in walked(~kept):
        rows, columns = zip(*hole, strict=True)
        if min(rows) > 0 and max(rows) < 19 and min(columns) > 0 and max(columns) < 27:
            kept[rows, columns] = True
    assert np.array_equal(solid(mask, least), kept)


def test_large_regions_stay_without_holes():
    mask = np.zeros((20, 30), bool)
    mask[2:12, 3:15] = True
    mask[5:8, 5:8] = False
    mask[15:17, 20:22] = True
    expected = np.zeros_like(mask)
    expected[2:12, 3:15] = True
    assert np.array_equal(solid(mask), expected)
    assert not solid(np.zeros((4, 4), bool)).any()
    assert solid(np.ones((4, 4), bool)).all()


@pytest.mark.parametrize("share", [0, 1, -0.5])
def test_a_share_that_is_none(share):
    with pytest.raises(OptionError, match="share of moving pixels"):
        motion_mask(np.zeros((3, 3, 16, 16), np.uint8), share)
