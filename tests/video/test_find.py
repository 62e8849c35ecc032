"""What folders hold besides videos is counted and named; and suffixes are those of what can be read."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import odd_files as odd
import pytest

from zeroshot.errors import VideoError
from zeroshot.video.decoders.decode import probe
from zeroshot.video.find import LeftOut, find_videos
from zeroshot.video.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES

# Endings that no demuxer of libav lists as its own, and what they hold.
OTHER_NAMES = {
    ".mpg": "mpeg", ".mpe": "mpeg", ".mpeg": "mpeg", ".mod": "mpeg", ".tod": "mpegts", ".vob": "mpeg",
    ".evo": "mpeg", ".mpv": "mpeg", ".m1v": "mpeg1video", ".m2v": "mpeg2video", ".ts": "mpegts",
    ".m2t": "mpegts", ".m2ts": "mpegts", ".mts": "mpegts", ".asf": "asf", ".wmv": "asf", ".divx": "avi",
    ".xvid": "avi", ".qt": "mov", ".3gpp": "3gp", ".3gp2": "3g2", ".ogv": "ogg", ".ogm": "ogg", ".ogx": "ogg",
    ".gxf": "gxf", ".mxf": "mxf", ".ivf": "ivf", ".swf": "swf", ".amv": "amv", ".apng": "apng", ".roq": "roq",
    ".h263": "h263", ".av1": "obu",
}  # fmt: skip
UNMADE = {".flc": "flic", ".fli": "flic", ".rm": "rm", ".rmvb": "rm", ".wtv": "wtv"}
CODECS = {
    "mpeg1video": "mpeg1video", "mpeg2video": "mpeg2video", "mpegts": "libx264", "mpeg": "mpeg2video",
    "asf": "mpeg4", "avi": "mpeg4", "mov": "libx264", "3gp": "libx264", "3g2": "libx264", "ogg": "libtheora",
    "gxf": "mpeg2video", "mxf": "mpeg2video", "ivf": "libvpx", "swf": "flv1", "amv": "amv", "apng": "apng",
    "roq": "roqvideo", "h263": "h263", "obu": "libaom-av1",
}  # fmt: skip
SIZES = {"h263": "352x288", "gxf": "720x576", "roq": "128x64", "amv": "160x96"}


def known_to_libav() -> set[str]:
    """Endings that libav's demuxers call their own."""
    found = set()
    for name in av.formats_available:
        try:
            found |= {f".{ending}" for ending in av.ContainerFormat(name, "r").extensions}
        except ValueError:  # it can only be written
            continue
    return found


@cache
def made(kind: str) -> bytes:
    """A video of a kind, which every ending of it is tried on."""
    codec = CODECS[kind]
    words = ["-f", "lavfi", "-i", f"testsrc=s={SIZES.get(kind, '160x96')}:d=0.4:r=25", "-c:v", codec]
    words += ["-r", "30"] if kind == "roq" else []
    words += ["-f", {"roq": "roq", "asf": "asf", "mpeg": "vob"}.get(kind, kind)]
    with TemporaryDirectory() as folder:
        odd.ffmpeg(*words, "-t", "0.4", Path(folder) / "video")
        return (Path(folder) / "video").read_bytes()


@pytest.mark.parametrize("suffix", sorted(VIDEO_SUFFIXES - known_to_libav() - UNMADE.keys()))
def test_suffixes_that_libav_does_not_list_are_of_what_it_reads(tmp_path, suffix):
    path = tmp_path / f"video{suffix}"
    try:
        path.write_bytes(made(OTHER_NAMES[suffix]))
    except AssertionError as error:
        pytest.skip(f"this ffmpeg cannot make it: {str(error).splitlines()[-1]}")
    assert probe(path).width > 0


def test_what_cannot_be_made_is_read_by_a_demuxer_that_is_there():
    assert set(UNMADE.values()) <= set(av.formats_available)
    assert not VIDEO_SUFFIXES & IMAGE_SUFFIXES
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in VIDEO_SUFFIXES | IMAGE_SUFFIXES)


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Path:
    names = "a.mp4 b.DV c.txt d.TXT e noted.md deep/f.mp4 deep/cover.jpg .h.txt frames/1.png frames/2.png"
    names += " frames/x.json .hidden.mp4"
    for name in names.split():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "link").symlink_to("deep")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_left_out_is_counted_by_suffix(tree):
    left = LeftOut()
    assert [path.as_posix() for path in find_videos(["."], left)] == ["a.mp4", "b.DV", "deep/f.mp4", "frames"]
    assert left.suffixes == Counter({".txt": 2, ".md": 1, "": 1, ".jpg": 1, ".json": 1})
    words, hidden, links = left.lines()
    assert hidden == "left out 1 hidden file: .hidden.mp4"
    assert (
        words
        == "left out 6 files that are no videos by name: 2 .txt, 1 without suffix, 1 .jpg, 1 .json, 1 .md"
    )
    assert links == "left out linked folders, which are not followed: link"
    assert LeftOut().lines() == []


def test_folders_that_cannot_be_looked_into_are_named(tree, monkeypatch):
    real = os.scandir

    def locked(path=".") -> object:
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", locked)
    left = LeftOut()
    assert [path.as_posix() for path in find_videos(["."], left)] == ["a.mp4", "b.DV", "frames"]
    assert left.lines()[-1] == "left out ./deep, which cannot be read: permission denied"
    with pytest.raises(VideoError, match="cannot read deep: permission denied; check the path"):
        find_videos(["deep"])
