"""Files of odd kinds, made by ffmpeg in many variations, frame by frame against ffmpeg's own command line.

Covers: video/decoders/clock, video/decoders/timeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import odd_files as odd
import pytest

from zeroshot.video.decoders.by_name import DECODERS
from zeroshot.video.decoders.decode import probe, read_clips, read_windows
from zeroshot.video.sampling import Sampling, frame_times

if TYPE_CHECKING:
    from pathlib import Path

MATRICES = {
    "as stored": (1, 0, 0, 1),
    "clockwise": (0, 1, -1, 0),
    "half a turn": (-1, 0, 0, -1),
    "counterclockwise": (0, -1, 1, 0),
    "mirrored": (-1, 0, 0, 1),
    "upside down": (1, 0, 0, -1),
    "transposed": (0, 1, 1, 0),
    "transposed the other way": (0, -1, -1, 0),
}
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "3", "-g", "12", "-bf", "2")
CODECS = {
    "h264": odd.H264,
    "hevc": (
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        "log-level=error:bframes=2",
        "-g",
        "12",
    ),
    "mpeg2": MPEG2,
    "mpeg1": ("-c:v", "mpeg1video", "-q:v", "3", "-g", "12", "-bf", "2"),
    "mpeg4": odd.MPEG4,
    "vp9": ("-c:v", "libvpx-vp9", "-g", "12", "-deadline", "realtime", "-cpu-used", "8"),
    "intra": ("-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"),
}
CONTAINERS = [("h264", ".mp4"), ("hevc", ".mp4"), ("mpeg4", ".mov")]
TURNED = [(name, codec, suffix) for name in MATRICES for codec, suffix in CONTAINERS]
SEI = [(rotate, flip) for rotate in (0, 90, 180, 270) for flip in ("", "horizontal", "vertical")][1:]
PARTS = {
    ".ts": ("h264", "hevc", "mpeg2"),
    ".mpg": ("mpeg2", "mpeg1"),
    ".vob": ("mpeg2",),
    ".mkv": ("h264", "mpeg4", "vp9", "intra"),
    ".h264": ("h264",),
    ".m2v": ("mpeg2",),
}
SECOND = ("like the first", "larger", "without colour", "far ahead")
JOINED = [
    (codec, suffix, second)
    for suffix, codecs in PARTS.items()
    for codec in codecs
    for second in SECOND
    # Its header stands once in a Matroska file, so that nobody can decode another size behind it.
    if (codec, suffix, second) != ("h264", ".mkv", "larger")
]
SHOWN_BY_DEFAULT = {
    *[("h264", suffix, "like the first") for suffix in (".ts", ".mkv")],
    ("mpeg2", ".mpg", "like the first"),
    ("mpeg2", ".ts", "larger"),
    ("h264", ".ts", "far ahead"),
    ("h264", ".h264", "larger"),
    ("vp9", ".mkv", "like the first"),
}


def slow(case: tuple, default: bool) -> object:
    """A case of the default run, or of the slow one."""
    return pytest.param(*case, marks=() if default else pytest.mark.slow)


def agree_with_ffmpeg(path: Path) -> list[int]:
    """The numbers of all frames, which are ffmpeg's whatever the number of threads, on a clock that grows."""
    info = probe(path)
    true = odd.frames_by_ffmpeg(path, info.width, info.height)
    numbers: list[int] = []
    for threads in (1, 2, 4):
        decoder = DECODERS["raw"](path, num_threads=threads)
        every = list(decoder.every_frame(1e9))
        decoder.close()
        assert len(every) == len(true), f"{threads} threads"
        assert max(np.abs(a.astype(int) - b[1]).mean() for a, b in zip(true, every, strict=True)) < 4
        seconds = np.array([second for second, _ in every])
        assert (np.diff(seconds) > 0).all()
        assert info.duration_seconds > seconds[-1]
        clip = read_clips(path, Sampling(9), decoder="raw", num_threads=threads)[0]
        moments = frame_times(Sampling(9), info.duration_seconds)[0]
        places = np.searchsorted(seconds, moments + 1e-6, side="right") - 1
        assert clip.seconds == pytest.approx(seconds[places])
        assert all(np.array_equal(frame.transpose(1, 2, 0), every[n][1])
                   for frame, n in zip(clip.frames, places, strict=True))  # fmt: skip
        numbers = odd.indices_of(np.stack([picture.transpose(2, 0, 1) for _, picture in every]))
    return numbers


@pytest.mark.parametrize(
    ("name", "codec", "suffix"), [slow(case, case[1] == "h264" and "r" in case[0]) for case in TURNED]
)
def test_all_eight_orientations(tmp_path, name, codec, suffix):
    straight = odd.encode(tmp_path / f"straight{suffix}", *CODECS[codec], num_frames=20)
    agree_with_ffmpeg(odd.with_matrix(straight, MATRICES[name], f"turned{suffix}"))


@pytest.mark.parametrize(("rotate", "flip"), [slow(case, case == (0, "horizontal")) for case in SEI])
def test_orientations_in_the_pictures_themselves(tmp_path, rotate, flip):
    straight = odd.encode(tmp_path / "straight.mp4", *odd.H264, num_frames=20)
    words = f"h264_metadata=display_orientation=insert:rotate={rotate}" + (f":flip={flip}" if flip else "")
    path = tmp_path / "sei.mp4"
    odd.ffmpeg("-i", straight, "-c", "copy", "-bsf:v", words, path)
    agree_with_ffmpeg(path)


@pytest.mark.parametrize(
    ("codec", "suffix", "second"), [slow(case, case in SHOWN_BY_DEFAULT) for case in JOINED]
)
def test_a_clock_that_starts_anew(tmp_path, codec, suffix, second):
    first = odd.encode(tmp_path / f"a{suffix}", *CODECS[codec], num_frames=40)
    more = {
        "like the first": (),
        "larger": ("-vf", "scale=240:144:flags=neighbor"),
        "without colour": ("-vf", "format=gray"),
        "far ahead": ("-output_ts_offset", "5000"),
    }[second]
    words = CODECS[codec]
    middle = odd.encode(tmp_path / f"b{suffix}", *words, *more, num_frames=30)
    path = odd.joined(tmp_path / f"joined{suffix}", first, middle, first)
    numbers = agree_with_ffmpeg(path)
    # ffmpeg reads two Matroska files that are joined, not three, and loses a frame where MPEG-2 changes size.
    if suffix != ".mkv" and second != "larger":
        assert numbers == [*range(40), *range(30), *range(40)]
        assert probe(path).duration_seconds == pytest.approx(110 / 25, abs=0.05)


def test_windows_of_a_clock_that_starts_anew(tmp_path):
    part = odd.encode(tmp_path / "a.ts", *odd.H264, num_frames=75)
    path = odd.joined(tmp_path / "joined.ts", *[part] * 6)
    windows = [(2.0 * number, 2.0 * number + 2.0) for number in range(9)]
    clips = read_windows(path, windows, 2)
    numbers = [odd.indices_of(clip.frames) for clip in clips]
    assert numbers == [[int((50 * k + 12.5) % 75), int((50 * k + 37.5) % 75)] for k in range(9)]
    far = read_windows(path, windows[7:8], 2)[0]
    assert odd.indices_of(far.frames) == numbers[7]
