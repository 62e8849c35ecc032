"""From a video file to clips: the frames shown at given moments, whoever decodes them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError, VideoError, printable
from zeroshot.types import Clip
from zeroshot.video.decoders.by_name import DECODERS
from zeroshot.video.decoders.kept import Kept
from zeroshot.video.decoders.probe import VideoInfo
from zeroshot.video.sampling import Sampling, frame_times, reach_seconds, require_frames, window_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from zeroshot.video.decoders.decoder import Decoder, Shown

__all__ = ["DECODERS", "VideoInfo", "probe", "read_clips", "read_moments", "read_windows"]


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Duration, size as displayed, rate, codec and rotation of a video file.

    Raises:
        VideoError: it is missing or no video, or none of its frames can be decoded.
    """
    with closing(_opened(path, "auto", 1)) as video:
        return video.info


def read_clips(
    path: str | os.PathLike[str],
    sampling: Sampling,
    *,
    decoder: str = "auto",
    shorter_side: int | None = None,
    num_threads: int = 0,
) -> tuple[Clip, ...]:
    """V clips of T frames: at each moment the last frame whose timestamp is not later.

    Where a file ends before its header says, the moments are chosen anew from what there is. Where damage
    took a frame, the nearest decodable one stands in for it.

    Args:
        path: a video file.
        sampling: which moments.
        decoder: one of `DECODERS`.
        shorter_side: pixels to which the frames will be resized later. They may then come out smaller than
            they are stored, never below twice this; None keeps them as they are.
        num_threads: of the decoder, one for small pictures; 0 is one a core, whatever their size.

    Raises:
        VideoError: the file is missing or no video, or none of its frames can be decoded.
        OptionError: the window lies behind the end of the video.
    """
    with closing(_opened(path, decoder, num_threads)) as video:
        source = _Frames(video, shorter_side, sampling.frames)

        def moments(duration_seconds: float) -> list[NDArray[np.float64]]:
            return list(frame_times(sampling, duration_seconds, video.info.fps))

        begin, end = window_of(sampling, video.info.duration_seconds)
        return source.clips(moments, end - begin)


def read_windows(
    path: str | os.PathLike[str],
    windows: Sequence[tuple[float, float]],
    num_frames: int,
    *,
    frames: str = "even",
    decoder: str = "auto",
    shorter_side: int | None = None,
    num_threads: int = 0,
) -> tuple[Clip, ...]:
    """One clip of T frames a window, all read in one pass forward.

    All are held in memory: of a long video, ask for some tens of windows at a time.

    Args:
        path: a video file.
        windows: (start, end) in seconds from the first frame; what lies behind the end is cut off.
        num_frames: T, the middles of T equal segments of each window.
        frames: as `Sampling.frames`.
        decoder: as in `read_clips`.
        shorter_side: as in `read_clips`.
        num_threads: as in `read_clips`.

    Raises:
        VideoError: as in `read_clips`.
        OptionError: a window lies behind the end of the video.
    """
    how = (decoder, shorter_side, num_threads)
    with closing(WindowReader(path, frames, *how)) as reader:
        return reader.read(windows, num_frames)


def read_moments(
    path: str | os.PathLike[str],
    seconds: Sequence[float],
    *,
    decoder: str = "auto",
    shorter_side: int | None = None,
    num_threads: int = 0,
) -> Clip:
    """The frames shown at T moments, in the order asked for; behind the end the last one there is.

    Args:
        path: a video file.
        seconds: T ≥ 1 moments from the first frame.
        decoder: as in `read_clips`.
        shorter_side: as in `read_clips`.
        num_threads: as in `read_clips`.

    Raises:
        VideoError: as in `read_clips`.
    """
    with closing(_opened(path, decoder, num_threads)) as video:
        return _Frames(video, shorter_side, "even").at(np.asarray(seconds, np.float64))


def _opened(path: str | os.PathLike[str], decoder: str, num_threads: int) -> Decoder:
    """A file, open in the decoder of that name."""
    if decoder not in DECODERS:
        raise OptionError(f"decoder is {decoder!r}; expected one of {', '.join(DECODERS)}")
    return DECODERS[decoder](path, num_threads=num_threads)


