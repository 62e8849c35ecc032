"""A folder of embeddings: Parquet parts and a manifest, written so that a broken run can go on."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from zeroshot.batch.parquet import (
    PART,
    EmbeddingRow,
    Parts,
    as_named,
    facts_of,
    from_arrow,
    matrix_of,
    numbers_of,
    to_arrow,
    utf8,
)
from zeroshot.batch.records import PENDING, Ledger, Record, path_key
from zeroshot.errors import ModelError, OutputError
from zeroshot.resources import from_home
from zeroshot.store import folder as store
from zeroshot.store.files import crc32_of, read_note
from zeroshot.store.folder import Claim, FolderWriter, Layout
from zeroshot.video.identity import file_digest, file_facts
from zeroshot.video.sampling import SHORTEST_SHARE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from zeroshot.model.model import Model
    from zeroshot.video.identity import FileFacts
    from zeroshot.video.sampling import Window

__all__ = [
    "EmbeddingRow",
    "EmbeddingTable",
    "Embeddings",
    "read_embeddings",
    "read_manifest",
    "read_rows",
    "read_table",
]

MANIFEST = "_manifest.json"  # the underscore: what reads a folder of Parquet leaves such files alone
LAYOUT = Layout("embeddings", (MANIFEST,), rf"{PART}|_manifest\.json")
FORMAT = 3
_ROWS_PER_PART = 1000  # a part is then a few MB
_SECONDS_PER_FLUSH = 20.0  # a crash costs at most the work of so many seconds, and of one video
_PARTS_IN_MEMORY = 8


class EmbeddingTable(FolderWriter):
    """Rows on their way into a folder: `part-00000.parquet` …, each complete or absent, and `_manifest.json`.

    Each video has its rows once: one, or one a window, all in one part. They stand until the file is there
    with another size or time and another content; then, and where failures are to be tried again, the
    old rows go when the new ones come. The manifest holds the settings that made the vectors. A folder made
    with other settings is refused, so that vectors of different models never mix. One process writes at a
    time. Use as a context manager: leaving it writes what is pending, also when the run is interrupted.

    Attributes:
        folder: where the parts lie.
        left_by: the process that wrote here last, where it was killed; or None.
    """

    def __init__(self, folder: str | Path, settings: Mapping[str, Any]) -> None:
        """Open `folder` for these settings, new or to go on with.

        Args:
            folder: made where it is missing.
            settings: JSON-able; equal settings make exchangeable vectors.

        Raises:
            OutputError: it cannot be written, is full of something else, holds vectors of other settings, or
                another run is writing there.
        """
        self.folder = Path(folder)
        self._pending: OrderedDict[bytes, tuple[EmbeddingRow, ...]] = OrderedDict()
        self._num_pending = 0
        self._outdated: dict[int, set[bytes]] = {}
        self._loaded: OrderedDict[int, dict[bytes, tuple[EmbeddingRow, ...]]] = OrderedDict()
        self._flushed_at = time.monotonic()
        self._claim = Claim(self.folder, LAYOUT, settings)
        self.left_by = self._claim.left_by
        try:
            self._parts = _parts(self.folder, read_manifest(self.folder))
            self._ledger = Ledger(
                record for part in self._parts.numbers() for record in _records(self._parts, part)
            )
        except BaseException:
            self._claim.free()
            raise

    def __len__(self) -> int:
        """How many videos have rows."""
        return len(self._ledger)

    def __contains__(self, path: object) -> bool:
        """Whether a path has rows, of whatever content."""
        return self._ledger.get(path_key(utf8(str(path)))) is not None

    def has_failed(self, path: str) -> bool:
        """Whether the rows of a path hold an error."""
        record = self._ledger.get(path_key(utf8(path)))
        return record is not None and record.failed

    def rows_of(self, path: str, *, retry: bool = False) -> tuple[EmbeddingRow, ...] | None:
        """The rows that stand for a file as it is now, or None where it has to be read.

        A file that is gone keeps its rows. One that has the content of another in the table gets a copy of
        that one's rows, which are added.

        Args:
            path: of a video.
            retry: whether an error does not stand.
        """
        key, facts = path_key(utf8(path)), file_facts(path)
        record = self._ledger.get(key)
        if record is not None and not (retry and record.failed) and _stands(record, path, facts):
            return self._rows(record)
        twin = None if facts is None else self._twin(path, facts)
        if twin is None:
            return None
        rows = tuple(replace(row, path=path, facts=facts) for row in self._rows(twin))
        self.add(*rows)
        return rows

    def recorded(self, path: str) -> tuple[EmbeddingRow, ...]:
        """The rows of a path, whatever has become of the file since; none where it has none."""
        record = self._ledger.get(path_key(utf8(path)))
        return () if record is None else self._rows(record)

    def has(self, path: str, *, retry: bool = False) -> bool:
        """Whether `rows_of` has rows; cheaper, as it reads none that are written."""
        record, facts = self._ledger.get(path_key(utf8(path))), file_facts(path)
        if record is not None and not (retry and record.failed) and _stands(record, path, facts):
            return True
        return self.rows_of(path, retry=retry) is not None

    def add(self, *rows: EmbeddingRow) -> None:
        """Take all rows of one video, in place of those it may have."""
        key = path_key(utf8(rows[0].path))
        before = self._ledger.get(key)
        if before is not None and before.part != PENDING:
            self._outdated.setdefault(before.part, set()).add(key)
        self._num_pending += len(rows) - len(self._pending.pop(key, ()))
        self._pending[key] = rows
        self._ledger.put(_record(key, rows, PENDING))
        if self._num_pending >= _ROWS_PER_PART or time.monotonic() - self._flushed_at > _SECONDS_PER_FLUSH:
            self.flush()

    def flush(self) -> None:
        """Write the pending rows as a part that appears whole or not at all; a small last part grows.

        Raises:
            OutputError: the disk is full or read-only; the parts written before stay.
            ModelError: a vector is none, as it holds NaN or infinity; the video's rows are dropped.
        """
        if self._pending:
            self._claim.check()
            fresh, lost = self._fresh()
            self._forget_outdated()  # first: killed in between, a video has no row, never two
            numbers = self._parts.numbers()
            number = numbers[-1] if numbers else 0
            if numbers and self._parts.count(number) + len(fresh) > _ROWS_PER_PART:
                number += 1
            elif numbers:
                fresh = pa.concat_tables([self._parts.read(number), fresh])
            self._parts.write(number, fresh)
            self._loaded.pop(number, None)
            for key, rows in self._pending.items():
                self._ledger.put(_record(key, rows, number))
            self._pending.clear()
            self._num_pending = 0
            if lost:
                raise ModelError(f"{lost[0]}: its embedding holds NaN or infinity; take another precision")
        self._flushed_at = time.monotonic()

    def _fresh(self) -> tuple[pa.Table, list[str]]:
        """The pending rows, and the paths of videos that are dropped, as their vectors are none."""
        rows = [row for rows in self._pending.values() for row in rows]
        fresh = to_arrow(rows)
        if np.isfinite(numbers_of(fresh).sum()):
            return fresh, []
        lost = {
            row.path for row in rows if row.embedding is not None and not np.isfinite(row.embedding).all()
        }
        for path in lost:
            del self._pending[path_key(utf8(path))]
        return to_arrow([row for row in rows if row.path not in lost]), sorted(lost)

    def _rows(self, record: Record) -> tuple[EmbeddingRow, ...]:
        """The rows of a record, from memory or from its part."""
        if record.part == PENDING:
            return self._pending[record.key]
        if record.part not in self._loaded:
            found: dict[bytes, list[EmbeddingRow]] = {}
            for row in from_arrow(self._parts.read(record.part)):
                found.setdefault(path_key(utf8(row.path)), []).append(row)
            self._loaded[record.part] = {key: tuple(rows) for key, rows in found.items()}
            if len(self._loaded) > _PARTS_IN_MEMORY:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(record.part)
        return self._loaded[record.part][record.key]

    def _twin(self, path: str, facts: FileFacts) -> Record | None:
        """A video that was read well from a file with the same content."""
        alike = [each for each in self._ledger.of_size(facts.size) if each.content and not each.failed]
        digest = file_digest(path) if alike else None
        if digest is None:
            return None
        return next((each for each in alike if each.content == bytes.fromhex(digest)), None)

    def _forget_outdated(self) -> None:
        """Write the parts that hold rows of pending videos again, without those."""
        for number, keys in self._outdated.items():
            table = self._parts.read(number)
            kept = table.filter(pa.array([path_key(name) not in keys for name in table["path"].to_pylist()]))
            self._loaded.pop(number, None)
            if len(kept):
                self._parts.write(number, kept)
            else:
                self._parts.path(number).unlink()
        self._outdated.clear()


def _stands(record: Record, path: str, facts: FileFacts | None) -> bool:
    """Whether a record holds for a file as it is: untouched, gone, or touched with the same content."""
    if facts is None or facts == record.facts:
        return True
    if record.failed or record.facts is None or record.facts.size != facts.size or not record.content:
        return False
    digest = file_digest(path)
    return digest is not None and bytes.fromhex(digest) == record.content


def _record(key: bytes, rows: Sequence[EmbeddingRow], part: int) -> Record:
    """What the ledger keeps of a video."""
    content = bytes.fromhex(rows[0].content or "")
    return Record(key, rows[0].facts, content, part, any(row.error is not None for row in rows))


def _records(parts: Parts, number: int) -> Iterator[Record]:
    """What the ledger keeps of the videos in a part; windows of one give as many equal records."""
    table = parts.read(number, ["path", "error", "content", "size", "modified"])
    columns = (table[name].to_pylist() for name in ("path", "content", "error"))
    failed: set[str] = set()
    for path, content, error, facts in zip(*columns, facts_of(table), strict=True):
        if error is not None:
            failed.add(path)
        yield Record(path_key(path), facts, bytes.fromhex(content or ""), number, path in failed)


def _parts(folder: Path, settings: dict[str, Any]) -> Parts:
    """The parts of a table of these settings."""
    return Parts(folder, crc32_of(settings))


def require_settings(folder: str | Path, settings: Mapping[str, Any]) -> None:
    """Hold the settings against those of the folder, and a folder without any against being empty.

    Raises:
        OutputError: it holds embeddings of other settings, or something else.
    """
    store.refuse_foreign(Path(folder), LAYOUT)
    store.require_settings(Path(folder), LAYOUT, settings)


def require_window(folder: str | Path, window: Window | None) -> None:
    """Refuse, before any weights, a folder of embeddings of other stretches.

    Args:
        folder: may be missing.
        window: of the embeddings to come; None: of whole videos.

    Raises:
        OutputError: its embeddings are of others.
    """
    if (Path(folder) / MANIFEST).is_file():
        before, now = read_manifest(folder), {"window": None if window is None else asdict(window)}
        store.require_same(Path(folder), LAYOUT, {"window": before.get("window")}, now)


def settings_of(model: Model, window: Window | None = None) -> dict[str, Any]:
    """What two runs must share for their vectors to be exchangeable: the model and the frames it looks at.

    The model's speed level changes no more from now on; `Model.settle` decides on it before.

    Args:
        model: that embeds.
        window: where each window of a video is embedded by itself.
    """
    model.backbone.precision.hold()
    adapted = {} if model.adapter is None else {"adapter": model.adapter_fingerprint, "stream": model.stream}
    return {
        "format": FORMAT,
        "model": model.name,
        "fingerprint": model.fingerprint,
        **adapted,
        "embedding_dim": model.embedding_dim,
        "precision": model.precision,
        "sampling": asdict(model.sampling),
        "window": None if window is None else {**asdict(window), "shortest_share": SHORTEST_SHARE},
    }


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """The settings that made the embeddings in `folder`.

    Raises:
        OutputError: there is no manifest, or it is damaged.
    """
    return read_note(
        Path(folder) / MANIFEST, "a folder that `zeroshot embed` wrote", "embed into another folder"
    )


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The n rows of a table that have an embedding, in the order of their paths and starts.

    So the order says nothing of when, by whom and in which order the videos were embedded.

    Attributes:
        paths: n paths; of windows, each as often as it has windows.
        vectors: (n, D) float32 unit rows.
        start_seconds: (n,) float64, where the window begins; NaN for a whole video.
        end_seconds: (n,) float64, where it ends.
    """

    paths: list[str]
    vectors: NDArray[np.float32]
    start_seconds: NDArray[np.float64]
    end_seconds: NDArray[np.float64]


