"""Where the person is: masks that somebody made, read from files and held against the video."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.cutouts.finder import Finder, Found
from zeroshot.errors import OptionError, VideoError, counted, printable
from zeroshot.video.decoders.all_frames import reduced
from zeroshot.video.pictures import images_in
from zeroshot.video.suffixes import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zeroshot.cutouts.finder import Footage
    from zeroshot.video.decoders.all_frames import Film
    from zeroshot.video.source import VideoSource

PERSON = 128
"""From this level of 255 on a pixel counts as the person's."""


class Shelf:
    """A folder with one thing a video: masks, or backgrounds.

    The thing of `a/b/c.mp4` is `a/b/c` with another suffix or none, `b/c` or `c`: the longest of these that
    is there, so that a folder may be laid out like the videos or be flat.
    """

    def __init__(self, folder: str | Path, suffixes: Sequence[str], what: str) -> None:
        """Look whether it is there.

        Args:
            folder: of the things.
            suffixes: of files, in the order of preference; "" is a folder of images.
            what: for messages: "mask" or "background".

        Raises:
            OptionError: it is no folder.
        """
        self.folder, self._suffixes, self._what = Path(folder), tuple(suffixes), what
        if not self.folder.is_dir():
            raise OptionError(f"{self.folder} is no folder of {what}s; name one that exists")

    def find(self, video: str) -> Path:
        """The thing of a video.

        Raises:
            VideoError: there is none.
        """
        parts = Path(video).with_suffix("").parts
        parts = parts[1:] if Path(video).is_absolute() else parts
        for start in range(len(parts)):
            stem = self.folder.joinpath(*parts[start:])
            found = [path for suffix in self._suffixes if (path := self._named(stem, suffix)) is not None]
            if found:
                return found[0]
        shown = " ".join(suffix or "folder" for suffix in self._suffixes[:3])
        raise VideoError(
            f"{printable(video)} has no {self._what}: looked in {printable(self.folder)} for {parts[-1]} "
            f"({shown}, …); add it, or leave the video out"
        )

    def _named(self, stem: Path, suffix: str) -> Path | None:
        path = stem.with_name(stem.name + suffix)
        there = path.is_dir() if suffix == "" else path.is_file()
        return path if there else None


class MaskFiles(Finder):
    """Persons by masks that somebody made: NAME.npz, a folder NAME of one image a frame, or a video NAME.mp4.

    Attributes:
        name: "files".
    """

    name = "files"
    finds_nobody = "no mask shows anybody in"

    def __init__(self, folder: str | Path) -> None:
        """Look whether the folder is there.

        Raises:
            OptionError: it is not.
        """
        self._shelf = Shelf(folder, (".npz", "", *sorted(VIDEO_SUFFIXES)), "mask")

    def mask_of(self, video: VideoSource) -> Path:
        """The mask of a video.

        Raises:
            VideoError: there is none.
        """
        return self._shelf.find(str(video))

    def find(self, footage: Footage) -> Found:
        """What the mask says, reduced like the film."""
        film, mask, shown = footage
        if mask is None:
            raise VideoError(f"a video has no mask in {printable(self._shelf.folder)}; add it")
        return Found(fitted_mask(read_mask(mask) if shown is None else mask_of_film(shown), film, mask))


def background_shelf(folder: str | Path) -> Shelf:
    """Backgrounds: a video NAME.mp4 (or another suffix), or a folder NAME of images."""
    return Shelf(folder, ("", *sorted(VIDEO_SUFFIXES)), "background")


def is_mask_video(path: Path) -> bool:
    """Whether a mask is a video, and so comes through a decoder."""
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir()


def read_mask(path: Path) -> NDArray[np.uint8]:
    """(T, H, W) uint8 of an .npz file or a folder of images: 0 is background, 255 the person.

    An .npz file holds one array (T, H, W), called `masks` where there are several: booleans, or levels.
    Images are taken in natural order; of a palette every colour but the first is the person. Levels that
    never exceed 1 are read as 0 and 1.

    Raises:
        VideoError: it cannot be read, or is no mask.
    """
    levels = _read_images(path) if path.is_dir() else _read_npz(path)
    if levels.ndim != 3 or levels.size == 0:
        raise VideoError(f"the mask {printable(path)} has shape {levels.shape}; expected (T, H, W)")
    if levels.dtype == np.bool_:
        return np.where(levels, np.uint8(255), np.uint8(0))
    if levels.dtype != np.uint8:
        raise VideoError(f"the mask {printable(path)} is {levels.dtype}; expected booleans or uint8")
    return np.where(levels == 1, np.uint8(255), np.uint8(0)) if levels.max() == 1 else levels


def mask_of_film(film: Film) -> NDArray[np.uint8]:
    """(T, H, W) uint8 of a video that shows a mask: black and white alone, as codecs blur what is between."""
    bright: NDArray[np.bool_] = film.clip.frames.mean(1) >= PERSON
    return np.where(bright, np.uint8(255), np.uint8(0))


def fitted_mask(levels: NDArray[np.uint8], film: Film, path: Path) -> NDArray[np.uint8]:
    """(T, H, W) of the film's own frames: held against its size and number of frames, reduced like it.

    Raises:
        VideoError: another size, or another number of frames.
    """
    frames = film.clip.frames
    count, (height, width) = len(frames), frames.shape[2:]
    if len(levels) != count and not (len(levels) > count and not film.whole):
        raise VideoError(
            f"the mask {printable(path)} has {counted(len(levels), 'frame')}, its video {count}; "
            "make one a frame"
        )
    size = levels.shape[1:]
    if size == (height, width):
        return levels[:count]
    if size != film.native_size:
        raise VideoError(
            f"the mask {printable(path)} is {size[1]}×{size[0]} pixels, its video "
            f"{film.native_size[1]}×{film.native_size[0]}; make both of one size"
        )
    return np.stack([reduced(level, min(height, width)) for level in levels[:count]])


def person_share(levels: NDArray[np.uint8]) -> float:
    """Share of all pixels of all frames that are the person's."""
    return float((levels >= PERSON).mean())


def _read_npz(path: Path) -> NDArray[np.uint8]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = list(arrays)
            name = "masks" if "masks" in names else names[0] if len(names) == 1 else None
            if name is None:
                raise VideoError(
                    f"the mask {printable(path)} holds {len(names)} arrays; expected one, or one called masks"
                )
            levels: NDArray[np.uint8] = arrays[name]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise VideoError(
            f"cannot read the mask {printable(path)}: {error}; expected what numpy.savez wrote"
        ) from None
    return levels


def _read_images(folder: Path) -> NDArray[np.uint8]:
    from PIL import Image

    levels = []
    for place in images_in(folder):
        try:
            with Image.open(place) as image:
                coloured = image.mode == "P"
                level = np.asarray(image if coloured else image.convert("L"))
        except (OSError, ValueError, SyntaxError) as error:
            words = " ".join(str(error).split())[:160]
            raise VideoError(f"cannot read the mask {printable(place)}: {words}; replace it") from None
        levels.append(np.where(level > 0, 255, 0).astype(np.uint8) if coloured else level)
    if not levels:
        raise VideoError(f"the mask {printable(folder)} holds no images; expected one a frame")
    if len({level.shape for level in levels}) > 1:
        raise VideoError(f"the mask {printable(folder)} has images of several sizes; expected one size")
    return np.stack(levels)
