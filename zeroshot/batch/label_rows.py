"""The vectors of many labels, written as they are made, so that an interrupted run goes on."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import IndexFileError, ModelError, OptionError, OutputError
from zeroshot.index.file import FORMAT
from zeroshot.index.index import LabelIndex, uses_cells
from zeroshot.index.ivf import build_steps
from zeroshot.index.stage_rows import staged_labels
from zeroshot.model.drift import stage_changes
from zeroshot.store.arrays import require_place
from zeroshot.store.files import LONGEST, crc32, sweep
from zeroshot.store.folder import Claim, Layout, require_plain_file, require_room
from zeroshot.text.prompts import prompts_digest
from zeroshot.text.stages import STAGES, WITHOUT, stages_digest
from zeroshot.types import Prompts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from numpy.typing import NDArray

    from zeroshot.model.model import Model

LABELS_AT_ONCE = 256  # a killed run loses the work on so many at most
_ROWS, _SUMS, _STAMP = "rows.f32", "rows.crc32", "made_with.json"
_LAYOUT = Layout(
    "unfinished work on labels",
    (_STAMP,),
    r"made_with\.json",
    remedy="delete it, or choose another --output",
)


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
        self.folder = _rows_beside(path)
        self._rows, self._sums = self.folder / _ROWS, self.folder / _SUMS
        self._claim = Claim(self.folder, _LAYOUT, stamp)
        sweep(path.parent, re.escape(path.name[:LONGEST]))  # of an index that a killed run was writing

    def __enter__(self) -> LabelRows:
        """The folder itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let others write."""
        self._claim.free()

    def num_done(self, width: int) -> int:
        """How many labels have their rows: whole groups of 256, or all; up to the first damaged one."""
        if not (self._rows.is_file() and self._sums.is_file()):
            return 0
        done = 0
        with self._rows.open("rb") as rows:
            for noted in self._sums.read_bytes().split(b"\n"):
                group = rows.read(4 * width * LABELS_AT_ONCE)
                if not group or crc32(group).encode() != noted:
                    break
                done += len(group) // (4 * width)
        return done

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
        total, width = len(prompts.labels), model.embedding_dim
        done = min(self.num_done(width), total)
        done -= done % LABELS_AT_ONCE if done < total else 0
        for path in (self._rows, self._sums):
            require_plain_file(path)
        try:
            with self._rows.open("ab") as rows, self._sums.open("ab") as sums:
                rows.truncate(4 * width * done)
                sums.truncate(9 * -(-done // LABELS_AT_ONCE))
                for start in range(done, total, LABELS_AT_ONCE):
                    group = _encoded(model, prompts, slice(start, start + LABELS_AT_ONCE))
                    rows.write(group.data)
                    rows.flush()
                    sums.write(f"{crc32(group.data)}\n".encode())
                    sums.flush()
                    advance(start + len(group))
        except OSError as error:
            raise OutputError(
                f"cannot write {self._rows}: {error.strerror or error}; make room and run again"
            ) from error
        made: NDArray[np.float32] = np.memmap(self._rows, "<f4", "r", shape=(total, width))
        return made

    def remove(self) -> None:
        """Delete the folder; the index holds everything now."""
        for path in (self._rows, self._sums, self.folder / _STAMP):
            path.unlink(missing_ok=True)
        self._claim.free(unlock=True)
        with suppress(OSError):  # it holds what somebody else put there
            self.folder.rmdir()


def index_of_labels(
    prompts: Prompts,
    model: Model,
    *,
    output: str | Path | None = None,
    recall: float | None = None,
    queries: NDArray[np.float32] | None = None,
    watch: Callable[[str, int, int], None] | None = None,
) -> LabelIndex:
    """The K labels with their (K, D) embeddings, stamped with what made them, and written to the output.

    Args:
        prompts: of all K labels.
        model: that encodes.
        output: as for `build_index`, and so are the others.
        recall: share of the 5 nearest labels that a search must find.
        queries: (n, D) vectors of videos to measure recall on.
        watch: is told how far it is.

    Raises:
        ZeroshotError: one line that names what cannot be used, or written, and the remedy.
    """
    tell = watch or _unwatched
    total = len(prompts.labels)
    if prompts.stages and uses_cells(total, recall) and queries is None:
        raise OptionError(
            f"{total} labels with stages are searched in cells, and what that finds is measured on videos: "
            "give queries that were embedded with their drifts, or a recall of 1"
        )

    def searched(index: LabelIndex) -> LabelIndex:
        steps = count(1)
        of = build_steps(total) if uses_cells(total, recall) else 1
        made = index.with_cells(recall, queries, lambda: tell("cells", next(steps), of))
        if output is not None:
            made.save(output)
        return made

    if output is None:
        model.require_apart(prompts)
        stamp = partial(index_stamp, model, prompts)  # every weight is read for it
        return searched(_joined(model, prompts, model.embed_prompts(prompts), stamp))
    made_of = index_stamp(model, prompts)
    with suppress(IndexFileError):
        there = LabelIndex.load(output, fingerprint=made_of, exact=True)
        tell("there", total, total)
        return searched(there)
    model.require_apart(prompts)
    with LabelRows(output, made_of) as rows:
        tell("labels", min(rows.num_done(model.embedding_dim), total), total)
        vectors = model.embed_prompts(
            prompts, lambda: rows.fill(model, prompts, lambda done: tell("labels", done, total))
        )
        made = searched(_joined(model, prompts, vectors, made_of))
        rows.remove()
    return made


def index_stamp(model: Model, prompts: Prompts) -> dict[str, str]:
    """What an index of these labels depends on: the model and every sentence."""
    stamp = {"model": model.fingerprint, "model_name": model.name, "prompts": prompts_digest(prompts)}
    if not prompts.stages:
        return stamp
    return {**stamp, STAGES: stages_digest(prompts.stages), WITHOUT: str(prompts.stages.count(None))}


def _joined(
    model: Model,
    prompts: Prompts,
    vectors: NDArray[np.float32],
    stamp: Mapping[str, str] | Callable[[], Mapping[str, str]],
) -> LabelIndex:
    """The index of labels with vectors (K, D), their changes beside them where there are stages."""
    if prompts.stages:
        vectors = staged_labels(vectors, stage_changes(model.embed_prompts, prompts))
    return LabelIndex(prompts.labels, vectors, fingerprint=stamp)


def require_index_place(path: str | Path) -> None:
    """Refuse, before labels are encoded, a place where no index can be written.

    Raises:
        OutputError: it is a folder, cannot be written, or another run is writing there.
    """
    path = Path(path)
    require_place(path, FORMAT)
    rows = _rows_beside(path)
    if rows.exists():
        require_room(rows, _LAYOUT)


def _rows_beside(path: Path) -> Path:
    """The folder of unfinished work on an index."""
    return path.with_name(path.name + ".partial")


def _unwatched(_what: str, _done: int, _of: int) -> None:
    """Nobody is told."""


def _encoded(model: Model, prompts: Prompts, group: slice) -> NDArray[np.float32]:
    """(n, D) little-endian rows of some labels.

    Raises:
        ModelError: the model gives what is no number.
    """
    rows = model.encode_prompts(Prompts(prompts.labels[group], prompts.texts[group]))
    if not np.isfinite(rows).all():
        raise ModelError(f"{model.name} gives labels NaN or infinity; take another model or precision")
    return np.ascontiguousarray(rows, dtype="<f4")
