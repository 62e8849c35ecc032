"""A folder that one run at a time fills, and that the same call made again goes on filling."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Self

from filelock import BaseFileLock, FileLock, Timeout

from zeroshot.errors import OutputError
from zeroshot.store.files import is_half, read_note, sweep, write_note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

LOCK, HOLDER = ".lock", ".lock-holder"
"""The file that is locked, and the one beside it that says by whom while a run writes."""


@dataclass(frozen=True)
class Layout:
    """What tells folders of one kind from others.

    Attributes:
        holds: what lies in them, for messages.
        marks: names of which one at least stands in every such folder that has begun; the first is that of
            the note that holds the settings, where there is one.
        files: a pattern that the full names of all files fit that are written there whole.
        folders: those in it where such files lie, too.
        finished: the name of what stands only in a finished one.
        remedy: what to do where one was made with other settings.
        beside: names that may stand in one that has not begun.
    """

    holds: str
    marks: tuple[str, ...]
    files: str
    folders: tuple[str, ...] = ()
    finished: str | None = None
    remedy: str = "take the same, or another folder"
    beside: tuple[str, ...] = ()


class Claim:
    """One run's hold on a folder, until `free` or until its process is gone, however that ends.

    Use as a context manager.

    Attributes:
        folder: that is held.
        left_by: the process that held it last and ended without freeing it, as "process 7 on HOST"; or None.
    """

    def __init__(self, folder: str | Path, layout: Layout, settings: Mapping[str, Any] | None = None) -> None:
        """Make the folder, or go on with one that is there; half files of killed runs are deleted.

        Args:
            folder: made where it is missing.
            layout: of its kind.
            settings: JSON-able; noted in the folder, or held against those that are. None: it has no note.

        Raises:
            OutputError: it cannot be written, is full of something else, was made with other settings, or
                another run is writing there.
        """
        self.folder = Path(folder)
        with writable(self.folder):
            refuse_foreign(self.folder, layout)
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / LOCK
            require_plain_file(path)
            self._lock = FileLock(path, timeout=0, thread_local=False)
            _try_lock(self.folder, self._lock)
            try:
                self._file = os.lstat(path)
                self.left_by = _holder(self.folder)
                self._sign()
                for place in ("", *layout.folders):
                    _sweep_within(self.folder, place, layout.files)
                if settings is not None:
                    self._agree(layout, settings)
            except BaseException:
                self.free()
                raise

    def __enter__(self) -> Claim:
        """The claim itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let others write."""
        self.free()

    def check(self) -> None:
        """Refuse to go on where the folder was deleted or exchanged since.

        Raises:
            OutputError: it was.
        """
        with suppress(OSError):
            if os.path.samestat(os.lstat(self.folder / LOCK), self._file):
                return
        raise OutputError(f"{self.folder} was deleted or moved while it was being written; run again")

    def free(self, *, unlock: bool = False) -> None:
        """Let others write.

        Args:
            unlock: leave no file of the lock, either: for a folder that is finished and handed on.
        """
        if self._lock.is_locked:
            with suppress(OSError):
                (self.folder / HOLDER).unlink(missing_ok=True)
            if unlock:  # while it is held: who locked the same file in the meantime finds that it is gone
                with suppress(OSError):
                    (self.folder / LOCK).unlink(missing_ok=True)
            self._lock.release()

    def _sign(self) -> None:
        """Say who holds it; a full disk may leave that unsaid."""
        holder = self.folder / HOLDER
        holder.unlink(missing_ok=True)
        with suppress(OSError), holder.open("x", encoding="utf-8") as stream:
            stream.write(f"process {os.getpid()} on {socket.gethostname()}\n")

    def _agree(self, layout: Layout, settings: Mapping[str, Any]) -> None:
        note = self.folder / layout.marks[0]
        require_settings(self.folder, layout, settings)
        if not note.exists():
            write_note(note, dict(settings))
        if layout.finished is not None:
            (self.folder / layout.finished).unlink(missing_ok=True)


class FolderWriter:
    """Fills a folder under a claim, some of it held back until `flush`. Use as a context manager."""

    _claim: Claim

    def __enter__(self) -> Self:
        """The writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is pending, whatever ended the run, unless it was that nothing can be written."""
        try:
            if not isinstance(error, OutputError):
                self.flush()
        finally:
            self._claim.free()

    def flush(self) -> None:
        """Write what is pending.

        Raises:
            OutputError: the disk is full or read-only.
        """
        raise NotImplementedError


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """What stands against writing to a folder becomes one line.

    Raises:
        OutputError: an OSError ended what was done within.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror or error}; choose another --output"
        ) from error


