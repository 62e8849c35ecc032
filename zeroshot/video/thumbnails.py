"""Frames made small: what a notebook shows of the video that it is told about."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.types import Clip

_MOST = 8  # a row of them fits a notebook's column
_HEIGHT = 72  # at least, where the frame has so many
_QUALITY = 70


def thumbnails(clips: Sequence[Clip]) -> tuple[bytes, ...]:
    """JPEG files of some 3 kB, 8 at most, of frames spread evenly over clips, in time order."""
    from PIL import Image

    pairs = [(second, clip, row) for clip in clips for row, second in enumerate(clip.seconds)]
    pairs.sort(key=lambda each: each[0])
    chosen = np.linspace(0, len(pairs) - 1, min(_MOST, len(pairs))).round().astype(int)
    files = []
    for number in chosen:
        _, clip, row = pairs[number]
        step = max(1, clip.frames.shape[2] // (4 * _HEIGHT))  # most of the work saved, hardly anything seen
        picture = Image.fromarray(
            np.ascontiguousarray(clip.frames[row, :, ::step, ::step].transpose(1, 2, 0))
        )
        picture = picture.reduce(max(1, picture.height // _HEIGHT))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=_QUALITY)
        files.append(file.getvalue())
    return tuple(files)
