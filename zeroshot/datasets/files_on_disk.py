"""Files of a data set as they lie on disk: nested or flat, re-encoded or not, found by their names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.errors import DatasetError
from zeroshot.resources import prompts_folder
from zeroshot.text.lists import read_text
from zeroshot.video.suffixes import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable

_LIST_SUFFIXES = frozenset({".txt", ".csv", ".json"})


class Files:
    """What lies under a folder: videos by the stem of their name, and lists.

    Attributes:
        root: the folder.
        lists: text, CSV and JSON files below it, in alphabetical order.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """Look through `root` to the bottom, hidden files and folders left out.

        Raises:
            DatasetError: it is no folder.
        """
        self.root = Path(root)
        if not self.root.is_dir():
            missing = "does not exist" if not self.root.exists() else "is a file"
            raise DatasetError(f"{self.root} {missing}; expected the folder of a data set")
        self._videos: dict[str, list[str]] = {}
        self.lists: list[Path] = []
        for place, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                self._take(place, name)

    def _take(self, place: str, name: str) -> None:
        stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a Path for each of 700,000 files is slow
        if name.startswith("."):
            return
        if suffix.lower() in VIDEO_SUFFIXES:
            self._videos.setdefault(stem, []).append(os.path.join(place, name))  # noqa: PTH118 - as above
        elif suffix.lower() in _LIST_SUFFIXES:
            self.lists.append(Path(place, name))

    @property
    def num_videos(self) -> int:
        """How many video files there are."""
        return sum(len(paths) for paths in self._videos.values())

    @property
    def videos(self) -> list[Path]:
        """Every video file, in alphabetical order."""
        return sorted(Path(path) for paths in self._videos.values() for path in paths)

    @property
    def stems(self) -> list[str]:
        """Names of the video files without their suffix, each once, in alphabetical order."""
        return sorted(self._videos)

    def find(self, stems: Iterable[str], folders: Iterable[str] = ()) -> Path | None:
        """The video called by the first of these stems that is there; None where none is.

        Args:
            stems: names without suffix, which re-encoding changes.
            folders: names of the folder that it belongs in, of use where several files share the name.
        """
        wanted = {key(folder) for folder in folders}
        for stem in stems:
            paths = self._videos.get(stem, [])
            inside = [path for path in paths if key(Path(path).parent.name) in wanted]
            if inside or paths:
                return Path((inside or paths)[0])
        return None

    def lists_named(self, *words: str) -> list[Path]:
        """Lists whose name holds all of these words, without case."""
        return [path for path in self.lists if all(word in path.name.lower() for word in words)]


def key(name: str) -> str:
    """Letters and digits of a name alone, in lower case: `HandstandPushups`, `handstand pushups` are one."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def by_key(labels: Iterable[str]) -> dict[str, str]:
    """Each label under the key of its name."""
    return {key(label): label for label in labels}


def bundled_lines(name: str) -> list[str]:
    """Lines of a list in `prompts/splits`, comments left out."""
    text = read_text(prompts_folder() / "splits" / f"{name}.txt")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def none_found(files: Files, what: str, names: Iterable[str]) -> DatasetError:
    """The error for a root that holds nothing of what a list names."""
    shown = ", ".join(list(names)[:2])
    return DatasetError(
        f"{files.root} holds none of the videos of {what}: looked through {files.num_videos} video files, "
        f"in class folders or flat, for names such as {shown}"
    )