def require_room(folder: str | os.PathLike[str], layout: Layout | None = None) -> None:
    """Refuse, before long work for its sake, a folder that could not be filled; nothing is made.

    Args:
        folder: may be missing.
        layout: of its kind; None: it may hold anything.

    Raises:
        OutputError: it cannot be written, is full of something else, or another run is writing there.
    """
    folder = Path(folder)
    with writable(folder):
        if layout is not None:
            refuse_foreign(folder, layout)
        place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        if not place.is_dir():
            raise OutputError(f"cannot write to {folder}: {place} is no folder; choose another --output")
        with TemporaryFile(dir=place):  # where the folder is missing, in the first above it that is there
            pass
        lock = folder / LOCK
        if layout is not None and lock.exists():
            require_plain_file(lock)
            _try_lock(folder, FileLock(lock, timeout=0, thread_local=False)).release()


def refuse_foreign(folder: Path, layout: Layout) -> None:
    """Refuse a folder that holds something else; one that a run was killed in at once is no such folder.

    Raises:
        OutputError: it does.
        OSError: it cannot be looked into.
    """
    if any((folder / mark).exists() for mark in layout.marks) or not folder.is_dir():
        return
    places = [folder, *(folder / name for name in layout.folders)]
    for place in places:
        if place is not folder and not _is_folder(place):
            continue
        for entry in place.iterdir():
            inner = entry in places and _is_folder(entry)
            known = inner or entry.name in {LOCK, HOLDER, *layout.beside}
            if not known and not is_half(entry.name, layout.files):
                raise OutputError(
                    f"{folder} is not empty and holds no {layout.holds}; choose an empty folder"
                )


def require_settings(folder: Path, layout: Layout, settings: Mapping[str, Any]) -> None:
    """Hold settings against those noted in a folder, if any.

    Raises:
        OutputError: they differ, or the note is damaged.
    """
    note = folder / layout.marks[0]
    if note.exists():
        remedy = "choose another folder, or delete this one"
        before = read_note(note, f"a folder of {layout.holds}", remedy)
        require_same(folder, layout, before, settings)


def require_same(folder: Path, layout: Layout, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Name the first setting in which what a folder holds was made otherwise than this run would.

    Raises:
        OutputError: there is one.
    """
    if difference := first_difference(before, json.loads(json.dumps(now))):
        raise OutputError(f"{folder} holds {layout.holds} with {difference}; {layout.remedy}")


def first_difference(
    before: Any,  # noqa: ANN401 - any JSON value
    now: Any,  # noqa: ANN401
    joint: str = "this run has",
    name: str = "",
) -> str | None:
    """In words, the first place where two JSON values differ; None where they agree."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*now, *before]):
            inner = _called(str(key), name, now)
            if difference := first_difference(before.get(key), now.get(key), joint, inner):
                return difference
        return None
    if before == now:
        return None
    return f"{name} {_shown(before)}, {joint} {_shown(now)}"


def dotted(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Dotted name → value of nested settings, in their order, as `--set` has them.

    >>> dotted({"seed": 1, "objective": {"scene": 0.5}})
    {'seed': 1, 'objective.scene': 0.5}
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= dotted(value, f"{above}{name}.") if isinstance(value, dict) else {above + name: value}
    return found


def _called(key: str, above: str, settings: Mapping[str, Any]) -> str:
    """What messages call a setting: by its place, and a digest by the model that it is of."""
    if _is_digest(settings.get(key)) and isinstance(settings.get("model"), str):
        return f"the {key} of {settings['model']}"
    return f"{above}.{key}" if above else key


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A JSON value, cut where it is long."""
    if _is_digest(value):
        return str(value[:12])
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _is_digest(value: object) -> bool:
    """Whether a value is a SHA-256 as 64 hexadecimal digits."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _sweep_within(folder: Path, name: str, files: str) -> None:
    """Sweep a folder, or one in it, which must not lead out of it.

    Raises:
        OutputError: it is a link.
    """
    place = folder / name
    if name and place.is_symlink():
        raise OutputError(f"{place} is a link; expected a folder in {folder}: delete the link")
    if place.is_dir():
        sweep(place, files)


def _try_lock(folder: Path, lock: BaseFileLock) -> BaseFileLock:
    """The lock of a folder, taken.

    Raises:
        OutputError: another process has it.
    """
    try:
        lock.acquire()
    except Timeout:
        raise OutputError(
            f"{folder} is being written by {_holder(folder) or 'another process'}; "
            "wait until it has ended, or choose another folder"
        ) from None
    return lock


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def require_plain_file(path: Path) -> None:
    """Refuse what stands where a file is to be opened: a link would be followed, a pipe be waited for.

    Raises:
        OutputError: it is no plain file.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise OutputError(f"{path} is no plain file; delete it and run again")


def _holder(folder: Path) -> str | None:
    """Who signed last, if what stands there looks like it."""
    path = folder / HOLDER
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with path.open("rb") as stream:
            text = stream.read(300).decode(errors="replace").strip()
    except OSError:
        return None
    return text if re.fullmatch(r"process \d+ on [\w.-]+", text) else None