class WindowReader:
    """The windows of one file, which stays open from one group of them to the next.

    Where a moment costs all frames before it, as in a file without times, groups in time order cost one pass
    together; without that each would begin at the first frame again.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        frames: str = "even",
        decoder: str = "auto",
        shorter_side: int | None = None,
        num_threads: int = 0,
    ) -> None:
        """Open the file.

        Args:
            path: a video file.
            frames: as `Sampling.frames`.
            decoder: as in `read_clips`.
            shorter_side: as in `read_clips`.
            num_threads: as in `read_clips`.

        Raises:
            VideoError: as in `read_clips`.
        """
        require_frames(frames)
        self._video = _opened(path, decoder, num_threads)
        self._kept = Kept(self._video) if self._video.info.is_counted else None
        self._frames = _Frames(self._kept or self._video, shorter_side, frames)

    def read(
        self,
        windows: Sequence[tuple[float, float]],
        num_frames: int,
        ahead: Sequence[tuple[float, float]] = (),
    ) -> tuple[Clip, ...]:
        """One clip of T frames a window.

        Args:
            windows: as in `read_windows`.
            num_frames: as in `read_windows`.
            ahead: windows of the next groups that begin before these end.

        Raises:
            VideoError: as in `read_clips`.
            OptionError: a window lies behind the end of the video.
        """
        end = self._video.info.duration_seconds

        def times(some: Sequence[tuple[float, float]]) -> list[NDArray[np.float64]]:
            plans = (Sampling(num_frames, start_seconds=each[0], end_seconds=each[1]) for each in some)
            return [frame_times(plan, end)[0] for plan in plans]

        planned = times(windows)
        if self._kept is not None:
            later = np.concatenate(times(ahead)).tolist() if ahead else []
            self._kept.expect(np.concatenate(planned).tolist() if planned else [], later)

        def moments(duration_seconds: float) -> list[NDArray[np.float64]]:
            # Windows were laid out by the caller: those behind an early end repeat the last frame there is.
            return [np.minimum(row, duration_seconds) for row in planned]

        shortest = min((end - start for start, end in windows), default=0.0)
        return self._frames.clips(moments, shortest, together=False)

    def close(self) -> None:
        """Free the file and the decoder."""
        self._video.close()


class _Frames:
    """The frames of one open file at given moments."""

    def __init__(self, video: Decoder, shorter_side: int | None, frames: str) -> None:
        self._video = video
        self._shorter_side = shorter_side
        self._frames = frames

    def clips(
        self,
        moments: Callable[[float], list[NDArray[np.float64]]],
        window_seconds: float,
        *,
        together: bool = True,
    ) -> tuple[Clip, ...]:
        """One clip for each row of moments, which are asked for once the duration is known.

        Args:
            moments: from the duration in seconds to rows of moments.
            window_seconds: the length of what one row is spread over.
            together: whether the rows are views of one window: either all show key frames, or none.
        """
        times = moments(self._video.info.duration_seconds)
        snapped: list[Clip | None] = [None] * len(times)
        if self._frames == "keyframes":
            snapped = [self._snapped(row, reach_seconds(row, window_seconds)) for row in times]
        if together and None in snapped:
            snapped = [None] * len(times)
        rest = [place for place, clip in enumerate(snapped) if clip is None]
        exact = iter(self._exact(moments, times, rest) if rest else ())
        return tuple(next(exact) if clip is None else clip for clip in snapped)

    def at(self, row: NDArray[np.float64]) -> Clip:
        """The clip of the frames shown at a row of moments."""
        return self._clips([row], self._shown([row]))[0]

    def _snapped(self, row: NDArray[np.float64], reach: float) -> Clip | None:
        """The clip of the key frames nearest to a row of moments; None where one is too far, or damaged."""
        pictures: list[NDArray[np.uint8]] = []
        seconds: list[float] = []
        for moment in row.tolist():
            key = self._video.key_frame_near(moment)
            if key is None or abs(key.seconds - moment) > reach:
                return None
            known = seconds and seconds[-1] == key.seconds
            picture = pictures[-1] if known else key.picture(self._shorter_side)
            if picture is None:
                return None
            pictures.append(picture)
            seconds.append(key.seconds)
        clip = self._clip(pictures, seconds)
        return replace(clip, moved_seconds=np.abs(clip.seconds - row))

    def _exact(
        self,
        moments: Callable[[float], list[NDArray[np.float64]]],
        rows: list[NDArray[np.float64]],
        places: list[int],
    ) -> list[Clip]:
        """Clips of some rows of moments, with the frames shown at them; anew where a file ends early."""
        info = self._video.info
        times = [rows[place] for place in places]
        shown = self._shown(times)
        end = shown.end_seconds
        # Two frames or a hundredth less than declared is how headers round; more, and the end is missing.
        slack = max(2 / (info.fps or 25), 0.01 * info.duration_seconds)
        if end is None or end >= info.duration_seconds - slack:
            clips = self._clips(times, shown)
            if not info.breaks_off:
                return clips
            return [replace(clip, end_seconds=info.duration_seconds) for clip in clips]
        rows = moments(end)
        times = [rows[place] for place in places]
        return [replace(clip, end_seconds=end) for clip in self._clips(times, self._shown(times))]

    def _shown(self, times: list[NDArray[np.float64]]) -> Shown:
        """The frames at all moments, row after row."""
        return self._video.frames_at(np.concatenate(times).tolist(), self._shorter_side)

    def _clips(self, times: list[NDArray[np.float64]], shown: Shown) -> list[Clip]:
        """A clip a row of moments."""
        ends = np.cumsum([len(row) for row in times]).tolist()
        return [
            self._clip(shown.pictures[end - len(row) : end], shown.seconds[end - len(row) : end])
            for row, end in zip(times, ends, strict=True)
        ]

    def _clip(self, pictures: Sequence[NDArray[np.uint8]], seconds: Sequence[float]) -> Clip:
        """(T, 3, H, W), channels last in memory, as decoders write and resizing reads fastest."""
        if any(picture.shape != pictures[0].shape for picture in pictures):
            raise VideoError(
                f"cannot decode {printable(self._video.info.path)}: its frames change size in midstream; "
                "convert it with: ffmpeg -i IN -c:v libx264 OUT.mp4"
            )
        return Clip(np.stack(pictures).transpose(0, 3, 1, 2), np.array(seconds, dtype=np.float64))
