"""Messages between a process and its decoding children: how they are written, who takes which, in what order.

No pickle: what a decoder sends that a malicious file has subverted can be wrong, but cannot be code.
"""

from __future__ import annotations

import json
import struct
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from zeroshot.types import Clip

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Future
    from typing import IO

    from numpy.typing import NDArray

Outcome = TypeVar("Outcome")
READY = b"zeroshot decoding process ready\n"
"""A child's first line; what stands before it on its output is chatter of the interpreter's start."""

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, eq=False)
class Message:
    """A request, or the reply to one.

    Attributes:
        header: what JSON can say.
        arrays: any number, contiguous in memory.
    """

    header: dict[str, Any]
    arrays: tuple[NDArray[Any], ...] = ()


def send(stream: IO[bytes], message: Message) -> None:
    """Write one message to a binary stream, unbuffered or flushed here."""
    described = [{"dtype": array.dtype.str, "shape": array.shape} for array in message.arrays]
    text = json.dumps({**message.header, "arrays": described}).encode("ascii")
    stream.write(_LENGTH.pack(len(text)) + text)
    for array in message.arrays:
        stream.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    stream.flush()


def receive(stream: IO[bytes]) -> Message:
    """Read one message.

    Raises:
        EOFError: the other side is gone.
    """
    length = _LENGTH.unpack(_exactly(stream, _LENGTH.size))[0]
    header = json.loads(_exactly(stream, length))
    arrays = []
    for described in header.pop("arrays"):
        array: NDArray[Any] = np.empty(described["shape"], dtype=described["dtype"])
        _fill(stream, array.reshape(-1).view(np.uint8).data)
        arrays.append(array)
    return Message(header, tuple(arrays))


def _exactly(stream: IO[bytes], size: int) -> bytearray:
    """So many bytes."""
    data = bytearray(size)
    _fill(stream, memoryview(data))
    return data


def _fill(stream: IO[bytes], view: memoryview) -> None:
    """Read until a stretch of memory is full."""
    while len(view):
        count = stream.readinto(view)  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        view = view[count:]


def message_of(clips: tuple[Clip, ...]) -> Message:
    """Of each clip: frames as they lie in memory, the channels last, seconds, and how far they moved."""
    arrays: list[NDArray[Any]] = []
    for clip in clips:
        moved = np.zeros(0) if clip.moved_seconds is None else clip.moved_seconds
        arrays += [clip.frames.transpose(0, 2, 3, 1), clip.seconds, moved]
    return Message({"kind": "clips", "ends": [clip.end_seconds for clip in clips]}, tuple(arrays))


def clips_in(reply: Message) -> tuple[Clip, ...]:
    """Clips from frames (T, H, W, 3), seconds, and how far they moved or nothing, in turn."""
    arrays = reply.arrays
    parts = zip(arrays[::3], arrays[1::3], arrays[2::3], reply.header["ends"], strict=True)
    return tuple(
        Clip(frames.transpose(0, 3, 1, 2), seconds, moved if len(moved) else None, end)
        for frames, seconds, moved, end in parts
    )


class Line:
    """Jobs of one line are done in turn and by one child, which keeps between them what it has opened."""


@dataclass(frozen=True)
class Job:
    """What is wanted of files.

    Attributes:
        kind: which of the child's jobs.
        name: what messages call it.
        paths: of one video or folder, or of the pictures that are its frames.
        shown: what messages call each of them.
        options: what else the job has to know; JSON-able.
        line: None: any child will do.
        is_ahead: whether nobody waits for it yet, so that whatever else is asked may come before it.
    """

    kind: str
    name: str
    paths: tuple[str, ...]
    shown: tuple[str, ...]
    options: dict[str, Any]
    line: Line | None = None
    is_ahead: bool = False


@dataclass(frozen=True, eq=False)
class Request:
    """A job with absolute paths, and where the reply is waited for."""

    job: Job
    paths: tuple[str, ...]
    future: Future[Message]


class Requests:
    """What waits for children; whoever is free takes the first that it may, and has all of its line then."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Request] = deque()
        self._owners: WeakKeyDictionary[Line, object] = WeakKeyDictionary()
        self._busy: set[object] = set()
        self._is_closed = False

    def put(self, request: Request, taker: object | None = None) -> None:
        """Last of those that wait.

        Args:
            request: with a future that nobody has yet.
            taker: who alone may take it and all of its line; None: whoever comes first.
        """
        with self._changed:
            if taker is not None and request.job.line is not None:
                self._owners[request.job.line] = taker
            self._waiting.append(request)
            self._changed.notify_all()

    def take(self, taker: object) -> Request | None:
        """The first that is for this one, who has done what it took before; None: nothing will come."""
        with self._changed:
            self._busy.discard(taker)
            while (request := self._first_for(taker)) is None:
                if self._is_closed:
                    return None
                self._changed.wait()
            self._waiting.remove(request)
            self._busy.add(taker)
            if request.job.line is not None:
                self._owners[request.job.line] = taker
            return request

    def is_alone(self, taker: object) -> bool:
        """Whether no other is at work, and nothing waits that another could do."""
        with self._changed:
            lines = [each.job.line for each in tuple(self._waiting)]
            mine = (line is not None and self._owners.get(line) is taker for line in lines)
            return not self._busy - {taker} and all(mine)

    def close(self) -> None:
        """Nothing will come any more; what waits is still taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _first_for(self, taker: object) -> Request | None:
        jobs = ((each, each.job) for each in tuple(self._waiting))
        own = [each for each, job in jobs if job.line is None or self._owners.get(job.line, taker) is taker]
        return next((each for each in own if not each.job.is_ahead), own[0] if own else None)


@dataclass(frozen=True)
class Begun(Generic[Outcome]):
    """Work on its way: what waits for it and gives its outcome, and what can be called off."""

    finish: Callable[[], Outcome]
    futures: tuple[Future[Any] | None, ...] = ()

    def cancel(self) -> None:
        """Not wanted any more."""
        for future in self.futures:
            if future is not None:
                future.cancel()


def in_order(begun: Iterator[Begun[Outcome]], ahead: int) -> Generator[Outcome, None, None]:
    """The outcome of each work in the order given, so many of them begun ahead of the caller.

    Where the caller leaves, what was begun for nothing is called off.
    """
    waiting: deque[Begun[Outcome]] = deque()
    try:
        for one in begun:
            waiting.append(one)
            if len(waiting) > ahead:
                yield waiting.popleft().finish()
        while waiting:
            yield waiting.popleft().finish()
    finally:
        for one in waiting:
            one.cancel()
