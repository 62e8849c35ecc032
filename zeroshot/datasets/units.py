"""The unit of every figure is the video: listed twice it counts once, and under two labels not at all."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from zeroshot.errors import DatasetError, counted
from zeroshot.video.source import Stretch, is_path, name_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from zeroshot.datasets.splits import LabeledVideo, Split


def counted_once(
    videos: Sequence[LabeledVideo], *, several_labels: bool = False
) -> tuple[tuple[LabeledVideo, ...], int]:
    """Each video once, in the order of its first row, and how many rows repeat one.

    A video is its file, whatever path leads there, a stretch of one, or the frames themselves. Copies under
    other names are other videos: data sets hold some, and nobody reads all files to find them.

    Args:
        videos: rows of a list.
        several_labels: whether a file under several labels is a video that shows all of them.

    Raises:
        DatasetError: a file has two labels, and one is expected.
    """
    found: dict[Hashable, LabeledVideo] = {}
    for video in videos:
        key = _file(video)
        known = found.setdefault(key, video)
        new = tuple(label for label in video.labels if label not in known.labels)
        if new and not several_labels:
            raise DatasetError(
                f"{name_of(video.path)} is listed as {known.label!r} and as {new[0]!r}; a video has one "
                "label: mend the list, or evaluate with --multi-label, by which each of its labels is right"
            )
        if new:
            found[key] = replace(known, others=(*known.others, *new))
    return tuple(found.values()), len(videos) - len(found)


def repeats_in_words(rows: int, *, several_labels: bool = False) -> str:
    """What a reader is told of rows that name a file which a row above names."""
    words = "a video counts once" + (", and is right by each of its labels" if several_labels else "")
    return (
        f"{counted(rows, 'row')} of the list name{'s' if rows == 1 else ''} a file that stands above; {words}"
    )


def split_of_units(split: Split) -> tuple[Split, tuple[str, ...]]:
    """The split with each video once, and what a reader is told of rows left aside.

    Raises:
        DatasetError: a file has two labels.
    """
    videos, repeats = counted_once(split.videos)
    return (replace(split, videos=videos), (repeats_in_words(repeats),)) if repeats else (split, ())


def without_repeats(split: Split) -> Split:
    """The split without rows that say once more what a row above says: file and label.

    Of two such rows one would be trained on and the other held out.
    """
    found: dict[Hashable, LabeledVideo] = {}
    for video in split.videos:
        found.setdefault((_file(video), video.labels), video)
    return split if len(found) == len(split.videos) else replace(split, videos=tuple(found.values()))


def _file(video: LabeledVideo) -> Hashable:
    """What makes a video one."""
    path = video.path
    if isinstance(path, Stretch):
        return os.path.realpath(path.path), path.start_seconds, path.end_seconds
    return os.path.realpath(os.fspath(path)) if is_path(path) else id(path)


def pool_key(video: LabeledVideo) -> str | int | Stretch:
    """What a video is called among those of a plan: its path, the stretch of it, or the frames themselves."""
    if isinstance(video.path, Stretch):
        return video.path
    return str(video.path) if is_path(video.path) else id(video.path)
