"""How the camera moves: shift, zoom and roll between neighbouring frames, and frames laid over each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.video.decoders.all_frames import reduced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SIDE = 96  # pixels of the shorter side on which the camera is followed
_ROUNDS = 6
_SETTLED = 0.003  # pixels that a round still moves a frame's corner when it is the last
_MOST = 0.15  # share of the shorter side by which a corner may move from frame to frame
_BETTER = 0.9  # a movement is believed if it leaves at most so much of the difference
_STEEP = 2.0  # levels a pixel from which a place tells of the movement


def small_frames(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(T, h, w, 3) frames (T, 3, H, W), reduced to `SIDE` pixels of the shorter side where it is larger."""
    return np.stack([reduced(frame.transpose(1, 2, 0), SIDE) for frame in frames]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class CameraPath:
    """Where a camera looks in each frame.

    Attributes:
        maps: (T, 3, 3) from each frame to the middle one: (column, row, 1), counted from the middle of the
            first pixel, to where the same place is seen there, in pixels of reduced frames.
        size: height and width of the reduced frames.
    """

    maps: Floats
    size: tuple[int, int]

    @property
    def rests(self) -> bool:
        """Whether it stands still: no corner of a frame moves by more than a pixel."""
        return _reach(self.maps, self.size) <= 1

    def between(self, row: int, other: int) -> Floats:
        """(3, 3) from pixels of one frame to where the same places are seen in another one."""
        found: Floats = np.linalg.inv(self.maps[other]) @ self.maps[row]
        return found

    def seen_at(self, size: tuple[int, int]) -> CameraPath:
        """The same path in pixels of frames of another size."""
        factor = min(size) / min(self.size)
        first = (factor - 1) / 2  # the middle of the first reduced pixel, in these
        up = np.array([[factor, 0, first], [0, factor, first], [0, 0, 1]])
        return CameraPath(up @ self.maps @ np.linalg.inv(up), size)


def follow_camera(frames: NDArray[np.uint8]) -> CameraPath:
    """The path of a camera through frames (T, 3, H, W)."""
    return camera_path(small_frames(frames).mean(-1))


def camera_path(grey: NDArray[np.float32]) -> CameraPath:
    """The path of a camera through reduced frames (T, h, w); it rests where nothing explains a change.

    Each frame is laid over the one before it by the shift, zoom and roll that make the differences smallest,
    from several first guesses; places that move by themselves are left out of account. The guess that most
    places agree with counts.

    Source: Kuglin and Hines 1975 (phase correlation) for the guesses; Gauss and Newton's method with Tukey's
        weights from there.
    """
    steps = _steps(grey)
    count, middle = len(grey), len(grey) // 2
    maps = np.tile(np.eye(3), (count, 1, 1))
    for row in range(middle + 1, count):
        maps[row] = maps[row - 1] @ steps[row]
    for row in range(middle - 1, -1, -1):
        maps[row] = maps[row + 1] @ np.linalg.inv(steps[row + 1])
    height, width = grey.shape[1:]
    return CameraPath(maps, (height, width))


def seen_from(picture: NDArray[np.uint8], way: Floats) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(h, w, 3) a frame laid over another one, between its pixels linearly, and (h, w) where it has any.

    Args:
        picture: (h, w, 3).
        way: (3, 3) of `between`, from the frame that it is laid over.
    """
    from PIL import Image

    height, width = picture.shape[:2]
    (a, b, c), (d, e, f) = way[:2].tolist()
    # Pillow counts from the corner of the first pixel, maps from its middle.
    corner = (a, b, c + (1 - a - b) / 2, d, e, f + (1 - d - e) / 2)
    laid = Image.fromarray(picture).transform(
        (width, height), Image.Transform.AFFINE, corner, Image.Resampling.BILINEAR
    )
    down, across = np.arange(height)[:, None], np.arange(width)
    x, y = a * across + b * down + c, d * across + e * down + f
    known = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return np.asarray(laid), known


@dataclass(frozen=True, eq=False)
class _Places:
    """Pixels of a frame that are looked for in the one before it.

    Attributes:
        x: (n,) columns.
        y: (n,) rows.
        level: (n,) grey there.
        slopes: (n, 4) how the level changes as the frame goes right, down, grows and rolls about its middle.
        steep: (n,) levels a pixel.
        size: height and width.
    """

    x: NDArray[np.intp]
    y: NDArray[np.intp]
    level: NDArray[np.float32]
    slopes: Floats
    steep: Floats
    size: tuple[int, int]

    @classmethod
    def of(cls, frame: NDArray[np.float32]) -> _Places:
        """Every second pixel along both axes, but for the border."""
        height, width = frame.shape
        slope_y, slope_x = (np.asarray(np.gradient(frame.astype(np.float64), axis=axis)) for axis in (0, 1))
        down, across = np.mgrid[1 : height - 1 : 2, 1 : width - 1 : 2]
        x, y = across.ravel(), down.ravel()
        gx, gy = slope_x[y, x], slope_y[y, x]
        u, v = x - (width - 1) / 2, y - (height - 1) / 2
        slopes = np.stack([gx, gy, gx * u + gy * v, gy * u - gx * v], 1)
        return cls(x, y, frame[y, x], slopes, np.hypot(gx, gy), (height, width))

    def errors(self, before: NDArray[np.float32], way: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """(n,) level in the frame before minus level here, and (n,) which places it shows."""
        height, width = self.size
        x = way[0, 0] * self.x + way[0, 1] * self.y + way[0, 2]
        y = way[1, 0] * self.x + way[1, 1] * self.y + way[1, 2]
        shown = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        return _at(before, x, y) - self.level, shown


def _steps(grey: NDArray[np.float32]) -> Floats:
    """(T, 3, 3) from each frame to the one before it; the first is the identity."""
    height, width = grey.shape[1:]
    steps = np.tile(np.eye(3), (len(grey), 1, 1))
    if min(height, width) < 8:
        return steps
    centred = grey - grey.mean((1, 2), keepdims=True)
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    # People are mostly in the middle; what lies around them tells of the camera.
    spectra = [np.fft.rfft2(centred * part) for part in (window, np.sqrt(window) * (1 - window))]
    smooth = [_smoothed(frame) for frame in grey]
    for row in range(1, len(grey)):
        guesses = [np.eye(3), steps[row - 1]]
        guesses += [_shift(spectrum[row - 1], spectrum[row], (height, width)) for spectrum in spectra]
        steps[row] = _step(smooth[row], smooth[row - 1], guesses)
    return steps


def _step(frame: NDArray[np.float32], before: NDArray[np.float32], guesses: Sequence[Floats]) -> Floats:
    """(3, 3) from a frame to the one before it; the identity where no guess leads to anything better.

    Args:
        frame: (h, w), smooth.
        before: (h, w), smooth.
        guesses: (3, 3) each.
    """
    places = _Places.of(frame)
    still = np.eye(3)
    found, least = still, _BETTER * _left_over(places, before, still)
    for number, guess in enumerate(guesses):
        if any(np.array_equal(guess, other) for other in guesses[:number]):
            continue
        way = _refined(places, before, guess)
        rest = _left_over(places, before, way)
        if rest < least and _reach(way[None], places.size) <= _MOST * min(places.size):
            found, least = way, rest
    return found


def _refined(places: _Places, before: NDArray[np.float32], way: Floats) -> Floats:
    """(3, 3) the shift, zoom and roll near a guess at which the differences are smallest."""
    height, width = places.size
    centre = np.array([[1, 0, -(width - 1) / 2], [0, 1, -(height - 1) / 2], [0, 0, 1]])
    back = np.linalg.inv(centre)
    for _ in range(_ROUNDS):
        error, shown = places.errors(before, way)
        if shown.mean() < 0.25:
            break
        cut = 4 * (1.4826 * float(np.median(np.abs(error[shown]))) + 0.5)
        weight = np.where(shown & (np.abs(error) < cut), (1 - (error / cut) ** 2) ** 2, 0)
        weighted = places.slopes * weight[:, None]
        normal = weighted.T @ places.slopes + np.diag([1e-3, 1e-3, 1, 1])
        right, down, zoom, roll = np.linalg.solve(normal, weighted.T @ error)
        moved = np.array([[1 + zoom, -roll, right], [roll, 1 + zoom, down], [0, 0, 1]])
        way = way @ back @ np.linalg.inv(moved) @ centre
        if abs(right) + abs(down) + (abs(zoom) + abs(roll)) * (height + width) / 2 < _SETTLED:
            break
    return way


def _left_over(places: _Places, before: NDArray[np.float32], way: Floats) -> float:
    """How much of the difference a movement leaves: of each steep place at most one pixel's worth.

    So every place has one vote, however bright: a person in strong colours does not outvote a pale wall.
    """
    error, shown = places.errors(before, way)
    if shown.mean() < 0.25:
        return float("inf")
    votes = np.minimum(np.abs(error) / (places.steep + 2), 1)
    return float(np.where(places.steep > _STEEP, votes, 0)[shown].mean())


def _reach(maps: Floats, size: tuple[int, int]) -> float:
    """By how many pixels maps (T, 3, 3) move a corner of a frame at most."""
    height, width = size
    corners = np.array([[0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1], [1, 1, 1, 1]], float)
    return float(np.abs((maps @ corners - corners)[:, :2]).max())


def _shift(
    spectrum: NDArray[np.complexfloating], other: NDArray[np.complexfloating], size: tuple[int, int]
) -> Floats:
    """(3, 3) from the second frame to the first, if they are nothing but shifted."""
    cross = spectrum * other.conj()
    peak = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-6), s=size)
    place = np.unravel_index(int(peak.argmax()), size)
    down, right = ((int(p) + n // 2) % n - n // 2 for p, n in zip(place, size, strict=True))
    return np.array([[1, 0, right], [0, 1, down], [0, 0, 1]], float)


def _smoothed(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w) each pixel averaged with its neighbours, weighted 1, 2, 1 along both axes."""
    for axis in (0, 1):
        lines = np.moveaxis(frame, axis, 0)
        padded = np.concatenate([lines[:1], lines, lines[-1:]])
        frame = np.moveaxis((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4, 0, axis)
    return np.ascontiguousarray(frame)


def _at(picture: NDArray[np.float32], x: Floats, y: Floats) -> Floats:
    """(n,) a picture (h, w) at columns x and rows y, between its pixels linearly; its border beyond it."""
    height, width = picture.shape
    x, y = x.clip(0, width - 1), y.clip(0, height - 1)
    left, top = np.minimum(x.astype(np.intp), width - 2), np.minimum(y.astype(np.intp), height - 2)
    a, b = x - left, y - top
    flat, place = picture.ravel(), top * width + left
    upper = flat[place] * (1 - a) + flat[place + 1] * a
    lower = flat[place + width] * (1 - a) + flat[place + width + 1] * a
    found: Floats = upper * (1 - b) + lower * b
    return found
