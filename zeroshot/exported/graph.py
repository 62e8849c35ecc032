"""One graph for all that happens between resized frames and probabilities of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zeroshot.model.clip_queue import PLAIN
from zeroshot.model.model import STREAMS
from zeroshot.model.tokens import pool_tokens
from zeroshot.video.transform import normalized

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.model.model import Model
    from zeroshot.model.networks.network import Network


class VideoGraph(nn.Module):
    """Frames (B, V, T, 3, h, w) uint8 → vectors (B, S, D), scores (B, S, K) and probabilities (B, S, K).

    B videos of V views of T frames, resized and cut to the network's own size. Of the S streams the vectors
    are unit rows, zero for the dynamic stream of a still clip; scores are cosines with the K labels; the
    probabilities are their softmax by the model's own scale.

    Attributes:
        streams: names of the S streams, in their order.
    """

    pool: Tensor
    labels: Tensor

    def __init__(self, model: Model, labels: NDArray[np.float32]) -> None:
        """The parts of a model, none of them copied.

        Args:
            model: on the processor, at precision exact.
            labels: (K, D) float32 unit rows.
        """
        super().__init__()
        backbone, adapter = model.backbone, model.adapter
        self.network = _Frames(backbone.precision.library, tokens=adapter is not None)
        self.adapter = adapter
        self.preprocess = backbone.preprocess
        self.scale = backbone.logit_scale
        self.streams = (PLAIN,) if adapter is None else (*STREAMS, PLAIN)
        self.register_buffer("labels", torch.from_numpy(labels.copy()))
        if adapter is not None and backbone.grid is not None:
            gh, gw = backbone.grid
            # Averages of patches as a product: exporters know no average pooling to sizes that do not divide.
            each = torch.eye(1 + gh * gw)
            self.register_buffer("pool", pool_tokens(each, (gh, gw), max(adapter.config.grid)))
            self.pooled_shape = (len(self.pool), adapter.config.token_dim)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Frames (B, V, T, 3, h, w) uint8 → vectors, scores, probabilities."""
        pixels = normalized(frames.flatten(0, 2).float(), self.preprocess)
        if self.adapter is None:
            rows = F.normalize(self.network(pixels), dim=-1)
            vectors = rows.reshape(frames.shape[0], 1, -1, rows.shape[-1]).mean(2)
        else:
            vectors = self._streams(frames, pixels, self.adapter)
        vectors = F.normalize(vectors, dim=-1)
        scores = (vectors @ self.labels.T).clamp(-1, 1)
        return vectors, scores, (self.scale * scores).softmax(-1)

    def _streams(self, frames: Tensor, pixels: Tensor, adapter: TwoStreamAdapter) -> Tensor:
        """(B, S, D) means over the views of each video, of any length."""
        videos, views, length = frames.shape[:3]
        tokens, embeddings = self.network(pixels)
        rows = F.normalize(embeddings, dim=-1).reshape(videos * views, length, -1)
        pooled = _as_on_disk(self.pool @ tokens).reshape(videos * views, length, *self.pooled_shape)
        streams = adapter(pooled, rows)
        named = [getattr(streams, name) for name in STREAMS]
        each = torch.stack([*named, rows.mean(1)], 1)
        return each.reshape(videos, views, len(self.streams), -1).mean(1)


def _as_on_disk(tokens: Tensor) -> Tensor:
    """Tokens rounded to the eleven binary digits of float16, as training reads them from disk, in float32.

    A cast there and back would do, but runtimes that compute all in float32 leave it out.
    Source: Veltkamp (1968), splitting of a number into two.
    """
    large = tokens * float(2**13 + 1)
    return large - (large - tokens)


class _Frames(nn.Module):
    """Pixels (n, 3, h, w) → embeddings (n, D), or tokens (n, 1+N, C) and embeddings."""

    def __init__(self, network: Network, *, tokens: bool) -> None:
        super().__init__()
        self.module = network.module
        self._embed = network.embed_tokens if tokens else network.embed_pixels

    def forward(self, pixels: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """What the network gives, not normalized."""
        found: Tensor | tuple[Tensor, Tensor] = self._embed(pixels)
        return found
