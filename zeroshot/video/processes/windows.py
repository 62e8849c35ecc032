"""A video that is read window by window: what is asked of it, and what comes back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from zeroshot.errors import VideoError
from zeroshot.video.processes.messages import Line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from zeroshot.types import Clip
    from zeroshot.video.processes.messages import Message
    from zeroshot.video.source import VideoSource


@dataclass(frozen=True)
class WindowGroup:
    """Some windows of a video that follow each other.

    Attributes:
        path: the video, as it was given.
        windows: start and end of each, in seconds.
        outcome: a clip of each, or the error that ended the video.
        is_last: whether the video has no more.
    """

    path: Any
    windows: tuple[tuple[float, float], ...]
    outcome: tuple[Clip, ...] | VideoError
    is_last: bool


@dataclass(frozen=True)
class Look:
    """How a window is looked at: frames of it, and which stand for the moments."""

    num_frames: int
    frames: str


@dataclass
class ReadVideo:
    """A video that is read window by window.

    Attributes:
        path: as it was given.
        file: that it is in.
        duration_seconds: how long it is.
        line: where a moment costs all frames before it: then one child reads all of it.
        error: what ended it before its end.
    """

    path: Any
    file: Any
    duration_seconds: float
    line: Line | None = None
    error: VideoError | None = None


@dataclass(frozen=True)
class Asked:
    """Some windows that are asked for together.

    Attributes:
        windows: start and end of each, in seconds.
        ahead: the windows behind them that begin before these end.
        is_last: whether there are no more.
    """

    windows: tuple[tuple[float, float], ...]
    ahead: tuple[tuple[float, float], ...] = ()
    is_last: bool = True


def in_groups(windows: Iterator[tuple[float, float]], number: int) -> Iterator[Asked]:
    """So many windows at a time, and fewer in the last group.

    Args:
        windows: in time order, one or more.
        number: in a group.
    """
    coming = deque(islice(windows, number + 1))
    while coming:
        end = coming[min(number, len(coming)) - 1][1]
        while len(coming) > number and coming[-1][0] < end and (one := next(windows, None)) is not None:
            coming.append(one)
        group = tuple(coming.popleft() for _ in range(min(number, len(coming))))
        yield Asked(group, tuple(each for each in coming if each[0] < end), not coming)
        coming.extend(islice(windows, max(0, number + 1 - len(coming))))


def measured(path: VideoSource, place: Future[Any], future: Future[Message]) -> ReadVideo:
    """A video and how long it is, or that it has failed at once.

    Args:
        path: as it was given.
        place: where it is, see `fetching.here`.
        future: what a child says of it.
    """
    try:
        info = future.result().header["info"]
        line = Line() if info["is_counted"] else None
        return ReadVideo(path, place.result(), info["duration_seconds"], line)
    except VideoError as error:
        return ReadVideo(path, path, 0.0, error=error)
