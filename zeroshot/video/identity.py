"""What tells files apart: their content, or, where that would mean to read everything, signs of a change."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from zeroshot.errors import VideoError
from zeroshot.types import Clip
from zeroshot.video.source import is_path, name_of

if TYPE_CHECKING:
    from zeroshot.video.source import VideoSource

_WHOLE_BYTES = 8 << 20  # a file up to this size is read whole for its digest
_NUM_SAMPLES, _SAMPLE_BYTES = 8, 1 << 20


@dataclass(frozen=True)
class FileFacts:
    """What the system says of a file without opening it.

    Attributes:
        size: bytes; of a folder of frames the sum of its files.
        modified: microseconds since 1970; of a folder that of the newest file in it.
    """

    size: int
    modified: int


def file_facts(path: str | os.PathLike[str]) -> FileFacts | None:
    """Size and time of a file or folder; None for what is not there, cannot be looked at, or is a device."""
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
    newest = max((each.st_mtime_ns for each in inside), default=found.st_mtime_ns)
    return FileFacts(sum(each.st_size for each in inside), newest // 1000)


def file_digest(path: str | os.PathLike[str]) -> str | None:
    """32 hexadecimal digits of a file's content; None where it cannot be read.

    Of a file above 8 MiB only eight stretches of 1 MiB are read, from its first byte to its last, evenly
    spread, and its size: a long video would otherwise cost more time to read than to embed. Two such files
    that differ between the stretches alone are taken for one; no encoder writes such a pair.
    """
    facts = file_facts(path)
    if facts is None:
        return None
    try:
        if os.path.isdir(path):  # noqa: PTH112 - as above
            return _key_on_disk(Path(path))[:32]
        with open(path, "rb") as stream:  # noqa: PTH123 - as above
            return _quick_digest(stream, facts.size)
    except OSError:
        return None


def _quick_digest(stream: BinaryIO, size: int) -> str:
    """As `file_digest`, of an open file."""
    digest = hashlib.sha256(str(size).encode())
    if size <= _WHOLE_BYTES:
        digest.update(stream.read(_WHOLE_BYTES))
        return digest.hexdigest()[:32]
    for number in range(_NUM_SAMPLES):
        stream.seek((size - _SAMPLE_BYTES) * number // (_NUM_SAMPLES - 1))
        digest.update(stream.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:32]


def content_key(source: VideoSource) -> str:
    """64 hexadecimal digits: the SHA-256 of a file's bytes, a folder's images or an array's numbers.

    Raises:
        VideoError: the file cannot be read.
    """
    if is_path(source):
        try:
            return _key_on_disk(Path(str(source)))
        except OSError as error:
            raise VideoError(f"cannot read {name_of(source)}: {error.strerror or error}") from error
    digest = hashlib.sha256()
    if isinstance(source, Clip):
        _take(digest, source.frames)
        _take(digest, source.seconds)
    elif isinstance(source, list | tuple):
        for image in source:
            _take(digest, image)
    else:
        _take(digest, source)
    return digest.hexdigest()


def _key_on_disk(path: Path) -> str:
    """The digest of a file, or of the images in a folder."""
    if not path.is_dir():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for image in sorted(entry for entry in path.iterdir() if entry.is_file()):
        digest.update(image.name.encode() + b"\0" + hashlib.sha256(image.read_bytes()).digest())
    return digest.hexdigest()


def file_stamp(source: VideoSource) -> str:
    """Size and time of a file, in nanoseconds; empty for a folder, frames in memory or what is not there."""
    if not is_path(source):
        return ""
    path = Path(str(source))
    try:
        facts = path.stat()
    except OSError:
        return ""
    return "" if path.is_dir() else f"{facts.st_size}:{facts.st_mtime_ns}"


def _take(digest: Any, values: Any) -> None:  # noqa: ANN401 - any array, tensor or image
    """An array's type, shape and numbers into the digest."""
    array = np.ascontiguousarray(values.cpu() if hasattr(values, "cpu") else values)
    digest.update(f"{array.dtype} {array.shape} ".encode())
    digest.update(array.tobytes())
