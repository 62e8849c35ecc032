"""Which files the page may show: each under a key of its own, and nothing else by any path."""

from __future__ import annotations

import mimetypes
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.video.suffixes import VIDEO_SUFFIXES

if TYPE_CHECKING:
    import os

MOUNT = "/clips/"
"""Where the browser gets them."""


class ShownFiles:
    """Files by keys that nobody can guess."""

    def __init__(self) -> None:
        """Nothing is shown yet."""
        self._paths: dict[str, Path] = {}
        self._keys: dict[Path, str] = {}

    def address(self, path: str | os.PathLike[str]) -> str:
        """Where the browser gets the file; "" where it is none that could be a video.

        Args:
            path: as it was uploaded, bundled or embedded; an index of others may name any file of this
                machine, so what is no video by name is not shown.
        """
        file = Path(path).absolute()
        if file.suffix.lower() not in VIDEO_SUFFIXES or not file.is_file():
            return ""
        if file not in self._keys:
            self._keys[file] = secrets.token_urlsafe(18)
            self._paths[self._keys[file]] = file
        return MOUNT + self._keys[file]

    def path(self, key: str) -> Path | None:
        """The file of a key, or None."""
        return self._paths.get(key)

    def forget(self, path: str | os.PathLike[str]) -> None:
        """Show a file no more."""
        key = self._keys.pop(Path(path).absolute(), "")
        self._paths.pop(key, None)


def media_type(path: Path) -> str:
    """What a browser is told that a file is: a video, or bytes, never a page.

    >>> media_type(Path("a.mp4")), media_type(Path("a.html"))
    ('video/mp4', 'application/octet-stream')
    """
    kind = mimetypes.guess_type(path.name)[0] or ""
    return kind if kind.startswith("video/") or kind == "image/gif" else "application/octet-stream"
