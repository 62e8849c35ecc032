"""What a caller means: a text is one video, folders and patterns are theirs, and nothing is spelled."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from zeroshot.errors import VideoError
from zeroshot.types import Clip
from zeroshot.video.find import is_one, one_video, videos_in
from zeroshot.video.source import Refused, Stretch, Url

FRAMES = np.zeros((4, 8, 8, 3), np.uint8)


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Path:
    for name in (
        "b.mp4",
        "a.mp4",
        "note.txt",
        "frames/1.png",
        "frames/2.png",
        "only/x.mkv",
        "[x].mp4",
        "empty/n.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_video_is_one(tree):
    clip = Clip(FRAMES.transpose(0, 3, 1, 2), np.arange(4.0))
    for one in (
        "a.mp4",
        Path("a.mp4"),
        "gone.mp4",
        b"xy",
        io.BytesIO(),
        FRAMES,
        clip,
        Stretch("a.mp4", 0, 1),
    ):
        assert is_one(one)
        (found,) = videos_in(one)
        assert found is one
        assert one_video(one) is one


def test_many_are_many_and_come_twice_where_they_are_given_twice(tree):
    assert list(videos_in(["a.mp4", "b.mp4", "a.mp4"])) == ["a.mp4", "b.mp4", "a.mp4"]
    assert list(videos_in(iter(("a.mp4",)))) == ["a.mp4"]
    assert [frames.shape for frames in videos_in(np.stack([FRAMES, FRAMES]))] == [FRAMES.shape] * 2
    assert list(videos_in([])) == []


def test_folders_and_patterns_are_as_in_the_shell(tree):
    assert list(map(str, videos_in("*.mp4"))) == ["[x].mp4", "a.mp4", "b.mp4"]
    assert list(map(str, videos_in([tree]))) == [
        str(tree / name) for name in ("[x].mp4", "a.mp4", "b.mp4", "frames", "only/x.mkv")
    ]
    assert list(map(str, videos_in("frames"))) == ["frames"]
    assert list(videos_in("[x].mp4")) == ["[x].mp4"]
    assert one_video("only/*") == Path("only/x.mkv")


def test_what_is_not_there_is_one_row(tree):
    first, second, last = videos_in(["empty", "no*.mp4", "a.mp4"])
    assert isinstance(first, Refused)
    assert first.name == "empty"
    assert "no videos in empty" in str(first.error)
    assert "no video matches no*.mp4" in str(second.error)
    assert last == "a.mp4"


def test_a_folder_of_one_image_is_a_video_where_it_is_asked_for(tree):
    (tree / "still").mkdir()
    (tree / "still" / "1.png").touch()
    assert one_video("still") == "still"
    assert list(videos_in(["still"])) == ["still"]


def test_home_and_addresses(tree, monkeypatch):
    monkeypatch.setenv("HOME", str(tree))
    monkeypatch.setenv("USERPROFILE", str(tree))
    assert list(videos_in("~/a.mp4")) == [str(tree / "a.mp4")]
    (tree / "~b.mp4").touch()
    assert list(videos_in("~b.mp4")) == ["~b.mp4"]
    assert list(videos_in(["https://x/y.mp4", "a.mp4"])) == [Url("https://x/y.mp4"), "a.mp4"]


def test_many_where_one_is_expected_get_one_line(tree):
    for given, words in {
        "*.mp4": r"\*\.mp4 stands for 3 videos; expected one: rank_many",
        "no*.mp4": "no video matches",
        "empty": "no videos in empty",
    }.items():
        with pytest.raises(VideoError, match=words):
            one_video(given)
    with pytest.raises(VideoError, match="batch of videos; rank_many"):
        one_video(np.stack([FRAMES, FRAMES]))
    with pytest.raises(VideoError, match="there are videos among them; rank_many"):
        one_video(["a.mp4", "b.mp4"])


@pytest.mark.parametrize("nothing", [None, 3, 2.5, object()])
def test_what_is_no_video_gets_one_line(nothing):
    with pytest.raises(VideoError, match=r"is no video, nor a list of videos; give a path"):
        list(videos_in(nothing))
