"""A folder of embeddings: Parquet parts and a manifest, written so that a broken run can go on."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from zeroshot.batch.parquet import (
    DRIFT,
    PART,
    EmbeddingRow,
    Parts,
    as_named,
    from_arrow,
    in_order,
    matrix_of,
    numbers_of,
    to_arrow,
    utf8,
)
from zeroshot.batch.records import PENDING, Ledger, Record, key_of, path_key, record_of, records_in, stands
from zeroshot.errors import ModelError, OutputError
from zeroshot.resources import from_home
from zeroshot.store import folder as store
from zeroshot.store.files import crc32_of, read_note
from zeroshot.store.folder import Claim, FolderWriter, Layout
from zeroshot.video.identity import file_digest, file_facts
from zeroshot.video.sampling import SHORTEST_SHARE
from zeroshot.video.source import path_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from zeroshot.model.model import Model
    from zeroshot.video.identity import FileFacts
    from zeroshot.video.sampling import Window
    from zeroshot.video.source import FileSource

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
FORMAT = 4
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
        self._drifts = bool(settings.get(DRIFT))
        self._claim = Claim(self.folder, LAYOUT, settings)
        self.left_by = self._claim.left_by
        try:
            self._parts = _parts(self.folder, read_manifest(self.folder))
            self._ledger = Ledger(
                record for part in self._parts.numbers() for record in records_in(self._parts, part)
            )
        except BaseException:
            self._claim.free()
            raise

    def __len__(self) -> int:
        """How many videos have rows."""
        return len(self._ledger)

    def __contains__(self, source: object) -> bool:
        """Whether a source has rows, of whatever content."""
        return self._ledger.get(key_of(source)) is not None

    def has_failed(self, source: FileSource) -> bool:
        """Whether the rows of a source hold an error."""
        record = self._ledger.get(key_of(source))
        return record is not None and record.failed

    def rows_of(self, source: FileSource, *, retry: bool = False) -> tuple[EmbeddingRow, ...] | None:
        """The rows that stand for a file as it is now, or None where it has to be read.

        A file that is gone keeps its rows. One that has the content of another in the table gets a copy of
        that one's rows, which are added.

        Args:
            source: a video.
            retry: whether an error does not stand.
        """
        record, facts = self._ledger.get(key_of(source)), file_facts(source)
        if record is not None and not (retry and record.failed) and stands(record, source, facts):
            return self._rows(record)
        twin = None if facts is None else self._twin(source, facts)
        if twin is None:
            return None
        rows = tuple(replace(row, path=path_of(source), facts=facts) for row in self._rows(twin))
        self.add(*rows)
        return rows

    def recorded(self, source: FileSource) -> tuple[EmbeddingRow, ...]:
        """The rows of a source, whatever has become of the file since; none where it has none."""
        record = self._ledger.get(key_of(source))
        return () if record is None else self._rows(record)

    def has(self, source: FileSource, *, retry: bool = False) -> bool:
        """Whether `rows_of` has rows; cheaper, as it reads none that are written."""
        record, facts = self._ledger.get(key_of(source)), file_facts(source)
        if record is not None and not (retry and record.failed) and stands(record, source, facts):
            return True
        return self.rows_of(source, retry=retry) is not None

    def add(self, *rows: EmbeddingRow) -> None:
        """Take all rows of one video, in place of those it may have."""
        key = path_key(utf8(rows[0].path))
        before = self._ledger.get(key)
        if before is not None and before.part != PENDING:
            self._outdated.setdefault(before.part, set()).add(key)
        self._num_pending += len(rows) - len(self._pending.pop(key, ()))
        self._pending[key] = rows
        self._ledger.put(record_of(key, rows, PENDING))
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
                self._ledger.put(record_of(key, rows, number))
            self._pending.clear()
            self._num_pending = 0
            if lost:
                raise ModelError(f"{lost[0]}: its embedding holds NaN or infinity; take another precision")
        self._flushed_at = time.monotonic()

    def _fresh(self) -> tuple[pa.Table, list[str]]:
        """The pending rows, and the paths of videos that are dropped, as their vectors are none."""
        rows = [row for rows in self._pending.values() for row in rows]
        fresh = to_arrow(rows, drifts=self._drifts)
        if np.isfinite(numbers_of(fresh).sum()):
            return fresh, []
        lost = {
            row.path for row in rows if row.embedding is not None and not np.isfinite(row.embedding).all()
        }
        for path in lost:
            del self._pending[path_key(utf8(path))]
        kept = [row for row in rows if row.path not in lost]
        return to_arrow(kept, drifts=self._drifts), sorted(lost)

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

    def _twin(self, source: FileSource, facts: FileFacts) -> Record | None:
        """A video that was read well from a file with the same content."""
        alike = [each for each in self._ledger.of_size(facts.size) if each.content and not each.failed]
        digest = file_digest(source) if alike else None
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
        before, now = read_manifest(folder), {"window": _window_words(window)}
        store.require_same(Path(folder), LAYOUT, {"window": before.get("window")}, now)


def _window_words(window: Window | None) -> dict[str, Any] | None:
    """What a manifest says of windows; None of whole videos."""
    return None if window is None else {**asdict(window), "shortest_share": SHORTEST_SHARE}


def settings_of(model: Model, window: Window | None = None, *, drifts: bool = False) -> dict[str, Any]:
    """What two runs must share for their vectors to be exchangeable: the model and the frames it looks at.

    The model's speed level changes no more from now on; `Model.settle` decides on it before.

    Args:
        model: that embeds.
        window: where each window of a video is embedded by itself.
        drifts: keep the drift of each row as well.
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
        "sampling": model.sampling.as_dict(),
        "window": _window_words(window),
        **({DRIFT: True} if drifts else {}),
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
        drifts: (n, D) float32, or None where the folder keeps none.
        contents: path → digest of its file, of those that have one; copies of a file have the same.
    """

    paths: list[str]
    vectors: NDArray[np.float32]
    start_seconds: NDArray[np.float64]
    end_seconds: NDArray[np.float64]
    drifts: NDArray[np.float32] | None = None
    contents: Mapping[str, str] = field(default_factory=dict)


def read_table(folder: str | Path) -> Embeddings:
    """All embeddings in `folder`, also while another process is adding some.

    Raises:
        OutputError: the folder was not written by `zeroshot embed`, or a part is damaged.
    """
    settings = read_manifest(folder)
    parts = _parts(Path(folder), settings)
    names = ["embedding", DRIFT] if settings.get(DRIFT) else ["embedding"]
    paths: list[str] = []
    contents: dict[str, str] = {}
    spans = [np.empty((0, 2))]
    matrices: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    for part in parts.numbers():
        table = parts.read(part, ["path", "start_seconds", "end_seconds", "content", *names])
        found = {name: matrix_of(table, name) for name in names}
        for name, (rows, _) in found.items():
            matrices[name].append(rows)
        table = table.filter(pa.array(found["embedding"][1]))
        found_paths = [as_named(path) for path in table["path"].to_pylist()]
        paths += found_paths
        digests = zip(found_paths, table["content"].to_pylist(), strict=True)
        contents.update((path, digest) for path, digest in digests if digest)
        spans.append(np.stack([table[name].to_numpy() for name in ("start_seconds", "end_seconds")], axis=1))
    seconds = np.concatenate(spans)
    order = sorted(range(len(paths)), key=lambda row: (paths[row], seconds[row, 0]))
    vectors, *drifts = (in_order(pieces, order, folder) for pieces in matrices.values())
    seconds = seconds[order].astype(np.float64)
    named = [paths[row] for row in order]
    starts, ends = seconds.T
    return Embeddings(named, vectors, starts, ends, drifts[0] if drifts else None, contents)


def no_drifts(folder: str | Path) -> OutputError:
    """What is said where stages meet a folder that keeps no drifts."""
    return OutputError(
        f"{folder} keeps no drifts, which stages need; embed into another folder with --drifts"
    )


def read_rows(folder: str | Path) -> Iterator[list[EmbeddingRow]]:
    """All rows in `folder`, those with errors too, a part at a time.

    Raises:
        OutputError: the folder was not written by `zeroshot embed`, or a part is damaged.
    """
    parts = _parts(Path(folder), read_manifest(folder))
    yield from (from_arrow(parts.read(part)) for part in parts.numbers())


def read_embeddings(folder: str | Path) -> tuple[list[str], NDArray[np.float32]]:
    """Paths of the n rows that have an embedding in `folder`, and their (n, D) float32 unit rows.

    Raises:
        OutputError: the folder was not written by `zeroshot embed`, or a part is damaged.
    """
    found = read_table(from_home(folder))
    return found.paths, found.vectors
