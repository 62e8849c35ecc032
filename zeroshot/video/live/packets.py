"""Packets that wait to be decoded: no more than so many seconds of them, else the oldest are dropped."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES = 64 << 20
"""That wait: raw frames of a camera are large."""
_MOST_STORED = 64  # packets of what lies in a file already: it waits there

GAP = "gap"
"""Stands where packets were dropped: what follows is decoded anew."""


@dataclass(frozen=True)
class Waiting:
    """A packet of a stream.

    Attributes:
        packet: libav's, or what stands for one.
        seconds: on the stream's own clock.
        size: bytes.
        is_key: whether decoding can begin here.
        is_stored: whether it lay in a file before it was asked for: then it is not late, and can wait there.
    """

    packet: Any
    seconds: float
    size: int
    is_key: bool
    is_stored: bool = False


class PacketQueue:
    """Packets from one thread to another; whoever is too slow misses whole groups of pictures, counted.

    Attributes:
        received: packets put in.
        dropped: of these were never taken.
        newest_seconds: the time of the last one put in.
    """

    def __init__(self, lag_seconds: float) -> None:
        """An empty queue.

        Args:
            lag_seconds: from the oldest packet that waits to the newest, at most.
        """
        self._lag_seconds = lag_seconds
        self._waiting: deque[Waiting] = deque()
        self._size = 0
        self._changed = threading.Condition()
        self._gap = self._skips = False
        self.received = self.dropped = 0
        self.newest_seconds = 0.0
        self.error: BaseException | None = None
        self.is_over = False

    def fill(self, packets: Iterable[Waiting]) -> None:
        """Put in all that come; whatever ends them is kept as `error`."""
        try:
            for packet in packets:
                self.put(packet)
        except BaseException as error:  # noqa: BLE001 - told by whoever takes
            self.error = error
        with self._changed:
            self.is_over = True
            self._changed.notify_all()

    def put(self, packet: Waiting) -> None:
        """Last in the queue; waits for room where the packet can wait in its file."""
        with self._changed:
            while packet.is_stored and len(self._waiting) >= _MOST_STORED:
                self._changed.wait()
            self.received += 1
            self.newest_seconds = packet.seconds
            if self._skips and not packet.is_key:
                self.dropped += 1
                return
            self._skips = False
            self._waiting.append(packet)
            self._size += packet.size
            if not packet.is_stored and self._is_late():
                self._drop()
            self._changed.notify_all()

    def take(self, timeout_seconds: float) -> Waiting | str | None:
        """The packet that comes first; GAP before the first one behind dropped ones; None: none came."""
        with self._changed:
            if not self._waiting and not self.is_over:
                self._changed.wait(timeout_seconds)
            if not self._waiting:
                return None
            if self._gap:
                self._gap = False
                return GAP
            first = self._waiting.popleft()
            self._size -= first.size
            self._changed.notify_all()
            return first

    def _is_late(self) -> bool:
        span = self._waiting[-1].seconds - self._waiting[0].seconds
        return span > self._lag_seconds or self._size > MOST_BYTES

    def _drop(self) -> None:
        """Drop up to the last key frame; all, where there is none behind the first, and until one comes."""
        keys = [place for place, each in enumerate(self._waiting) if each.is_key and place]
        number = keys[-1] if keys else len(self._waiting)
        for _ in range(number):
            self._size -= self._waiting.popleft().size
        self.dropped += number
        self._gap, self._skips = True, not keys
