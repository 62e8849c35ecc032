"""The videos that a list on stdin names."""

from __future__ import annotations

import io
import os
import sys

from zeroshot.errors import OptionError

_LONGEST_NAME = 4096  # bytes of a path that any system takes
_FIRST_LOOK = 1 << 16  # bytes that tell a list from the content of a file


def names_on_stdin() -> list[str]:
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
