"""Clips of any number and length to vectors: their frames fill batches, and each clip gets its own back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import numpy as np
import torch
import torch.nn.functional as F

from zeroshot.errors import OptionError, VideoError
from zeroshot.model.backbone import unit_mean
from zeroshot.model.drift import centered_times, drift
from zeroshot.model.networks.network import not_finite
from zeroshot.model.speed.threads import alone, joined, map_apart
from zeroshot.model.tokens import pool_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.model.backbone import Backbone
    from zeroshot.types import Clip
    from zeroshot.video.processes.windows import WindowGroup

Rows: TypeAlias = tuple[torch.Tensor, ...]
"""What is read of some frames: their embeddings (B, D), after their tokens (B, 1+N, C) for an adapter."""

PLAIN = "clip"
"""The stream of a model without an adapter: the mean of its frames."""

T = TypeVar("T")

_CLIPS_APART = 8  # of which one thread has enough


def require_length(num_frames: int, backbone: Backbone, adapter: TwoStreamAdapter | None) -> None:
    """Refuse another number of frames than an adapter, or a network that reads clips, reads.

    Raises:
        OptionError: it is another.
    """
    wanted = None if adapter is None else adapter.config.num_frames
    if adapter is None and not backbone.facts.any_clip_length:
        wanted = backbone.facts.clip_frames
    if wanted not in {None, num_frames}:
        who = backbone.name if adapter is None else f"the adapter on {backbone.name}"
        raise OptionError(
            f"clips have {num_frames} frames; {who} reads {wanted}: leave the number of frames to it"
        )


POOLINGS = ("video", "views", "raw views")
"""What becomes of a video's V views of T frames.

