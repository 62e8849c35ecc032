"""What tells files apart: every byte of them; and the signs of a change, which cost nothing to look at."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import VideoError
from zeroshot.types import Clip
from zeroshot.video.source import Stretch, is_elsewhere, is_path, name_of, picture_paths
from zeroshot.video.spool import on_disk

if TYPE_CHECKING:
    from zeroshot.video.source import FileSource, VideoSource

# What is read in a blink beside the decoding; above it costs more than embedding again.
_MOST_BYTES = 256 << 20
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class FileFacts:
    """What the system says of a file without opening it.

    Attributes:
        size: bytes; of a folder of frames the sum of its files.
        modified: microseconds since 1970; of a folder the newest of it and of the files in it, their names
            included, which change without their content.
    """

    size: int
    modified: int


def file_facts(source: FileSource | os.PathLike[str]) -> FileFacts | None:
    """Size and time of a file or folder; None for what is not there, cannot be looked at, or is a device."""
    path = source.path if isinstance(source, Stretch) else source
    try:
        found = os.stat(path)  # noqa: PTH116 - Path costs more than the call itself
        if stat.S_ISREG(found.st_mode):
            return FileFacts(found.st_size, found.st_mtime_ns // 1000)
        if not stat.S_ISDIR(found.st_mode):
            return None
        with os.scandir(path) as entries:
            inside = [entry.stat() for entry in entries if entry.is_file()]
    except (OSError, ValueError):  # the second: a name with a null character
        return None
    newest = max(max(each.st_mtime_ns, each.st_ctime_ns) for each in (found, *inside))
    return FileFacts(sum(each.st_size for each in inside), newest // 1000)


def file_digest(source: FileSource | os.PathLike[str]) -> str | None:
    """32 hexadecimal digits of every byte of a file, or of the names and bytes of the files in a folder.

    Of a stretch, of its file and its times.

    None where it cannot be read, and where it is larger than 256 MiB: to read a long video whole takes longer
    than to embed it again, and a digest of parts would take another for the same.
    """
    if isinstance(source, Stretch):
        facts = file_facts(source)
        whole = None if facts is None else _digest_while(source.path, facts)
        words = f"{source.start_seconds!r} {source.end_seconds!r} {whole}"
        return None if whole is None else hashlib.sha256(words.encode()).hexdigest()[:32]
    path, facts = source, file_facts(source)
    if facts is None or facts.size > _MOST_BYTES:
        return None
    try:
        if os.path.isdir(path):  # noqa: PTH112 - as above
            return _key_on_disk(Path(path))[:32]
        digest = hashlib.sha256(str(facts.size).encode())
        with open(path, "rb") as stream:  # noqa: PTH123 - as above
            while piece := stream.read(_PIECE_BYTES):
                digest.update(piece)
        return digest.hexdigest()[:32]
    except OSError:
        return None


def content_key(source: VideoSource) -> str:
    """64 hexadecimal digits: the SHA-256 of a file's bytes, of those in a folder, or of an array's numbers.

    Raises:
        VideoError: the file cannot be read.
    """
    try:
        if is_path(source):
            return _key_on_disk(Path(source))
        if is_elsewhere(source):
            spooled = on_disk(source)
            try:
                return _key_on_disk(Path(spooled))
            finally:
                spooled.close()
        digest = hashlib.sha256()
        if isinstance(source, Stretch):
            times = f"{source.start_seconds} {source.end_seconds}"
            facts = file_facts(source)
            whole = _key_on_disk(Path(source.path)) if facts is None else _key_while(source.path, facts)
            digest.update(f"{times} {whole}".encode())
            return digest.hexdigest()
        if paths := picture_paths(source):
            digest.update(" ".join(_key_on_disk(Path(path)) for path in paths).encode())
            return digest.hexdigest()
    except OSError as error:
        raise VideoError(f"cannot read {name_of(source)}: {error.strerror or error}") from error
    if isinstance(source, Clip):
        _take(digest, source.frames)
        _take(digest, source.seconds)
    elif isinstance(source, list | tuple):
        for image in source:
            _take(digest, image)
    else:
        _take(digest, source)
    return digest.hexdigest()


@lru_cache(maxsize=64)
def _digest_while(path: str, facts: FileFacts) -> str | None:
    """Of a file that stretches are cut from: read once for all of them, while its facts stand."""
    del facts  # the cache's key alone
    return file_digest(path)


@lru_cache(maxsize=64)
def _key_while(path: str, facts: FileFacts) -> str:
    """Likewise."""
    del facts
    return _key_on_disk(Path(path))


def _key_on_disk(path: Path) -> str:
    """The digest of a file, or of the names and contents of the files in a folder."""
    if not path.is_dir():
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError("it is a device or a pipe")
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for entry in sorted(each for each in path.iterdir() if each.is_file()):
        with entry.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").digest()
        digest.update(os.fsencode(entry.name) + b"\0" + content)
    return digest.hexdigest()


def file_stamp(source: VideoSource) -> str:
    """Size and time of a file, in nanoseconds; empty for a folder, frames in memory or what is not there."""
    if isinstance(source, Stretch):
        stamp = file_stamp(source.path)
        return stamp and f"{stamp}:{source.start_seconds}:{source.end_seconds}"
    if not is_path(source):
        return ""
    path = Path(source)
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return ""
    return "" if path.is_dir() else f"{facts.st_size}:{facts.st_mtime_ns}"


def _take(digest: Any, values: Any) -> None:  # noqa: ANN401 - any array, tensor or image
    """An array's type, shape and numbers into the digest."""
    array = np.ascontiguousarray(values.cpu() if hasattr(values, "cpu") else values)
    digest.update(f"{array.dtype} {array.shape} ".encode())
    digest.update(array.tobytes())