def read_table(folder: str | Path) -> Embeddings:
    """All embeddings in `folder`, also while another process is adding some.

    Raises:
        OutputError: the folder was not written by `zeroshot embed`, or a part is damaged.
    """
    parts = _parts(Path(folder), read_manifest(folder))
    paths: list[str] = []
    spans, matrices = [np.empty((0, 2))], []
    for part in parts.numbers():
        table = parts.read(part, ["path", "embedding", "start_seconds", "end_seconds"])
        matrix, there = matrix_of(table)
        table = table.filter(pa.array(there))
        paths += map(as_named, table["path"].to_pylist())
        spans.append(np.stack([table[name].to_numpy() for name in ("start_seconds", "end_seconds")], axis=1))
        matrices.append(matrix)
    seconds = np.concatenate(spans)
    order = sorted(range(len(paths)), key=lambda row: (paths[row], seconds[row, 0]))
    widths = sorted({matrix.shape[1] for matrix in matrices if len(matrix)})
    if len(widths) > 1:
        raise OutputError(
            f"{folder} holds embeddings of {widths[0]} and of {widths[-1]} numbers; embed into another folder"
        )
    vectors = np.empty((len(paths), *(widths or [0])), np.float32)
    places = np.argsort(order)
    while matrices:  # each is given back as soon as its rows are in their places
        matrix = matrices.pop()
        vectors[places[len(places) - len(matrix) :]] = matrix
        places = places[: len(places) - len(matrix)]
    seconds = seconds[order].astype(np.float64)
    return Embeddings([paths[row] for row in order], vectors, seconds[:, 0], seconds[:, 1])


def read_rows(folder: str | Path) -> Iterator[list[EmbeddingRow]]:
    """All rows in `folder`, those with errors too, a part at a time.

    Raises:
        OutputError: the folder was not written by `zeroshot embed`, or a part is damaged.
    """
    parts = _parts(Path(folder), read_manifest(folder))
    for part in parts.numbers():
        yield from_arrow(parts.read(part))


def read_embeddings(folder: str | Path) -> tuple[list[str], NDArray[np.float32]]:
    """Paths of the n rows that have an embedding in `folder`, and their (n, D) float32 unit rows.

    Raises:
        OutputError: the folder was not written by `zeroshot embed`, or a part is damaged.
    """
    found = read_table(from_home(folder))
    return found.paths, found.vectors
