"""Windows cut from frames as they come: each is whole as soon as its last frame has been shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.types import Clip
from zeroshot.video.sampling import Sampling, frame_times

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from zeroshot.video.sampling import Window

    Picture = NDArray[np.uint8]
    Whole = tuple[tuple[float, float], Clip]

_ROUNDING_SECONDS = 1e-6  # so that a moment meets the frame that is shown from it on


class _Open:
    """A window some of whose frames have come."""

    def __init__(self, start: float, length: float, num_frames: int) -> None:
        self.start, self.end = start, start + length
        (self.moments,) = frame_times(
            Sampling(num_frames, start_seconds=start, end_seconds=self.end), self.end
        )
        self.pictures: list[Picture] = []
        self.seconds: list[float] = []


class WindowCutter:
    """The middles of T equal segments of each window, as of a file; memory holds the open windows alone."""

    def __init__(self, window: Window, num_frames: int) -> None:
        """No frame has come.

        Args:
            window: length and stride.
            num_frames: T.
        """
        self._window, self._num_frames = window, num_frames
        self._open: list[_Open] = []
        self._next_start: float | None = None
        self._shown: tuple[float, Callable[[], Picture]] | None = None

    def take(self, seconds: float, picture: Callable[[], Picture]) -> list[Whole]:
        """The windows that are whole once this frame takes the place of the one before it.

        Args:
            seconds: from when on it is shown, later than the one before.
            picture: gives its (H, W, 3) pixels; asked only of frames that are looked at.
        """
        whole = self._show_until(seconds)
        if self._next_start is None:
            self._next_start = seconds
        while self._next_start <= seconds:
            self._open.append(_Open(self._next_start, self._window.length_seconds, self._num_frames))
            self._next_start += self._window.stride_seconds
        self._shown = (seconds, picture)
        return whole

    def skip(self) -> None:
        """Frames are missing here: windows that would hold them are given up, the next begins behind them."""
        self._open, self._next_start, self._shown = [], None, None

    def _show_until(self, seconds: float) -> list[Whole]:
        """Give the frame that is shown to the moments before this one."""
        if self._shown is None:
            return []
        since, picture = self._shown
        made: Picture | None = None
        for each in self._open:
            passed = int((each.moments < seconds - _ROUNDING_SECONDS).sum())
            while len(each.pictures) < passed:
                made = picture() if made is None else made
                each.pictures.append(made)
                each.seconds.append(since)
        whole = [each for each in self._open if len(each.pictures) == self._num_frames]
        self._open = [each for each in self._open if len(each.pictures) < self._num_frames]
        return [((each.start, each.end), _clip(each)) for each in whole]


def _clip(window: _Open) -> Clip:
    return Clip(np.stack(window.pictures).transpose(0, 3, 1, 2), np.array(window.seconds, np.float64))
