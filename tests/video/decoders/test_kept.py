"""Windows of a file group by group: read in one pass where a moment costs all frames before it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import odd_files as odd
import pytest

from zeroshot.video.decoders.decode import WindowReader, probe, read_windows
from zeroshot.video.decoders.stream import PacketStream
from zeroshot.video.processes.windows import in_groups
from zeroshot.video.sampling import Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from zeroshot.types import Clip

FRAMES = 150


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    return odd.encode(folder / "raw.h264", *odd.LONG_GOP, "-f", "h264", num_frames=FRAMES)


@pytest.fixture
def decoded(monkeypatch) -> list[object]:
    """The packets that decoders were given."""
    packets: list[object] = []
    decode = PacketStream.decode
    monkeypatch.setattr(
        PacketStream, "decode", lambda self, packet: packets.append(packet) or decode(self, packet)
    )
    return packets


def group_by_group(path: Path, window: Window, *, num_threads: int = 1) -> list[Clip]:
    clips: list[Clip] = []
    with closing(WindowReader(path, num_threads=num_threads)) as reader:
        for asked in in_groups(window.over(probe(path).duration_seconds), 2):
            clips += reader.read(asked.windows, 3, asked.ahead)
    return clips


def same(ones: Sequence[Clip], others: Sequence[Clip]) -> bool:
    pairs = list(zip(ones, others, strict=True))
    return all(np.array_equal(one.frames, other.frames) for one, other in pairs) and all(
        one.seconds.tolist() == other.seconds.tolist() for one, other in pairs
    )


@pytest.mark.parametrize("stride", [1.0, 0.35, 1.6], ids=["side by side", "overlapping", "with gaps"])
def test_a_file_without_times_is_decoded_once(raw, decoded, stride):
    window = Window(1.0, stride)
    assert probe(raw).is_counted
    windows = list(window.over(FRAMES / 25))
    once = read_windows(raw, windows, 3, num_threads=1)
    assert odd.indices_of(once[1].frames) == [int(25 * (stride + part / 6) + 1e-6) for part in (1, 3, 5)]
    decoded.clear()
    clips = group_by_group(raw, window)
    assert same(clips, once)
    assert len(decoded) < FRAMES + 60, "and the first frame of each opening"


def test_a_damaged_one_as_one_thread_reads_it(raw):
    path = odd.damaged(raw, "damaged.h264")
    window = Window(1.0, 0.5)
    windows = list(window.over(probe(path).duration_seconds))
    assert same(group_by_group(path, window, num_threads=0), read_windows(path, windows, 3, num_threads=1))


def test_windows_that_overlap_more_than_is_kept(raw, monkeypatch):
    monkeypatch.setattr("zeroshot.video.decoders.kept._MOST_KEPT", 2)
    window = Window(2.0, 0.1)
    windows = list(window.over(FRAMES / 25))[:8]
    clips: list[Clip] = []
    with closing(WindowReader(raw, num_threads=1)) as reader:
        for asked in in_groups(iter(windows), 2):
            clips += reader.read(asked.windows, 3, asked.ahead)
    assert same(clips, read_windows(raw, windows, 3, num_threads=1))


def test_going_back_is_allowed(raw):
    with closing(WindowReader(raw, num_threads=1)) as reader:
        late, early = (reader.read([(start, start + 1.0)], 2)[0] for start in (4.0, 1.0))
    assert [odd.indices_of(clip.frames) for clip in (late, early)] == [[106, 118], [31, 43]]


@pytest.mark.parametrize("name", ["r.mpg", "r.avi"])
def test_files_that_guess_their_times(tmp_path, name):
    """Counted, too; where they end is looked up among their packets."""
    words = odd.MPEG4 if name.endswith("avi") else ("-c:v", "mpeg2video")
    path = odd.encode(tmp_path / name, *words, num_frames=60)
    assert probe(path).is_counted
    window = Window(1.0, 0.5)
    windows = list(window.over(probe(path).duration_seconds))
    assert same(group_by_group(path, window), read_windows(path, windows, 3, num_threads=1))


def test_a_file_that_seeks_stays_open(tmp_path, monkeypatch):
    path = odd.plain(tmp_path)
    opened: list[str] = []
    reopen = PacketStream.reopen
    monkeypatch.setattr(PacketStream, "reopen", lambda self: opened.append(self.path) or reopen(self))
    with closing(WindowReader(path, num_threads=1)) as reader:
        reader.read([(0.0, 1.0)], 3)
        number = len(opened)
        (clip,) = reader.read([(1.0, 2.0)], 3)
    assert len(opened) == number
    assert odd.indices_of(clip.frames) == [29, 37, 45]
