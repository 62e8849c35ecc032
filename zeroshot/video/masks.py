"""Masks as they lie on a disk: an .npz file, a folder of pictures, or a video; read within bounds."""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import VideoError, printable
from zeroshot.video.decoders.all_frames import read_film, reduced, reduced_size
from zeroshot.video.pictures import images_in, opened_picture

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray
    from PIL.Image import Image

PERSON = 128
"""From this level of 255 on a pixel counts as the person's."""

MOST_STORED = 1 << 32
"""Pixels of a mask as it is stored: half an hour of 320×240. A file of some kilobytes may claim more."""

MOST_SHOWN = 1 << 30
"""Pixels of a mask once it is reduced like its video, which are held in memory."""


@dataclass(frozen=True, eq=False)
class Mask:
    """What a mask says of each frame of its video.

    Attributes:
        levels: (T, h, w) uint8: 0 is background, 255 the person.
        native_size: height and width as stored.
    """

    levels: NDArray[np.uint8]
    native_size: tuple[int, int]


def read_mask(path: str | os.PathLike[str], end_seconds: float, largest_side: int) -> Mask:
    """A mask, reduced as `all_frames.read_film` reduces its video.

    An .npz file holds one array (T, H, W), called `masks` where there are several: booleans, or levels.
    Images are taken in natural order; of a palette every colour but the first is the person. Levels that
    never exceed 1 are read as 0 and 1. Of a video, black and white alone, as codecs blur what is between.

    Args:
        path: see `source.MaskFile`.
        end_seconds: later frames are left out, where frames have times.
        largest_side: the shorter side is reduced to this many pixels where it is longer.

    Raises:
        VideoError: it cannot be read, is no mask, or is too large.
    """
    place = Path(path)
    if place.is_dir():
        stored, size = _pictures(place, largest_side)
    elif place.suffix.lower() == ".npz":
        stored, size = _array(place, largest_side)
    else:
        film = read_film(path, end_seconds, largest_side)
        bright = (frame.mean(0) >= PERSON for frame in film.clip.frames)
        return Mask(np.stack([_white(each) for each in bright]), film.native_size)
    return Mask(stored, size)


def _array(path: Path, largest_side: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Levels (T, h, w) of an .npz file, and the size in it."""
    try:
        stored = _stored_array(path, largest_side)
    except (VideoError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - readers of archives raise what they like over damaged files
        words = printable(" ".join(str(error).split())[:160] or type(error).__name__)
        raise VideoError(
            f"cannot read the mask {printable(path)}: {words}; expected what numpy.savez wrote"
        ) from None
    size = (int(stored.shape[1]), int(stored.shape[2]))
    if stored.dtype != np.bool_ and stored.max() != 1:
        return np.stack([reduced(level, largest_side) for level in stored]), size
    return np.stack([reduced(_white(level != 0), largest_side) for level in stored]), size


def _stored_array(path: Path, largest_side: int) -> NDArray[np.uint8]:
    """The array in an .npz file, once its head has proved to claim no more than there may be."""
    if not path.is_file():
        raise OSError("it is no file" if path.exists() else "No such file or directory")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        name = "masks.npy" if "masks.npy" in names else names[0] if len(names) == 1 else None
        if name is None:
            raise VideoError(
                f"the mask {printable(path)} holds {len(names)} arrays; expected one, or one called masks"
            )
        with archive.open(name) as stream:
            version = np.lib.format.read_magic(stream)
            old = version == (1, 0)
            read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(stream)
        if len(shape) != 3 or min(shape) < 1:
            raise VideoError(f"the mask {printable(path)} has shape {shape}; expected (T, H, W)")
        if dtype not in {np.dtype(np.bool_), np.dtype(np.uint8)}:
            raise VideoError(f"the mask {printable(path)} is {dtype}; expected booleans or uint8")
        _require_bearable(path, shape[0], (shape[1], shape[2]), largest_side)
        with archive.open(name) as stream:
            levels: NDArray[np.uint8] = np.lib.format.read_array(stream, allow_pickle=False)
            if stream.read(1):  # to the end, where the checksum stands
                raise ValueError("its array is longer than it says")
    return levels


def _pictures(folder: Path, largest_side: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Levels (T, h, w) of a folder of one image a frame, and their size."""
    pictures = images_in(folder)
    if not pictures:
        raise VideoError(f"the mask {printable(folder)} holds no images; expected one a frame")
    sizes = {opened_picture(path, lambda image: image.size, "mask") for path in pictures}
    if len(sizes) > 1:
        raise VideoError(f"the mask {printable(folder)} has images of several sizes; expected one size")
    (width, height) = sizes.pop()
    _require_bearable(folder, len(pictures), (height, width), largest_side)
    binary = all(int(level.max()) <= 1 for level in _levels(pictures))  # most end at the first picture
    levels = (_white(level == 1) if binary else level for level in _levels(pictures))
    return np.stack([reduced(level, largest_side) for level in levels]), (height, width)


def _levels(pictures: Iterable[Path]) -> Iterator[NDArray[np.uint8]]:
    """(H, W) of each picture, one at a time."""
    return (opened_picture(path, _level, "mask") for path in pictures)


def _level(image: Image) -> NDArray[np.uint8]:
    """(H, W) of one picture: greys as they are, of a palette white for all but the first colour."""
    if image.mode == "P":
        return _white(np.asarray(image) > 0)
    return np.asarray(image.convert("L"))


def _white(where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """255 where it is so, 0 elsewhere."""
    return np.where(where, np.uint8(255), np.uint8(0))


def _require_bearable(path: Path, count: int, size: tuple[int, int], largest_side: int) -> None:
    """Refuse what would take all memory.

    Raises:
        VideoError: it would.
    """
    shown = count * math.prod(reduced_size(size, largest_side))
    if count * math.prod(size) > MOST_STORED or shown > MOST_SHOWN:
        raise VideoError(
            f"the mask {printable(path)} has {count} frames of {size[1]}×{size[0]} pixels, more than fits "
            "into memory; make it smaller, or cut its video into parts"
        )
