"""Charades: everyday actions at home, several a video."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

from zeroshot.datasets.files_on_disk import Files, none_found
from zeroshot.datasets.listing import Listing
from zeroshot.datasets.splits import LabeledVideo
from zeroshot.errors import DatasetError, counted
from zeroshot.text.lists import read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_COLUMNS = ("id", "actions")
_CLASS = re.compile(r"(c\d{3})\s+(\S.*)")
_ACTION = re.compile(r"(c\d{3})(?:\s+\S+){2}")


def read_charades(root: str, lists: Sequence[Path] = ()) -> Listing:
    """Charades: `ID.mp4`, a table of ids and actions (`c092 11.90 21.20;c147 0.00 12.60`), names of actions.

    A video has each of its actions as a label. Videos without an action are left out, as the data set's own
    evaluation leaves them.

    Args:
        root: folder of videos and lists.
        lists: `Charades_v1_test.csv`, `Charades_v1_classes.txt`; what is not given is found below the root.

    Raises:
        DatasetError: a list is missing or names an unknown action, or none of the videos is there.
    """
    files = Files(root)
    table = _list(files, lists, "_test", ".csv", "Charades_v1_test.csv")
    classes = _classes(_list(files, lists, "classes", ".txt", "Charades_v1_classes.txt"))
    videos, there, bare = [], 0, 0
    for line, name, actions in _rows(table):
        labels = _labels(table, line, actions, classes)
        if not labels:
            bare += 1
            continue
        place = files.find([name])
        there += place is not None
        videos.append(LabeledVideo(str(place or files.root / f"{name}.mp4"), labels[0], others=labels[1:]))
    if not there:
        raise none_found(files, "charades", (f"{name}.mp4" for _, name, _ in _rows(table)))
    notes = (f"{counted(bare, 'video')} without an action left out",) if bare else ()
    return Listing("charades", tuple(classes.values()), tuple(videos), sources=(table.name,), notes=notes)


def _list(files: Files, given: Sequence[Path], word: str, suffix: str, name: str) -> Path:
    """The list that was given, or the one that was found."""
    mine = [path for path in given if word in path.name.lower() and path.suffix.lower() == suffix]
    found = mine or files.lists_named("charades", word, suffix)
    if not found:
        raise DatasetError(f"no {name} in {files.root}; put it there or give it with --list")
    return found[0]


def _classes(path: Path) -> dict[str, str]:
    """Code → name of each action, in the order of the list; names as they are spelled there."""
    found = {}
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        if not text.strip():
            continue
        match = _CLASS.fullmatch(text.strip())
        if match is None:
            raise DatasetError(f"{path}, line {line}: {text.strip()!r}; expected `c000 Holding some clothes`")
        found[match[1]] = match[2]
    if not found:
        raise DatasetError(f"{path} names no action; expected lines such as `c000 Holding some clothes`")
    return found


def _rows(path: Path) -> list[tuple[int, str, str]]:
    """Line, id and actions of each video."""
    rows = csv.DictReader(read_text(path).splitlines())
    if missing := [name for name in _COLUMNS if name not in (rows.fieldnames or ())]:
        raise DatasetError(f"{path} has no column {missing[0]!r}; expected Charades' own table")
    return [(rows.line_num, str(row["id"]).strip(), str(row["actions"] or "").strip()) for row in rows]


def _labels(path: Path, line: int, actions: str, classes: dict[str, str]) -> tuple[str, ...]:
    """The actions of a video, each once, in the order of the table."""
    found = []
    for action in filter(None, (part.strip() for part in actions.split(";"))):
        match = _ACTION.fullmatch(action)
        if match is None or match[1] not in classes:
            raise DatasetError(
                f"{path}, line {line}: {action!r}; expected one of {len(classes)} actions, a start and an end"
            )
        found.append(classes[match[1]])
    return tuple(dict.fromkeys(found))
