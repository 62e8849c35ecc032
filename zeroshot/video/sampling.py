"""Which moments of a video are looked at: arithmetic on seconds, never on frame numbers."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import OptionError, require_kinds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


FRAMES = ("even", "keyframes")
PLACEMENTS = ("segments", "middles", "whole middles", "starts", "linspace", "random")


@dataclass(frozen=True)
class Sampling:
    """How V clips of T frames are taken from a video.

    Attributes:
        num_frames: T. Eight is what most video CLIPs are trained and published with.
        num_views: V clips of the same video; their embeddings are averaged by whoever asked for them.
        stride_seconds: None: T equal segments of the window, one frame in each. A number: T frames that far
            apart (dense sampling), the V clips spread evenly over the window.
        seed: None: the middle of each segment, for testing. A number: a random place in each, for training.
        start_seconds: where the window begins, from the first frame of the video.
        end_seconds: where it ends; None is the end of the video.
        frames: "even": the frames shown at the moments. "keyframes": the key frames nearest to them, many
            times faster to decode, in each clip whose moments all have one nearer than halfway to the next
            moment; the others are read as by "even".
        series: of a folder of frames that holds several numbered series, the pattern of one, such as `img_*`.
        placement: "segments": by time, as `frame_times` says. Another word: by the number of the frame, as
            the code of a line of papers does; `placement.py` has the rules.
    """

    num_frames: int = 8
    num_views: int = 1
    stride_seconds: float | None = None
    seed: int | None = None
    start_seconds: float = 0.0
    end_seconds: float | None = None
    frames: str = "even"
    series: str | None = None
    placement: str = "segments"

    def __post_init__(self) -> None:
        """Refuse counts below one, negative times and a window that ends before it begins."""
        require_kinds(self)
        require_frames(self.frames)
        for name in ("num_frames", "num_views"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is {getattr(self, name)}; expected 1 or more")
        if self.stride_seconds is not None and not (
            math.isfinite(self.stride_seconds) and self.stride_seconds > 0
        ):
            raise OptionError(f"stride_seconds is {self.stride_seconds}; expected a number above 0, or None")
        if not (math.isfinite(self.start_seconds) and self.start_seconds >= 0):
            raise OptionError(f"start_seconds is {self.start_seconds}; expected 0 or more")
        if self.end_seconds is not None and not self.end_seconds > self.start_seconds:
            raise OptionError(
                f"the window ends at {self.end_seconds} s; expected after {self.start_seconds} s"
            )
        if self.placement not in PLACEMENTS:
            raise OptionError(f"placement is {self.placement!r}; expected one of {', '.join(PLACEMENTS)}")
        if self.placement == "linspace" and self.stride_seconds is None:
            raise OptionError("placement linspace needs stride_seconds: a clip spans num_frames of them")

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them; the placement only where it is not by time, for older records."""
        fields = asdict(self)
        if self.placement == "segments":
            del fields["placement"]
        return fields


MOST_FRAMES = 4096
"""Of all views of a video together that a model is asked to look at: gigabytes of memory."""

SHORTEST_SECONDS = 0.01
"""Of a window and of its stride: below, there are more windows than frames, and no end to them."""


def require_sampling(sampling: object) -> None:
    """Refuse what is no `Sampling`, and one of more frames than fit the memory; None is the model's own.

    Raises:
        OptionError: it is one of these.
    """
    if sampling is None:
        return
    if not isinstance(sampling, Sampling):
        raise OptionError(f"sampling is {sampling!r}; expected Sampling(num_frames=…, num_views=…), or None")
    frames, views = sampling.num_frames, sampling.num_views
    if frames * views > MOST_FRAMES:
        raise OptionError(
            f"{frames:,} frames × {views:,} views are too many for one video; expected {MOST_FRAMES:,} at "
            "most in all: choose fewer frames (num_frames) or views (num_views)"
        )


def require_frames(frames: str) -> str:
    """The word for which frames stand for the moments, if it is one.

    Raises:
        OptionError: it is none.
    """
    if frames not in FRAMES:
        raise OptionError(f"sampling is {frames!r}; expected one of {', '.join(FRAMES)}")
    return frames


def reach_seconds(times: NDArray[np.float64], window_seconds: float) -> float:
    """How far a key frame may lie from the moment for which it stands: halfway to the next moment.

    So each keeps to its own part of the video, in order, and no two moments share a frame.

    Args:
        times: (T,) moments of one clip, ascending.
        window_seconds: the length of the window, which a single moment has for itself.
    """
    return float(np.diff(times).min()) / 2 if len(times) > 1 else window_seconds / 2


