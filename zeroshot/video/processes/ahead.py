"""Work begun ahead of who waits for it, and called off where nobody does."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Future

Outcome = TypeVar("Outcome")


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
