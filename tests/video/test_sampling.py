"""Which moments are looked at: arithmetic that holds for any window, count and stride."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import OptionError
from zeroshot.video.sampling import Sampling, Window, frame_times, window_of

counts = st.integers(1, 40)
views = st.integers(1, 5)
durations = st.floats(0.0, 1e5, allow_nan=False)
seeds = st.none() | st.integers(0, 2**32)


def test_the_middle_of_each_of_eight_segments():
    times = frame_times(Sampling(8), 16.0)
    assert times.tolist() == [[1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0]]


def test_views_lie_between_each_other():
    times = frame_times(Sampling(2, num_views=2), 8.0)
    assert times.tolist() == [[1.0, 5.0], [3.0, 7.0]]


def test_dense_clips_are_spread_over_the_window():
    times = frame_times(Sampling(3, num_views=2, stride_seconds=1.0), 10.0)
    assert times.tolist() == [[2.0, 3.0, 4.0], [6.0, 7.0, 8.0]]


def test_a_window_shorter_than_the_span_repeats_its_last_frame():
    assert frame_times(Sampling(4, stride_seconds=1.0), 2.0).tolist() == [[0.0, 1.0, 2.0, 2.0]]


def test_a_window_of_a_longer_video():
    times = frame_times(Sampling(2, start_seconds=10.0, end_seconds=14.0), 100.0)
    assert times.tolist() == [[11.0, 13.0]]
    assert window_of(Sampling(2, start_seconds=10.0, end_seconds=140.0), 100.0) == (10.0, 100.0)


@given(counts, views, durations, seeds, st.none() | st.floats(0.01, 100.0))
def test_moments_lie_in_the_video_in_order(num_frames, num_views, duration, seed, stride):
    times = frame_times(Sampling(num_frames, num_views, stride, seed), duration)
    assert times.shape == (num_views, num_frames)
    assert times.dtype == np.float64
    assert (times >= 0).all()
    assert (times <= duration).all()
    assert (np.diff(times, axis=1) >= 0).all()


@given(counts, views, st.floats(0.1, 1e4), seeds)
def test_each_view_has_one_moment_in_its_part_of_each_segment(num_frames, num_views, duration, seed):
    times = frame_times(Sampling(num_frames, num_views, seed=seed), duration)
    parts = times.T.reshape(-1) / duration * num_frames * num_views
    assert np.array_equal(
        np.floor(parts + 1e-6).clip(max=num_frames * num_views - 1), np.arange(len(parts))
    ) or (
        # A random place may fall on a border, to within rounding.
        np.abs(parts - np.arange(len(parts)) - 0.5).max() <= 0.5 + 1e-6
    )


@given(counts, views, st.floats(0.1, 1e4))
def test_views_together_are_one_view_with_more_frames(num_frames, num_views, duration):
    together = frame_times(Sampling(num_frames, num_views), duration).T.reshape(-1)
    assert np.allclose(together, frame_times(Sampling(num_frames * num_views), duration)[0])


@given(st.integers(0, 1000))
def test_a_seed_gives_the_same_moments_again_and_another_other_ones(seed):
    first = frame_times(Sampling(8, seed=seed), 10.0)
    assert np.array_equal(first, frame_times(Sampling(8, seed=seed), 10.0))
    assert not np.array_equal(first, frame_times(Sampling(8, seed=seed + 1), 10.0))


@given(counts, st.floats(0.1, 100.0), st.floats(0.1, 100.0))
def test_a_window_is_a_video_of_its_own(num_frames, start, length):
    inside = frame_times(Sampling(num_frames, start_seconds=start, end_seconds=start + length), 1000.0)
    assert np.allclose(inside, start + frame_times(Sampling(num_frames), length))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_frames": 0}, "num_frames is 0"),
        ({"num_views": -1}, "num_views is -1"),
        ({"stride_seconds": 0.0}, "stride_seconds is 0.0"),
        ({"stride_seconds": float("nan")}, "stride_seconds is nan"),
        ({"start_seconds": -1.0}, "start_seconds is -1.0"),
        ({"start_seconds": 2.0, "end_seconds": 2.0}, "ends at 2.0 s"),
    ],
)
def test_nonsense_is_refused(options, words):
    with pytest.raises(OptionError, match=words):
        Sampling(**options)


def test_a_window_behind_the_end_is_refused():
    with pytest.raises(OptionError, match=r"start_seconds is 12, but the video lasts 10\.000 s"):
        frame_times(Sampling(start_seconds=12.0), 10.0)


@pytest.mark.parametrize(
    ("length", "stride", "duration", "last"),
    [
        (3.0, 3.0, 10.0, [(3, 6), (6, 10)]),  # 1 s would be left
        (4.0, 4.0, 8.01, [(0, 4), (4, 8.01)]),
        (4.0, 4.0, 5.9, [(0, 5.9)]),
        (4.0, 4.0, 6.0, [(0, 4), (4, 6)]),  # half a window stands by itself
        (4.0, 3.0, 7.5, [(0, 4), (3, 7.5)]),
        (4.0, 10.0, 20.5, [(0, 4), (10, 14)]),  # beyond a gap nothing is joined
        (4.0, 4.0, 0.0, [(0, 4)]),  # a length that is not known
        (4.0, 4.0, 0.01, [(0, 0.01)]),
    ],
)
def test_a_rest_of_less_than_half_a_window_belongs_to_the_one_before(length, stride, duration, last):
    assert list(Window(length, stride).over(duration))[-2:] == last


@given(durations, st.floats(0.5, 100), st.floats(0.01, 1))
def test_windows_that_leave_no_gap_reach_the_end_and_are_no_stubs(duration, length, share):
    windows = list(
        islice(Window(length, stride := max(share * length, duration / 500, 0.01)).over(duration), 1000)
    )
    assert windows[0][0] == 0
    assert all(start == row * stride for row, (start, _) in enumerate(windows))
    if duration > 0 and stride <= length:
        assert windows[-1][1] == duration
    if len(windows) > 1:
        assert min(end - start for start, end in windows) >= 0.5 * length - 1e-9 * duration
