"""From decoded frames to the times at which they are shown, where files tell them and where they do not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av import VideoFrame

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

    def timed(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[int, VideoFrame]]:
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
