"""Finding videos: what a caller means by one or many, by folders and patterns, and what is left out there."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.errors import VideoError, counted, printable
from zeroshot.resources import from_home
from zeroshot.types import Clip
from zeroshot.video.pictures import natural_order
from zeroshot.video.source import (
    Refused,
    Stretch,
    Url,
    a_kind,
    is_address,
    is_elsewhere,
    is_folder,
    is_path,
    name_of,
    picture_paths,
    without_scheme,
)
from zeroshot.video.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zeroshot.video.source import VideoSource


_NAMED = 6  # suffixes, and folders, that a line names


@dataclass(frozen=True)
class LeftOut:
    """What folders held besides videos.

    Attributes:
        suffixes: how many files that are no videos by their names, by the end of those, in lower case.
        linked: how many links to folders, which are not followed.
        unreadable: folders that could not be looked into, and why.
        hidden: files that are videos by their names, but hidden.
    """

    suffixes: Counter[str] = field(default_factory=Counter)
    linked: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)

    def add(self, other: LeftOut) -> None:
        """What another place held besides, too."""
        self.suffixes.update(other.suffixes)
        self.linked.extend(other.linked)
        self.unreadable.update(other.unreadable)
        self.hidden.extend(other.hidden)

    def lines(self) -> list[str]:
        """One line for each kind of thing that was left out."""
        lines = []
        if self.suffixes:
            counts = sorted(self.suffixes.items(), key=lambda each: (-each[1], each[0]))
            shown = ", ".join(f"{count:,} {suffix or 'without suffix'}" for suffix, count in counts[:_NAMED])
            total = sum(self.suffixes.values())
            files = "1 file that is no video" if total == 1 else f"{total:,} files that are no videos"
            lines.append(f"left out {files} by name: {shown}{', …' * (len(counts) > _NAMED)}")
        if self.hidden:
            lines.append(f"left out {counted(len(self.hidden), 'hidden file')}: {_named(self.hidden)}")
        if self.linked:
            lines.append(f"left out linked folders, which are not followed: {_named(self.linked)}")
        lines += [
            f"left out {folder}, which cannot be read: {why}" for folder, why in self.unreadable.items()
        ]
        return lines


def _named(words: list[str]) -> str:
    return ", ".join(words[:_NAMED]) + ", …" * (len(words) > _NAMED)


def find_videos(
    inputs: Iterable[str | os.PathLike[str]],
    left_out: LeftOut | None = None,
    unfound: dict[str, str] | None = None,
) -> list[Path]:
    """The videos meant by files, folders and patterns, each once, in the order of the inputs.

    A file is kept whatever its suffix, and a path that does not exist is kept too: it fails later, as one
    file of many. A folder is searched through and through for files of `VIDEO_SUFFIXES`, hidden ones left
    out; one that directly holds two images or more, and no video, is itself a video, a frame an image. A
    pattern may hold `*`, `?`, `[…]` and `**`, unless a file of just that name exists.

    Args:
        inputs: as typed.
        left_out: is told what the folders hold besides.
        unfound: is told which inputs mean nothing, and why; None: the first of them is raised.

    Raises:
        VideoError: an input means nothing: an empty folder, a pattern without a match, an address of the web;
            or there is no working folder any more.
    """
    found: dict[str, Path] = {}
    for each in inputs:
        text, beside = os.fspath(each), LeftOut()
        try:
            paths = _meant_by(text, beside)
        except VideoError as error:
            if unfound is None:
                raise
            unfound[text] = str(error)
            continue
        if left_out is not None:
            left_out.add(beside)
        for path in paths:
            found.setdefault(_absolute(path), path)
    return list(found.values())


def _absolute(path: Path) -> str:
    """A full path; links are not followed."""
    try:
        return os.path.abspath(path)  # noqa: PTH100 - Path.absolute keeps `..`
    except OSError:
        raise VideoError(
            f"cannot find {printable(path)}: the working folder is gone; give full paths, or change folder"
        ) from None


def _meant_by(text: str, left_out: LeftOut) -> list[Path]:
    """The videos meant by one input."""
    if not text:
        raise _no_path()
    text = without_scheme(text)
    path = Path(text)
    if is_folder(text):
        videos = _videos_below(path, left_out)
        if not videos:
            if text in left_out.unreadable:
                raise VideoError(
                    f"cannot read {printable(text)}: {left_out.unreadable[text]}; check the path"
                )
            suffixes = " ".join(sorted(VIDEO_SUFFIXES))
            raise VideoError(f"no videos in {printable(text)}: looked for {suffixes} and folders of images")
        return videos
    if os.path.exists(text):  # noqa: PTH110 - as in is_folder
        return [path]
    if is_address(text):
        raise VideoError(f"{printable(text)} is an address, not a file; fetch it first: curl -LO ADDRESS")
    if not has_magic(text):
        return [path]
    matches = sorted(map(Path, glob(text, recursive=True)), key=natural_order)  # noqa: PTH207 - ** and absolute
    wanted = VIDEO_SUFFIXES | {Path(text).suffix.lower()}
    videos = []
    for match in matches:
        if match.is_dir():
            videos += _videos_below(match, left_out)
        elif match.suffix.lower() in wanted:
            videos.append(match)
    if not videos:
        raise VideoError(f"no video matches {printable(text)}; check the pattern")
    return videos


def _no_path() -> VideoError:
    """The error for a text of no letters, which would stand for the working folder."""
    return VideoError("the path of a video is empty; give the path of a file or a folder")


def _videos_below(folder: Path, left_out: LeftOut) -> list[Path]:
    """Videos in a folder and below, in natural order, folder by folder."""
    videos: list[Path] = []

    def note(error: OSError) -> None:
        left_out.unreadable[printable(str(error.filename))] = (error.strerror or "no access").lower()

    for place, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural_order)
        left_out.linked.extend(
            printable(each) for name in folders if (each := Path(place, name)).is_symlink()
        )
        here = [Path(place, name) for name in names if not name.startswith(".")]
        unseen = [
            name for name in names if name.startswith(".") and Path(name).suffix.lower() in VIDEO_SUFFIXES
        ]
        left_out.hidden.extend(printable(Path(place, name)) for name in sorted(unseen))
        files = sorted((path for path in here if path.suffix.lower() in VIDEO_SUFFIXES), key=natural_order)
        images = [path for path in here if path.suffix.lower() in IMAGE_SUFFIXES]
        is_video = not files and len(images) > 1
        videos += [Path(place)] if is_video else files
        taken = {*files, *(images if is_video else ())}
        left_out.suffixes.update(printable(path.suffix.lower()) for path in here if path not in taken)
    return videos


def videos_in(videos: VideoSource | Iterable[VideoSource]) -> Iterator[VideoSource]:
    """The videos that are meant, one after the other, read lazily; what cannot be meant is `Refused`.

    Args:
        videos: one video, or any number of them. A text or path, bytes, an open file, a clip, a stretch and
            frames (T, H, W, 3) or (T, 3, H, W) are one; frames (B, T, …) are B. A folder of videos and a
            pattern stand for all that they hold; a folder of images is one video. Text that begins with
            http://, https:// or s3:// is an address, and ~ the home folder. A video that is given twice comes
            twice.
    """
    for one in _each(videos):
        yield from _standing_for(one)


def one_video(video: VideoSource) -> VideoSource:
    """The one video that is meant; frames, and lists of frames, as they are.

    Raises:
        VideoError: several are meant, or none.
    """
    if _num_axes(video) == 5:
        raise VideoError(f"{name_of(video)} is a batch of videos; rank_many and embed_videos take several")
    if any(os.path.splitext(path)[1].lower() in VIDEO_SUFFIXES for path in picture_paths(video)):  # noqa: PTH122
        raise VideoError(
            "a list of paths is one video, of pictures, but there are videos among them; rank_many and "
            "embed_videos take several, rank a path by itself"
        )
    if not is_path(video):
        return video
    found = list(_standing_for(video))
    if len(found) > 1:
        raise VideoError(
            f"{name_of(video)} stands for {counted(len(found), 'video')}; expected one: rank_many and "
            "embed_videos take several"
        )
    if isinstance(found[0], Refused):
        raise found[0].error
    return found[0]


def is_one(videos: object) -> bool:
    """Whether what is given is one video, and no list, batch or iterator of them."""
    return (
        is_path(videos)
        or is_elsewhere(videos)
        or isinstance(videos, Clip | Stretch)
        or _num_axes(videos) == 4
    )


def _each(videos: Any) -> Iterator[VideoSource]:  # noqa: ANN401 - anything
    """One video, or those of many."""
    if is_one(videos):
        yield videos
    elif _num_axes(videos) in {3, 5} or hasattr(videos, "__iter__"):
        yield from ([videos] if _num_axes(videos) == 3 else videos)
    else:
        raise VideoError(f"{a_kind(videos)} is no video, nor a list of videos; give a path or several")


def _standing_for(video: VideoSource) -> Iterator[VideoSource]:
    """The videos that one of them stands for."""
    if not is_path(video):
        yield video
        return
    text = os.fspath(video)
    if isinstance(video, str):
        video = text = without_scheme(text)
    if not text:
        yield Refused("''", _no_path())
        return
    if is_address(video):
        yield Url(text)
        return
    if text.startswith("~") and not os.path.lexists(text):
        video = text = from_home(text)
    if not is_folder(text) and (os.path.exists(text) or not has_magic(text)):  # noqa: PTH110 - as in is_folder
        yield video
        return
    try:
        yield from find_videos([text])
    except VideoError as error:
        # A single image is no video among others, but asked for by itself it is one.
        yield video if _holds_an_image(text) else Refused(printable(text), error)


def _holds_an_image(folder: str) -> bool:
    with suppress(OSError):
        return any(os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES for name in os.listdir(folder))  # noqa: PTH122, PTH208
    return False


def _num_axes(source: object) -> int:
    """Of an array or tensor; 0 of all else."""
    shape = getattr(source, "shape", None)
    return len(shape) if isinstance(shape, tuple) else 0
