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

    def __init__(self, model: Model, labels: NDArray) -> None:  # type: ignore[type-arg]
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

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Frames (B, V, T, 3, h, w) uint8 → vectors, scores, probabilities."""
        pixels = normalized(frames.flatten(0, 2).float(), self.preprocess)
        if self.adapter is None:
            rows = F.normalize(self.network(pixels), dim=-1)
            frames_each = frames.shape[1] * frames.shape[2]
            vectors = rows.unflatten(0, (frames.shape[0], frames_each)).mean(1)[:, None]
        else:
            vectors = self._streams(frames, pixels, self.adapter)
        vectors = F.normalize(vectors, dim=-1)
        scores = (vectors @ self.labels.T).clamp(-1, 1)
        return vectors, scores, (self.scale * scores).softmax(-1)

    def _streams(self, frames: Tensor, pixels: Tensor, adapter: TwoStreamAdapter) -> Tensor:
        """(B, S, D) means over the views of each video, of any length."""
        tokens, embeddings = self.network(pixels)
        views, length = (frames.shape[0], frames.shape[1]), frames.shape[2]
        rows = F.normalize(embeddings, dim=-1).unflatten(0, (views[0] * views[1], length))
        # Rounded as they are on disk, where training reads them.
        pooled = (self.pool @ tokens).half().unflatten(0, (views[0] * views[1], length))
        streams = adapter(pooled, rows)
        named = [getattr(streams, name) for name in STREAMS]
        return torch.stack([*named, rows.mean(1)], 1).unflatten(0, views).mean(1)


class _Frames(nn.Module):
    """Pixels (n, 3, h, w) → embeddings (n, D), or tokens (n, 1+N, C) and embeddings."""

    def __init__(self, network: Network, *, tokens: bool) -> None:
        super().__init__()
        self.module = network.module
        self._embed = network.embed_tokens if tokens else network.embed_pixels

    def forward(self, pixels: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """What the network gives, not normalized."""
        return self._embed(pixels)
