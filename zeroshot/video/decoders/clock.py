"""From decoded frames to the times at which they are shown, where files tell them and where they do not."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from av import VideoFrame

Timed: TypeAlias = "tuple[int, VideoFrame]"
"""A frame and the tick from which on it is shown."""

P = TypeVar("P")

_ROUNDING_SECONDS = 1e-6  # so that a moment computed in floating point still meets the frame shown at it
_GUESS_FRAMES = 3  # by which a guessed time may miss


@dataclass(frozen=True)
class Clock:
    """Ticks and seconds of one stream.

    Attributes:
        time_base: seconds a tick, exact; where frames are counted, a frame.
        origin: the first frame's tick.
        counted: whether a frame's number is its time, as the file's own are missing or guesses.
        stream_time_base: seconds a tick of the timestamps of frames, exact.
        first_guess: the first frame's own timestamp, if it has one.
    """

    time_base: Fraction
    origin: int
    counted: bool
    stream_time_base: Fraction
    first_guess: int | None

    def tick(self, seconds: float) -> int:
        """The last tick that is not later than so many seconds after the first frame."""
        return self.origin + math.floor(Fraction(seconds + _ROUNDING_SECONDS) / self.time_base)

    def seconds(self, tick: int) -> float:
        """Seconds from the first frame to a tick."""
        return float((tick - self.origin) * self.time_base)

    def timed(self, frames: Iterable[VideoFrame]) -> Iterator[Timed]:
        """Each frame with its tick; those that have none are left out.

        Args:
            frames: in the order shown; from the very first, where they are counted.
        """
        drift, first = 0, self.first_guess
        for index, frame in enumerate(frames):
            tick = frame.pts
            if self.counted:
                if (
                    first is None and tick is not None
                ):  # the first ones have none: it is where its number says
                    first = tick - round(index * self.time_base / self.stream_time_base)
                drift = self._drift(index, drift, tick, first)
                tick = index + drift
            if tick is not None:
                yield tick, frame

    def _drift(self, index: int, drift: int, guessed: int | None, first: int | None) -> int:
        """By how much a frame's number exceeds its place.

        The place is believed until the guessed time says that frames are missing: damaged or dropped.
        """
        if guessed is None or first is None:
            return drift
        guess = round((guessed - first) * self.stream_time_base / self.time_base)
        return guess - index if abs(guess - index - drift) > _GUESS_FRAMES else drift


class Forward:
    """Frames in the order shown; whoever comes again later goes on where it stopped.

    Attributes:
        previous: the last frame that was passed, None before the first.
    """

    def __init__(self, frames: Iterator[Timed]) -> None:
        """Before the first.

        Args:
            frames: of which each is decoded when it is asked for.
        """
        self.previous: Timed | None = None
        self._frames = frames
        self._ahead: Timed | None = None

    def ahead(self) -> Timed | None:
        """The frame that comes next; None behind the last."""
        if self._ahead is None:
            self._ahead = next(self._frames, None)
        return self._ahead

    def shown_at(self, ticks: Sequence[int], picture: Callable[[VideoFrame], P]) -> dict[int, tuple[int, P]]:
        """For each tick, since when the frame shown then is shown, and its picture; nothing without frames.

        Passes no frame but those before the last tick's. Behind the last frame that one is shown, and before
        the first one nothing is but that.

        Args:
            ticks: in ascending order, none before that of `previous`.
            picture: of a frame; made once of each.
        """
        found: dict[int, tuple[int, P]] = {}
        waiting = deque(ticks)
        kept: tuple[int, P] | None = None
        while waiting and (ahead := self.ahead()) is not None:
            if ahead[0] > waiting[0] and self.previous is not None:
                kept = (self.previous[0], picture(self.previous[1]))
                while waiting and ahead[0] > waiting[0]:
                    found[waiting.popleft()] = kept
            if waiting:
                self.previous, self._ahead = ahead, None
        if waiting and self.previous is not None:
            found.update(dict.fromkeys(waiting, (self.previous[0], picture(self.previous[1]))))
        return found
