"""Where the person is, guessed from what moves: no annotation, no network, right where the camera rests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.cutouts.camera import camera_path, follow_camera, seen_from, small_frames
from zeroshot.cutouts.finder import Finder, Found
from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.cutouts.camera import CameraPath
    from zeroshot.cutouts.finder import Footage

SHARE = 0.25
"""Of a frame's pixels, which may move. The source keeps half; a quarter covers who fills the height."""

_AROUND = 9  # moments laid over a frame of a camera that moves
_REACH = 24  # frames before and after
_KNOWN = 4  # moments that show a place, from which on its usual look is known
_STILL = 31  # moments of a camera that rests
_FAINT = 4.0  # levels that cameras and codecs change by themselves
_RIM = 0.15  # share of a region's strong motion below which a pixel is its rim


class MotionFinder(Finder):
    """Persons by what moves.

    Attributes:
        name: "motion", with the share where that is another than usual.
        share: of a frame's pixels that may move.
    """

    finds_nobody = "nothing moves in"

    def __init__(self, share: float = SHARE) -> None:
        """Take the share.

        Raises:
            OptionError: it is none.
        """
        self.share = _checked_share(share)
        self.name = "motion" if share == SHARE else f"motion:{share}"

    def find(self, footage: Footage) -> Found:
        """What moves, and how the camera does."""
        frames = footage.film.clip.frames
        path = follow_camera(frames)
        return Found(motion_mask(frames, self.share, path), path)


