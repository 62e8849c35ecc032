"""Times of frames that a file does not tell, or tells for some of its frames alone."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import odd_files as odd
import pytest

from zeroshot.video.decoders.clock import Clock
from zeroshot.video.decoders.decode import read_clips
from zeroshot.video.sampling import Sampling


def ticks(clock: Clock, stamps: list[int | None]) -> list[int]:
    return [tick for tick, _ in clock.timed(SimpleNamespace(pts=pts) for pts in stamps)]


@pytest.mark.parametrize(
    ("stamps", "first", "expected"),
    [
        ([None, None, None, None], None, [0, 1, 2, 3]),
        ([0, 40, 80, 120], 0, [0, 1, 2, 3]),
        ([None, None, 0, 40, 80], None, [0, 1, 2, 3, 4]),
        ([None, None, 7000, 7040], None, [0, 1, 2, 3]),
        ([0, 40, 400, 440], 0, [0, 1, 10, 11]),  # frames are missing
        ([None, 0, 40, 400], None, [0, 1, 2, 11]),
    ],
)
def test_a_frames_number_is_its_time_until_frames_are_missing(stamps, first, expected):
    clock = Clock(Fraction(1, 25), 0, counted=True, stream_time_base=Fraction(1, 1000), first_guess=first)
    assert ticks(clock, stamps) == expected


@pytest.mark.parametrize("seconds", [0.2, 1.0, 2.0])
def test_frames_before_the_clocks_zero_are_frames(tmp_path, seconds):
    """Matroska gives them no times: copied without shifting, a cut or delayed stream has such frames."""
    source = odd.encode(tmp_path / "source.mkv", "-c:v", "libx264", "-bf", 2, "-g", 25)
    path = tmp_path / "early.mkv"
    odd.ffmpeg("-itsoffset", -seconds, "-i", source, "-c", "copy", "-avoid_negative_ts", "disabled", path)
    (clip,) = read_clips(path, Sampling(8))
    (whole,) = read_clips(source, Sampling(8))
    assert odd.indices_of(clip.frames) == odd.indices_of(whole.frames)
    assert clip.seconds == pytest.approx(whole.seconds, abs=0.002)
