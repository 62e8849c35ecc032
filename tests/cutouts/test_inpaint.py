"""Places behind persons: exactly what was seen there at another time."""

from __future__ import annotations

import numpy as np

from zeroshot.cutouts.inpaint import clean_plate


def test_a_place_behind_a_moving_camera_is_taken_from_where_it_was_seen():
    wall = np.random.default_rng(0).integers(0, 256, (3, 40, 200), np.uint8)
    frames = np.stack([wall[:, :, 2 * t : 60 + 2 * t] for t in range(40)])
    levels = np.zeros((40, 40, 60), np.uint8)
    levels[:, 10:30, 25:32] = 255
    filmed = frames.copy()
    filmed.transpose(0, 2, 3, 1)[levels > 0] = 0
    plate = clean_plate(filmed, levels)
    assert np.array_equal(plate, frames)
