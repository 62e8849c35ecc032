"""The vectors of many labels, written as they are made, so that an interrupted run goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OutputError
from zeroshot.store.files import write_whole
from zeroshot.store.lock import FolderLock, made_writable
from zeroshot.types import Prompts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from numpy.typing import NDArray

    from zeroshot.model.model import Model

LABELS_AT_ONCE = 256  # a killed run loses the work on so many at most
_ROWS, _STAMP = "rows.f32", "made_with.json"


class LabelRows:
    """A folder beside an index to be: the vectors made so far, and what they are made with.

    Use as a context manager: one run at a time writes there. `remove` ends it, once the index is written.
    """

    def __init__(self, index_path: str | Path, stamp: Mapping[str, str]) -> None:
        """Open the folder `INDEX.partial`, new or to go on with.

        Args:
            index_path: where the index will be.
            stamp: the fingerprint that the index will have.

        Raises:
            OutputError: it cannot be written, another run is writing there, or it holds rows of other labels
                or another model.
        """
        path = Path(index_path)
        self.folder = path.with_name(path.name + ".partial")
        with made_writable(self.folder):
            self._lock = FolderLock(self.folder)
        try:
            self._agree(dict(stamp))
        except BaseException:
            self._lock.free()
            raise

    def __enter__(self) -> LabelRows:
        """The folder itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let others write."""
        self._lock.free()

    def num_done(self, width: int) -> int:
        """How many labels have their rows: whole groups of 256, or all."""
        rows = self.folder / _ROWS
        return rows.stat().st_size // (4 * width) if rows.exists() else 0

    def fill(self, model: Model, prompts: Prompts, advance: Callable[[int], None]) -> NDArray[np.float32]:
        """(K, D) float32 unit rows, those that were missing made now; mapped from their file.

        A run that was killed and goes on gives the same numbers as an unbroken one: labels meet the network
        in the same groups.

        Args:
            model: that encodes.
            prompts: of all K labels.
            advance: called with the number of labels done, after each group.

        Raises:
            OutputError: the disk is full.
        """
        rows, total, width = self.folder / _ROWS, len(prompts.labels), model.embedding_dim
        done = min(self.num_done(width), total)
        done -= done % LABELS_AT_ONCE if done < total else 0
        try:
            with rows.open("ab") as stream:
                stream.truncate(4 * width * done)
                for start in range(done, total, LABELS_AT_ONCE):
                    group = slice(start, start + LABELS_AT_ONCE)
                    part = model.embed_prompts(Prompts(prompts.labels[group], prompts.texts[group]))
                    stream.write(np.ascontiguousarray(part, dtype="<f4").data)
                    stream.flush()
                    advance(start + len(part))
        except OSError as error:
            raise OutputError(
                f"cannot write {rows}: {error.strerror or error}; make room and run again"
            ) from error
        made: NDArray[np.float32] = np.memmap(rows, "<f4", "r", shape=(total, width))
        return made

    def remove(self) -> None:
        """Delete the folder; the index holds everything now."""
        self._lock.free()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _agree(self, stamp: dict[str, str]) -> None:
        """Write what the rows are made with, or hold it against what others were made with."""
        path = self.folder / _STAMP
        if not path.exists():
            (self.folder / _ROWS).unlink(missing_ok=True)
            write_whole(path, json.dumps(stamp, indent=2).encode())
            return
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = None
        if before != stamp:
            raise OutputError(
                f"{self.folder} holds unfinished work on other labels, templates or another model; "
                "delete it, or choose another --output"
            )
