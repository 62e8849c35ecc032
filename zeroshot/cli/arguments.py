"""What the words on the command line name: files, folders, globs, addresses, and lists of them on stdin."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zeroshot.cli.screen import say
from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_NAME = 4096  # bytes of a path that any system takes
_FIRST_LOOK = 1 << 16  # bytes that tell a list from the content of a file


@dataclass(frozen=True)
class Named:
    """The videos of a batch.

    Attributes:
        paths: each once, in the order of the words.
        unfound: words that name none, and why: a row with its error each, and the rest goes on.
    """

    paths: list[str]
    unfound: dict[str, str]

    def __len__(self) -> int:
        """How many rows the batch has."""
        return len(self.paths) + len(self.unfound)

    def put_unfound(self, put: Callable[[str, str], None]) -> int:
        """Show the rows of words that name no video; gives how many."""
        for word, reason in self.unfound.items():
            put(word, reason)
        return len(self.unfound)


def videos_from(words: list[str]) -> Named:
    """The videos that files, folders, globs and, for `-`, the lines of stdin name.

    What folders hold besides is counted on stderr.

    Raises:
        OptionError: stdin is closed, or holds no list.
    """
    from zeroshot.video.find import LeftOut, find_videos

    named: list[str] = []
    for word in words:
        named += _listed() if word == "-" else [word]
    left_out, unfound = LeftOut(), dict[str, str]()
    videos = find_videos(named, left_out, unfound)
    for line in left_out.lines():
        say(line)
    paths = list(map(str, videos))
    if missing := _all_missing(paths):  # a batch with a video in it has them among its rows, in their order
        return Named([], {**unfound, **missing})
    return Named(paths, unfound)


def _all_missing(paths: list[str]) -> dict[str, str]:
    """What is wrong with each path where none of them is there; else nothing."""
    from zeroshot.errors import VideoError
    from zeroshot.video.decoders.probe import require_file

    if any("://" in path or os.path.lexists(path) for path in paths):
        return {}
    missing: dict[str, str] = {}
    for path in paths:
        try:
            require_file(path)
        except VideoError as error:
            missing[path] = str(error)
    return missing


def _listed() -> list[str]:
    """The paths that stdin lists, whatever their bytes: a line each, or as `find -print0` ends them.

    Raises:
        OptionError: stdin is closed, or holds something else.
    """
    if sys.stdin is None:
        raise OptionError("stdin is closed; expected a list of videos there")
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        stream = io.BytesIO(os.fsencode(sys.stdin.read()))
    content = stream.read(_FIRST_LOOK)
    _checked(content)  # before gigabytes are read for nothing
    names = _checked(content + stream.read())
    return [os.fsdecode(name) for name in names if name.strip()]


def _checked(content: bytes) -> list[bytes]:
    """The names of a list; in one that has null characters a line break belongs to a name.

    Raises:
        OptionError: one is empty between null characters, or longer than a path may be: this is no list, but
            a video itself, or another file.
    """
    by_null = b"\0" in content
    names = content.split(b"\0" if by_null else b"\n")
    if by_null and not names[-1]:
        del names[-1]
    if (by_null and not all(names)) or any(len(name) > _LONGEST_NAME for name in names):
        raise OptionError(
            "stdin holds no list of videos but the content of a file; name the file itself, "
            "or pipe names, as in: find . -name '*.mp4' -print0 | zeroshot …"
        )
    return names if by_null else [name.removesuffix(b"\r") for name in names]
