"""From a video file to clips: the frames shown at given moments, whoever decodes them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError, VideoError
from zeroshot.types import Clip
from zeroshot.video.decoders import decord as decord_reader
from zeroshot.video.decoders.probe import VideoInfo, printable
from zeroshot.video.decoders.pyav import PyavReader
from zeroshot.video.sampling import Sampling, frame_times, reach_seconds, require_frames, window_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Shown = dict[int, tuple[int, NDArray[np.uint8]]]

__all__ = ["DECODERS", "VideoInfo", "probe", "read_clips", "read_windows"]

DECODERS = ("auto", "decord", "pyav")


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Duration, size as displayed, rate, codec and rotation of a video file.

    Raises:
        VideoError: it is missing or no video, or none of its frames can be decoded.
    """
    with PyavReader(path, num_threads=1) as reader:
        return reader.info


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
        decoder: "decord" refuses files on which it cannot be trusted, and may hang or end the process on them
            all the same. "auto" is whichever is faster of those that can be trusted: PyAV, which on all files
            measured took half to nine tenths of decord's processor time. Both show the same frames.
        shorter_side: pixels to which the frames will be resized later. They may then come out smaller than
            they are stored, never below twice this; None keeps them as they are.
        num_threads: of the decoder; 0 is one a core.

    Raises:
        VideoError: the file is missing or no video, or none of its frames can be decoded.
        OptionError: the window lies behind the end of the video.
    """
    _require_decoder(decoder)
    with PyavReader(path, num_threads=num_threads) as reader:
        source = _Frames(reader, decoder, shorter_side, sampling.frames)

        def moments(duration_seconds: float) -> list[NDArray[np.float64]]:
            return list(frame_times(sampling, duration_seconds))

        begin, end = window_of(sampling, reader.info.duration_seconds)
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
    _require_decoder(decoder)
    plans = [Sampling(num_frames, start_seconds=start, end_seconds=end) for start, end in windows]
    with PyavReader(path, num_threads=num_threads) as reader:
        source = _Frames(reader, decoder, shorter_side, require_frames(frames))
        end = reader.info.duration_seconds

        def moments(duration_seconds: float) -> list[NDArray[np.float64]]:
            # Windows were laid out by the caller: those behind an early end repeat the last frame there is.
            return [np.minimum(frame_times(plan, end)[0], duration_seconds) for plan in plans]

        shortest = min((end - start for start, end in windows), default=0.0)
        return source.clips(moments, shortest, together=False)


def _require_decoder(decoder: str) -> None:
    """Refuse a decoder that is not there."""
    if decoder not in DECODERS:
        raise OptionError(f"decoder is {decoder!r}; expected one of {', '.join(DECODERS)}")
    if decoder == "decord" and not decord_reader.is_installed():
        raise OptionError(
            "decoder is 'decord', which is not installed; pip install decord, or use pyav or auto"
        )


class _Frames:
    """The frames of one open file at given moments, by whichever decoder is fit for it."""

    def __init__(self, reader: PyavReader, decoder: str, shorter_side: int | None, frames: str) -> None:
        self._reader = reader
        self._decoder = decoder
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
        times = moments(self._reader.info.duration_seconds)
        snapped: list[Clip | None] = [None] * len(times)
        if self._frames == "keyframes":
            snapped = [self._snapped(row, reach_seconds(row, window_seconds)) for row in times]
        if together and None in snapped:
            snapped = [None] * len(times)
        rest = [place for place, clip in enumerate(snapped) if clip is None]
        exact = iter(self._exact(moments, rest) if rest else ())
        return tuple(next(exact) if clip is None else clip for clip in snapped)

    def _snapped(self, row: NDArray[np.float64], reach: float) -> Clip | None:
        """The clip of the key frames nearest to a row of moments; None where one is too far, or damaged."""
        reader = self._reader
        shown: Shown = {}
        for seconds in row.tolist():
            key = reader.key_tick(reader.tick(seconds))
            if key is None or abs(reader.seconds(key) - seconds) > reach:
                return None
            known = next((each for each in shown.values() if each[0] == key), None)
            picture = known or reader.key_frame(key, self._shorter_side)
            if picture is None:
                return None
            shown[reader.tick(seconds)] = picture
        clip = self._clip(row, shown)
        return replace(clip, moved_seconds=np.abs(clip.seconds - row))

    def _exact(self, moments: Callable[[float], list[NDArray[np.float64]]], places: list[int]) -> list[Clip]:
        """The clips of some rows of moments, with the frames shown at them."""
        reader = self._reader
        rows = moments(reader.info.duration_seconds)
        times = [rows[place] for place in places]
        shown = self._shown(times)
        if reader.end_reached is not None:
            end = self._true_end(shown)
            # Two frames or a hundredth less than declared is how headers round; more, and the end is missing.
            slack = max(2 / (reader.info.fps or 25), 0.01 * reader.info.duration_seconds)
            if end < reader.info.duration_seconds - slack:
                rows = moments(end)
                times = [rows[place] for place in places]
                shown = self._shown(times)
        return [self._clip(row, shown) for row in times]

    def _true_end(self, shown: Shown) -> float:
        """Seconds from the first frame to the end of the last that the file really holds."""
        reader = self._reader
        last = max(tick for tick, _ in shown.values())
        return reader.seconds(max(reader.last_tick(last), reader.end_reached or last))

    def _shown(self, times: list[NDArray[np.float64]]) -> Shown:
        """The frames at all moments."""
        ticks = {self._reader.tick(seconds) for row in times for seconds in row.tolist()}
        if self._decoder == "decord":
            return self._by_decord(ticks)
        return self._reader.frames_at(ticks, self._shorter_side)

    def _by_decord(self, ticks: set[int]) -> Shown:
        """The frames at all moments by decord, once it has been examined on the file."""
        reader = self._reader
        reason = decord_reader.distrust(reader)
        if reason is not None:
            raise VideoError(
                f"decord cannot be trusted with {printable(reader.info.path)}: {reason}; use the decoder pyav"
            )
        return decord_reader.read_frames(reader, ticks, self._shorter_side)

    def _clip(self, row: NDArray[np.float64], shown: Shown) -> Clip:
        """(T, 3, H, W), channels last in memory, as decoders write and resizing reads fastest."""
        picked = [shown[self._reader.tick(seconds)] for seconds in row.tolist()]
        shape = picked[0][1].shape
        whole = [picture for _, picture in picked]
        if any(picture.shape != shape for picture in whole):
            raise VideoError(
                f"cannot decode {printable(self._reader.info.path)}: its frames change size in midstream; "
                "convert it with: ffmpeg -i IN -c:v libx264 OUT.mp4"
            )
        seconds = np.array([self._reader.seconds(tick) for tick, _ in picked], dtype=np.float64)
        return Clip(frames=np.stack(whole).transpose(0, 3, 1, 2), seconds=seconds)
