"""Decoding children that outlive their reader and serve the next: to start them takes longer than most tests.

Each request tells a child all that it has to know, so that none remembers who asked before. Only children
that have nothing to do are kept; a reader that is closed in the midst of something kills its own, as ever.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zeroshot.video.processes.pool import Crew

if TYPE_CHECKING:
    from concurrent.futures import Future

    from zeroshot.video.processes.messages import Job, Message
    from zeroshot.video.processes.pool import Limits

_MOST = 3  # crews
_free: list[tuple[int, int | None, Crew]] = []  # how many children, their memory, and who leads them


class Lease:
    """Stands for a crew as long as one reader has it."""

    def __init__(self, num_workers: int, limits: Limits) -> None:
        self.owner = os.getpid()
        self._kind = num_workers, limits.memory_limit_bytes
        self._asked: list[Future[Message]] = []
        self._crew: Crew | None = _taken(num_workers, limits) or Crew(num_workers, limits)

    def submit(self, job: Job) -> Future[Message]:
        """As `Crew.submit`."""
        assert self._crew is not None
        future = self._crew.submit(job)
        self._asked.append(future)
        return future

    def release(self) -> None:
        """As `Crew.release`."""
        assert self._crew is not None
        self._crew.release()

    def close(self) -> None:
        """Keep the children for the next reader, or end them."""
        crew, self._crew = self._crew, None
        if crew is None or self.owner != os.getpid():
            return
        if not all(future.done() for future in self._asked):
            crew.close()
            return
        _free.append((*self._kind, crew))
        if len(_free) > _MOST:  # those of a kind that nobody asked for of late
            _free.pop(0)[-1].close()


def _taken(num_workers: int, limits: Limits) -> Crew | None:
    """A crew that nobody has, of that many children with that much memory, told of the other limits."""
    for place, (number, memory, crew) in reversed([*enumerate(_free)]):
        if crew.owner == os.getpid() and (number, memory) == (num_workers, limits.memory_limit_bytes):
            del _free[place]
            for driver in crew._drivers:
                driver._limits = limits
            return crew
    return None


def end_all() -> None:
    """Nobody needs any more of them."""
    while _free:
        _free.pop()[-1].close()
