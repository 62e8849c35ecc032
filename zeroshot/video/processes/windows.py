"""A video that is read window by window: what is asked of it, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zeroshot.errors import VideoError

if TYPE_CHECKING:
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
    """A video that is read window by window, the file that it is in, and what ended it before its end."""

    path: Any
    file: Any
    duration_seconds: float
    error: VideoError | None = None


def measured(path: VideoSource, place: Future[Any], future: Future[Message]) -> ReadVideo:
    """A video and how long it is, or that it has failed at once.

    Args:
        path: as it was given.
        place: where it is, see `fetching.here`.
        future: what a child says of it.
    """
    try:
        return ReadVideo(path, place.result(), future.result().header["info"]["duration_seconds"])
    except VideoError as error:
        return ReadVideo(path, path, 0.0, error)
