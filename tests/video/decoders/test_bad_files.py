"""Files that are damaged, cut off or no videos at all: the frames there are, or one line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import odd_files as odd
import pytest

from zeroshot.errors import VideoError
from zeroshot.video.decoders import decord as decord_reader
from zeroshot.video.decoders.decode import probe, read_clips
from zeroshot.video.sampling import Sampling

if TYPE_CHECKING:
    from pathlib import Path

needs_decord = pytest.mark.skipif(not decord_reader.is_installed(), reason="decord has no wheel here")


def numbers_of(path: Path) -> list[int]:
    """The numbers of eight frames."""
    return odd.indices_of(read_clips(path, Sampling(8))[0].frames)


def test_truncated_behind_a_front_index_gives_the_frames_there_are(tmp_path):
    whole = odd.encode(tmp_path / "front.mp4", *odd.H264, "-movflags", "+faststart", num_frames=200)
    path = odd.truncated(whole, 0.5, "truncated.mp4")
    numbers = numbers_of(path)
    assert numbers == sorted(set(numbers)), "frames repeat: moments were taken from behind the end"
    assert 70 < numbers[-1] < 120
    assert numbers[0] == pytest.approx(numbers[-1] / 15, abs=1.5)


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".avi", ".mpg"])
def test_truncated_in_other_containers(tmp_path, suffix):
    words = odd.H264 if suffix == ".mkv" else ("-c:v", "mpeg2video", "-q:v", "3", "-g", "12", "-bf", "2")
    words = odd.MPEG4 if suffix == ".avi" else words
    path = odd.truncated(odd.encode(tmp_path / f"whole{suffix}", *words, num_frames=200), 0.5, f"cut{suffix}")
    numbers = numbers_of(path)
    numbers = [number for number in numbers if number >= 0]  # the last one may be half a picture
    assert len(numbers) >= 7
    assert numbers == sorted(set(numbers))
    assert 60 < numbers[-1] < 140


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi"])
def test_damage_in_the_middle_leaves_the_rest(tmp_path, suffix):
    words = odd.MPEG4 if suffix == ".avi" else odd.H264
    whole = odd.encode(tmp_path / f"whole{suffix}", *words, num_frames=200)
    numbers = numbers_of(odd.damaged(whole, f"damaged{suffix}"))
    sound = numbers_of(whole)
    if suffix == ".avi":  # loses count of what is missing
        sound = numbers
        assert sum(number >= 0 for number in numbers) >= 6
    right = [a == b for a, b in zip(numbers, sound, strict=True)]
    assert right[0]
    assert right[-1]
    assert sum(right) >= 5


def broken(folder: Path, kind: str) -> Path:
    """A file that cannot be a video."""
    path = folder / f"{kind}.mp4"
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("this is not a video\n" * 50)
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(5000))
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "art":
        path = folder / "notes.txt"
        path.write_text("libav would draw this text as pictures\n" * 50)
    elif kind == "sound":
        path = odd.audio_only(folder)
    elif kind == "no moov":
        path = odd.without_moov(folder)
    elif kind == "header alone":
        path = odd.truncated(
            odd.encode(folder / "f.mp4", *odd.H264, "-movflags", "+faststart"), 0.12, "head.mp4"
        )
    return path


@pytest.mark.parametrize("decoder", ["auto", "pyav", pytest.param("decord", marks=needs_decord)])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("empty", "the file is empty"),
        ("text", "it is text, not a video"),
        ("art", "it is text, not a video"),
        ("noise", "cannot decode"),
        ("missing", "no such file"),
        ("folder", "it is a folder"),
        ("pipe", "it is a device or a pipe"),
        ("sound", "sound but no pictures"),
        ("no moov", "moov atom"),
        ("header alone", "cannot decode"),
    ],
)
def test_what_is_no_video_gets_one_line(tmp_path, kind, words, decoder):
    if kind == "pipe" and not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names here")
    path = broken(tmp_path, kind)
    with pytest.raises(VideoError, match=words) as raised:
        read_clips(path, Sampling(8), decoder=decoder)
    line = str(raised.value)
    assert "\n" not in line
    assert str(path) in line
    assert ";" in line, "a remedy follows"
    with pytest.raises(VideoError, match=words):
        probe(path)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = odd.encode(tmp_path / "locked.mp4", num_frames=3)
    monkeypatch.setattr(os, "access", lambda *_: False)  # tests may run as root, whom nothing stops
    with pytest.raises(VideoError, match=r"locked\.mp4: permission denied"):
        read_clips(path, Sampling(8))