def motion_mask(
    frames: NDArray[np.uint8], share: float = SHARE, path: CameraPath | None = None
) -> NDArray[np.uint8]:
    """(T, H, W) uint8 levels of what moves, 0 or 255: in each frame at most about so large a share.

    A pixel's motion is its distance from the median over time, smoothed over its surroundings. Where the
    camera moves, the median is over moments around, laid over each other by the camera's shift, zoom and
    roll, and the distance is from the range of colours within a pixel there, since no such fit is perfect. In
    each frame the strongest motion is kept, unless it is faint against the clip's or its noise; regions much
    smaller than the largest go, so does the rim that smoothing made, and holes are closed.

    Args:
        frames: (T, 3, H, W).
        share: of a frame's pixels, above 0 and below 1; see SHARE.
        path: of `follow_camera`, where it is known already.

    Raises:
        OptionError: a share that is none.
    Source: after Ding et al., CVPR 2022 (FAME), who add frame differences and keep the largest.
    """
    _checked_share(share)
    size = frames.shape[2:]
    small = small_frames(frames)
    change = _change(small, camera_path(small.mean(-1)) if path is None else path)
    reach = max(1, small.shape[1] // 32)
    motion = _box(_box(change, reach), reach)
    if float(motion.max()) == 0:
        return np.zeros((len(frames), *size), np.uint8)
    noise = max(4 * float(np.median(motion)) / 3, _FAINT)
    usual = float(np.quantile(motion, 1 - share)) / 2
    threshold = np.quantile(motion, 1 - share, axis=(1, 2), keepdims=True).clip(max(noise, usual))
    strength = motion / threshold
    coarse = (solid(level > 1) for level in strength)
    regions = np.stack([_trimmed(region, near) for region, near in zip(coarse, _box(change, 1), strict=True)])
    # A hole that was closed becomes as strong as its border, a small region as weak as the ground.
    whole = np.where(regions, np.maximum(strength, 1.2), np.minimum(strength, 0.8)).astype(np.float32)
    return np.stack([_outlined(level, size) for level in whole])


def _checked_share(share: float) -> float:
    """A share of moving pixels, if it is one."""
    if not 0 < share < 1:
        raise OptionError(f"the share of moving pixels is {share}; expected above 0 and below 1")
    return share


def solid(mask: NDArray[np.bool_], least: float = 0.25) -> NDArray[np.bool_]:
    """(H, W) the regions of a mask that have this share of the largest one's pixels, without holes.

    Pixels are neighbours along rows and columns. Holes are found by labelling once more, not by
    `binary_fill_holes`, which gives the same and takes twice the time.

    Args:
        mask: (H, W).
        least: share of the largest region.
    """
    from scipy import ndimage

    regions, _ = ndimage.label(mask)
    sizes = np.bincount(regions.ravel())
    kept = sizes >= least * sizes[1:].max(initial=0)
    kept[0] = False
    outside, _ = ndimage.label(~kept[regions])
    edges = np.concatenate([outside[0], outside[-1], outside[:, 0], outside[:, -1]])
    hole = np.ones(int(outside.max()) + 1, bool)
    hole[edges[edges > 0]] = False
    filled: NDArray[np.bool_] = hole[outside]
    return filled


def _trimmed(region: NDArray[np.bool_], near: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(h, w) a region without its rim, into which smoothing alone has spread the motion.

    Args:
        region: (h, w).
        near: (h, w) motion smoothed over the next pixels alone.
    """
    if not region.any():
        return region
    edge = max(_RIM * float(np.quantile(near[region], 0.75)), _FAINT)
    return solid(region & (near > edge))


def _change(small: NDArray[np.float32], path: CameraPath) -> NDArray[np.float32]:
    """(T, h, w) how far each pixel is from what usually stands there; 0 for a single frame."""
    if path.rests:
        count = len(small)
        chosen = np.linspace(0, count - 1, min(count, _STILL)).round().astype(int)
        still: NDArray[np.float32] = np.median(small[chosen], 0).astype(np.float32)
        change: NDArray[np.float32] = np.abs(small - still).max(-1)
        return change
    return _change_around(small, path)


def _change_around(small: NDArray[np.float32], path: CameraPath) -> NDArray[np.float32]:
    """(T, h, w) how far each pixel is from the median of moments around, and from its neighbours there.

    0 where few moments show the place, as at the border that a pan uncovers: its usual look is not known.
    """
    count = len(small)
    offsets = np.unique((np.linspace(-1, 1, _AROUND) * min(count - 1, _REACH)).round().astype(int))
    pictures = small.astype(np.uint8)
    change = np.empty(small.shape[:3], np.float32)
    for row in range(count):
        others = np.unique((row + offsets).clip(0, count - 1))
        laid, times = [], np.zeros(small.shape[1:3], np.int64)
        for other in others.tolist():
            picture, known = seen_from(pictures[other], path.between(row, other))
            laid.append(np.where(known[..., None], picture, np.uint8(255)))  # the unknown comes last
            times += known
        middle = ((times - 1) // 2)[None, ..., None]  # of the known: never none, the frame is among them
        usual = np.take_along_axis(_in_order(laid), middle, 0)[0]
        least, most = _neighbours(usual)
        change[row] = np.maximum(least - small[row], small[row] - most).max(-1).clip(0)
        change[row][times < min(_KNOWN, len(others))] = 0
    return change


def _in_order(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """(n, h, w, 3) n pictures with each value in ascending order, by exchanges of whole pictures.

    Neighbours are exchanged where they stand wrong, n times over: for a few pictures ten times as fast as
    sorting each pixel's few values.
    """
    rows = list(pictures)
    for turn in range(len(rows)):
        for place in range(turn % 2, len(rows) - 1, 2):
            low, high = rows[place], rows[place + 1]
            rows[place], rows[place + 1] = np.minimum(low, high), np.maximum(low, high)
    return np.stack(rows)


def _neighbours(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(h, w, 3) the least and the most of each colour among a pixel and the eight around it.

    Slices take a twenty-fifth of the time of scipy's filters of least and most, for the same bytes.
    """
    least = most = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    least = np.minimum(np.minimum(least[:-2], least[1:-1]), least[2:])
    most = np.maximum(np.maximum(most[:-2], most[1:-1]), most[2:])
    return (
        np.minimum(np.minimum(least[:, :-2], least[:, 1:-1]), least[:, 2:]),
        np.maximum(np.maximum(most[:, :-2], most[:, 1:-1]), most[:, 2:]),
    )


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
    """(T, h, w) means over squares that reach so many pixels to each side, cut off at the border.

    scipy's uniform filter takes a third of the time, but rounds otherwise, and a pixel at the threshold of a
    mask would then change sides.
    """
    for axis in (1, 2):
        count = x.shape[axis]
        sums = np.cumsum(x, axis, dtype=np.float64)
        sums = np.concatenate([np.zeros_like(np.take(sums, [0], axis)), sums], axis)
        high = np.minimum(np.arange(count) + reach + 1, count)
        low = np.maximum(np.arange(count) - reach, 0)
        width = (high - low).reshape([-1 if place == axis else 1 for place in range(3)])
        x = ((np.take(sums, high, axis) - np.take(sums, low, axis)) / width).astype(np.float32)
    return x
