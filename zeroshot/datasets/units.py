"""The unit of every figure is the video: listed twice it counts once, and under two labels not at all."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from zeroshot.errors import DatasetError
from zeroshot.video.source import Stretch, is_path, name_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from zeroshot.datasets.splits import LabeledVideo


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
                "label: mend the list, or take --multi-label, by which each of its labels is right"
            )
        if new:
            found[key] = replace(known, others=(*known.others, *new))
    return tuple(found.values()), len(videos) - len(found)


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
