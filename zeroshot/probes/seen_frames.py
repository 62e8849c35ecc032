"""Frames that a network has seen: each passes it once, in whatever clips and order it stands."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zeroshot.model.tokens import pool_tokens

if TYPE_CHECKING:
    from zeroshot.model.backbone import Backbone

_MOST_BYTES = 1 << 30


class SeenFrames:
    """Tokens and embeddings of frames, kept by their levels: a shuffled clip costs nothing.

    Args:
        backbone: that sees them.
        grid_side: patches a side that are left of each frame; None: no tokens are wanted.
    """

    def __init__(self, backbone: Backbone, grid_side: int | None) -> None:
        self._backbone, self._grid_side = backbone, grid_side
        self._kept: dict[bytes, tuple[Tensor, Tensor]] = {}
        self._num_bytes = 0

    def encode(self, frames: Tensor, *, anew: bool = False) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, 1+N, C) and embeddings (B, T, D), on the CPU; no tokens where none are wanted.

        Args:
            frames: (B, T, 3, H, W) levels 0 to 255: uint8 of any size, or float32 of the size that the
                network reads.
            anew: pass all through the network's own module, as who watches its layers needs it.
        """
        flat = frames.flatten(0, 1)
        if anew:
            rows = self._pooled(*self._backbone.pass_through_module(self._seen(flat)))
        else:
            names = [hashlib.sha256(frame.contiguous().numpy().tobytes()).digest() for frame in flat]
            places = {name: place for place, name in enumerate(names) if name not in self._kept}
            fresh = self._fresh(flat, places)
            each = [fresh[name] if name in fresh else self._kept[name] for name in names]
            rows = torch.stack([row[0] for row in each]), torch.stack([row[1] for row in each])
            self._keep(fresh)
        return rows[0].reshape(*frames.shape[:2], *rows[0].shape[1:]), rows[1].reshape(*frames.shape[:2], -1)

    def _fresh(self, flat: Tensor, places: dict[bytes, int]) -> dict[bytes, tuple[Tensor, Tensor]]:
        """Name → token and embedding of the frames that have not been seen, at these places."""
        if not places:
            return {}
        return dict(zip(places, zip(*self._read(flat[list(places.values())]), strict=True), strict=True))

    def _seen(self, flat: Tensor) -> Tensor:
        """Frames (n, 3, h, w) as the network sees them."""
        return flat if flat.is_floating_point() else self._backbone.see_frames(flat.numpy())

    def _read(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Of frames (n, 3, H, W)."""
        seen = self._seen(flat)
        if self._grid_side is None:
            return self._pooled(None, self._backbone.encode_seen(seen))
        return self._pooled(*self._backbone.encode_seen_tokens(seen))

    def _pooled(self, tokens: Tensor | None, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (n, 1+N, C), of no width where none are wanted, and embeddings (n, D)."""
        embeddings = embeddings.float().cpu()
        if self._grid_side is None or tokens is None:
            return embeddings.new_zeros(len(embeddings), 1, 0), embeddings
        return pool_tokens(tokens, self._backbone.grid or (1, 1), self._grid_side).half().cpu(), embeddings

    def _keep(self, fresh: dict[bytes, tuple[Tensor, Tensor]]) -> None:
        """Remember these while there is room."""
        for name, (tokens, embedding) in fresh.items():
            self._num_bytes += 2 * tokens.numel() + 4 * embedding.numel()
            if self._num_bytes > _MOST_BYTES:
                return
            self._kept[name] = tokens.clone(), embedding.clone()
