"""Parquet parts of a table: rows to a file that is there whole or not at all, and back."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from zeroshot.errors import OutputError
from zeroshot.store.files import crc32, write_whole
from zeroshot.video.identity import FileFacts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

PART = r"part-\d{5,}\.parquet"
"""Pattern of a part's name."""
_KEY = "zeroshot"  # of our entry in a part's metadata
_SUM = b'"crc32": "'
_REMEDY = "delete it and run again"
_LONGEST_TAIL = 1 << 16  # bytes; the checksum stands among the last of a file
_ESCAPED = "\\ud"  # what a name is known by that was written otherwise than it is
SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("embedding", pa.list_(pa.float32())),
        ("error", pa.string()),
        ("start_seconds", pa.float64()),
        ("end_seconds", pa.float64()),
        ("content", pa.string()),
        ("size", pa.int64()),
        ("modified", pa.timestamp("us", tz="UTC")),
        ("breaks_off_seconds", pa.float64()),
    ]
)


DRIFT = "drift"
"""The column that a table has besides where it keeps drifts, which labels with stages need."""


@dataclass(frozen=True, eq=False)
class EmbeddingRow:
    """One video of a table, or one window of it.

    Attributes:
        path: the video as it was named.
        embedding: (D,) float32 unit vector, or None where the video failed.
        error: one line, or None.
        start_seconds: where the window begins; None for a whole video.
        end_seconds: where it ends.
        content: digest of the file (see `video.identity.file_digest`), or None.
        facts: the file's size and time when it was read, or None.
        breaks_off_seconds: where the video ends, if that is before the end that it declares; else None.
        drift: (D,) float32, which way the frames went; None where it is not kept, or the video failed.
    """

    path: str
    embedding: NDArray[np.float32] | None
    error: str | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None
    content: str | None = None
    facts: FileFacts | None = None
    breaks_off_seconds: float | None = None
    drift: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Parts:
    """The parts of one table: `part-00000.parquet` …, each with a checksum over every other byte of it.

    Attributes:
        folder: where they lie.
        made_with: short name of the table's settings; a part of another table is refused.
    """

    folder: Path
    made_with: str

    def numbers(self) -> list[int]:
        """Of the parts that there are.

        Raises:
            OutputError: one is a link or another thing that is no plain file.
        """
        with os.scandir(self.folder) as entries:
            found = [entry for entry in entries if re.fullmatch(PART, entry.name)]
        if odd := [entry.name for entry in found if not entry.is_file(follow_symlinks=False)]:
            raise OutputError(f"{self.folder / odd[0]} is no plain file; {_REMEDY}")
        return sorted(int(entry.name[5:-8]) for entry in found)

    def path(self, number: int) -> Path:
        """Where a part lies."""
        return self.folder / f"part-{number:05d}.parquet"

    def write(self, number: int, table: pa.Table) -> None:
        """Write an Arrow table as a part.

        Raises:
            OutputError: the disk is full or read-only; what was there before stays.
            ValueError: its embeddings have several widths.
        """
        _require_one_width(table["embedding"])
        facts = json.dumps({"part": number, "made_with": self.made_with, "crc32": "0" * 8})
        buffer = pa.BufferOutputStream()
        with pq.ParquetWriter(buffer, table.schema, use_dictionary=["error"]) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({_KEY: facts})
        before, after = _around_sum(memoryview(buffer.getvalue()))
        write_whole(self.path(number), iter((before, crc32(before, after).encode(), after)))

    def read(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        """A part as an Arrow table, or some columns of it.

        Raises:
            OutputError: it is damaged, or no part of this table.
        """
        path = self.path(number)
        try:
            _require_sum(path)
            content = path.read_bytes()
            before, after = _around_sum(memoryview(content))
            if content[len(before) : len(before) + 8] != crc32(before, after).encode():
                raise OutputError(f"{path} is damaged: its checksum is another; {_REMEDY}")
            file = pq.ParquetFile(pa.py_buffer(content))
            facts = json.loads(file.metadata.metadata[_KEY.encode()])
            if (facts["part"], facts["made_with"]) != (number, self.made_with):
                raise OutputError(f"{path} was copied here from another table or another part; {_REMEDY}")
            if [name for name in file.schema_arrow.names if name != DRIFT] != SCHEMA.names:
                raise OutputError(f"{path} is of another version of zeroshot; embed into another folder")
            table = file.read(columns=columns if columns is None else list(columns))
            for name in {"embedding", DRIFT} & set(table.column_names):
                _require_one_width(table[name])
        except (OSError, KeyError, ValueError, TypeError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise OutputError(f"{path} is damaged: {reason}; {_REMEDY}") from error
        return table

    def count(self, number: int) -> int:
        """How many rows a part has, from its end alone.

        Raises:
            OutputError: it is damaged.
        """
        try:
            return int(pq.read_metadata(self.path(number)).num_rows)
        except (OSError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0]
            raise OutputError(f"{self.path(number)} is damaged: {reason}; {_REMEDY}") from error


def _require_one_width(column: pa.ChunkedArray) -> None:
    """Refuse embeddings of several widths.

    Raises:
        ValueError: there are some.
    """
    ends = pc.min_max(pc.list_value_length(column)).as_py()
    if ends["min"] != ends["max"]:
        raise ValueError(f"its embeddings have from {ends['min']} to {ends['max']} numbers")


def _require_sum(path: Path) -> None:
    """Refuse a file without a checksum among its last bytes, before all of it is read: it may be huge.

    Raises:
        OSError: it cannot be read.
        ValueError: it has none.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_TAIL))
        _around_sum(memoryview(file.read(_LONGEST_TAIL)))


def _around_sum(content: memoryview) -> tuple[memoryview, memoryview]:
    """What stands before and after the checksum in a part.

    Raises:
        ValueError: it has none.
    """
    tail = max(0, len(content) - _LONGEST_TAIL)
    place = bytes(content[tail:]).rfind(_SUM)
    if place < 0:
        raise ValueError("it has no checksum, so `zeroshot embed` of this version did not write it")
    place += tail + len(_SUM)
    return content[:place], content[place + 8 :]


def to_arrow(rows: Sequence[EmbeddingRow], *, drifts: bool = False) -> pa.Table:
    """Rows as an Arrow table, with their drifts or without."""
    facts = [row.facts for row in rows]
    columns: dict[str, list[Any]] = {
        "path": [utf8(row.path) for row in rows],
        "error": [None if row.error is None else utf8(row.error) for row in rows],
        "start_seconds": [row.start_seconds for row in rows],
        "end_seconds": [row.end_seconds for row in rows],
        "content": [row.content for row in rows],
        "size": [None if each is None else each.size for each in facts],
        "modified": [None if each is None else each.modified for each in facts],
        "breaks_off_seconds": [row.breaks_off_seconds for row in rows],
    }
    arrays = {name: pa.array(values, SCHEMA.field(name).type) for name, values in columns.items()}
    arrays["embedding"] = _embeddings([row.embedding for row in rows])
    table = pa.table([arrays[name] for name in SCHEMA.names], SCHEMA)
    return table.append_column(DRIFT, _embeddings([row.drift for row in rows])) if drifts else table


def numbers_of(table: pa.Table, column: str = "embedding") -> NDArray[np.float32]:
    """All numbers of all vectors of a column, one after the other."""
    flat: NDArray[np.float32] = table[column].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat


def _embeddings(vectors: Sequence[NDArray[np.float32] | None]) -> pa.Array:
    """The column of vectors, some of which are not there."""
    there = [vector for vector in vectors if vector is not None]
    flat = np.concatenate(there) if there else np.empty(0)
    lengths = [0 if vector is None else len(vector) for vector in vectors]
    ends = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    missing = pa.array([vector is None for vector in vectors], pa.bool_())
    return pa.ListArray.from_arrays(ends, pa.array(flat.astype(np.float32, copy=False)), mask=missing)


def from_arrow(table: pa.Table) -> list[EmbeddingRow]:
    """The rows of an Arrow table."""
    columns = [table[name].to_pylist() for name in ("error", "start_seconds", "end_seconds", "content")]
    columns += [facts_of(table), table["breaks_off_seconds"].to_pylist(), _vectors(table, DRIFT)]
    paths = map(as_named, table["path"].to_pylist())
    return list(map(EmbeddingRow, paths, _vectors(table, "embedding"), *columns))


def _vectors(table: pa.Table, column: str) -> list[NDArray[np.float32] | None]:
    """The vector of each row, None where it has none; of a column that is not there all are None."""
    if column not in table.column_names:
        return [None] * len(table)
    matrix, there = matrix_of(table, column)
    rows = iter(matrix)
    return [next(rows) if exists else None for exists in there.tolist()]


def facts_of(table: pa.Table) -> list[FileFacts | None]:
    """Size and time of each row's file."""
    sizes = table["size"].to_pylist()
    times = table["modified"].cast(pa.int64()).to_pylist()
    return [
        None if size is None or time is None else FileFacts(size, time)
        for size, time in zip(sizes, times, strict=True)
    ]


def matrix_of(table: pa.Table, column: str = "embedding") -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Vectors (m, D) float32 of the m of n rows that have one, and (n,) which those are."""
    there = table[column].combine_chunks().is_valid().to_numpy(zero_copy_only=False)
    values = numbers_of(table, column)
    number = int(there.sum())
    return values.reshape(number, len(values) // number if number else 0), there


def utf8(text: str) -> str:
    r"""The same text, but for names with bytes that are no UTF-8, which Parquet refuses: see `as_named`.

    >>> utf8("a\udcff\\b"), utf8("a\\b")
    ('a\\udcff\\\\b', 'a\\b')
    """
    if _ESCAPED not in text and not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    doubled = text.replace("\\", "\\\\")
    return "".join(f"\\u{ord(char):04x}" if "\ud800" <= char <= "\udfff" else char for char in doubled)


def as_named(text: str) -> str:
    """The text of which `utf8` made this one: a file's name as the system has it."""
    if _ESCAPED not in text:
        return text
    return re.sub(r"\\(\\|u([0-9a-f]{4}))", lambda hit: chr(int(hit[2], 16)) if hit[2] else "\\", text)


def in_order(pieces: list[NDArray[np.float32]], order: list[int], folder: str | Path) -> NDArray[np.float32]:
    """(n, D) the rows of all pieces in an order; the list is emptied on the way."""
    widths = sorted({piece.shape[1] for piece in pieces if len(piece)})
    if len(widths) > 1:
        raise OutputError(
            f"{folder} holds embeddings of {widths[0]} and of {widths[-1]} numbers; embed into another folder"
        )
    vectors = np.empty((len(order), *(widths or [0])), np.float32)
    places = np.argsort(order)
    while pieces:  # each is given back as soon as its rows are in their places
        piece = pieces.pop()
        vectors[places[len(places) - len(piece) :]] = piece
        places = places[: len(places) - len(piece)]
    return vectors
