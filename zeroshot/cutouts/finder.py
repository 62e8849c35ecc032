"""What a finder of persons is: frames in, levels out, whatever it goes by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from zeroshot.errors import VideoError
from zeroshot.video.source import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.cutouts.camera import CameraPath
    from zeroshot.video.decoders.all_frames import Film
    from zeroshot.video.source import VideoSource


class Footage(NamedTuple):
    """What there is of one video.

    Attributes:
        film: the frames.
        mask: what `Finder.mask_of` named.
        shown: the mask itself, as `ClipReader.read_films` gives it.
    """

    film: Film
    mask: Path | None = None
    shown: Film | None = None


class Found(NamedTuple):
    """Where the person is in one video.

    Attributes:
        levels: (T, H, W) uint8: 255 where the person surely is, 0 where nobody is.
        path: of the camera, where the finder had to follow it; whoever fills the place then need not.
    """

    levels: NDArray[np.uint8]
    path: CameraPath | None = None


class Finder(ABC):
    """Finds the person in every frame of a video; one kind a file, one line each in `finders.FINDERS`.

    Attributes:
        name: of what it goes by, as settings call it; never that of a folder.
        finds_nobody: how a sentence begins that tells of a video without a person, before the video's name.
        fingerprint: of the weights that it looks with; empty where there are none.
        guesses: whether the masks are its own, not somebody's who knew.
    """

    name: str
    finds_nobody: str
    fingerprint: str = ""
    guesses: bool = True

    @abstractmethod
    def find(self, footage: Footage) -> Found:
        """Where the person is in each frame of a video.

        Raises:
            VideoError: the mask cannot be read, or is another video's.
        """

    def mask_of(self, video: VideoSource) -> Path | None:  # noqa: ARG002 - of those that read no files
        """The file or folder that says where the person of a video is; None where frames alone do.

        Raises:
            VideoError: there should be one, and is none.
        """
        return None

    def taught_by(self, clips: Iterable[NDArray[np.uint8]]) -> Finder:  # noqa: ARG002 - few have to learn
        """The finder that has seen clips (T, 3, H, W) uint8 of the set; itself where nothing is learned."""
        return self

    def nobody_in(self, video: VideoSource) -> VideoError:
        """What is raised of a video in which the finder found no person."""
        mask = self.mask_of(video)
        words = self.finds_nobody if mask is None else f"the mask {mask} shows nobody in"
        return VideoError(f"{words} {name_of(video)}; give it a mask with a person, or leave it out")


def all_read(films: Iterable[Film | VideoError]) -> list[Film]:
    """The films of one video and what belongs to it, every one of which has been read.

    Raises:
        VideoError: of the first one that has not.
    """
    read = []
    for film in films:
        if isinstance(film, VideoError):
            raise film
        read.append(film)
    return read
