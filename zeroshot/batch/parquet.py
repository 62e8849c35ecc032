"""Parquet parts of a table: rows to a file that is there whole or not at all, and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from zeroshot.errors import OutputError
from zeroshot.store.files import write_whole
from zeroshot.video.identity import FileFacts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

PATTERN = "part-*.parquet"
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
    ]
)


@dataclass(frozen=True, eq=False)
class EmbeddingRow:
    """One video of a table, or one window of it.

    Attributes:
        path: the video as it was named.
        embedding: (D,) float32 unit vector, or None where the video failed.
        error: one line, or None.
        start_seconds: where the window begins; None for a whole video.
        end_seconds: where it ends.
        content: digest of the file (see `video.keys.file_digest`), or None.
        facts: the file's size and time when it was read, or None.
    """

    path: str
    embedding: NDArray[np.float32] | None
    error: str | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None
    content: str | None = None
    facts: FileFacts | None = None


def part_path(folder: Path, number: int) -> Path:
    """Where a part lies."""
    return folder / f"part-{number:05d}.parquet"


def part_number(part: Path) -> int:
    """The number in a part's name."""
    return int(part.stem.removeprefix("part-"))


def part_paths(folder: Path) -> list[Path]:
    """The parts of a folder in the order of their numbers."""
    return sorted(folder.glob(PATTERN), key=part_number)


def to_arrow(rows: Sequence[EmbeddingRow]) -> pa.Table:
    """Rows as an Arrow table."""
    facts = [row.facts for row in rows]
    columns: dict[str, list[Any]] = {
        "path": [utf8(row.path) for row in rows],
        "embedding": [row.embedding for row in rows],
        "error": [None if row.error is None else utf8(row.error) for row in rows],
        "start_seconds": [row.start_seconds for row in rows],
        "end_seconds": [row.end_seconds for row in rows],
        "content": [row.content for row in rows],
        "size": [None if each is None else each.size for each in facts],
        "modified": [None if each is None else each.modified for each in facts],
    }
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in SCHEMA}, SCHEMA)


def from_arrow(table: pa.Table) -> list[EmbeddingRow]:
    """The rows of an Arrow table."""
    vectors, there = matrix_of(table)
    columns = [table[name].to_pylist() for name in ("path", "error", "start_seconds", "end_seconds")]
    columns += [table["content"].to_pylist(), facts_of(table)]
    embeddings = iter(vectors)
    return [
        EmbeddingRow(as_named(path), next(embeddings) if exists else None, *others)
        for exists, path, *others in zip(there.tolist(), *columns, strict=True)
    ]


def facts_of(table: pa.Table) -> list[FileFacts | None]:
    """Size and time of each row's file."""
    sizes = table["size"].to_pylist()
    times = table["modified"].cast(pa.int64()).to_pylist()
    return [
        None if size is None or time is None else FileFacts(size, time)
        for size, time in zip(sizes, times, strict=True)
    ]


def matrix_of(table: pa.Table) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Embeddings (m, D) float32 of the m of n rows that have one, and (n,) which those are."""
    column = table["embedding"].combine_chunks()
    there = column.is_valid().to_numpy(zero_copy_only=False)
    values = column.flatten().to_numpy(zero_copy_only=False)
    number = int(there.sum())
    return values.reshape(number, len(values) // number if number else 0), there


def write_part(path: Path, table: pa.Table) -> None:
    """Write an Arrow table as a part.

    Raises:
        OutputError: the disk is full or read-only; what was there before stays.
    """
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, use_dictionary=["error"])
    write_whole(path, buffer.getvalue())


def read_part(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A part as an Arrow table, or some columns of it.

    Raises:
        OutputError: it is damaged.
    """
    try:
        return pq.read_table(path, columns=columns if columns is None else list(columns), partitioning=None)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise OutputError(
            f"{path} is damaged: {str(error).splitlines()[0]}; delete it and run again"
        ) from error


def count_rows(path: Path) -> int:
    """How many rows a part has, from its end alone.

    Raises:
        OutputError: it is damaged.
    """
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException) as error:
        raise OutputError(
            f"{path} is damaged: {str(error).splitlines()[0]}; delete it and run again"
        ) from error


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
