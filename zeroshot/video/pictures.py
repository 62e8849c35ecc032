"""Picture files that are the frames of a video: which of a folder, and what is in them, within bounds."""

from __future__ import annotations

import os
import re
import stat
import warnings
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from zeroshot.errors import VideoError, printable
from zeroshot.video.suffixes import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

MOST_PIXELS = 1 << 28
"""Pixels of all frames of a clip together: eight of 8K video, 805 MB.

A PNG of some kilobytes may claim thousands of times its size.
"""

_Seen = TypeVar("_Seen")
_SHORTEST_SERIES = 2  # pictures; one alone is a cover, a poster, a mistake
_ANIMATED = {"WEBP", "PNG", "GIF"}  # not TIFF or MPO, whose further pictures are thumbnails and other views
_NAMED = 4  # series that a message lists


@dataclass(frozen=True)
class PictureFile(os.PathLike[str]):
    """Names one picture, where sources of videos are named.

    Attributes:
        path: of the file.
    """

    path: str | os.PathLike[str]

    def __fspath__(self) -> str:
        """Where it lies."""
        return os.fspath(self.path)


def images_in(folder: Path, series: str | None = None) -> list[Path]:
    """Pictures directly in a folder, in natural order of their names.

    Args:
        folder: hidden files in it are left out.
        series: a pattern of names such as `img_*`, where it holds several series; None: there is one.

    Raises:
        VideoError: the folder cannot be read, or holds several numbered series and none is chosen.
    """
    try:
        names = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        reason = (error.strerror or "no access").lower()
        raise VideoError(f"cannot read {printable(folder)}: {reason}; check the path") from None
    pictures = [path for path in names if path.suffix.lower() in IMAGE_SUFFIXES]
    if series is None:
        _require_one_series(folder, pictures)
    else:
        pictures = [
            path for path in pictures if fnmatchcase(path.name, series) or fnmatchcase(path.stem, series)
        ]
    return sorted(pictures, key=natural_order)


def _require_one_series(folder: Path, pictures: Sequence[Path]) -> None:
    """Refuse a folder with, say, `img_00001.jpg …` and `flow_x_00001.jpg …`: two videos, or none."""
    found: dict[str, int] = {}
    for path in pictures:
        pattern = re.sub(r"[0-9]+", "*", path.stem)
        found[pattern] = found.get(pattern, 0) + 1
    long = sorted(
        (pattern for pattern, count in found.items() if count >= _SHORTEST_SERIES), key=natural_order
    )
    if len(long) > 1:
        shown = ", ".join(f"{printable(pattern)} ({found[pattern]:,})" for pattern in long[:_NAMED])
        raise VideoError(
            f"cannot read {printable(folder)}: it holds {len(long)} series of numbered images, "
            f"{shown}{', …' * (len(long) > _NAMED)}; choose one with --series '{printable(long[0])}'"
        )


def natural_order(path: str | Path) -> list[tuple[int, int, str]]:
    """A key that puts frame2 before frame10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", str(path))
    key = [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part.casefold()) for part in parts]
    return [*key, (2, 0, str(path))]


def stacked_files(paths: Sequence[Path], name: str) -> NDArray[np.uint8]:
    """(T, 3, H, W) of picture files, upright, the channels last in memory; each file is decoded once.

    Args:
        paths: T files; one may stand there several times.
        name: what messages call them together.

    Raises:
        VideoError: one is no picture, they differ in size, or they are too large together.
    """
    sizes = {path: _size(path) for path in dict.fromkeys(paths)}
    require_one_size(list(sizes.values()), name)
    width, height = sizes[paths[0]]
    if len(paths) * width * height > MOST_PIXELS:
        most = (MOST_PIXELS // len(paths)) / 1e6
        raise VideoError(
            f"{name} are {width}×{height}; {len(paths)} of them at once may have {most:.0f} million pixels "
            "each: make them smaller"
        )
    frames = np.empty((len(paths), height, width, 3), np.uint8)
    places: dict[Path, int] = {}
    for place, path in enumerate(paths):
        if path in places:
            frames[place] = frames[places[path]]
        else:
            frames[place], places[path] = _pixels(path, (height, width)), place
    return frames.transpose(0, 3, 1, 2)


def require_one_size(sizes: Sequence[tuple[int, int]], name: str) -> None:
    """Refuse frames of several sizes, (width, height) each."""
    several = sorted(set(sizes))
    if len(several) > 1:
        shown = ", ".join(f"{width}×{height}" for width, height in several[:4])
        raise VideoError(f"{name} have several sizes ({shown}); resize them to one")


def rgb(image: Image) -> NDArray[np.uint8]:
    """(H, W, 3) of a PIL image; of 16 bits of grey the upper eight, as PIL shows all but black as white."""
    if image.mode.startswith("I"):
        levels = np.asarray(image)
        deep = image.mode.startswith("I;16") or int(levels.max(initial=0)) > 255
        grey = np.clip(levels.astype(np.int64) >> (8 if deep else 0), 0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    return np.asarray(image.convert("RGB"))


def _size(path: Path) -> tuple[int, int]:
    """Width and height of a picture file as it is shown, by its header."""
    return opened_picture(path, lambda image: _turned(image.size, image))


def _turned(size: tuple[int, int], image: Image) -> tuple[int, int]:
    """Width and height once a picture is turned as its EXIF data says."""
    orientation = image.getexif().get(0x0112, 1)
    return (size[1], size[0]) if orientation in {5, 6, 7, 8} else size


def _pixels(path: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W, 3) of a picture file, upright."""
    from PIL import ImageOps

    pixels = opened_picture(path, lambda image: rgb(ImageOps.exif_transpose(image)))
    if pixels.shape[:2] != shape:
        raise VideoError(f"cannot read the frame {printable(path)}: its size changed; run again")
    return pixels


def _refuse_animation(image: Image, path: Path, thing: str) -> None:
    """Refuse a video in the place of a still, of which its first frame would be taken for the whole.

    Raises:
        VideoError: it is one.
    """
    count = getattr(image, "n_frames", 1)
    if image.format in _ANIMATED and count > 1:
        raise VideoError(
            f"cannot read the {thing} {printable(path)}: it is an animation of {count} frames, which is a "
            "video; name it by itself, or take it out of the folder"
        )


def opened_picture(path: Path, what: Callable[[Image], _Seen], thing: str = "frame") -> _Seen:
    """What a function makes of an open picture; each way in which it can be none becomes one line.

    Args:
        path: of the file.
        what: the function.
        thing: what messages call the file.

    Raises:
        VideoError: it is no picture, or too large.
    """
    from PIL import Image

    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a pipe would never end
            raise VideoError(f"cannot read the {thing} {printable(path)}: it is no file; remove it")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                _refuse_animation(image, path, thing)
                return what(image)
    except (VideoError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - decoders of pictures raise what they like over damaged files
        told = getattr(error, "strerror", None) or str(error) or type(error).__name__
        words = printable(" ".join(told.split())[:160])
        raise VideoError(
            f"cannot read the {thing} {printable(path)}: {words}; replace or remove it"
        ) from None
