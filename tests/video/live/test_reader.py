"""A child that reads a live source: a file that grows, one that is no video, one that ends the child.

Covers: video/live/stream.
"""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from zeroshot.errors import VideoError
from zeroshot.video.live.reader import LiveLook, LiveReader, windows_in
from zeroshot.video.live.source import live_source
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Window

FILM = Path(__file__).parents[3] / "examples" / "film.mp4"


def look(patience: float = 1.0, lag: float = 30.0) -> LiveLook:
    return LiveLook(Window(2.0, 1.0), 4, 64, lag, patience)


@pytest.fixture(scope="module")
def transport(tmp_path_factory) -> Path:
    """The film as it goes over the air: no index, readable from any key frame on."""
    path = tmp_path_factory.mktemp("live") / "film.ts"
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    words = ["-v", "error", "-i", str(FILM), "-c:v", "libx264", "-g", "12", "-f", "mpegts", str(path)]
    subprocess.run([ffmpeg, *words], check=True)
    return path


def everything(reader: LiveReader):
    """All windows until the source is over, and the last answer."""
    reader.opened.result(60)
    windows, clips = [], []
    while True:
        got = windows_in(reader.ask().result(60))
        windows += got.windows
        clips += got.clips
        if got.is_over:
            return windows, clips, got


def test_a_file_that_grows_is_read_to_its_end_without_loss(transport, tmp_path):
    data, growing = transport.read_bytes(), tmp_path / "growing.ts"
    growing.write_bytes(data[:40_000])

    def grow():
        with growing.open("ab") as file:
            for start in range(40_000, len(data), 30_000):
                time.sleep(0.1)
                file.write(data[start : start + 30_000])
                file.flush()

    thread = threading.Thread(target=grow)
    thread.start()
    reader = LiveReader(live_source(growing), look(patience=2.0))
    try:
        windows, clips, last = everything(reader)
    finally:
        reader.close()
        thread.join()
    assert windows == [(float(n), n + 2.0) for n in range(len(windows))]
    assert len(windows) == 15
    assert (last.received, last.dropped, last.words) == (192, 0, "nothing came any more")
    with ClipReader(1, shorter_side=64) as files:
        same = files.read_windows(transport, windows[:6], 4)
    for clip, other in zip(clips, same, strict=False):
        assert np.abs(clip.frames.astype(int) - other.frames.astype(int)).mean() < 3
        assert clip.seconds == pytest.approx(other.seconds, abs=0.1)


def test_what_is_no_video_is_one_line(tmp_path):
    (tmp_path / "text.ts").write_text("no video at all\n" * 100)
    reader = LiveReader(live_source(tmp_path / "text.ts"), look())
    try:
        with pytest.raises(VideoError, match=r"cannot watch .*text\.ts: ") as caught:
            reader.opened.result(60)
    finally:
        reader.close()
    assert "\n" not in str(caught.value)


def test_a_child_that_dies_is_an_error_and_no_more(transport):
    reader = LiveReader(live_source(transport), look(patience=30.0))
    try:
        reader.opened.result(60)
        windows_in(reader.ask().result(60))
        reader._crew._drivers[0]._child._process.kill()
        promised = [reader.ask() for _ in range(3)]  # it is killed before all of these are answered
        with pytest.raises(VideoError, match=r"ended the decoding process|was not opened"):
            _ = [each.result(60) for each in promised]
    finally:
        reader.close()
