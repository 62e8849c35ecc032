"""Where the person is, guessed from what moves: no annotation, no network, right where the camera rests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.bias.blobs import solid
from zeroshot.errors import OptionError
from zeroshot.video.film import reduced

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

SIDE = 96  # pixels of the shorter side on which motion is looked for
_AROUND = 9  # moments laid over a frame of a camera that moves
_REACH = 24  # frames before and after


def motion_mask(
    frames: NDArray[np.uint8], share: float = 0.25, path: NDArray[np.int64] | None = None
) -> NDArray[np.uint8]:
    """(T, H, W) uint8 levels of what moves, 0 or 255: in each frame at most about so large a share.

    A pixel's motion is its distance from the median over time, smoothed over its surroundings. Where the
    camera moves, the median is over moments around, laid over each other as far as a shift explains their
    difference. In each frame the strongest motion is kept, unless it is faint against the clip's or its
    noise; regions much smaller than the largest go, and holes are closed.

    Args:
        frames: (T, 3, H, W).
        share: of a frame's pixels, above 0 and below 1. The source keeps half of each frame; a
            quarter covers a person who fills the height.
        path: of `follow_camera`, where it is known already.

    Raises:
        OptionError: a share that is none.
    Source: after Ding et al., CVPR 2022 (FAME), who add frame differences and keep the largest.
    """
    if not 0 < share < 1:
        raise OptionError(f"the share of moving pixels is {share}; expected above 0 and below 1")
    size = frames.shape[2:]
    small = _small(frames)
    motion = _motion(small, camera_path(small.mean(-1)) if path is None else path)
    if float(motion.max()) == 0:
        return np.zeros((len(frames), *size), np.uint8)
    noise = max(4 * float(np.median(motion)) / 3, 4.0)
    usual = float(np.quantile(motion, 1 - share)) / 2
    threshold = np.quantile(motion, 1 - share, axis=(1, 2), keepdims=True).clip(max(noise, usual))
    strength = motion / threshold
    regions = np.stack([solid(level > 1) for level in strength])
    # A hole that was closed becomes as strong as its border, a small region as weak as the ground.
    whole = np.where(regions, np.maximum(strength, 1.2), np.minimum(strength, 0.8)).astype(np.float32)
    return np.stack([_outlined(level, size) for level in whole])


def follow_camera(frames: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(T, 2) rows and columns by which the frames (T, 3, H, W), reduced, are shifted against the middle one.

    A frame is reduced to `SIDE` pixels of its shorter side where it is larger.
    """
    return camera_path(_small(frames).mean(-1))


def _small(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(T, h, w, 3) reduced."""
    return np.stack([reduced(frame.transpose(1, 2, 0), SIDE) for frame in frames]).astype(np.float32)


def _motion(small: NDArray[np.float32], path: NDArray[np.int64]) -> NDArray[np.float32]:
    """(T, h, w) how far each pixel is from what usually stands there; 0 for a single frame."""
    still = _still(small, path)
    change = np.abs(small - still).max(-1)
    reach = max(1, small.shape[1] // 32)
    return _box(_box(change, reach), reach)


def _still(small: NDArray[np.float32], path: NDArray[np.int64]) -> NDArray[np.float32]:
    """(T, h, w, 3) the median over time; of a camera that moves, over moments around, laid together."""
    count = len(small)
    if rests(path):
        chosen = np.linspace(0, count - 1, min(count, 31)).round().astype(int)
        return np.broadcast_to(np.median(small[chosen], 0).astype(np.float32), small.shape)
    offsets = np.unique((np.linspace(-1, 1, _AROUND) * min(count - 1, _REACH)).round().astype(int))
    result = np.empty_like(small)
    for row in range(count):
        others = np.unique((row + offsets).clip(0, count - 1))
        laid = np.stack([moved(small[other], path[row] - path[other], np.inf) for other in others])
        laid.sort(0)
        known = np.isfinite(laid[..., 0]).sum(0)  # never 0: the frame itself is among them
        result[row] = np.take_along_axis(laid, ((known - 1) // 2)[None, ..., None], 0)[0]
    return result


def rests(path: NDArray[np.int64]) -> bool:
    """Whether a camera stands still, as far as its path (T, 2) in pixels tells."""
    return int(np.abs(path).max()) <= 1


def moved(picture: NDArray[Any], shift: NDArray[np.int64], unknown: float) -> NDArray[Any]:
    """(h, w, …) moved down and right by so many rows and columns; `unknown` where nothing comes from."""
    result = np.full_like(picture, unknown)
    height, width = picture.shape[:2]
    down, right = int(shift[0]), int(shift[1])
    if abs(down) < height and abs(right) < width:
        result[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = picture[
            max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
        ]
    return result


def camera_path(grey: NDArray[np.float32]) -> NDArray[np.int64]:
    """(T, 2) rows and columns by which each frame is shifted against the middle one, by phase correlation.

    Source: Kuglin and Hines 1975.
    """
    height, width = grey.shape[1:]
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    centred = (grey - grey.mean((1, 2), keepdims=True)) * window
    spectra = np.fft.rfft2(centred)
    shifts = np.zeros((len(grey), 2), np.int64)
    middle = len(grey) // 2
    for order in (range(middle + 1, len(grey)), range(middle - 1, -1, -1)):
        back = -1 if order.step > 0 else 1
        for row in order:
            step = _shift(spectra[row], spectra[row + back], (height, width))
            explains = step.any() and _explains(grey[row], grey[row + back], step)
            shifts[row] = shifts[row + back] + (step if explains else 0)
    return shifts


def _shift(
    spectrum: NDArray[np.complexfloating], other: NDArray[np.complexfloating], size: tuple[int, int]
) -> NDArray[np.int64]:
    """(2,) rows and columns by which a frame is shifted against another, if it is nothing but shifted."""
    cross = spectrum * other.conj()
    peak = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-6), s=size)
    place = np.unravel_index(int(peak.argmax()), size)
    return np.array([(p + n // 2) % n - n // 2 for p, n in zip(place, size, strict=True)])


def _explains(grey: NDArray[np.float32], other: NDArray[np.float32], step: NDArray[np.int64]) -> bool:
    """Whether a shift accounts for most of the difference between two frames."""
    if np.abs(step).max() > min(grey.shape) // 6:
        return False
    laid = moved(other, step, np.nan)
    known = np.isfinite(laid)
    before, after = np.abs(grey - other)[known], np.abs(grey - laid)[known]
    return float(after.mean()) < 0.8 * float(before.mean())


def _outlined(strength: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W) 255 where the motion is strong, 0 elsewhere, with a smooth outline.

    Args:
        strength: (h, w) motion over the threshold, so that 1 is the border.
        size: H and W.
    """
    from PIL import Image

    image = Image.fromarray(strength.clip(0, 2)).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.where(np.asarray(image) > 1, 255, 0).astype(np.uint8)


def _box(x: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """(T, h, w) means over squares that reach so many pixels to each side, cut off at the border."""
    for axis in (1, 2):
        count = x.shape[axis]
        sums = np.cumsum(x, axis, dtype=np.float64)
        sums = np.concatenate([np.zeros_like(np.take(sums, [0], axis)), sums], axis)
        high = np.minimum(np.arange(count) + reach + 1, count)
        low = np.maximum(np.arange(count) - reach, 0)
        width = (high - low).reshape([-1 if place == axis else 1 for place in range(3)])
        x = ((np.take(sums, high, axis) - np.take(sums, low, axis)) / width).astype(np.float32)
    return x
