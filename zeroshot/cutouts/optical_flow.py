"""Optical flow: where each pixel of a frame was one frame earlier; dense, without weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from zeroshot.video.decoders.all_frames import reduced_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SIDE = 128  # pixels of the shorter side on which movement is followed
_SMALLEST = 12  # pixels of the shorter side of the coarsest picture
_ROUNDS = 4  # at each size
_REACH = 2.5  # pixels: the standard deviation of what a pixel's surroundings are
_SMOOTH = 0.8  # the same of the pictures themselves
_FLAT = 9.0  # squared levels a pixel below which a place tells of no movement
_FARTHEST = 1.5  # pixels that a round may add
_AT_ONCE = 32  # frames followed together; bounds the memory


def backward_flow(frames: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
    """Frame by frame (2, H, W), by how much each pixel lies right and down in the frame before; at first 0.

    What shows pixel (row, column) of frame t was at (row + down, column + right) of frame t - 1. A place
    without texture takes the movement of what is around it, or none.

    Args:
        frames: (T, 3, H, W).

    Source: Lucas and Kanade 1981, from coarse to fine (Bouguet 2000), at every pixel.
    """
    size = (int(frames.shape[2]), int(frames.shape[3]))
    grey = _grey(frames)
    yield np.zeros((2, *size), np.float32)
    for start in range(1, len(frames), _AT_ONCE):
        end = min(start + _AT_ONCE, len(frames))
        for found in _followed(grey[start:end], grey[start - 1 : end - 1]):
            yield _flow_at(found[None], size)[0]


def _grey(frames: NDArray[np.uint8]) -> Floats:
    """(T, h, w) brightness, reduced to `SIDE` pixels of the shorter side where it is longer."""
    height, width = reduced_size(frames.shape[2:], SIDE)
    pictures = [
        Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0)))
        .convert("L")
        .resize((width, height), Image.Resampling.BOX)
        for frame in frames
    ]
    return np.stack([np.asarray(picture) for picture in pictures]).astype(np.float32)


def _followed(now: Floats, before: Floats) -> Floats:
    """(n, 2, h, w) from each of n pictures to the one before it.

    Args:
        now: (n, h, w).
        before: (n, h, w).
    """
    sizes = [now.shape[1:]]
    while min(sizes[-1]) >= 2 * _SMALLEST:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    flow = np.zeros((len(now), 2, *sizes[-1]), np.float32)
    for size in reversed(sizes):
        pair = [_blurred(_scaled(each, size, Image.Resampling.BOX), _SMOOTH) for each in (now, before)]
        flow = _refined(pair[0], pair[1], _flow_at(flow, size))
    return flow


def _refined(now: Floats, before: Floats, flow: Floats) -> Floats:
    """The flow (n, 2, h, w) near a first guess under which the surroundings of each pixel differ least."""
    down, across = (np.asarray(np.gradient(now, axis=axis)) for axis in (1, 2))
    xx, xy, yy = (_blurred(product, _REACH) for product in (across * across, across * down, down * down))
    xx, yy = xx + _FLAT, yy + _FLAT
    scale = 1 / (xx * yy - xy * xy)
    for _ in range(_ROUNDS):
        rest = _shifted(before, flow) - now
        x, y = (_blurred(slope * rest, _REACH) for slope in (across, down))
        step = np.stack([(xy * y - yy * x) * scale, (xy * x - xx * y) * scale], 1)
        flow = flow + step.clip(-_FARTHEST, _FARTHEST)
    return flow


def _shifted(pictures: Floats, flow: Floats) -> Floats:
    """(n, h, w) pictures read where the flow points to, between their pixels linearly."""
    from scipy import ndimage

    height, width = pictures.shape[1:]
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    read = [
        ndimage.map_coordinates(picture, (down + move[1], across + move[0]), order=1, mode="nearest")
        for picture, move in zip(pictures, flow, strict=True)
    ]
    return np.stack(read)


def _blurred(pictures: Floats, reach: float) -> Floats:
    """(n, h, w) each picture smoothed."""
    from scipy import ndimage

    smooth: Floats = ndimage.gaussian_filter(pictures, (0, reach, reach), mode="nearest", truncate=2.0)
    return smooth


def _scaled(maps: Floats, size: tuple[int, ...], way: Image.Resampling) -> Floats:
    """(n, H, W) maps (n, h, w) in another size."""
    if maps.shape[1:] == tuple(size):
        return maps
    return np.stack([np.asarray(Image.fromarray(each).resize((size[1], size[0]), way)) for each in maps])


def _flow_at(flow: Floats, size: tuple[int, ...]) -> Floats:
    """(n, 2, H, W) a flow (n, 2, h, w) in pixels of another size."""
    parts = [
        _scaled(flow[:, axis], size, Image.Resampling.BILINEAR) * np.float32(now / before)
        for axis, now, before in ((0, size[1], flow.shape[3]), (1, size[0], flow.shape[2]))
    ]
    return np.stack(parts, 1)
