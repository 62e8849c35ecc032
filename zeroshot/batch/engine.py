"""Many files through a model into a table: what is there already is not read again."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from zeroshot.batch.parquet import EmbeddingRow
from zeroshot.errors import VideoError, printable
from zeroshot.video.identity import file_digest, file_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from zeroshot.batch.table import EmbeddingTable
    from zeroshot.model.model import Model
    from zeroshot.video.identity import FileFacts
    from zeroshot.video.sampling import Sampling, Window

VideoRows: TypeAlias = "tuple[EmbeddingRow, ...]"
"""All rows of one video: one, or one a window, at least one in any case."""

Engine: TypeAlias = "Callable[[Iterable[str]], Iterator[VideoRows]]"
"""Reads videos: paths in, taken lazily; the rows of each out, in any order."""

_AT_ONCE = 512  # inputs that are looked up together


class LocalEngine:
    """Reads videos on this machine: decoding processes ahead of the network, batches full across videos."""

    def __init__(
        self,
        model: Model,
        window: Window | None = None,
        *,
        sampling: Sampling | None = None,
        all_streams: bool = False,
    ) -> None:
        """Nothing is started yet.

        Args:
            model: that embeds.
            window: None: one row a video.
            sampling: frames of a video that has one row; None: the model's own.
            all_streams: of a video that has one row, the vectors of all streams one after the other, as
                `Model.embed_streams` gives them.
        """
        self._model = model
        self._window = window
        self._sampling = sampling
        self._all_streams = all_streams

    def __call__(self, paths: Iterable[str]) -> Iterator[VideoRows]:
        """The rows of each video, in the order given.

        A file that changed while it was read gives an error, as nobody knows what its vector is of.
        """
        noted: deque[tuple[FileFacts | None, Future[str | None]]] = deque()
        with ThreadPoolExecutor(1, "zeroshot-digests") as notary:

            def noting() -> Iterator[str]:
                for path in paths:
                    noted.append((file_facts(path), notary.submit(file_digest, path)))
                    yield path

            for rows in self._embedded(noting()):
                facts, digest = noted.popleft()
                yield _signed(rows, facts, digest.result())

    def _embedded(self, paths: Iterator[str]) -> Iterator[VideoRows]:
        """The rows of each path, without what is known of the file."""
        if self._window is None:
            embed = self._model.embed_streams if self._all_streams else self._model.embed_sources
            for path, outcome in embed(paths, sampling=self._sampling):
                if isinstance(outcome, VideoError):
                    yield (EmbeddingRow(str(path), None, str(outcome)),)
                else:
                    yield (self._numbers(EmbeddingRow(str(path), outcome.reshape(-1))),)
            return
        for found in self._model.embed_windows(paths, self._window):
            spans = zip(found.vectors, found.windows.tolist(), strict=True)
            rows = [
                self._numbers(EmbeddingRow(found.path, vector, None, start, end))
                for vector, (start, end) in spans
            ]
            if found.error is not None:
                reached = rows[-1].end_seconds if rows else None
                rows.append(EmbeddingRow(found.path, None, str(found.error), reached))
            yield tuple(rows)

    def _numbers(self, row: EmbeddingRow) -> EmbeddingRow:
        """The row; an error in its place where its vector is none."""
        if row.embedding is None or np.isfinite(row.embedding).all():
            return row
        words = f"{printable(row.path)}: {self._model.name} gives NaN or infinity; take another precision"
        return replace(row, embedding=None, error=words)


def fill_table(
    table: EmbeddingTable, engine: Engine, paths: Iterable[str], *, retry: bool = False
) -> Iterator[VideoRows]:
    """Give each path its rows in the table; yields those that were read now, as they come.

    Killed at any moment, the same call goes on where the table ends. An interrupt writes what is there.

    Args:
        table: open.
        engine: that reads videos.
        paths: any number, taken lazily; one that is named twice has its rows once.
        retry: read those again whose row is an error.
    """
    begun: set[str] = set()

    def missing() -> Iterator[str]:
        for path in paths:
            if path not in begun and not table.has(path, retry=retry):
                begun.add(path)
                yield path

    for rows in engine(missing()):
        table.add(*rows)
        begun.discard(rows[0].path)
        yield rows


def look_up(table: EmbeddingTable, engine: Engine, paths: Iterable[str]) -> Iterator[VideoRows]:
    """The rows of each path, in the order given: from the table, or read now and added to it.

    Args:
        table: open.
        engine: that reads videos and gives them in the order given.
        paths: any number, taken lazily.
    """
    for block in look_up_blocks(table, engine, paths):
        yield from block


def look_up_blocks(table: EmbeddingTable, engine: Engine, paths: Iterable[str]) -> Iterator[list[VideoRows]]:
    """As `look_up`; what needs no waiting comes together."""
    remaining = iter(paths)
    while chunk := list(islice(remaining, _AT_ONCE)):
        known = {path: rows for path in chunk if (rows := table.rows_of(path)) is not None}
        fresh = fill_table(table, engine, [path for path in chunk if path not in known])
        block: list[VideoRows] = []
        for path in chunk:
            if path not in known and block:
                yield block
                block = []
            block.append(_awaited(path, known, fresh, table))
        yield block
        for _ in fresh:
            pass


def _awaited(
    path: str, known: dict[str, VideoRows], fresh: Iterator[VideoRows], table: EmbeddingTable
) -> VideoRows:
    """The rows of a path, once it has been read; others that come before it become known."""
    while path not in known:
        read = next(fresh, None)
        # Not read: it had the content of one that was read in the meantime.
        rows = table.recorded(path) if read is None else read
        known[rows[0].path] = rows
    return known[path]


def _signed(rows: VideoRows, facts: FileFacts | None, content: str | None) -> VideoRows:
    """The rows with what is known of their file, if it is still as it was when reading began."""
    path = rows[0].path
    if facts is not None and file_facts(path) not in {facts, None}:
        words = f"{printable(path)} changed while it was read; run again when it is complete"
        return (EmbeddingRow(path, None, words, facts=facts),)
    return tuple(replace(row, facts=facts, content=content) for row in rows)
