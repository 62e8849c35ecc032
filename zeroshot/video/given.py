"""What a caller means by the videos given: one or many, folders and patterns as the shell has them."""

from __future__ import annotations

import os
from contextlib import suppress
from glob import has_magic
from typing import TYPE_CHECKING, Any

from zeroshot.errors import VideoError, counted, printable
from zeroshot.resources import from_home
from zeroshot.types import Clip
from zeroshot.video.elsewhere import Refused, Url, is_address, is_elsewhere
from zeroshot.video.find import find_videos
from zeroshot.video.source import Stretch, is_folder, is_path, name_of, picture_paths
from zeroshot.video.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zeroshot.video.source import VideoSource


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
        yield from _meant_by(one)


def one_video(video: VideoSource) -> VideoSource:
    """The one video that is meant; frames, and lists of frames, as they are.

    Raises:
        VideoError: several are meant, or none.
    """
    if _num_axes(video) == 5:
        raise VideoError(f"{name_of(video)} is a batch of videos; rank_many and embed_videos take several")
    if any(os.path.splitext(path)[1].lower() in VIDEO_SUFFIXES for path in picture_paths(video)):  # noqa: PTH122
        raise VideoError(
            f"{name_of(video)} should be pictures of one video, but there are videos among them; rank_many "
            "and embed_videos take several"
        )
    if not is_path(video):
        return video
    found = list(_meant_by(video))
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
        raise VideoError(
            f"a {type(videos).__name__} is no video, nor a list of videos; give a path or several"
        )


def _meant_by(video: VideoSource) -> Iterator[VideoSource]:
    """The videos that one of them stands for."""
    if not is_path(video):
        yield video
        return
    text = os.fspath(video)
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
