"""Frames of many clips through a network in full batches, and the results back in the order of the clips."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import torch

from zeroshot.errors import VideoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

Rows: TypeAlias = tuple[torch.Tensor, ...]
"""What a network gives for some frames: tensors with a row each."""

T = TypeVar("T")


@dataclass(eq=False)
class _Place(Generic[T]):
    """Something that waits for its vector.

    Attributes:
        tag: the caller's name for it.
        missing: frames put in whose rows have not come yet.
        is_open: whether more frames will be put in.
        rows: what the network gave for its frames so far, a piece a batch.
        outcome: its vector (D,) in this processor's memory, or the error that stands for it.
        event: until it has happened, the vector's memory is not filled.
        batch: number of the batch that completed it.
    """

    tag: T
    missing: int = 0
    is_open: bool = True
    rows: list[Rows] = field(default_factory=list)
    outcome: torch.Tensor | VideoError | None = None
    event: torch.cuda.Event | None = None
    batch: int = 0


class Line(Generic[T]):
    """Clips stand in line; their frames, however many each has, fill one batch after the other.

    What waits is less than two batches of frames. On a GPU results are copied back while the next batch is
    prepared, and fetched once that has begun.
    """

    def __init__(
        self,
        encode: Callable[[torch.Tensor], Rows],
        join: Callable[[list[list[Rows]]], list[torch.Tensor]],
        batch_size: int,
    ) -> None:
        """Nothing in line yet.

        Args:
            encode: pixels (B, 3, h, w) to tensors of B rows each.
            join: the rows of n clips, in pieces, to their n vectors (D,).
            batch_size: B.
        """
        self._encode = encode
        self._join = join
        self._batch_size = batch_size
        self._line: deque[_Place[T]] = deque()
        self._pixels: deque[tuple[_Place[T], torch.Tensor]] = deque()
        self._whole: list[_Place[T]] = []
        self._num_waiting = 0
        self._num_batches = 0

    def put(self, tag: T, pixels: Iterable[torch.Tensor] | VideoError) -> None:
        """Next in line: an error, or pixels in pieces (n, 3, h, w), which are taken one by one."""
        place = _Place(tag)
        self._line.append(place)
        if isinstance(pixels, VideoError):
            place.outcome = pixels
            return
        for piece in pixels:
            self._pixels.append((place, piece))
            place.missing += len(piece)
            self._num_waiting += len(piece)
            while self._num_waiting >= self._batch_size:
                self._run()
        place.is_open = False
        if not place.missing:
            self._whole.append(place)
        self._settle()

    def ready(self) -> Iterator[tuple[T, NDArray[np.float32] | VideoError]]:
        """Those at the head of the line whose outcome is there."""
        while self._line and self._line[0].outcome is not None:
            if self._line[0].event is not None and self._line[0].batch == self._num_batches:
                return  # the GPU is at it
            yield self._first()

    def rest(self) -> Iterator[tuple[T, NDArray[np.float32] | VideoError]]:
        """All others: what is left of a batch is run, so that nobody stands in line any more."""
        while self._num_waiting:
            self._run()
        self._settle()
        while self._line:
            yield self._first()

    def _first(self) -> tuple[T, NDArray[np.float32] | VideoError]:
        """Who is first in line, and leaves it."""
        place = self._line.popleft()
        if place.event is not None:
            place.event.synchronize()
        if isinstance(place.outcome, torch.Tensor):
            vector: NDArray[np.float32] = place.outcome.numpy()
            return place.tag, vector
        return place.tag, place.outcome or VideoError("a clip has no frames; give one or more")

    def _run(self) -> None:
        """One batch through the network, and each row to whom it belongs."""
        pieces: list[tuple[_Place[T], torch.Tensor]] = []
        free = self._batch_size
        while free and self._pixels:
            place, piece = self._pixels.popleft()
            if len(piece) > free:
                self._pixels.appendleft((place, piece[free:]))
            pieces.append((place, piece[:free]))
            free -= len(pieces[-1][1])
        self._num_waiting -= self._batch_size - free
        self._num_batches += 1
        rows = self._encode(torch.cat([piece for _, piece in pieces]))
        lengths = [len(piece) for _, piece in pieces]
        shares = zip(*(torch.split(each, lengths) for each in rows), strict=True)
        for (place, piece), share in zip(pieces, shares, strict=True):
            place.rows.append(share)
            place.missing -= len(piece)
            place.batch = self._num_batches
            if not (place.missing or place.is_open):
                self._whole.append(place)

    def _settle(self) -> None:
        """Give those whose rows are all there their vectors."""
        if not self._whole:
            return
        whole, self._whole = self._whole, []
        host, event = _fetched(torch.stack(self._join([place.rows for place in whole])).float())
        for place, vector in zip(whole, host, strict=True):
            place.outcome, place.event, place.rows = vector, event, []


def _fetched(vectors: torch.Tensor) -> tuple[torch.Tensor, torch.cuda.Event | None]:
    """Vectors (n, D) in this processor's memory, and the event after which they are there."""
    if vectors.device.type != "cuda":
        return vectors.cpu(), None
    host = torch.empty(vectors.shape, dtype=vectors.dtype, pin_memory=True)
    host.copy_(vectors, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    return host, event
