"""Many files through a model into a table: what is there already is not read again."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from zeroshot.batch.parquet import EmbeddingRow
from zeroshot.errors import VideoError, printable
from zeroshot.video.identity import file_digest, file_facts
from zeroshot.video.source import name_of, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from zeroshot.batch.table import EmbeddingTable
    from zeroshot.model.model import Model
    from zeroshot.video.identity import FileFacts
    from zeroshot.video.sampling import Sampling, Window
    from zeroshot.video.source import FileSource, VideoSource

VideoRows: TypeAlias = "tuple[EmbeddingRow, ...]"
"""All rows of one video: one, or one a window, at least one in any case."""

Engine: TypeAlias = "Callable[[Iterable[FileSource]], Iterator[VideoRows]]"
"""Reads videos: paths or stretches in, taken lazily; the rows of each out, in any order."""

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
        drifts: bool = False,
        pooling: str = "video",
        plain: bool = False,
    ) -> None:
        """Nothing is started yet.

        Args:
            model: that embeds.
            window: None: one row a video.
            sampling: frames of a video that has one row; None: the model's own.
            all_streams: of a video that has one row, the vectors of all streams one after the other, as
                `Model.embed_streams` gives them.
            drifts: the drift of each row as well.
            pooling: of all streams, as for `Model.embed_streams`.
            plain: among all streams also what the backbone says without its adapter.
        """
        self._model = model
        self._window = window
        self._sampling = sampling
        self._all_streams = all_streams
        self._drifts = drifts
        self._pooling = pooling
        self._plain = plain

    def __call__(self, sources: Iterable[FileSource]) -> Iterator[VideoRows]:
        """The rows of each video, in the order given.

        A file that changed while it was read gives an error, as nobody knows what its vector is of.
        """
        noted: deque[tuple[FileSource, FileFacts | None, Future[str | None]]] = deque()
        with ThreadPoolExecutor(1, "zeroshot-digests") as notary:

            def noting() -> Iterator[FileSource]:
                for source in sources:
                    noted.append((source, file_facts(source), notary.submit(file_digest, source)))
                    yield source

            for rows in self._embedded(noting()):
                source, facts, digest = noted.popleft()
                yield _signed(rows, source, facts, digest.result())

    def _embedded(self, sources: Iterator[FileSource]) -> Iterator[VideoRows]:
        """The rows of each source, without what is known of the file."""
        if self._window is None:
            embed = self._model.embed_streams if self._all_streams else self._model.embed_sources
            embed = partial(embed, drifts=True) if self._drifts else embed
            if self._plain or self._pooling != "video":
                streams = partial(self._model.embed_streams, plain=self._plain, pooling=self._pooling)
                embed = partial(streams, drifts=True) if self._drifts else streams
            for source, outcome in embed(sources, sampling=self._sampling):
                name = path_of(source)
                if isinstance(outcome, VideoError):
                    yield (EmbeddingRow(name, None, str(outcome)),)
                    continue
                vectors, drift = (outcome[:-1], outcome[-1]) if self._drifts else (outcome, None)
                end = self._end_of(source)
                row = EmbeddingRow(name, vectors.reshape(-1), breaks_off_seconds=end, drift=drift)
                yield (self._numbers(row),)
            return
        for found in self._model.embed_windows(map(path_of, sources), self._window, drifts=self._drifts):
            drifts = [None] * len(found.vectors) if found.drifts is None else list(found.drifts)
            spans = zip(found.vectors, found.windows.tolist(), drifts, strict=True)
            last = self._end_of(found.path)
            rows = [
                self._numbers(
                    EmbeddingRow(found.path, vector, None, start, end, breaks_off_seconds=last, drift=drift)
                )
                for vector, (start, end), drift in spans
            ]
            if found.error is not None:
                reached = rows[-1].end_seconds if rows else None
                rows.append(EmbeddingRow(found.path, None, str(found.error), reached))
            yield tuple(rows)

    def _end_of(self, source: VideoSource) -> float | None:
        """Where a video broke off that was read now."""
        return self._model.break_offs.get(name_of(source))

    def _numbers(self, row: EmbeddingRow) -> EmbeddingRow:
        """The row; an error in its place where its vector is none."""
        if row.embedding is None or np.isfinite(row.embedding).all():
            return row
        words = f"{printable(row.path)}: {self._model.name} gives NaN or infinity; take another precision"
        return replace(row, embedding=None, error=words, drift=None)


def fill_table(
    table: EmbeddingTable, engine: Engine, sources: Iterable[FileSource], *, retry: bool = False
) -> Iterator[VideoRows]:
    """Give each source its rows in the table; yields those that were read now, as they come.

    Killed at any moment, the same call goes on where the table ends. An interrupt writes what is there.

    Args:
        table: open.
        engine: that reads videos.
        sources: any number, taken lazily; one that is named twice has its rows once.
        retry: read those again whose row is an error.
    """
    begun: set[str] = set()

    def missing() -> Iterator[FileSource]:
        for source in sources:
            if path_of(source) not in begun and not table.has(source, retry=retry):
                begun.add(path_of(source))
                yield source

    for rows in engine(missing()):
        table.add(*rows)
        begun.discard(rows[0].path)
        yield rows


def look_up(table: EmbeddingTable, engine: Engine, sources: Iterable[FileSource]) -> Iterator[VideoRows]:
    """The rows of each source, in the order given: from the table, or read now and added to it.

    Args:
        table: open.
        engine: that reads videos and gives them in the order given.
        sources: any number, taken lazily.
    """
    for block in look_up_blocks(table, engine, sources):
        yield from block


def look_up_blocks(
    table: EmbeddingTable, engine: Engine, sources: Iterable[FileSource]
) -> Iterator[list[VideoRows]]:
    """As `look_up`; what needs no waiting comes together."""
    remaining = iter(sources)
    while chunk := list(islice(remaining, _AT_ONCE)):
        known = {path_of(each): rows for each in chunk if (rows := table.rows_of(each)) is not None}
        fresh = fill_table(table, engine, [each for each in chunk if path_of(each) not in known])
        block: list[VideoRows] = []
        for source in chunk:
            if path_of(source) not in known and block:
                yield block
                block = []
            block.append(_awaited(source, known, fresh, table))
        yield block
        for _ in fresh:
            pass


def _awaited(
    source: FileSource, known: dict[str, VideoRows], fresh: Iterator[VideoRows], table: EmbeddingTable
) -> VideoRows:
    """The rows of a source, once it has been read; others that come before it become known."""
    while path_of(source) not in known:
        read = next(fresh, None)
        # Not read: it had the content of one that was read in the meantime.
        rows = table.recorded(source) if read is None else read
        known[rows[0].path] = rows
    return known[path_of(source)]


def _signed(rows: VideoRows, source: FileSource, facts: FileFacts | None, content: str | None) -> VideoRows:
    """The rows with what is known of their file, if it is still as it was when reading began."""
    if facts is not None and file_facts(source) not in {facts, None}:
        words = f"{name_of(source)} changed while it was read; run again when it is complete"
        return (EmbeddingRow(path_of(source), None, words, facts=facts),)
    return tuple(replace(row, facts=facts, content=content) for row in rows)
