"""Which frames, by their number, the code of a line of papers takes from a video of N frames.

Everywhere else frames are chosen by time. These rules count frames, as the code that they describe does, and
say the middle of each frame's time, at the video's average rate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Rule = Callable[[int, "Placed", float], NDArray[np.float64]]

_UNKNOWN_FPS = 25.0  # of files that tell no rate, as everywhere here


class Placed(Protocol):
    """What is placed: a `Sampling`."""

    @property
    def num_frames(self) -> int:
        """T."""

    @property
    def num_views(self) -> int:
        """V."""

    @property
    def stride_seconds(self) -> float | None:
        """Of which a clip spans T."""

    @property
    def seed(self) -> int | None:
        """Of what is drawn."""

    @property
    def placement(self) -> str:
        """One of `RULES`."""


def placed_times(sampling: Placed, start: float, end: float, fps: float) -> NDArray[np.float64]:
    """(V, T) seconds at which the frames of a placement are shown.

    Args:
        sampling: T, V, stride, seed and placement.
        start: of the window, in seconds.
        end: of the window, in seconds.
        fps: frames a second on average; 0 where nobody knows.
    """
    rate = fps or _UNKNOWN_FPS
    count = max(1, round((end - start) * rate))
    middles = frame_numbers(sampling, count, rate).astype(np.float64) + 0.5
    return start + middles / np.float64(rate)


def frame_numbers(sampling: Placed, count: int, fps: float) -> NDArray[np.int64]:
    """(V, T) numbers, from 0, of the frames that a placement takes of a window of N frames.

    Args:
        sampling: T, V, stride, seed and placement.
        count: N.
        fps: frames a second.
    """
    numbers = np.broadcast_to(
        RULES[sampling.placement](count, sampling, fps), (sampling.num_views, sampling.num_frames)
    )
    clipped: NDArray[np.int64] = np.clip(np.floor(numbers), 0, count - 1).astype(np.int64)
    return clipped


def _places(sampling: Placed) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(V, 1) numbers of the views and (1, T) numbers of the frames."""
    views, places = sampling.num_views, sampling.num_frames
    return np.arange(views, dtype=np.float64)[:, None], np.arange(places, dtype=np.float64)[None, :]


def _within(sampling: Placed) -> NDArray[np.float64]:
    """(V, 1) where each view looks within a part: 1/2 for one view, as far from each other for several."""
    return (_places(sampling)[0] + 0.5) / sampling.num_views


def _middles(count: int, sampling: Placed, _: float) -> NDArray[np.float64]:
    """⌊(i + 1/2) N / T⌋: mmaction's frames in its test mode, one a segment."""
    return (_places(sampling)[1] + _within(sampling)) * (count / sampling.num_frames)


def _whole_middles(count: int, sampling: Placed, _: float) -> NDArray[np.float64]:
    """The middle of T intervals that begin at whole frames; a shorter video repeats its last frame."""
    parts = min(sampling.num_frames, count)
    edges = np.linspace(0, count, parts + 1).astype(np.int64)
    taken = edges[:-1] + np.floor((np.diff(edges) - 1) * _within(sampling))
    return np.pad(taken, ((0, 0), (0, sampling.num_frames - parts)), mode="edge")


def _starts(count: int, sampling: Placed, _: float) -> NDArray[np.float64]:
    """⌊o + i N / T⌋ mod N: the first frame of each of T segments; views begin o frames later."""
    step = count / sampling.num_frames
    offsets = np.trunc(np.linspace(0, step - 1, sampling.num_views))[:, None]
    return np.floor(offsets + step * _places(sampling)[1]) % count


def _linspace(count: int, sampling: Placed, fps: float) -> NDArray[np.float64]:
    """SlowFast's: T frames from a clip's first to its last, clips from the video's first frame to its last.

    A clip spans T strides; of what the video is longer, views share the whole frames: the first view begins
    with the video, the last one ends with it, and a single one lies in the middle.
    """
    # Rounded, so that 8 × 16/30 s at 30 frames a second are 128 frames, not a hair more.
    span = round(sampling.num_frames * (sampling.stride_seconds or 0.0) * fps, 6)
    rest = max(count - span, 0.0)
    views = _places(sampling)[0]
    single = sampling.num_views == 1
    begin = np.floor([[rest / 2]]) if single else views * np.floor(rest / (sampling.num_views - 1))
    return begin + np.linspace(0.0, span - 1, sampling.num_frames)[None, :]


def _random(count: int, sampling: Placed, _: float) -> NDArray[np.float64]:
    """Frames as in mmaction's training mode: any of each of T segments of ⌊N / T⌋ frames, view by view.

    The rest behind the last segment is never looked at. A video of fewer frames than T is spread evenly.
    """
    part = count // sampling.num_frames
    places = _places(sampling)[1]
    if part == 0:
        return np.round(places * (count / sampling.num_frames))
    # Videos of other lengths draw otherwise, and those of one length alike on any machine.
    rng = np.random.default_rng([sampling.seed or 0, count])
    return places * part + rng.integers(part, size=(sampling.num_views, sampling.num_frames))


RULES: Mapping[str, Rule] = {
    "middles": _middles,
    "whole middles": _whole_middles,
    "starts": _starts,
    "linspace": _linspace,
    "random": _random,
}
