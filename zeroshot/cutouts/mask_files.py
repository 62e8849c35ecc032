"""Where the person is: masks that somebody made, read from files and held against the video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.cutouts.finder import Finder, Found
from zeroshot.errors import OptionError, VideoError, counted, printable
from zeroshot.video.masks import PERSON
from zeroshot.video.source import Stretch, name_of, path_of
from zeroshot.video.suffixes import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.cutouts.finder import Footage
    from zeroshot.video.decoders.all_frames import Film
    from zeroshot.video.source import VideoSource


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

    def find(self, video: VideoSource) -> Path:
        """The thing of a video; of a stretch, that of the file into which it would be cut.

        Raises:
            VideoError: there is none.
        """
        named = Path(video.as_file if isinstance(video, Stretch) else path_of(video))
        parts = named.with_suffix("").parts
        parts = parts[1:] if named.is_absolute() else parts
        for start in range(len(parts)):
            stem = self.folder.joinpath(*parts[start:])
            found = [path for suffix in self._suffixes if (path := self._named(stem, suffix)) is not None]
            if found:
                return found[0]
        names = [parts[-1] + suffix for suffix in self._suffixes if suffix][:2]
        shown = ", ".join(names + [f"a folder {parts[-1]}"] * ("" in self._suffixes))
        raise VideoError(
            f"{name_of(video)} has no {self._what}: looked in {printable(self.folder)} for {shown}, …; "
            f"add it, or leave the video out"
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
    guesses = False

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
        return self._shelf.find(video)

    def find(self, footage: Footage) -> Found:
        """What the mask says, reduced like the film."""
        film, mask, shown = footage
        if mask is None or shown is None:
            raise VideoError(f"a video has no mask in {printable(self._shelf.folder)}; add it")
        return Found(fitted_mask(shown, film, mask))


def background_shelf(folder: str | Path) -> Shelf:
    """Backgrounds: a video NAME.mp4 (or another suffix), or a folder NAME of images."""
    return Shelf(folder, ("", *sorted(VIDEO_SUFFIXES)), "background")


def levels_of(mask: Film) -> NDArray[np.uint8]:
    """(T, H, W) uint8 of a mask as `ClipReader.read_films` gives it: 0 is background, 255 the person."""
    return mask.clip.frames[:, 0]


def fitted_mask(mask: Film, film: Film, path: Path) -> NDArray[np.uint8]:
    """(T, H, W) of the film's own frames: held against its size and number of frames.

    Args:
        mask: as read, and reduced like the film.
        film: of the video.
        path: of the mask, for messages.

    Raises:
        VideoError: another size, or another number of frames.
    """
    levels, frames = levels_of(mask), film.clip.frames
    count = len(frames)
    if len(levels) != count and not (len(levels) > count and not film.whole):
        raise VideoError(
            f"the mask {printable(path)} has {counted(len(levels), 'frame')}, its video {count}; "
            "make one a frame"
        )
    if levels.shape[1:] != frames.shape[2:]:
        (height, width), (video_height, video_width) = mask.native_size, film.native_size
        raise VideoError(
            f"the mask {printable(path)} is {width}×{height} pixels, its video "
            f"{video_width}×{video_height}; make both of one size"
        )
    return levels[:count]


def person_share(levels: NDArray[np.uint8]) -> float:
    """Share of all pixels of all frames that are the person's."""
    return float((levels >= PERSON).mean())
