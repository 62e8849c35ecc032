"""A source watched: what is told of a scripted one, which falls behind, breaks off and comes back."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np
import pytest

from zeroshot.errors import OptionError, VideoError
from zeroshot.events import watching as room
from zeroshot.events.hysteresis import Hysteresis
from zeroshot.events.watching import StreamEvent, Watcher, Watching
from zeroshot.video.live.reader import LiveWindows
from zeroshot.video.live.source import LiveSource

CAMERA = LiveSource("rtsp://camera/1", "address")


class Finder:
    """Takes a clip for the levels that it stands for."""

    index = SimpleNamespace(labels=("falling", "standing"))
    model = SimpleNamespace(
        backbone=SimpleNamespace(preprocess=SimpleNamespace(shorter_side=8)),
        sampling=SimpleNamespace(num_frames=2),
    )

    def levels_of_clips(self, clips):
        return np.array([[level, 1 - level] for level in clips])


def done(value: object) -> Future:
    future: Future = Future()
    if isinstance(value, Exception):
        future.set_exception(value)
    else:
        future.set_result(value)
    return future


def answer(first: int, levels, *, dropped: int = 0, is_over: bool = False, words: str = "") -> LiveWindows:
    windows = tuple((float(first + n), first + n + 1.0) for n in range(len(levels)))
    return LiveWindows(windows, tuple(levels), 10, dropped, 0.5, is_over, words)


@pytest.fixture
def watched(monkeypatch):
    """Runs a watcher over scripted connections: each an error on opening, or answers and errors."""
    slept = []

    def run(connections, source=CAMERA, stop=None, **how) -> list[StreamEvent]:
        script, closed = iter(connections), []

        class Reader:
            def __init__(self, _source, _look):
                lines = next(script)
                self.opened = done(lines if isinstance(lines, Exception) else "opened")
                self._lines = iter(() if isinstance(lines, Exception) else lines)

            def ask(self):
                ended = answer(99, [], dropped=self._dropped, is_over=True, words="it has ended")
                line = next(self._lines, ended)
                self._dropped = getattr(line, "dropped", 0)
                return done(line)

            _dropped = 0

            def close(self):
                closed.append(self)

        monkeypatch.setattr(room, "LiveReader", Reader)
        monkeypatch.setattr(room, "windows_in", lambda reply: reply)
        stop = stop or threading.Event()
        monkeypatch.setattr(stop, "wait", slept.append)
        events = list(Watcher(Finder(), source, Watching(**how), stop).events())
        run.closed, run.slept = len(closed), slept
        return events

    return run


def test_events_are_told_as_they_begin_and_end(watched):
    events = watched([[answer(0, [0.2, 0.9, 0.9]), answer(3, [0.1, 0.1])]], retries=0)
    told = [(one.kind, one.label, one.start_seconds) for one in events if one.label]
    assert told == [
        ("begin", "standing", None),
        ("end", "standing", 0.0),
        ("begin", "falling", None),
        ("end", "falling", pytest.approx(1.0, abs=0.1)),
        ("begin", "standing", None),
        ("end", "standing", pytest.approx(3.0, abs=0.1)),
    ]
    assert [events[0].kind, *(one.kind for one in events[-2:])] == ["connected", "lost", "stopped"]
    assert events[-1].received == 10
    assert all(one.time.endswith("+00:00") for one in events)
    assert "label" not in events[0].as_dict()
    assert watched.closed == 1


def test_a_lost_source_is_tried_again_later_and_later(watched):
    gone = VideoError("cannot watch rtsp://camera/1: no route")
    lines = [[answer(0, [0.9, 0.9])], gone, gone, [answer(0, [0.9])], gone, gone, gone]
    events = watched(lines, retries=3)
    once = ["connected", "begin", "end"]
    assert [one.kind for one in events] == [*once, *["lost"] * 3, *once, *["lost"] * 4, "stopped"]
    assert watched.slept == [1, 2, 4, 1, 2, 4]
    assert [one.words for one in events if one.kind == "lost"][:2] == ["it has ended", str(gone)]


def test_a_source_that_was_never_there_is_an_error(watched):
    with pytest.raises(VideoError, match="no route"):
        watched([VideoError("cannot watch x: no route")])


def test_dropped_frames_are_told_and_counted_over_connections(watched):
    lines = [[answer(0, [0.9], dropped=4)], [answer(0, [0.9], dropped=3)]]
    events = watched([*lines, VideoError("gone"), VideoError("gone")], retries=1)
    assert [one.dropped for one in events if one.kind == "dropped"] == [4, 7]
    assert events[-1].dropped == 7
    assert events[-1].received == 20


def test_a_file_ends_and_has_no_wall_clock(watched):
    film = LiveSource("/a.ts", "file")
    events = watched([[answer(0, [0.9]), answer(1, [], is_over=True, words="nothing came any more")]], film)
    assert [one.kind for one in events] == ["connected", "begin", "end", "stopped"]
    assert events[-1].words == "nothing came any more"
    assert {one.time for one in events} == {None}
    with pytest.raises(VideoError, match="died"):
        watched([[answer(0, [0.9]), VideoError("the child died")]], film)


def test_whoever_stops_it_is_told_what_ends(watched):
    stop = threading.Event()
    endless = (answer(n, [0.9]) for n in itertools.count())

    def lines():
        for number, line in enumerate(endless):
            if number == 5:
                stop.set()
            yield line

    events = watched([lines()], stop=stop)
    assert [one.kind for one in events] == ["connected", "begin", "end", "stopped"]
    assert events[-1].words == "it was stopped"


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"lag_seconds": 0}, "lag_seconds is 0"),
        ({"patience_seconds": float("nan")}, "patience_seconds is nan"),
        ({"retries": -1}, "retries is -1"),
        ({"rule": Hysteresis.within_video()}, "no best labels of all its time"),
        ({"rule": Hysteresis(labels_per_video=1)}, "no best labels"),
    ],
)
def test_what_cannot_be_watched_for(how, named):
    with pytest.raises(OptionError, match=named):
        Watching(**how)
