"""Noise that moves: one frame is noise and nothing else, whatever moves; two frames show the movement."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from zeroshot.cutouts.appearance_free import appearance_free, moved_noise
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import View

SIZE = (24, 31)


def flows():
    """Whole frames that move, grow, whirl; pieces that leave, pieces that all come from one pixel."""
    down, across = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
    zero = np.zeros(SIZE, np.float32)
    generator = np.random.default_rng(3)
    return {
        "rests": np.stack([zero, zero]),
        "right": np.stack([zero - 3, zero]),
        "grows": np.stack([(15 - across) / 2, (12 - down) / 2]),
        "whirls": np.stack([(down - 12) / 2, (15 - across) / 2]),
        "one origin": np.stack([5 - across, 5 - down]),
        "leaves": np.stack([zero + 100, zero]),
        "wild": generator.normal(0, 4, (2, *SIZE)).astype(np.float32),
    }


def origins(step):
    """Each pixel's origin by hand; of several with one origin the fastest keeps it, else the first."""
    claimed = {}
    for row, column in itertools.product(range(SIZE[0]), range(SIZE[1])):
        right, down = float(step[0, row, column]), float(step[1, row, column])
        old = (row + int(np.rint(down)), column + int(np.rint(right)))
        if 0 <= old[0] < SIZE[0] and 0 <= old[1] < SIZE[1]:
            claimed.setdefault(old, []).append((-np.hypot(np.float32(right), np.float32(down)), row, column))
    return {min(each)[1:]: old for old, each in claimed.items()}


@pytest.mark.parametrize("kind", flows())
def test_each_pixel_of_the_noise_is_used_at_most_once_and_the_rest_is_drawn(kind):
    """So any frame of it is made of independent draws, whatever the flow: that is why it tells nothing."""
    step = flows()[kind]
    noise = np.arange(3 * SIZE[0] * SIZE[1]).reshape(3, *SIZE) % 251  # of uint8 as all noise is
    drawn = (
        np.random.default_rng(0).integers(0, 256, (3, SIZE[0] * SIZE[1]), dtype=np.uint8).reshape(3, *SIZE)
    )
    expected = drawn.copy()
    found = origins(step)
    for (row, column), (old_row, old_column) in found.items():
        expected[:, row, column] = noise[:, old_row, old_column]
    made = moved_noise(noise.astype(np.uint8), step, np.random.default_rng(0))
    assert np.array_equal(made, expected)
    assert len(set(found.values())) == len(found), "no pixel twice"


@pytest.fixture(scope="module")
def clips():
    """Eight puppets of two actions, and their noise."""
    videos = render_many([0, 3] * 4, [1, 2, 3, 4] * 2, range(8), View(8, (48, 48), camera_jitter=0))
    return videos, [
        appearance_free(video.frames, np.random.default_rng(row)) for row, video in enumerate(videos)
    ]


def test_a_frame_has_the_law_of_noise_whatever_the_clip(clips):
    """Levels, neighbours and what moves: nothing that is counted on one frame departs from plain draws."""
    videos, made = clips
    for video, frames in zip(videos, made, strict=True):
        assert frames.shape == video.frames.shape
        assert frames.dtype == np.uint8
        moves = np.abs(video.frames[5].astype(int) - video.frames[4]).max(0) > 8
        frame = frames[5].astype(float)
        tests = [
            stats.kstest(
                frame.ravel() + np.random.default_rng(0).uniform(size=frame.size), "uniform", (0, 256)
            ),
            stats.pearsonr(frame[:, :, 1:].ravel(), frame[:, :, :-1].ravel()),
            stats.pearsonr(frame[:, 1:].ravel(), frame[:, :-1].ravel()),
            stats.ks_2samp(frame[:, moves].ravel(), frame[:, ~moves].ravel()),
            stats.ks_2samp(
                np.abs(np.diff(frame, axis=2))[:, moves[:, 1:]].ravel(),
                np.abs(np.diff(frame, axis=2))[:, ~moves[:, 1:]].ravel(),
            ),
        ]
        assert min(test.pvalue for test in tests) > 1e-4  # 40 tests: one in 250 runs if seeds were free


def test_a_reader_of_single_frames_is_at_chance_and_one_of_pairs_is_not(clips):
    """Where the noise differs from its first frame is where the puppet moves; no single frame says so."""
    videos, made = clips
    agree = []
    for video, frames in zip(videos, made, strict=True):
        changed = (frames[1:] != frames[:1]).any(1).mean(0)
        moved = (np.abs(np.diff(video.frames.astype(int), axis=0)).max(1) > 8).mean(0)
        agree.append(np.corrcoef(changed.ravel(), moved.ravel())[0, 1])
    assert np.mean(agree) > 0.25
    assert min(agree) > 0.1
    alone = [
        np.corrcoef(frames[5].mean(0).ravel(), video.masks[5].ravel())[0, 1]
        for video, frames in zip(videos, made, strict=True)
    ]
    assert np.abs(np.mean(alone)) < 0.04


def test_a_clip_that_rests_is_one_frame_of_noise():
    frames = np.broadcast_to(
        np.random.default_rng(0).integers(0, 256, (3, 20, 30), dtype=np.uint8), (4, 3, 20, 30)
    )
    made = appearance_free(frames, np.random.default_rng(1))
    assert (made == made[:1]).all()
