"""Flow of pictures that are shifted, of a square before a place, and of nothing at all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from zeroshot.cutouts.optical_flow import backward_flow


def flow_of(frames):
    return np.stack(list(backward_flow(frames)))


def texture(seed, size):
    noise = np.random.default_rng(seed).uniform(0, 255, (3, *size))
    smooth = ndimage.gaussian_filter(noise, (0, 1.5, 1.5))
    return ((smooth - smooth.min()) / np.ptp(smooth) * 255).astype(np.uint8)


@pytest.mark.parametrize(("right", "down"), [(0, 0), (1, 0), (-3, 2), (5, -4)])
@pytest.mark.parametrize("size", [(96, 128), (300, 200)])
def test_a_picture_that_is_shifted(right, down, size):
    wide = texture(0, (size[0] + 40, size[1] + 40))
    frames = np.stack([wide[:, 20 - t * down :, 20 - t * right :][:, : size[0], : size[1]] for t in range(3)])
    flow = flow_of(frames)
    assert flow.shape == (3, 2, *size)
    assert not flow[0].any()
    inner = flow[1:, :, 16:-16, 16:-16]
    assert np.abs(np.median(inner[:, 0]) + right) < 0.2, "what moved right was further left before"
    assert np.abs(np.median(inner[:, 1]) + down) < 0.2
    assert np.abs(inner - np.array([-right, -down])[:, None, None]).mean() < 1


def test_a_square_moves_and_its_place_rests():
    place, square = texture(1, (90, 120)), texture(2, (30, 30))
    frames = np.repeat(place[None], 4, 0)
    for t in range(4):
        frames[t, :, 30:60, 30 + 3 * t : 60 + 3 * t] = square
    flow = flow_of(frames)
    for t in range(1, 4):
        inside = flow[t][:, 36:54, 36 + 3 * t : 54 + 3 * t]
        assert np.abs(np.median(inside[0]) + 3) < 0.4
        assert np.abs(np.median(inside[1])) < 0.3
        assert np.abs(flow[t][:, :, 90:]).mean() < 0.05


def test_what_has_no_texture_does_not_move():
    frames = np.full((3, 3, 40, 50), 90, np.uint8)
    frames[2] = 200
    assert np.abs(flow_of(frames)).max() < 1e-3
    assert flow_of(frames[:1]).shape == (1, 2, 40, 50)
