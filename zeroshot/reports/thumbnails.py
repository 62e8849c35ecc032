"""Frames made small: what a notebook and a report show of the video that they tell about."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zeroshot.types import Clip

STRIP_HEIGHT = 72
"""Pixels of frames beside each other; frames by themselves have so many at least."""
_MOST = 8  # a row of them fits a notebook's column
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
        # Most of the work saved, hardly anything seen.
        step = max(1, clip.frames.shape[2] // (4 * STRIP_HEIGHT))
        picture = Image.fromarray(
            np.ascontiguousarray(clip.frames[row, :, ::step, ::step].transpose(1, 2, 0))
        )
        picture = picture.reduce(max(1, picture.height // STRIP_HEIGHT))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=_QUALITY)
        files.append(file.getvalue())
    return tuple(files)


def frame_strip(frames: NDArray[np.uint8], height: int, width: int | None = None) -> tuple[bytes, int]:
    """A PNG file of (T, 3, H, W) frames beside each other, and its width in pixels.

    Args:
        frames: uint8 RGB.
        height: of the strip, in pixels.
        width: of the strip; None: what the frames' shape gives.
    """
    from PIL import Image

    strip = np.concatenate(list(frames.transpose(0, 2, 3, 1)), axis=1)
    size = (width or max(1, round(strip.shape[1] * height / strip.shape[0])), height)
    packed = io.BytesIO()
    Image.fromarray(strip).resize(size, Image.Resampling.BICUBIC).save(packed, "PNG", optimize=True)
    return packed.getvalue(), size[0]
