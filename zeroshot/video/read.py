"""Frames of a video file at given seconds: one call, decoded in a process that may crash."""

from __future__ import annotations

import math
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError, VideoError, printable, require_number
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import MOST_FRAMES
from zeroshot.video.source import is_folder, is_path

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from numpy.typing import NDArray

_ONE_AT_A_TIME = Lock()  # a reader is not for several threads at once


def read_frames(
    path: str | os.PathLike[str], seconds: float | Iterable[float], *, shorter_side: int | None = None
) -> NDArray[np.uint8]:
    """Frames (T, 3, H, W) uint8 RGB, upright, that a video file shows at T moments: those of ffmpeg.

    A file that hangs or crashes a decoder costs an error, never this process.

    Args:
        path: a video file.
        seconds: T moments from the first frame, in any order, or one; at each the last frame not later.
        shorter_side: pixels to which the frames will be resized later: larger ones may then come out
            reduced, never below twice this. None: as they are stored.

    Raises:
        VideoError: the file cannot be decoded.
        OptionError: a moment is no number, below 0 or behind the end of the video, or there are none.
    """
    if not is_path(path) or is_folder(path):
        raise VideoError(f"{printable(str(path))} is no video file; expected the path of one")
    moments = [seconds] if isinstance(seconds, int | float) else list(seconds)
    if not 1 <= len(moments) <= MOST_FRAMES:
        raise OptionError(f"{len(moments)} moments; expected 1 to {MOST_FRAMES:,} seconds")
    for place, moment in enumerate(moments):
        require_number(f"seconds[{place}]", moment)
    times = np.asarray(moments, np.float64)
    with _ONE_AT_A_TIME:
        reader = _reader(shorter_side)
        end = reader.probe(path).duration_seconds or math.inf
        if times.min() < 0 or times.max() > end:
            raise OptionError(
                f"seconds run from {times.min():g} to {times.max():g}; "
                f"{printable(str(path))} lasts {end:.3f} s"
            )
        return reader.read_moments(path, times.tolist()).frames


@lru_cache(maxsize=4)  # sizes: each has a process
def _reader(shorter_side: int | None) -> ClipReader:
    """The one decoding process that stays for later calls of a size; it ends with this one."""
    return ClipReader(1, shorter_side=shorter_side)
