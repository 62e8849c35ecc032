"""What a path holds that is read once from its beginning to its end: of a file, or of a pipe."""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

PATIENCE_SECONDS = 10.0
"""For which a pipe is given the chance that somebody opens it for writing."""

_LOOK_SECONDS = 0.05
_PIECE_BYTES = 1 << 16


def content_of(path: Path, most: int | None = None) -> bytes:
    """All bytes of a file or a pipe, or the first so many; a pipe that nobody writes into is not waited for.

    Args:
        path: of a file, or of a pipe, such as `<(command)` of a shell names.
        most: bytes; None: all.

    Raises:
        OSError: it cannot be read, or nobody has opened the pipe for writing in time.
        ValueError: the path holds a null character.
    """
    if not path.is_fifo():
        with path.open("rb") as stream:
            return stream.read(-1 if most is None else most)
    # Plain opening would wait for a writer, for ever if need be.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb", buffering=0) as pipe:
        found = _begun(pipe)
        os.set_blocking(handle, True)
        while most is None or len(found) < most:
            piece = pipe.read(_PIECE_BYTES)
            if not piece:
                break
            found += piece
    return found if most is None else found[:most]


def _begun(pipe: FileIO) -> bytes:
    """What is in a pipe, once somebody has it open for writing."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        piece = pipe.read(_PIECE_BYTES)
        if piece or piece is None:  # None: a writer is there that has nothing to say yet
            return piece or b""
        if time.monotonic() >= end:
            raise OSError(errno.ETIMEDOUT, "nobody writes into this pipe")
        time.sleep(_LOOK_SECONDS)
