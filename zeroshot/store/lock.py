"""One writer a folder: a lock that the system takes back when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import TYPE_CHECKING

from zeroshot.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK = ".lock"
"""Name of the file; while a run writes, it holds the number of its process and the name of its machine."""


@contextlib.contextmanager
def made_writable(folder: Path) -> Iterator[None]:
    """Make a folder where it is missing; what stands against writing there becomes one line.

    Raises:
        OutputError: it cannot be made, or an OSError ends what is done within.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror or error}; choose another --output"
        ) from error


class FolderLock:
    """Holds a folder for this process until `free`, or until the process is gone.

    Attributes:
        left_by: the process that held it last and ended without freeing it, as "process 7 on HOST"; or None.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            OutputError: another run holds it.
            OSError: the folder cannot be written.
        """
        self._path = folder / LOCK
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        before = os.read(self._descriptor, 300).decode(errors="replace").strip()
        try:
            _hold(self._descriptor)
        except (BlockingIOError, PermissionError):  # the second is Windows' word for it
            os.close(self._descriptor)
            raise OutputError(
                f"{folder} is being written by {before or 'another process'}; "
                "wait until it has ended, or choose another folder"
            ) from None
        except OSError:
            pass  # a file system without locks, as some networks have: nothing can be held there
        self.left_by = before or None
        self._put(f"process {os.getpid()} on {socket.gethostname()}\n")

    def free(self) -> None:
        """Let others write; the file stays, empty, so that nobody locks one that is being removed."""
        if self._descriptor >= 0:
            self._put("")
            os.close(self._descriptor)
            self._descriptor = -1

    def _put(self, text: str) -> None:
        """Have nothing but this text in the file; a full disk may leave it without."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, text.encode())


if sys.platform == "win32":

    def _hold(descriptor: int) -> None:
        """Lock, or raise OSError at once."""
        import msvcrt

        os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # beyond the text, which others may read
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:

    def _hold(descriptor: int) -> None:
        """Lock, or raise OSError at once."""
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
