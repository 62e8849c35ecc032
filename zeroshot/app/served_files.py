"""From what a question calls a video to a file below the folders that are served, or to an address."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.app.refusal import Refusal
from zeroshot.errors import printable
from zeroshot.video.source import NamedFile, Url, is_address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zeroshot.app.settings import Serving
    from zeroshot.video.source import VideoSource


def served_video(name: str, settings: Serving) -> VideoSource:
    """The video that a question names: a file that messages call by that very name, or an address.

    Args:
        name: a path below one of the folders, or from the root to there; or an address.
        settings: which folders, and whether addresses are fetched.

    Raises:
        Refusal: it is none of these, in the same words whether it lies elsewhere or nowhere.
    """
    if is_address(name):
        return _address(name, settings)
    for folder in settings.folders:
        path = _below(os.fspath(folder), name)
        if path is not None:
            return NamedFile(printable(name), path)
    raise Refusal(404, f"there is no video {name!r}; expected the path of a file that is served")


def _address(name: str, settings: Serving) -> Url:
    if not settings.allow_addresses:
        raise Refusal(403, "videos at addresses are not fetched here; upload the video instead")
    if name.partition("://")[0].lower() not in {"http", "https"}:
        raise Refusal(403, "the address is of another scheme; expected http:// or https://")
    return Url(name, settings.most_upload_bytes)


def _below(folder: str, name: str) -> str | None:
    """The file below a folder, every link followed; None where it is elsewhere, or no file.

    What its name alone shows to lie elsewhere is not looked at: that it takes long to answer, or mounts
    something, would tell of it.
    """
    path = os.path.normpath(os.path.join(folder, name))  # noqa: PTH118 - the name may be any text
    if not path.startswith(folder.rstrip(os.sep) + os.sep):
        return None
    try:
        found = os.path.realpath(path, strict=True)
    except (OSError, ValueError):
        return None
    inside = found.startswith(folder.rstrip(os.sep) + os.sep)
    return found if inside and os.path.isfile(found) else None  # noqa: PTH113


def by_last_name(folders: Iterable[str | os.PathLike[str]]) -> dict[str, Path]:
    """Folders of embeddings by what questions call them; the second of one name has a number behind it."""
    found: dict[str, Path] = {}
    for folder in map(Path, folders):
        name, number = folder.name or "root", 2
        while name in found:
            name, number = f"{folder.name}-{number}", number + 1
        found[name] = folder
    return found
