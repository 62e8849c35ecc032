"""A camera that pans, zooms and rolls: followed, and persons before it found, where the truth is known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from PIL import Image

from zeroshot.cutouts.camera import CameraPath, follow_camera
from zeroshot.cutouts.inpaint import clean_plate
from zeroshot.cutouts.motion_mask import _in_order, motion_mask
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import ACTIONS, View, composite

SIZE = (96, 128)
MOVES = {  # columns and rows a frame, zoom and roll a frame
    "rests": (0.0, 0.0, 0.0, 0.0),
    "creeps": (0.35, 0.05, 0.0, 0.0),
    "pans": (-1.6, 0.3, 0.0, 0.0),
    "zooms": (0.3, 0.0, 0.006, 0.0),
    "rolls": (0.5, -0.1, 0.0, 0.005),
}


def wall(seed: int) -> Image.Image:
    """Blots of several sizes, as large as a camera may stray."""
    generator = np.random.default_rng(seed)
    picture = np.zeros((320, 480, 3))
    for side, strength in ((40, 60), (16, 40), (6, 25)):
        blots = generator.normal(0, strength, (320 // side + 1, 480 // side + 1, 3))
        layers = [Image.fromarray(blots[..., c].astype(np.float32)).resize((480, 320)) for c in range(3)]
        picture += np.stack([np.asarray(layer) for layer in layers], -1)
    return Image.fromarray((128 + picture).clip(0, 255).astype(np.uint8))


def ways(move: str, count: int) -> np.ndarray:
    """(T, 3, 3) from a pixel of each frame to the wall."""
    right, down, zoom, roll = MOVES[move]
    height, width = SIZE
    found = []
    for u in np.arange(count) - count // 2:
        scale, angle = np.exp(-zoom * u), roll * u
        a, b = scale * np.cos(angle), -scale * np.sin(angle)
        x, y = 240 + right * u, 160 + down * u
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        turned = np.array([[a, b], [-b, a]])
        shift = np.array([x, y]) - turned @ middle
        found.append([[a, b, shift[0]], [-b, a, shift[1]], [0, 0, 1]])
    return np.array(found)


@cache
def filmed(move: str, action: str = "jumping", count: int = 25, seed: int = 0):
    """Frames, masks, backgrounds and ways to the wall of a puppet before a camera that moves."""
    puppet = render_many(
        [ACTIONS.index(action)], [0], [seed], View(num_frames=count, size=SIZE, fps=25, camera_jitter=0)
    )[0]
    picture, places = wall(seed), []
    for (a, b, c), (d, e, f), _ in ways(move, count).tolist():
        corner = (a, b, c + (1 - a - b) / 2, d, e, f + (1 - d - e) / 2)
        place = picture.transform(SIZE[::-1], Image.Transform.AFFINE, corner, Image.Resampling.BICUBIC)
        places.append(np.asarray(place).transpose(2, 0, 1))
    backgrounds = np.stack(places)
    noise = np.random.default_rng(seed).normal(0, 2, backgrounds.shape)
    frames = composite(puppet.figure, puppet.alpha, backgrounds) + noise
    return frames.round().clip(0, 255).astype(np.uint8), puppet.masks, backgrounds, ways(move, count)


def overlap(found: np.ndarray, masks: np.ndarray) -> float:
    return (found & masks).sum() / (found | masks).sum()


class TestPath:
    @pytest.mark.parametrize("move", MOVES)
    def test_shift_zoom_and_roll_come_out_whoever_stands_before_it(self, move):
        frames, _, _, truth = filmed(move)
        path = follow_camera(frames)
        assert path.rests == (move == "rests")
        corners = np.array([[0, 127, 0, 127, 64], [0, 0, 95, 95, 48], [1, 1, 1, 1, 1]])
        expected = np.linalg.inv(truth[12]) @ truth @ corners
        assert np.abs(path.maps @ corners - expected).max() < 1.0, "after twelve steps"
        between = path.between(20, 15) @ corners
        assert np.abs(between - np.linalg.inv(truth[15]) @ truth[20] @ corners).max() < 0.6

    def test_whole_pixels_exactly(self):
        """A wall of noise that slides by, whoever walks before it."""
        noise = np.random.default_rng(0).integers(0, 256, (3, 80, 160), np.uint8)
        steps = np.array([(0, 0), (1, 2), (2, 4), (2, 7), (1, 9), (0, 12)])
        frames = np.stack([noise[:, 5 - a : 69 - a, 30 - b : 126 - b] for a, b in steps])
        frames[:, :, 20:40, 30:42] = 255
        shifts = follow_camera(frames).maps[:, :2, 2]
        assert shifts == pytest.approx((steps[3] - steps)[:, ::-1], abs=0.02)

    def test_nothing_to_follow(self):
        still = np.random.default_rng(0).integers(0, 256, (1, 3, 40, 60), np.uint8).repeat(4, 0)
        cut = np.random.default_rng(1).integers(0, 256, (5, 3, 40, 60), np.uint8)
        for frames in (
            still,
            cut,
            still[:1],
            np.zeros((3, 3, 4, 4), np.uint8),
            np.full((3, 3, 40, 60), 9, np.uint8),
        ):
            assert follow_camera(frames).rests

    def test_other_sizes(self):
        frames, *_ = filmed("pans")
        large = np.stack([frame.repeat(3, 1).repeat(3, 2) for frame in frames])
        small, big = follow_camera(frames), follow_camera(large)
        assert big.size == SIZE
        assert small.maps == pytest.approx(big.maps, abs=0.5)
        seen = small.seen_at((288, 384))
        points = np.array([[0, 100], [0, 50], [1, 1]])
        in_large = 3 * points + np.array([[1], [1], [0]]) - np.array([[0], [0], [2]])
        moved = seen.between(3, 9) @ in_large
        expected = 3 * (small.between(3, 9) @ points)[:2] + 1
        assert moved[:2] == pytest.approx(expected)


class TestMasks:
    @pytest.mark.parametrize("count", [1, 2, 5, 9])
    def test_values_are_put_in_order(self, count):
        pictures = list(np.random.default_rng(count).integers(0, 256, (count, 5, 7, 3), np.uint8))
        assert np.array_equal(_in_order(pictures), np.sort(np.stack(pictures), 0))

    @pytest.mark.parametrize("move", ["creeps", "pans", "zooms", "rolls"])
    def test_persons_before_a_moving_camera_are_found(self, move):
        """Intersection over union with the true masks, and with a camera taken for still."""
        with_it, without = [], []
        for seed, action in enumerate(("jumping", "kicking")):
            frames, masks, _, _ = filmed(move, action, seed=seed)
            still = CameraPath(np.tile(np.eye(3), (len(frames), 1, 1)), SIZE)
            with_it.append(overlap(motion_mask(frames) >= 128, masks))
            without.append(overlap(motion_mask(frames, path=still) >= 128, masks))
        assert np.mean(with_it) > 0.48
        assert np.mean(with_it) > np.mean(without) + 0.15

    @pytest.mark.parametrize("move", ["pans", "zooms", "rolls"])
    def test_the_place_behind_comes_from_other_moments(self, move):
        frames, masks, backgrounds, _ = filmed(move, count=40)
        levels = masks.astype(np.uint8) * 255
        still = CameraPath(np.tile(np.eye(3), (len(frames), 1, 1)), SIZE)
        errors = [
            np.abs(clean_plate(frames, levels, path).astype(int) - backgrounds).mean(1)[masks].mean()
            for path in (None, still)
        ]
        assert errors[0] < 0.6 * errors[1]