One vector of unit length, the mean over all unit rows; or V vectors, each the mean over the view's unit rows
as it comes; or V vectors of unit length, each the mean over the view's rows as the network gives them.
"""


@dataclass(eq=False)
class _Place(Generic[T]):
    """Something that waits for its vector.

    Attributes:
        tag: the caller's name for it.
        missing: frames, or clips for a network that reads those, that were put in and have no rows yet.
        is_open: whether more frames will be put in.
        rows: what the network gave for its frames so far, a piece a batch.
        times: of its frames, a piece a clip, where a drift is asked for.
        views: clips that were put in.
        outcome: its vector (D,) in this processor's memory, or the error that stands for it.
        event: until it has happened, the vector's memory is not filled.
        batch: number of the batch that completed it.
    """

    tag: T
    missing: int = 0
    is_open: bool = True
    rows: list[Rows] = field(default_factory=list)
    times: list[NDArray[np.float32]] = field(default_factory=list)
    views: int = 0
    outcome: torch.Tensor | VideoError | None = None
    event: torch.cuda.Event | None = None
    batch: int = 0


class ClipQueue(Generic[T]):
    """Clips queue; their frames, however many each has, fill one batch after the other.

    What waits is less than two batches of frames. On a GPU results are copied back while the next batch is
    prepared, and fetched once that has begun.

    Attributes:
        embedding_dim: D.
    """

    def __init__(
        self,
        backbone: Backbone,
        adapter: TwoStreamAdapter | None = None,
        streams: str | tuple[str, ...] = "fused",
        *,
        drifts: bool = False,
        pooling: str = "video",
    ) -> None:
        """An empty queue.

        Args:
            backbone: the frozen network.
            adapter: on its tokens; None: a vector is the mean of the frames' embeddings, or of the clips'.
            streams: of the adapter: the name of one for vectors (D,), several for (S, D); among them
                `clip`, what the backbone says without it.
            drifts: a last row more for each, its drift: (2, D) or (S + 1, D).
            pooling: one of `POOLINGS`. By views vectors are (V, D), or (S, V, D) of several streams, whose
                views always have unit length; drifts are for whole videos alone.

        Raises:
            ModelError: drifts are asked of a network that reads clips as a whole.
        """
        backbone.require_here()
        if drifts:
            backbone.require_frames_apart()
        self._clip_frames = backbone.facts.clip_frames
        self._most = max(1, backbone.batch_size // (self._clip_frames or 1))
        self.embedding_dim = backbone.embedding_dim
        self._backbone = backbone
        self._adapter = adapter
        self._streams = streams
        self._drifts = drifts
        self._pooling = pooling
        self._waiting: deque[_Place[T]] = deque()
        self._pixels: deque[tuple[_Place[T], torch.Tensor]] = deque()
        self._whole: list[_Place[T]] = []
        self._num_waiting = 0  # frames, or clips for a network that reads those
        self._num_batches = 0

    def put(self, tag: T, clips: Iterable[Clip] | VideoError) -> None:
        """Last in the queue: an error, or the clips that one vector is to speak for."""
        place = _Place(tag)
        self._waiting.append(place)
        if isinstance(clips, VideoError):
            place.outcome = clips
            return
        for clip in clips:
            place.views += 1
            if self._drifts:
                place.times.append(centered_times(clip.seconds))
            for piece in self._pixels_of(clip):
                self._pixels.append((place, piece))
                place.missing += len(piece)
                self._num_waiting += len(piece)
                while self._num_waiting >= self._most:
                    self._run()
        place.is_open = False
        if not place.missing:
            self._whole.append(place)
        self._join()

    def ready(self) -> Iterator[tuple[T, NDArray[np.float32] | VideoError]]:
        """Those at the head of the queue whose outcome is there.

        Raises:
            ModelError: the network gives something else than numbers.
        """
        while self._waiting and self._waiting[0].outcome is not None:
            if self._waiting[0].event is not None and self._waiting[0].batch == self._num_batches:
                return  # the GPU is at it
            yield self._first()

    def rest(self) -> Iterator[tuple[T, NDArray[np.float32] | VideoError]]:
        """All others: what is left of a batch is run, so that nobody queues any more.

        Raises:
            ModelError: the network gives something else than numbers.
        """
        while self._num_waiting:
            self._run()
        self._join()
        while self._waiting:
            yield self._first()

    def _pixels_of(self, clip: Clip) -> Iterator[torch.Tensor]:
        """What the network reads of a clip, a batch of frames or less at a time, or all at once."""
        whole = self._clip_frames is not None
        size = len(clip.frames) if whole else self._backbone.batch_size
        for start in range(0, len(clip.frames), max(1, size)):
            frames = clip.frames[start : start + size]
            if self._backbone.device.type == "cuda":  # pinned: copied while the GPU works
                pinned = torch.from_numpy(frames.copy(order="K")).pin_memory()
                pixels = self._backbone.prepare_frames(pinned)
            else:
                pixels = self._backbone.prepare_frames(frames)
            yield pixels[None] if whole else pixels

    def _first(self) -> tuple[T, NDArray[np.float32] | VideoError]:
        """Who is first in the queue, and leaves it."""
        place = self._waiting.popleft()
        if place.event is not None:
            place.event.synchronize()
        if not isinstance(place.outcome, torch.Tensor):
            return place.tag, place.outcome or VideoError("a clip has no frames; give one or more")
        vector: NDArray[np.float32] = place.outcome.numpy()
        if not np.isfinite(vector).all():
            raise not_finite(f"{'' if self._adapter is None else 'the adapter on '}{self._backbone.name}")
        return place.tag, vector

    def _run(self) -> None:
        """One batch of pixels of one shape through the network, and each row to whom it belongs."""
        pieces: list[tuple[_Place[T], torch.Tensor]] = []
        free, shape = self._most, self._pixels[0][1].shape[1:]
        while free and self._pixels and self._pixels[0][1].shape[1:] == shape:
            place, piece = self._pixels.popleft()
            if len(piece) > free:
                self._pixels.appendleft((place, piece[free:]))
            pieces.append((place, piece[:free]))
            free -= len(pieces[-1][1])
        self._num_waiting -= self._most - free
        self._num_batches += 1
        rows = self._encode(joined([piece for _, piece in pieces]))
        lengths = [len(piece) for _, piece in pieces]
        shares = zip(*(torch.split(each, lengths) for each in rows), strict=True)
        for (place, piece), share in zip(pieces, shares, strict=True):
            place.rows.append(share)
            place.missing -= len(piece)
            place.batch = self._num_batches
            if not (place.missing or place.is_open):
                self._whole.append(place)

    def _encode(self, pixels: torch.Tensor) -> Rows:
        """What is read of pixels (B, 3, h, w); tokens are pooled and rounded as on disk."""
        if self._adapter is None:
            encode = self._backbone.encode_pixels
            return (encode(pixels, unit=False) if self._pooling == "raw views" else encode(pixels),)
        tokens, rows = self._backbone.encode_pixel_tokens(pixels)
        grid, side = self._backbone.grid or (1, 1), max(self._adapter.config.grid)
        if tokens.device.type != "cpu":
            return pool_tokens(tokens, grid, side).half(), rows
        return alone(lambda: pool_tokens(tokens, grid, side).half()), rows

    def _join(self) -> None:
        """Give those whose rows are all there their vectors."""
        if not self._whole:
            return
        whole, self._whole = self._whole, []
        if self._adapter is None:
            vectors = [self._pooled(torch.cat([rows for (rows,) in place.rows]), place) for place in whole]
        else:
            vectors = self._adapted_apart([place.rows for place in whole], self._adapter)
        if self._drifts:
            pairs = zip(vectors, map(_drift, whole), strict=True)
            vectors = [torch.cat([vector.view(-1, len(row)), row[None]]) for vector, row in pairs]
        host, event = _fetched(torch.stack(vectors).float())
        for place, vector in zip(whole, host, strict=True):
            place.outcome, place.event, place.rows = vector, event, []

    def _pooled(self, rows: torch.Tensor, place: _Place[T]) -> torch.Tensor:
        """(D,) of the rows (V · T, D) of a place, or (V, D)."""
        if self._pooling == "video":
            return unit_mean(rows)
        means = rows.reshape(place.views, -1, rows.shape[1]).mean(dim=1)
        return means if self._pooling == "views" else F.normalize(means, dim=-1)

    def _adapted_apart(self, clips: list[list[Rows]], adapter: TwoStreamAdapter) -> list[torch.Tensor]:
        """Vectors of the streams, a few clips a thread."""
        if self._backbone.device.type != "cpu":
            return self._adapted(clips, adapter)
        parts = [clips[start : start + _CLIPS_APART] for start in range(0, len(clips), _CLIPS_APART)]
        return list(chain.from_iterable(map_apart(lambda some: self._adapted(some, adapter), parts)))

    def _adapted(self, clips: list[list[Rows]], adapter: TwoStreamAdapter) -> list[torch.Tensor]:
        """Vectors of the streams, from the tokens and rows of the V · T frames of each of n places."""
        pieces = [piece for clip in clips for piece in clip]
        tokens, rows = (torch.cat(column) for column in zip(*pieces, strict=True))
        num_frames = adapter.config.num_frames
        rows = rows.reshape(-1, num_frames, rows.shape[1])
        with torch.inference_mode():
            streams = adapter(tokens.reshape(-1, num_frames, *tokens.shape[1:]), rows)
        if isinstance(self._streams, str):
            vectors: torch.Tensor = getattr(streams, self._streams)
        else:
            named = {name: getattr(streams, name) for name in self._streams if name != PLAIN}
            mean = rows.float().mean(1)  # of one view; views are averaged like it
            named[PLAIN] = mean if self._pooling == "video" else F.normalize(mean, dim=-1)
            vectors = torch.stack([named[name] for name in self._streams], dim=1)
        views = [sum(len(piece[0]) for piece in clip) // num_frames for clip in clips]
        if self._pooling != "video":
            return [part.movedim(0, -2) for part in torch.split(vectors, views)]
        return [unit_mean(part) for part in torch.split(vectors, views)]


def _drift(place: _Place[T]) -> torch.Tensor:
    """(D,) drift of the frames of a place whose rows are all there."""
    embeddings = torch.cat([piece[-1] for piece in place.rows]).float()
    return drift(embeddings, torch.from_numpy(np.concatenate(place.times)).to(embeddings.device))


@dataclass(frozen=True, eq=False)
class WindowVectors:
    """What came of the windows of one video.

    Attributes:
        path: as it was named.
        windows: (n, 2) float64, start and end in seconds, in time order.
        vectors: (n, D) float32 unit rows.
        drifts: (n, D) float32, or None where none were asked for.
        error: what ended the video before its end, or None.
    """

    path: str
    windows: NDArray[np.float64]
    vectors: NDArray[np.float32]
    drifts: NDArray[np.float32] | None
    error: VideoError | None


def vectors_of_windows(
    groups: Iterable[WindowGroup], queue: ClipQueue[tuple[WindowGroup, int]]
) -> Iterator[WindowVectors]:
    """The vectors of each video whose windows come in groups, in their order.

    Args:
        groups: from `ClipReader.read_many_windows`.
        queue: an empty one.
    """
    rows: list[tuple[tuple[float, float], NDArray[np.float32]]] = []
    for group in chain(groups, [None]):  # None: nothing follows, and the queue is emptied
        if group is not None:
            _put(queue, group)
        for (owner, place), outcome in queue.rest() if group is None else queue.ready():
            failed = isinstance(outcome, VideoError)
            if not isinstance(outcome, VideoError):
                rows.append((owner.windows[place], outcome))
            if owner.is_last and (failed or place + 1 == len(owner.windows)):
                yield _joined(owner, rows, queue.embedding_dim)
                rows = []


def _put(queue: ClipQueue[tuple[WindowGroup, int]], group: WindowGroup) -> None:
    """Put the windows of a group into the queue, each by itself."""
    if isinstance(group.outcome, VideoError):
        queue.put((group, 0), group.outcome)
        return
    for place, clip in enumerate(group.outcome):
        queue.put((group, place), [clip])


def _joined(
    last: WindowGroup, rows: list[tuple[tuple[float, float], NDArray[np.float32]]], width: int
) -> WindowVectors:
    """The windows of a video and their vectors, once its last group is done."""
    windows = np.array([window for window, _ in rows], np.float64).reshape(len(rows), 2)
    vectors = np.stack([vector for _, vector in rows]) if rows else np.zeros((0, width), np.float32)
    error = last.outcome if isinstance(last.outcome, VideoError) else None
    vectors, drifts = apart(vectors) if vectors.ndim == 3 else (vectors, None)
    return WindowVectors(last.path, windows, vectors, drifts, error)


def apart(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(n, D) vectors and (n, D) drifts of (n, 2, D) rows that a queue with drifts gave."""
    return np.ascontiguousarray(rows[:, 0]), np.ascontiguousarray(rows[:, -1])


def rows_of(
    outcomes: Iterable[tuple[object, NDArray[np.float32] | VideoError]], *shape: int
) -> NDArray[np.float32]:
    """(n, *shape) what came of n videos, one after the other; the first error is raised."""
    rows = []
    for _, outcome in outcomes:
        if isinstance(outcome, VideoError):
            raise outcome
        rows.append(outcome)
    return np.stack(rows) if rows else np.zeros((0, *shape), np.float32)


def _fetched(vectors: torch.Tensor) -> tuple[torch.Tensor, torch.cuda.Event | None]:
    """Vectors (n, D) in this processor's memory, and the event after which they are there."""
    if vectors.device.type != "cuda":
        return vectors.cpu(), None
    host = torch.empty(vectors.shape, dtype=vectors.dtype, pin_memory=True)
    host.copy_(vectors, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    return host, event
