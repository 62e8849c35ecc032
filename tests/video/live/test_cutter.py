"""Windows cut from frames as they come, against the moments of windows of a file."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.video.live.cutter import WindowCutter
from zeroshot.video.sampling import Sampling, Window, frame_times


def picture(number: int) -> np.ndarray:
    return np.full((2, 3, 3), number, np.uint8)


@pytest.mark.parametrize(("length", "stride"), [(2.0, 1.0), (1.0, 1.0), (0.7, 0.3), (1.0, 2.5)])
def test_windows_are_those_of_a_file(length, stride):
    """The frame shown at each moment is the last that is not later; each picture is made once."""
    seconds = np.arange(60) / 10
    made = []

    def make(number):
        made.append(number)
        return picture(number)

    cutter, whole = WindowCutter(Window(length, stride), 4), []
    for number, moment in enumerate(seconds.tolist()):
        whole += cutter.take(moment, lambda number=number: make(number))
    assert len(whole) >= 2
    for place, ((start, end), clip) in enumerate(whole):
        assert (start, end) == pytest.approx((stride * place, stride * place + length))
        (moments,) = frame_times(Sampling(4, start_seconds=start, end_seconds=end), 10.0)
        shown = np.searchsorted(seconds, moments + 1e-6, side="right") - 1
        assert clip.frames[:, 0, 0, 0].tolist() == shown.tolist()
        assert clip.seconds == pytest.approx(seconds[shown])
        assert clip.frames.shape == (4, 3, 2, 3)
    assert len(made) == len(set(made))


def test_a_window_is_whole_with_its_last_moment_and_not_its_end():
    cutter = WindowCutter(Window(1.0, 1.0), 2)
    counts = [len(cutter.take(moment, lambda: picture(0))) for moment in (0.0, 0.5, 0.7, 0.8, 1.2)]
    assert counts == [0, 0, 0, 1, 0]


def test_windows_over_missing_frames_are_given_up():
    cutter, whole = WindowCutter(Window(1.0, 1.0), 2), []
    for moment in (0.0, 0.4):
        whole += cutter.take(moment, lambda: picture(1))
    cutter.skip()
    for moment in (7.3, 7.6, 8.1, 8.4):
        whole += cutter.take(moment, lambda: picture(2))
    assert [window for window, _ in whole] == [(7.3, 8.3)]
    assert (whole[0][1].frames == 2).all()
