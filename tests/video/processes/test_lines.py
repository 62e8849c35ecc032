"""Who takes which request, and files that children keep open from one to the next.

Covers: video/processes/messages, video/processes/windows, video/processes/pool.
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import odd_files as odd
import pytest

from zeroshot.video.decoders import stream
from zeroshot.video.decoders.pyav import PyavDecoder
from zeroshot.video.processes import child, pool
from zeroshot.video.processes.messages import Job, Line, Request, Requests, clips_in
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.processes.windows import in_groups
from zeroshot.video.sampling import Window

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
ONE, TWO = "one child", "another"


def request(name: str, line: Line | None = None) -> Request:
    return Request(Job("probe", name, (), (), {}, line), (), Future())


def names(requests: Requests, *takers: str) -> list[str]:
    taken = [requests.take(taker) for taker in takers]
    return [each.job.name for each in taken if each is not None]


def test_a_line_is_for_one_child():
    requests, line = Requests(), Line()
    for name in ("a", "b", "c"):
        requests.put(request(name, line))
        requests.put(request(f"{name} without", None))
    assert names(requests, ONE, TWO, TWO, ONE, TWO, ONE) == [
        "a", "a without", "b without", "b", "c without", "c"
    ]  # fmt: skip
    requests.close()
    assert names(requests, ONE, TWO) == []


def test_a_line_may_be_given_to_a_child():
    requests = Requests()
    requests.put(request("for two", Line()), TWO)
    requests.put(request("for any"))
    assert names(requests, ONE, TWO) == ["for any", "for two"]


def test_what_somebody_waits_for_goes_before_what_is_read_ahead():
    requests, line = Requests(), Line()
    for number in range(3):
        job = Job("windows", f"ahead {number}", (), (), {}, line, is_ahead=True)
        requests.put(Request(job, (), Future()))
    assert names(requests, ONE) == ["ahead 0"]
    requests.put(request("now"))
    assert names(requests, ONE, ONE, ONE) == ["now", "ahead 1", "ahead 2"]


def test_a_child_waits_for_what_it_may_take():
    requests, line, got = Requests(), Line(), []
    requests.put(request("a", line))
    assert names(requests, ONE) == ["a"]
    requests.put(request("b", line))
    waiting = threading.Thread(target=lambda: got.extend(names(requests, TWO)))
    waiting.start()
    requests.put(request("for any"))
    waiting.join(60)
    assert got == ["for any"]
    requests.close()
    assert names(requests, ONE) == ["b"], "what waits when it is closed is still taken"


def test_who_is_alone():
    requests, line = Requests(), Line()
    requests.put(request("a", line))
    requests.put(request("b", line))
    requests.put(request("c"))
    requests.take(ONE)
    assert not requests.is_alone(ONE), "c waits for another"
    requests.take(TWO)
    assert not requests.is_alone(ONE), "another is at work"
    requests.close()
    assert names(requests, ONE) == ["b"]
    assert requests.take(TWO) is None
    assert requests.is_alone(ONE)


@pytest.mark.parametrize(
    ("window", "seconds", "sizes", "ahead"),
    [
        (Window(1.0, 1.0), 5.0, [2, 2, 1], [0, 0, 0]),
        (Window(1.0, 1.0), 4.0, [2, 2], [0, 0]),
        (Window(1.0, 0.25), 2.0, [2, 2, 1], [3, 1, 0]),
        (Window(1.0, 2.0), 5.0, [2, 1], [0, 0]),
        (Window(9.0, 1.0), 5.0, [1], [0]),
    ],
)
def test_groups_of_windows(window, seconds, sizes, ahead):
    groups = list(in_groups(window.over(seconds), 2))
    assert [each for group in groups for each in group.windows] == list(window.over(seconds))
    assert [len(group.windows) for group in groups] == sizes
    assert [len(group.ahead) for group in groups] == ahead
    assert [group.is_last for group in groups] == [*[False] * (len(groups) - 1), True]


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    return odd.encode(tmp_path_factory.mktemp("raw") / "raw.h264", *odd.H264, "-f", "h264", num_frames=100)


def open_files(reader: ClipReader) -> list[list[str]]:
    """What each child has open."""
    folders = [
        Path(f"/proc/{driver._child._process.pid}/fd") for driver in reader._crew._drivers if driver._child
    ]
    return [[str(each.readlink()) for each in folder.iterdir() if each.is_symlink()] for folder in folders]


@on_linux
def test_one_child_reads_a_file_without_times_and_closes_it(raw):
    with ClipReader(2) as reader:
        groups = reader.read_many_windows([raw], Window(1.0, 0.5), 2, 1)
        first = next(groups)
        reader.probe(raw)  # whoever is free; the line goes on
        holders = [str(raw) in files for files in open_files(reader)]
        rest = list(groups)
        for _ in range(2):  # behind the word that it may be closed
            list(reader.read_many([raw] * 4, child.Sampling(1)))
        assert not any(str(raw) in files for files in open_files(reader))
    assert holders.count(True) <= 1
    clips = [clip for group in (first, *rest) for clip in group.outcome]
    assert [odd.indices_of(clip.frames) for clip in clips[:3]] == [[6, 18], [18, 31], [31, 43]]
    assert len(clips) == 7


@on_linux
def test_what_is_left_in_the_middle_is_closed_too(raw):
    with ClipReader(1) as reader:
        groups = reader.read_many_windows([raw], Window(1.0, 1.0), 2, 1)
        next(groups)
        groups.close()
        reader.probe(raw)
        assert not any(str(raw) in files for files in open_files(reader))


def test_a_file_that_changes_between_groups_is_opened_anew(raw, tmp_path):
    path = tmp_path / "changing.h264"
    path.write_bytes(raw.read_bytes())
    asked = {
        "paths": [str(path)],
        "reading": {"decoder": "auto", "shorter_side": None, "num_threads": 1},
        "ahead": [],
        "num_frames": 1,
        "frames": "even",
        "keep": True,
    }
    try:
        before = clips_in(child._windows({**asked, "windows": [(0.0, 1.0)]}))
        odd.encode(path, *odd.H264, "-vf", "negate", "-f", "h264", num_frames=50)
        after = clips_in(child._windows({**asked, "windows": [(0.0, 1.0)]}))
        assert len(child._open) == 1
    finally:
        child._release({})
    assert child._open == []
    difference = np.abs(before[0].frames.astype(int) - after[0].frames.astype(int)).mean()
    assert difference > 50


def test_a_file_alone_has_the_threads_of_those_that_wait(raw, monkeypatch):
    """As far as its pictures are large; what is shown is the same."""
    asked: list[int] = []
    ask = pool._Child.ask
    monkeypatch.setattr(
        pool._Child,
        "ask",
        lambda self, request, limits: (
            asked.append(request.header["reading"]["num_threads"]) or ask(self, request, limits)
        ),
    )
    monkeypatch.setattr(pool, "threads_each", lambda num_workers: 4 // num_workers)
    monkeypatch.setattr("zeroshot.video.processes.reader.threads_each", lambda num_workers: 4 // num_workers)
    with ClipReader(2) as reader:
        reader.read(raw, child.Sampling(3))
    assert asked == [4]
    monkeypatch.setattr(stream, "_LARGE_PIXELS", odd.WIDTH * odd.HEIGHT)
    decoders = [PyavDecoder(raw, num_threads=number) for number in (4, 1)]
    monkeypatch.setattr(stream, "_LARGE_PIXELS", odd.WIDTH * odd.HEIGHT + 1)
    decoders.append(PyavDecoder(raw, num_threads=4))
    assert [each._stream.context.thread_count for each in decoders] == [4, 1, 1]
    pictures = [np.stack(each.frames_at([0.5, 1.7, 3.2]).pictures) for each in decoders]
    for each in decoders:
        each.close()
    assert np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[0], pictures[2])
