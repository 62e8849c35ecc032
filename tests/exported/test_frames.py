"""Frames prepared in numpy are those that torch prepares."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zeroshot.errors import VideoError
from zeroshot.exported.frames import is_drawable, prepared
from zeroshot.video.transform import Preprocess, seen_frames

HALF = (0.5, 0.5, 0.5)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "nearest"])
@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"resize_size": (37, 37), "crop_offset": "floored"},
        {"resize_mode": "squash"},
        {"resize_mode": "longest", "fill_color": 120},
    ],
    ids=lambda wish: wish.get("resize_mode", "cut" if wish else "shortest"),
)
def test_levels_are_those_of_torch(wish, interpolation):
    """Torch's kernel differs from version to version by a level at most."""
    preprocess = Preprocess((32, 32), HALF, HALF, interpolation=interpolation, **wish)
    draw = np.random.default_rng(1)
    for size in ((32, 32), (47, 90), (20, 31), (200, 33)):
        frames = draw.integers(0, 256, (2, 3, *size), np.uint8)
        ours = prepared(frames, preprocess).astype(int)
        theirs = seen_frames(torch.from_numpy(frames), preprocess).numpy().astype(int)
        assert ours.shape == theirs.shape == (2, 3, 32, 32)
        assert np.abs(ours - theirs).max() <= 1
        assert np.abs(ours - theirs).mean() < 0.01


def test_what_needs_torch_is_told():
    assert is_drawable(Preprocess((8, 8), HALF, HALF))
    assert is_drawable(Preprocess((8, 8), HALF, HALF, interpolation="nearest", antialias=False))
    assert not is_drawable(Preprocess((8, 8), HALF, HALF, antialias=False))
    assert not is_drawable(Preprocess((8, 8), HALF, HALF, whole_levels=False))


@pytest.mark.parametrize(
    "frames", [np.zeros((2, 3, 8, 8)), np.zeros((3, 8, 8), np.uint8)], ids=["float", "one"]
)
def test_other_arrays_are_refused(frames):
    with pytest.raises(VideoError, match="expected uint8"):
        prepared(frames, Preprocess((8, 8), HALF, HALF))
