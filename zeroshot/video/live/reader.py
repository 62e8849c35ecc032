"""The near end of a live source: asks the child that reads it, which may die of it, for windows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zeroshot.video.processes.messages import Job, clips_in
from zeroshot.video.processes.pool import MEMORY_LIMIT_BYTES, Crew, Limits, threads_each

if TYPE_CHECKING:
    from concurrent.futures import Future

    from zeroshot.types import Clip
    from zeroshot.video.live.source import LiveSource
    from zeroshot.video.processes.messages import Message
    from zeroshot.video.sampling import Window

_TIME_LIMIT_SECONDS = 60.0  # of processor time for an answer, which takes half a second


@dataclass(frozen=True)
class LiveLook:
    """How a live source is looked at.

    Attributes:
        window: length and stride.
        num_frames: of a window.
        shorter_side: of the pictures that are made of frames later.
        lag_seconds: of video that may wait to be looked at; what is older is dropped.
        patience_seconds: without a packet, after which the source counts as lost.
    """

    window: Window
    num_frames: int
    shorter_side: int | None
    lag_seconds: float
    patience_seconds: float


@dataclass(frozen=True, eq=False)
class LiveWindows:
    """What came of a source since it was last asked.

    Attributes:
        windows: start and end of each, in seconds since the source's first frame.
        clips: one each.
        received: frames that the source has sent in all.
        dropped: of these were not looked at, as there was no time.
        lag_seconds: from the last frame that was decoded to the last that was sent.
        is_over: whether nothing will come any more.
        words: why.
    """

    windows: tuple[tuple[float, float], ...]
    clips: tuple[Clip, ...]
    received: int
    dropped: int
    lag_seconds: float
    is_over: bool
    words: str


class LiveReader:
    """One source, read by a child process of its own; `close` ends both."""

    def __init__(self, source: LiveSource, look: LiveLook) -> None:
        """The child is started, and told to open the source."""
        self._name = source.shown
        limits = Limits(_TIME_LIMIT_SECONDS, MEMORY_LIMIT_BYTES, "pyav", look.shorter_side, threads_each(1))
        self._crew = Crew(1, limits)
        asked = {"source": asdict(source), **asdict(look)}
        self.opened = self._submit(asked)

    def ask(self) -> Future[Message]:
        """The promise of what has come; the child answers within half a second or so."""
        return self._submit(None)

    def close(self) -> None:
        """End the child."""
        self._crew.close()

    def _submit(self, asked: dict[str, Any] | None) -> Future[Message]:
        return self._crew.submit(Job("live", self._name, (), (), {"asked": asked}))


def windows_in(reply: Message) -> LiveWindows:
    """What an answer says."""
    said = reply.header
    windows = tuple((start, end) for start, end in said["windows"])
    counts = said["received"], said["dropped"], said["lag_seconds"]
    return LiveWindows(windows, clips_in(reply), *counts, said["is_over"], said["words"])
