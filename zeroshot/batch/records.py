"""What a table knows of each video, in 60 bytes a video: so that a million of them fit beside the work."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.batch.parquet import facts_of, utf8
from zeroshot.video.identity import FileFacts, file_digest
from zeroshot.video.source import path_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from zeroshot.batch.parquet import EmbeddingRow, Parts
    from zeroshot.video.source import FileSource

_LAYOUT = np.dtype(
    [
        ("key", "S16"),
        ("size", "i8"),
        ("modified", "i8"),
        ("content", "S16"),
        ("part", "i4"),
        ("failed", "?"),
    ]
)
_RECENT = 1 << 15  # records kept one by one before they are packed
_NOTHING = -1  # size of a file of which nothing is known
PENDING = -1
"""The part of rows that are not written yet."""


@dataclass(frozen=True)
class Record:
    """A video of a table.

    Attributes:
        key: see `path_key`.
        facts: of the file when it was read; None where it was not there.
        content: 16 bytes, its digest; empty where it could not be read.
        part: number of the part that holds its rows, or PENDING.
        failed: whether it has an error.
    """

    key: bytes
    facts: FileFacts | None
    content: bytes
    part: int
    failed: bool


def path_key(path: str) -> bytes:
    """16 bytes that stand for a path."""
    return hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def key_of(source: object) -> bytes:
    """What the ledger knows a source by."""
    return path_key(utf8(path_of(source)))


class Ledger:
    """Records by path, and by size and content; a later record of a path takes the place of an earlier."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._packed: NDArray[Any] = np.empty(0, _LAYOUT)
        # Columns of it that are searched: a search in a field of a structure would copy it each time.
        self._keys: NDArray[np.bytes_] = self._packed["key"].copy()
        self._sizes: NDArray[np.int64] = self._packed["size"].copy()
        self._by_size: NDArray[np.int64] = np.empty(0, np.int64)
        self._recent: dict[bytes, Record] = {}
        self._recent_sizes: dict[int, list[bytes]] = {}
        for record in records:
            self.put(record)

    def __len__(self) -> int:
        self._pack()
        return len(self._packed)

    def put(self, record: Record) -> None:
        """Remember a record."""
        self._recent[record.key] = record
        if record.facts is not None:
            self._recent_sizes.setdefault(record.facts.size, []).append(record.key)
        if len(self._recent) >= _RECENT:
            self._pack()

    def get(self, key: bytes) -> Record | None:
        """The record of a path, or None."""
        if key in self._recent:
            return self._recent[key]
        place = int(np.searchsorted(self._keys, np.bytes_(key)))
        found = _unpacked(self._packed[place]) if place < len(self._keys) else None
        return found if found is not None and found.key == key else None

    def of_size(self, size: int) -> list[Record]:
        """The records of files of that many bytes: those whose content may be that of another."""
        first, last = np.searchsorted(self._sizes, [size, size + 1])
        rows = [_unpacked(self._packed[place]) for place in self._by_size[first:last]]
        rows = [row for row in rows if row.key not in self._recent]
        return rows + [self._recent[key] for key in dict.fromkeys(self._recent_sizes.get(size, ()))]

    def _pack(self) -> None:
        """Put the recent records among the packed ones."""
        if not self._recent:
            return
        fresh = np.array([_packed(record) for record in self._recent.values()], _LAYOUT)
        kept = self._packed[~np.isin(self._packed["key"], fresh["key"])]
        joined = np.concatenate([kept, fresh])
        self._packed = joined[np.argsort(joined["key"], kind="stable")]
        self._keys = self._packed["key"].copy()
        self._by_size = np.argsort(self._packed["size"], kind="stable")
        self._sizes = self._packed["size"][self._by_size]
        self._recent, self._recent_sizes = {}, {}


def _packed(record: Record) -> tuple[bytes, int, int, bytes, int, bool]:
    """As a row of the layout."""
    size, modified = (_NOTHING, 0) if record.facts is None else (record.facts.size, record.facts.modified)
    return record.key, size, modified, record.content, record.part, record.failed


def _unpacked(row: Any) -> Record:  # noqa: ANN401 - a row of the layout
    """The record of a row; what the layout took for padding is put back."""
    facts = None if row["size"] == _NOTHING else FileFacts(int(row["size"]), int(row["modified"]))
    content = bytes(row["content"])
    return Record(
        bytes(row["key"]).ljust(16, b"\0"),
        facts,
        content.ljust(16, b"\0") if content else b"",
        int(row["part"]),
        bool(row["failed"]),
    )


def stands(record: Record, source: FileSource, facts: FileFacts | None) -> bool:
    """Whether a record holds for a file as it is: untouched, gone, or touched with the same content."""
    if facts is None or facts == record.facts:
        return True
    if record.failed or record.facts is None or record.facts.size != facts.size or not record.content:
        return False
    digest = file_digest(source)
    return digest is not None and bytes.fromhex(digest) == record.content


def record_of(key: bytes, rows: Sequence[EmbeddingRow], part: int) -> Record:
    """What the ledger keeps of a video."""
    content = bytes.fromhex(rows[0].content or "")
    return Record(key, rows[0].facts, content, part, any(row.error is not None for row in rows))


def records_in(parts: Parts, number: int) -> Iterator[Record]:
    """What the ledger keeps of the videos in a part; windows of one give as many equal records."""
    table = parts.read(number, ["path", "error", "content", "size", "modified"])
    columns = (table[name].to_pylist() for name in ("path", "content", "error"))
    failed: set[str] = set()
    for path, content, error, facts in zip(*columns, facts_of(table), strict=True):
        if error is not None:
            failed.add(path)
        yield Record(path_key(path), facts, bytes.fromhex(content or ""), number, path in failed)