def window_of(sampling: Sampling, duration_seconds: float) -> tuple[float, float]:
    """Start and end of the window within a video of that length, in seconds.

    Args:
        sampling: names the window.
        duration_seconds: from the first frame to the end of the last; 0 where it is not known.

    Raises:
        OptionError: the window begins behind the end of the video.
    """
    duration = max(0.0, duration_seconds)
    if sampling.start_seconds > 0 and sampling.start_seconds >= duration:
        raise OptionError(
            f"start_seconds is {sampling.start_seconds:g}, but the video lasts {duration:.3f} s"
        )
    end = duration if sampling.end_seconds is None else min(sampling.end_seconds, duration)
    return sampling.start_seconds, max(sampling.start_seconds, end)


def frame_times(sampling: Sampling, duration_seconds: float, fps: float = 0.0) -> NDArray[np.float64]:
    """(V, T) seconds since the first frame; the frame meant is the last whose timestamp is not later.

    Segments: the window of length L is cut into T segments of L / T, and each of these into V equal parts,
    one a view: view v looks at `start + (i + (v + u) / V) L / T` for i = 0..T-1, where u is 1/2, or uniform
    in [0, 1) and drawn anew for each frame with a seed. So the views lie between each other's frames, and all
    V together are the V T segments of one view with V times as many frames.

    Dense: a clip spans (T - 1) stride. What is left of the window is cut into V equal parts, and view v
    begins at `start + (v + u) / V (L - span)`, u as above, one a clip. In a window shorter than the span,
    the frames behind its end are the last one again.

    Args:
        sampling: T, V, stride, seed, placement and window.
        duration_seconds: from the first frame to the end of the last; 0 where it is not known.
        fps: frames a second on average, which placements by number count with; 0 where it is not known.

    Raises:
        OptionError: the window begins behind the end of the video.
    """
    start, end = window_of(sampling, duration_seconds)
    if sampling.placement != "segments":
        from zeroshot.video.placement import placed_times

        return placed_times(sampling, start, end, fps)
    V, T = sampling.num_views, sampling.num_frames
    views = np.arange(V, dtype=np.float64)[:, None]
    places = np.arange(T, dtype=np.float64)[None, :]
    if sampling.stride_seconds is None:
        times = start + (places + (views + _within(sampling.seed, V, T)) / V) * (end - start) / T
    else:
        slack = max(0.0, end - start - (T - 1) * sampling.stride_seconds)
        times = start + (views + _within(sampling.seed, V, 1)) / V * slack + places * sampling.stride_seconds
    return np.clip(times, start, end)


def _within(seed: int | None, rows: int, columns: int) -> NDArray[np.float64]:
    """(rows, columns) places within a part, in [0, 1)."""
    if seed is None:
        return np.full((rows, columns), 0.5)
    return np.random.default_rng(seed).random((rows, columns))


SHORTEST_SHARE = 0.5
"""Of a window's length: what is left of a video and shorter than that is no window of its own."""


@dataclass(frozen=True)
class Window:
    """Stretches of a video that are looked at one by one.

    Attributes:
        length_seconds: of a window; the last one may be half as long, or half as long again.
        stride_seconds: from one window's start to the next's.
    """

    length_seconds: float
    stride_seconds: float

    def __post_init__(self) -> None:
        """Refuse what does not get on."""
        require_kinds(self)
        if min(self.length_seconds, self.stride_seconds) < SHORTEST_SECONDS:
            raise OptionError(
                f"window {self.length_seconds} s and stride {self.stride_seconds} s must both be "
                f"above 0, {SHORTEST_SECONDS} s or more"
            )

    @classmethod
    def of(cls, length_seconds: float, stride_seconds: float | None = None) -> Window:
        """Windows side by side, unless a stride is given."""
        return cls(length_seconds, length_seconds if stride_seconds is None else stride_seconds)

    def over(self, duration_seconds: float) -> Iterator[tuple[float, float]]:
        """(start, end) of the windows of a video, all in seconds, until one reaches its end.

        What is left at the end and is shorter than half a window belongs to the window before it, which then
        ends with the video: eight frames of 10 ms say nothing, and won searches. Where the stride leaves gaps
        between windows, such a rest is left out as gaps are.

        Args:
            duration_seconds: of the video; 0, where it is not known, gives one window.
        """
        joins = self.stride_seconds <= self.length_seconds
        number = 0
        while True:
            start = number * self.stride_seconds
            end = start + self.length_seconds
            rest = duration_seconds - start - self.stride_seconds
            if end >= duration_seconds:
                yield start, duration_seconds if duration_seconds > start else end
                return
            if rest < SHORTEST_SHARE * self.length_seconds:
                yield start, duration_seconds if joins else end
                return
            yield start, end
            number += 1
