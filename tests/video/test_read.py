"""Frames at given seconds."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_world import frames

import zeroshot
from zeroshot.errors import OptionError, VideoError
from zeroshot.video.write import write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("read") / "lossless.mp4"
    write_video(path, frames(0, 0, 7), 12.0, crf=None)
    return path


def test_frames_are_those_shown_then(video):
    shown = zeroshot.read_frames(video, [0.5, 0.0, 0.51])
    assert (shown.shape, shown.dtype) == ((3, 3, 32, 48), np.uint8)
    assert np.array_equal(shown, frames(0, 0, 7)[[6, 0, 6]])
    assert np.array_equal(zeroshot.read_frames(str(video), 1.0), frames(0, 0, 7)[[11]])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ([0, 9.0], "lasts 1.0"),
        ([-1], "from -1"),
        ([], "0 moments"),
        (["x"], "seconds"),
        ([float("nan")], "nan"),
    ],
)
def test_moments_that_are_none(video, seconds, words):
    with pytest.raises(OptionError, match=words):
        zeroshot.read_frames(video, seconds)


def test_files_that_are_none(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"no video")
    for path in (tmp_path / "x.mp4", tmp_path / "gone.mp4", tmp_path):
        with pytest.raises(VideoError, match=path.name):
            zeroshot.read_frames(path, 0)
    with pytest.raises(VideoError, match="expected the path"):
        zeroshot.read_frames(frames(0, 0, 7), 0)
