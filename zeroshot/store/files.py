"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from zeroshot.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview | Iterator[bytes | memoryview]) -> None:
    """Write `content` to `path`: a reader sees all of it or none, also after a loss of power.

    Args:
        path: of the file; its folder is made where it is missing.
        content: everything, at once or in pieces.

    Raises:
        OutputError: the disk is full or read-only.
    """
    beside = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as stream:
            if isinstance(content, Iterator):
                stream.writelines(content)
            else:
                stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except (OSError, ValueError) as error:  # the second: a name with a null character
        with suppress(OSError, ValueError):
            beside.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"cannot write {path}: {reason}; make room or choose another folder") from error
