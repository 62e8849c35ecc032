"""Splits: which videos, with which labels, and where the list was read from."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.errors import DatasetError, LabelError, counted
from zeroshot.resources import from_home
from zeroshot.store.pipes import content_of
from zeroshot.video.source import is_path, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.video.source import VideoSource

_COLUMNS = ("path", "label", "scene")


@dataclass(frozen=True, eq=False)
class LabeledVideo:
    """A video and what is known about it.

    Attributes:
        path: where it lies, or its frames.
        label: the action, as a row of a list names it.
        scene: where it happens; None where nobody said.
        others: further actions of a video that shows several, where each of them is right.
    """

    path: VideoSource
    label: str
    scene: str | None = None
    others: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an empty label."""
        if not all(label.strip() for label in self.labels):
            raise LabelError(f"{name_of(self.path)} has an empty label; expected a name")

    @property
    def labels(self) -> tuple[str, ...]:
        """Every action that it shows: one, but for data sets of several labels a video."""
        return (self.label, *self.others)


@dataclass(frozen=True, eq=False)
class Split:
    """n labeled videos that are trained on or evaluated together.

    Attributes:
        name: of the list.
        labels: K names; the place is the class index. All of them have a video.
        videos: n rows.
    """

    name: str
    labels: tuple[str, ...]
    videos: tuple[LabeledVideo, ...]

    def __post_init__(self) -> None:
        """Refuse no videos, labels without videos and videos with other labels."""
        if not self.videos:
            raise LabelError(f"{self.name} has no videos; expected one row or more")
        if len(set(self.labels)) < len(self.labels):
            twice = next(label for label in self.labels if self.labels.count(label) > 1)
            raise LabelError(f"{self.name} has the label {twice!r} twice")
        used = {label for video in self.videos for label in video.labels}
        if empty := [label for label in self.labels if label not in used]:
            raise LabelError(
                f"{self.name} has {counted(len(empty), 'label')} without videos (first: {empty[0]!r}); "
                "leave them out or add videos"
            )
        if unknown := sorted(used - set(self.labels)):
            raise LabelError(
                f"{self.name} has videos of {unknown[0]!r}, which is none of its {len(self.labels)} labels"
            )

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with any label, any video's name, label or scene.

        The same for every order of the videos and wherever they lie: of a path only the file's name counts.
        """
        return digest_of(self.labels, self.videos)

    @classmethod
    def of(cls, name: str, videos: Sequence[LabeledVideo], labels: Sequence[str] | None = None) -> Split:
        """The split of these videos; its labels are theirs in alphabetical order unless given."""
        known = sorted({video.label for video in videos}) if labels is None else labels
        return cls(name, tuple(known), tuple(videos))


def digest_of(labels: Sequence[str], videos: Sequence[LabeledVideo]) -> str:
    """Sixteen hexadecimal digits of K labels in their order and of n videos in any order, by file name."""
    rows = sorted(
        (name_of(video.path).rpartition("/")[2], *video.labels, video.scene or "") for video in videos
    )
    words = json.dumps([list(labels), rows], separators=(",", ":"))
    return hashlib.sha256(words.encode("ascii")).hexdigest()[:16]


def read_split(source: str | os.PathLike[str], labels: Sequence[str] | None = None) -> Split:
    """The split in a CSV file with a header: columns `path` and `label`, and `scene` where it is known.

    Args:
        source: UTF-8 text. Paths that are not absolute count from the file's folder. Other columns are left
            aside.
        labels: K names in the order of their class index; None: those in the file, in alphabetical order.

    Raises:
        LabelError: the file cannot be read, a column is missing, or a row has no path or label (its line is
            named).
    """
    path = Path(from_home(source))
    try:
        text = content_of(path).decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
        missing = [name for name in _COLUMNS[:2] if name not in (rows.fieldnames or ())]
        if missing:
            found = ", ".join(rows.fieldnames or ()) or "nothing"
            raise LabelError(
                f"{path} has no column {missing[0]!r} (found: {found[:80]}); expected path,label[,scene]"
            )
        videos = [_video(path, rows.line_num, row) for row in rows]
    except OSError as error:
        raise LabelError(f"cannot read {path}: {error.strerror or error}; expected a CSV file") from error
    except UnicodeDecodeError as error:
        raise LabelError(f"{path} is no UTF-8 text; save it as UTF-8") from error
    except csv.Error as error:
        raise LabelError(f"{path} is no CSV file: {error}") from error
    return Split.of(path.name, videos, labels)


def require_some(name: str, videos: Sequence[LabeledVideo]) -> None:
    """Refuse a list of which no video is there; looks no further than the first that is.

    Args:
        name: of the list.
        videos: one or more; frames in memory and addresses count as there.

    Raises:
        DatasetError: there is none.
    """
    for video in videos:
        if not is_path(video.path) or "://" in str(video.path) or os.path.exists(video.path):  # noqa: PTH110
            return
    first = name_of(videos[0].path)
    raise DatasetError(
        f"{name}: none of its {len(videos)} videos can be read (first missing: {first}); paths that are not "
        "absolute count from the file's folder"
    )


def write_split(path: str | os.PathLike[str], split: Split) -> None:
    """A CSV file that `read_split` reads; paths inside the file's folder are written relative to it.

    Raises:
        LabelError: a video is frames in memory, which no list can name.
    """
    target = Path(path)
    scenes = any(video.scene is not None for video in split.videos)
    with target.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(_COLUMNS if scenes else _COLUMNS[:2])
        for video in split.videos:
            if not is_path(video.path):
                raise LabelError(f"{name_of(video.path)} has no path; write the frames to a file first")
            place = Path(video.path)
            inside = place.resolve().is_relative_to(target.parent.resolve())
            shown = place.resolve().relative_to(target.parent.resolve()) if inside else place.resolve()
            row = [shown.as_posix(), video.label]
            rows.writerow([*row, video.scene or ""] if scenes else row)


def _video(path: Path, line: int, row: dict[str, str | None]) -> LabeledVideo:
    """The video of one line."""
    values = {name: (row.get(name) or "").strip() for name in _COLUMNS}
    for name in _COLUMNS[:2]:
        if not values[name]:
            raise LabelError(f"{path}, line {line}: no {name}; expected path,label[,scene]")
    return LabeledVideo(str(path.parent / values["path"]), values["label"], values["scene"] or None)
