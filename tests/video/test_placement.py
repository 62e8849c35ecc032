"""Frames by number: the rules of papers' code, written again as loops, and what a file then shows."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from zeroshot.errors import OptionError
from zeroshot.video.decoders.decode import read_clips
from zeroshot.video.placement import frame_numbers
from zeroshot.video.sampling import PLACEMENTS, Sampling, frame_times
from zeroshot.video.source import clips_from_frames
from zeroshot.video.write import write_video

COUNTS = (90, 175, 250, 300)
SLOWFAST = Sampling(8, 3, 16 / 30, placement="linspace")


def slowfast(count: int, fps: float) -> list[list[int]]:
    """8 frames of a clip of 128 frames at 30 a second, three clips from the first frame to the last."""
    size = 8 * 16 / 30 * fps
    rest = max(count - size, 0)
    rows = []
    for clip in range(3):
        begin = clip * math.floor(round(rest / 2, 6))
        numbers = torch.linspace(begin, begin + size - 1, 8).clamp(0, count - 1).long()
        rows.append(numbers.tolist())
    return rows


@pytest.mark.parametrize("fps", [30.0, 25.0])
@pytest.mark.parametrize("count", COUNTS)
def test_clips_of_slowfast_lie_at_begin_middle_and_end(count, fps):
    assert frame_numbers(SLOWFAST, count, fps).tolist() == slowfast(count, fps)


def test_the_last_clip_of_slowfast_ends_with_the_video_and_its_frames_are_0_605_seconds_apart():
    numbers = frame_numbers(SLOWFAST, 300, 30.0)
    assert numbers[:, 0].tolist() == [0, 86, 172]
    assert numbers[2, -1] == 299
    assert (numbers[0, -1] - numbers[0, 0]) / 7 / 30 == pytest.approx(0.605, abs=1e-3)
    assert frame_numbers(Sampling(8, 1, 16 / 30, placement="linspace"), 300, 30.0)[0, 0] == 86


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("num_frames", [8, 16, 32])
def test_one_frame_a_segment(count, num_frames):
    middles = [int(place * (count / num_frames) + count / num_frames / 2) for place in range(num_frames)]
    assert frame_numbers(Sampling(num_frames, placement="middles"), count, 30.0).tolist() == [middles]
    starts = [int(count / num_frames * place) % count for place in range(num_frames)]
    assert frame_numbers(Sampling(num_frames, placement="starts"), count, 30.0).tolist() == [starts]
    edges = [int(edge) for edge in np.linspace(0, count, num_frames + 1)]
    whole = [(first + last - 1) // 2 for first, last in pairwise(edges)]
    assert frame_numbers(Sampling(num_frames, placement="whole middles"), count, 30.0).tolist() == [whole]


def test_views_of_the_first_frames_begin_later_within_their_segment():
    two = frame_numbers(Sampling(8, 3, placement="starts"), 250, 30.0)
    tick = 250 / 8
    offsets = [int(offset) for offset in np.linspace(0, tick - 1, 3)]
    assert two.tolist() == [[int(offset + tick * place) % 250 for place in range(8)] for offset in offsets]


@pytest.mark.parametrize("count", COUNTS)
def test_random_frames_keep_to_their_segment_and_are_drawn_once_for_all(count):
    sampling = Sampling(16, 2, seed=0, placement="random")
    numbers = frame_numbers(sampling, count, 30.0)
    part = count // 16
    assert (numbers // part == np.arange(16)).all()
    assert (numbers == frame_numbers(sampling, count, 25.0)).all()
    assert (numbers[0] != numbers[1]).any()
    assert (numbers != frame_numbers(Sampling(16, 2, seed=1, placement="random"), count, 30.0)).any()
    drawn = np.concatenate(
        [frame_numbers(Sampling(16, 2, seed=seed, placement="random"), 40, 30.0) for seed in range(200)]
    )
    assert set(drawn.ravel().tolist()) == set(range(32))  # the last 8 of 40 never


@pytest.mark.parametrize("placement", [name for name in PLACEMENTS if name != "segments"])
@pytest.mark.parametrize("count", [1, 3, 7])
def test_a_video_of_few_frames_gives_some_of_them(placement, count):
    numbers = frame_numbers(Sampling(8, 2, 16 / 30, seed=0, placement=placement), count, 30.0)
    assert numbers.shape == (2, 8)
    assert numbers.min() >= 0
    assert numbers.max() < count
    assert (np.diff(numbers, axis=1) >= 0).all() or placement == "starts"


def test_the_whole_middles_of_a_short_video_repeat_its_last_frame():
    numbers = frame_numbers(Sampling(8, placement="whole middles"), 3, 30.0)
    assert numbers.tolist() == [[0, 1, 2, 2, 2, 2, 2, 2]]


@pytest.mark.parametrize("fps", [30.0, 12.5])
def test_a_file_shows_the_frames_of_these_numbers(fps, tmp_path):
    frames = np.zeros((90, 3, 16, 16), np.uint8) + np.arange(90, dtype=np.uint8)[:, None, None, None] * 2
    write_video(tmp_path / "a.mp4", frames, fps)
    for sampling in (SLOWFAST, Sampling(32, placement="middles"), Sampling(16, placement="starts")):
        numbers = frame_numbers(sampling, 90, fps)
        clips = read_clips(tmp_path / "a.mp4", sampling)
        assert [np.round(clip.seconds * fps).astype(int).tolist() for clip in clips] == numbers.tolist()
        held = clips_from_frames(frames, sampling)
        assert len(held) == sampling.num_views


def test_frames_in_memory_are_counted_as_they_are():
    frames = np.zeros((90, 3, 4, 4), np.uint8) + np.arange(90, dtype=np.uint8)[:, None, None, None]
    (clip,) = clips_from_frames(frames, Sampling(8, placement="starts"))
    assert clip.frames[:, 0, 0, 0].tolist() == [int(90 / 8 * place) for place in range(8)]


def test_a_window_is_counted_from_its_own_first_frame():
    sampling = Sampling(4, start_seconds=2.0, end_seconds=4.0, placement="starts")
    times = frame_times(sampling, 10.0, 30.0)
    assert np.floor(times * 30).tolist() == [[60, 75, 90, 105]]
    assert frame_times(Sampling(2, placement="starts"), 4.0).tolist() == [
        [0.02, 2.02]
    ]  # 25 where none is told


def test_what_is_no_placement():
    with pytest.raises(OptionError, match="placement is 'somewhere'; expected one of segments"):
        Sampling(placement="somewhere")
    with pytest.raises(OptionError, match="placement linspace needs stride_seconds"):
        Sampling(placement="linspace")


def test_a_sampling_by_time_is_recorded_as_before_there_were_others():
    assert "placement" not in Sampling().as_dict()
    assert Sampling(**SLOWFAST.as_dict()) == SLOWFAST
