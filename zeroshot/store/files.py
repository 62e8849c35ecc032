"""Files that appear whole or not at all, notes with their checksum, and half files that are left."""

from __future__ import annotations

import json
import os
import re
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from zeroshot.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 100
"""Characters of a name that its half file keeps: file systems take 255 bytes."""
_CHUNK = 1 << 24
_LONGEST_NOTE = 1 << 28  # bytes: many times what any folder notes; a damaged file may claim more than fits


@contextmanager
def half_file(path: Path) -> Iterator[Path]:
    """A name to write under: it becomes `path` at the end, or is deleted where writing fails.

    Raises:
        OutputError: the disk is full or read-only.
    """
    beside = path.with_name(f".{path.name[:LONGEST]}.{uuid.uuid4().hex}")
    try:
        yield beside
        beside.replace(path)
    except BaseException as error:
        with suppress(OSError, ValueError):
            beside.unlink(missing_ok=True)
        if not isinstance(error, OSError | ValueError):  # the second: a name with a null character
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"cannot write {path}: {reason}; make room or choose another folder") from error


def write_whole(path: Path, content: bytes | memoryview | Iterator[bytes | memoryview]) -> None:
    """Write `content` to `path`: a reader sees all of it or none, also after a loss of power.

    Args:
        path: of the file; its folder is made where it is missing.
        content: everything, at once or in pieces.

    Raises:
        OutputError: the disk is full or read-only.
    """
    with half_file(path) as beside:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("xb") as stream:
            stream.writelines(content if isinstance(content, Iterator) else (content,))
            stream.flush()
            os.fsync(stream.fileno())


def is_half(name: str, files: str) -> bool:
    """Whether a name is the full one of a half file; `files` is a pattern of what it would have become."""
    return re.fullmatch(rf"\.(?:{files})\.[0-9a-f]{{32}}", name, re.DOTALL) is not None


def sweep(folder: Path, files: str) -> None:
    """Delete the half files in a folder that no run is writing to; links and folders are left alone."""
    with os.scandir(folder) as entries:
        halves = [entry for entry in entries if is_half(entry.name, files)]
    for entry in halves:
        if entry.is_file(follow_symlinks=False):
            (folder / entry.name).unlink(missing_ok=True)


def crc32(*pieces: bytes | memoryview) -> str:
    """Eight hexadecimal digits over all bytes of the pieces: any one flipped bit gives others."""
    total = 0
    for piece in pieces:
        view = memoryview(piece)
        flat = view.cast("B") if view.nbytes else view
        for start in range(0, view.nbytes, _CHUNK):  # so that a mapped array is not in memory at once
            total = zlib.crc32(flat[start : start + _CHUNK], total)
    return f"{total:08x}"


def crc32_of(content: Any) -> str:  # noqa: ANN401 - any JSON value
    """Eight hexadecimal digits over what JSON holds."""
    return crc32(json.dumps(content, sort_keys=True).encode())


def write_note(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object with its checksum.

    Raises:
        OutputError: the disk is full or read-only.
    """
    checked = {**content, "crc32": crc32_of(content)}
    write_whole(path, (json.dumps(checked, ensure_ascii=False, indent=1) + "\n").encode())


def read_note(path: Path, expected: str, remedy: str, version: int | None = None) -> dict[str, Any]:
    """What `write_note` wrote.

    Args:
        path: of the file.
        expected: what was looked for, in words, where there is nothing.
        remedy: what to do about one that cannot be used.
        version: what must stand under "format"; None asks for nothing.

    Raises:
        OutputError: it is not there, damaged, or of another version.
    """
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is no plain file; {remedy}")
    try:
        if path.stat().st_size > _LONGEST_NOTE:
            raise ValueError("its length")
        content = json.loads(path.read_bytes())
        if version is not None and content["format"] != version:
            raise OutputError(
                f"{path} has format {content['format']!r}; this version reads {version}; {remedy}"
            )
        if content.pop("crc32") != crc32_of(content):
            raise ValueError("crc32")
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror or error}; expected {expected}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise OutputError(f"{path} is damaged or of an earlier version; {remedy}") from error
    return dict(content)
