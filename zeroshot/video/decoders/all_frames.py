"""Every frame of a video, for those who change videos instead of looking at a few moments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import VideoError, printable
from zeroshot.types import Clip
from zeroshot.video.decoders.by_name import DECODERS
from zeroshot.video.source import FRAMES_FPS, every_frame

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from zeroshot.video.source import VideoSource

_ROUNDED_SECONDS = 1.0  # by which lists of stretches and lengths of files may differ


@dataclass(frozen=True, eq=False)
class Film:
    """All frames of a video, or of its beginning.

    Attributes:
        clip: the frames and their times; they may be smaller than they are stored.
        fps: frames a second on average.
        native_size: height and width as displayed, in pixels, before any reduction.
        whole: whether the video ends with the last frame.
    """

    clip: Clip
    fps: float
    native_size: tuple[int, int]
    whole: bool = True


def read_film(
    path: str | os.PathLike[str],
    end_seconds: float,
    largest_side: int,
    stretch: tuple[float, float] | None = None,
) -> Film:
    """Every frame of a video file that can be decoded, in the order shown.

    Args:
        path: a video file.
        end_seconds: later frames are left out; bounds the memory.
        largest_side: the shorter side is reduced to this many pixels where it is longer.
        stretch: the part of the file that is the video, see `source.Stretch`; None: all of it. Times count
            from its start.

    Raises:
        VideoError: the file is missing or no video, or none of its frames can be decoded.
    """
    decoder = DECODERS["auto"](path, num_threads=0)
    try:
        info = decoder.info
        start, end = stretch_within(stretch, info.duration_seconds)
        pictures, times = [], []
        for second, picture in decoder.every_frame(min(end, start + end_seconds), start):
            pictures.append(reduced(picture, largest_side))
            times.append(second - start)
    finally:
        decoder.close()
    if not pictures and start >= info.duration_seconds:
        raise VideoError(
            f"{printable(path)} lasts {info.duration_seconds:.2f} s; expected a stretch from {start:g} s on"
        )
    if not pictures:
        raise VideoError(f"cannot decode {printable(path)}: none of its frames can be decoded")
    seconds = np.array(times)
    step = float(np.diff(seconds).mean()) if len(seconds) > 1 else 1 / (info.fps or FRAMES_FPS)
    whole = min(end, info.duration_seconds) - start <= end_seconds + step / 2
    fps = 1 / step if step > 0 else FRAMES_FPS
    size = (info.height, info.width)
    return Film(Clip(np.stack(pictures).transpose(0, 3, 1, 2), seconds), fps, size, whole)


def stretch_within(stretch: tuple[float, float] | None, duration_seconds: float) -> tuple[float, float]:
    """Where the video begins and ends in its file: a file as long as its stretch is that, cut out already."""
    if stretch is None:
        return 0.0, math.inf
    start, end = stretch
    ends_before = duration_seconds < end - _ROUNDED_SECONDS
    return (0.0, math.inf) if ends_before and duration_seconds <= end - start + _ROUNDED_SECONDS else stretch


def film_from_frames(source: VideoSource, end_seconds: float, largest_side: int) -> Film:
    """The same of frames in memory or in a folder of images.

    Raises:
        VideoError: they are no frames.
    """
    clip = every_frame(source)
    kept = clip.seconds < end_seconds
    frames = clip.frames[kept]
    if largest_side < min(frames.shape[2:]):
        pictures = [reduced(frame.transpose(1, 2, 0), largest_side) for frame in frames]
        frames = np.stack(pictures).transpose(0, 3, 1, 2)
    count = len(clip.seconds)
    fps = (count - 1) / float(clip.seconds[-1] - clip.seconds[0]) if count > 1 else FRAMES_FPS
    size = (int(clip.frames.shape[2]), int(clip.frames.shape[3]))
    return Film(Clip(frames, clip.seconds[kept]), fps, size, bool(kept.all()))


def reduced(picture: NDArray[np.uint8], largest_side: int) -> NDArray[np.uint8]:
    """(H', W', 3) or (H', W') of a picture whose shorter side has at most so many pixels, by averaging."""
    height, width = reduced_size(picture.shape[:2], largest_side)
    if (height, width) == picture.shape[:2]:
        return picture
    from PIL import Image

    image = Image.fromarray(picture)
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))


def reduced_size(size: tuple[int, ...], largest_side: int) -> tuple[int, int]:
    """Height and width of a picture of a height and width, once it is reduced."""
    height, width = size
    if min(height, width) <= largest_side:
        return height, width
    scale = largest_side / min(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))
