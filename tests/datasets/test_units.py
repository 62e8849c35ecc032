"""The unit is the video: what is listed twice, what has two labels."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.datasets.units import counted_once, pool_key, split_of_units, without_repeats
from zeroshot.errors import DatasetError
from zeroshot.video.source import Stretch


def test_a_video_listed_twice_counts_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.mp4").write_bytes(b"x")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a" / "x.mp4")
    same = [tmp_path / "a" / "x.mp4", f"{tmp_path}/a/../a/x.mp4", str(tmp_path / "link.mp4")]
    rows = [LabeledVideo(path, "run") for path in (*same, "y.mp4")]
    videos, repeats = counted_once(rows)
    assert [video.path for video in videos] == [same[0], "y.mp4"]
    assert repeats == 2


def test_stretches_and_frames_are_videos_of_their_own():
    frames = np.zeros((2, 3, 4, 4), np.uint8)
    rows = [
        LabeledVideo(Stretch("a.mp4", 0, 1), "run"),
        LabeledVideo(Stretch("a.mp4", 1, 2), "walk"),
        LabeledVideo("a.mp4", "jump"),
        LabeledVideo(frames, "run"),
        LabeledVideo(frames.copy(), "walk"),
    ]
    videos, repeats = counted_once([*rows, rows[0], rows[3]])
    assert videos == tuple(rows)
    assert repeats == 2
    assert len({pool_key(video) for video in rows}) == 5


def test_a_video_of_two_labels_is_refused_or_has_both():
    rows = [LabeledVideo("a.mp4", "run"), LabeledVideo("a.mp4", "walk"), LabeledVideo("a.mp4", "run")]
    with pytest.raises(DatasetError, match=r"a.mp4 is listed as 'run' and as 'walk'; .*--multi-label"):
        counted_once(rows)
    videos, repeats = counted_once(rows, several_labels=True)
    assert [video.labels for video in videos] == [("run", "walk")]
    assert repeats == 2
    several = [LabeledVideo("a.mp4", "run", others=("walk",))]
    assert counted_once(several) == (tuple(several), 0)


def test_a_split_of_units_tells_of_rows_left_aside():
    rows = [LabeledVideo("a.mp4", "run"), LabeledVideo("b.mp4", "walk"), LabeledVideo("a.mp4", "run")]
    split, told = split_of_units(Split.of("s", rows))
    assert split.videos == tuple(rows[:2])
    assert told == ("1 row of the list names a file that stands above; a video counts once",)
    assert split_of_units(split) == (split, ())
    two = Split.of("s", [*rows, LabeledVideo("b.mp4", "run")])
    with pytest.raises(DatasetError, match=r"b.mp4 is listed as 'walk' and as 'run'"):
        split_of_units(two)
    assert without_repeats(two).videos == (rows[0], rows[1], two.videos[3])
