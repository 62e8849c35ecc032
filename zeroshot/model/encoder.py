"""Clips of any number and length to vectors: by the backbone alone, or by the adapter on top of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from zeroshot.errors import VideoError
from zeroshot.model.batch_queue import Line
from zeroshot.model.tokens import pool_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.model.backbone import Backbone
    from zeroshot.model.batch_queue import Rows
    from zeroshot.types import Clip
    from zeroshot.video.processes.reader import WindowGroup


class ClipEncoder:
    """A backbone, and maybe an adapter, as what turns the frames of a clip into its vector.

    Attributes:
        embedding_dim: D.
    """

    def __init__(
        self, backbone: Backbone, adapter: TwoStreamAdapter | None, streams: str | tuple[str, ...]
    ) -> None:
        """Join them.

        Args:
            backbone: the frozen network.
            adapter: on its tokens; None: a vector is the mean of the frames' embeddings.
            streams: of the adapter: the name of one for vectors (D,), several for (S, D).
        """
        self.embedding_dim = backbone.embedding_dim
        self._backbone = backbone
        self._adapter = adapter
        self._streams = streams

    def line(self) -> Line[Any]:
        """Where clips wait for their vectors."""
        if self._adapter is None:
            return Line(self._encode, _unit_means, self._backbone.batch_size)
        return Line(self._encode_tokens, self._adapt, self._backbone.batch_size)

    def pieces(self, clips: Iterable[Clip]) -> Iterator[torch.Tensor]:
        """What the network reads of clips, a batch of frames or less at a time."""
        for clip in clips:
            for start in range(0, len(clip.frames), self._backbone.batch_size):
                frames = clip.frames[start : start + self._backbone.batch_size]
                if self._backbone.device.type == "cuda":  # pinned: copied while the GPU works
                    yield self._backbone.prepare_frames(torch.from_numpy(frames.copy(order="K")).pin_memory())
                else:
                    yield self._backbone.prepare_frames(frames)

    def _encode(self, pixels: torch.Tensor) -> Rows:
        """Unit rows (B, D) of pixels (B, 3, h, w)."""
        return (self._backbone.encode_pixels(pixels),)

    def _encode_tokens(self, pixels: torch.Tensor) -> Rows:
        """Tokens (B, 1+N, C), pooled and rounded as on disk, and unit rows (B, D), of pixels (B, 3, h, w)."""
        tokens, rows = self._backbone.encode_pixel_tokens(pixels)
        grid = (1, 1) if self._adapter is None else self._adapter.config.grid
        return pool_tokens(tokens, self._backbone.grid or (1, 1), max(grid)).half(), rows

    def _adapt(self, clips: list[list[Rows]]) -> list[torch.Tensor]:
        """Vectors of the streams, from the tokens and rows of the V · T frames of each clip."""
        if self._adapter is None:
            return _unit_means(clips)
        pieces = [piece for clip in clips for piece in clip]
        tokens, rows = (torch.cat(column) for column in zip(*pieces, strict=True))
        num_frames = self._adapter.config.num_frames
        with torch.inference_mode():
            streams = self._adapter(
                tokens.reshape(-1, num_frames, *tokens.shape[1:]),
                rows.reshape(-1, num_frames, rows.shape[1]),
            )
        if isinstance(self._streams, str):
            vectors: torch.Tensor = getattr(streams, self._streams)
        else:
            vectors = torch.stack([getattr(streams, name) for name in self._streams], dim=1)
        views = [sum(len(piece[0]) for piece in clip) // num_frames for clip in clips]
        return [unit_mean(part) for part in torch.split(vectors, views)]


@dataclass(frozen=True, eq=False)
class WindowVectors:
    """What came of the windows of one video.

    Attributes:
        path: as it was named.
        windows: (n, 2) float64, start and end in seconds, in time order.
        vectors: (n, D) float32 unit rows.
        error: what ended the video before its end, or None.
    """

    path: str
    windows: NDArray[np.float64]
    vectors: NDArray[np.float32]
    error: VideoError | None


def vectors_of_windows(groups: Iterable[WindowGroup], encoder: ClipEncoder) -> Iterator[WindowVectors]:
    """The vectors of each video whose windows come in groups, in their order.

    Args:
        groups: from `ClipReader.read_many_windows`.
        encoder: of clips.
    """
    line: Line[tuple[WindowGroup, int]] = encoder.line()
    rows: list[tuple[tuple[float, float], NDArray[np.float32]]] = []
    for group in chain(groups, [None]):  # None: nothing follows, and the line is emptied
        if group is not None:
            _put(line, group, encoder)
        for (owner, place), outcome in line.rest() if group is None else line.ready():
            failed = isinstance(outcome, VideoError)
            if not isinstance(outcome, VideoError):
                rows.append((owner.windows[place], outcome))
            if owner.is_last and (failed or place + 1 == len(owner.windows)):
                yield _joined(owner, rows, encoder.embedding_dim)
                rows = []


def _put(line: Line[tuple[WindowGroup, int]], group: WindowGroup, encoder: ClipEncoder) -> None:
    """Stand the windows of a group in line."""
    if isinstance(group.outcome, VideoError):
        line.put((group, 0), group.outcome)
        return
    for place, clip in enumerate(group.outcome):
        line.put((group, place), encoder.pieces([clip]))


def _joined(
    last: WindowGroup, rows: list[tuple[tuple[float, float], NDArray[np.float32]]], width: int
) -> WindowVectors:
    """The windows of a video and their vectors, once its last group is done."""
    windows = np.array([window for window, _ in rows], np.float64).reshape(len(rows), 2)
    vectors = np.stack([vector for _, vector in rows]) if rows else np.zeros((0, width), np.float32)
    error = last.outcome if isinstance(last.outcome, VideoError) else None
    return WindowVectors(last.path, windows, vectors, error)


def unit_mean(vectors: torch.Tensor) -> torch.Tensor:
    """Mean (D,) of vectors (n, D), or (S, D) of (n, S, D), scaled to unit length."""
    return F.normalize(vectors.mean(dim=0), dim=-1)


def _unit_means(clips: list[list[Rows]]) -> list[torch.Tensor]:
    """Vectors (D,) from the unit rows of the frames of each clip."""
    return [unit_mean(torch.cat([rows for (rows,) in clip])) for clip in clips]
