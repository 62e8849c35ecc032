"""Content keys: two videos with the same bytes are one row of a waist, whatever they are called."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import VideoError
from zeroshot.types import Clip
from zeroshot.video.source import is_path, name_of

if TYPE_CHECKING:
    from zeroshot.video.source import VideoSource


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
