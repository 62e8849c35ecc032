"""Streams of frame embeddings: a code of what one frame tells, and a code a frame of what changes.

A comparison with the streams of tokens; the decoder and the priors that teach the codes are losses.

Source: Berman et al., "Sequential disentanglement by extracting static information from a single sequence
element", ICML 2024, on frozen embeddings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from zeroshot.adapter.config import FRAME_CODE, STATIC_CODE
from zeroshot.adapter.streams import drop, frames_at, random_places, root_mean_square, subtract_reference

if TYPE_CHECKING:
    from zeroshot.adapter.config import AdapterConfig

_WIDTH = 128


class CodeHead(nn.Linear):
    """Rows (B, D) from the means of codes alone (B, T, 2·W), flat as the streams have them; no bias.

    Args:
        num_codes: T.
        code_dim: W.
        embedding_dim: D.
    """

    def __init__(self, num_codes: int, code_dim: int, embedding_dim: int) -> None:
        super().__init__(num_codes * code_dim, embedding_dim, bias=False)
        self.num_codes = num_codes

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, T·2·W) → (B, D)."""
        width = 2 * self.in_features // self.num_codes
        means = hidden.reshape(len(hidden), self.num_codes, width).chunk(2, -1)[0]
        return super().forward(means.flatten(1))


class SequenceStream(nn.Module):
    """A code of each frame from how it differs from the reference, and from the frames before it.

    Of a still clip every code is zero: mean 0, variance 1, whatever it shows.
    """

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        self.config = config
        self.memory = nn.LSTM(config.embedding_dim, _WIDTH, batch_first=True)
        self.code = nn.Linear(_WIDTH, 2 * FRAME_CODE)
        self.head = CodeHead(config.num_frames, FRAME_CODE, config.embedding_dim)

    def change(self, embeddings: Tensor, generator: torch.Generator | None) -> Tensor:
        """(B, T, D) frame embeddings minus their reference, at an average square of one; zero if still."""
        reference = self.config.reference
        drawn = self.training and reference == "random"
        places = random_places(embeddings, generator) if drawn else None
        # In this order: what is subtracted first is gone to the bit, whatever the factor.
        change = subtract_reference(embeddings.float(), reference, places) * embeddings.shape[-1] ** 0.5
        moves = root_mean_square(change) > self.config.stillness
        return torch.where(moves[:, None, None], change, torch.zeros_like(change))

    def forward(self, embeddings: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Frame embeddings (B, T, D) → codes (B, T·2·W), each means then log variances; rows (B, D)."""
        change = self.change(embeddings, generator)
        moves = change.flatten(1).any(1)
        if self.training and self.config.reference == "first":
            # Zero in every clip, the first frame would tell a code what it is by its place alone.
            noise = torch.empty_like(change[:, :1]).normal_(generator=generator)
            change = torch.cat([noise, change[:, 1:]], 1)
        hidden = self.code(self.memory(change)[0]).flatten(1)
        hidden = torch.where(moves[:, None], hidden, torch.zeros_like(hidden))
        return hidden, self.head(drop(hidden, self.config.dropout if self.training else 0.0, generator))


class ElementStream(nn.Module):
    """A code of one element of the sequence: the one that is subtracted, or the mean where none is."""

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        self.config = config
        self.code = nn.Sequential(
            nn.Linear(config.embedding_dim, _WIDTH), nn.GELU(), nn.Linear(_WIDTH, 2 * STATIC_CODE)
        )
        self.head = CodeHead(1, STATIC_CODE, config.embedding_dim)
        nn.init.zeros_(self.head.weight)  # the gate: an untrained stream adds nothing to CLIP

    def element(self, embeddings: Tensor, generator: torch.Generator | None) -> Tensor:
        """(B, D) of frame embeddings (B, T, D); a random one is drawn for itself."""
        reference = self.config.reference
        if reference == "first":
            return embeddings[:, 0].float()
        if reference == "random" and self.training:
            return frames_at(embeddings, random_places(embeddings, generator)).float()
        return embeddings.float().mean(1)

    def forward(self, embeddings: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Frame embeddings (B, T, D) → code (B, 2·S), means then log variances, and what is added (B, D)."""
        share = self.config.dropout if self.training else 0.0
        hidden = self.code(self.element(embeddings, generator) * embeddings.shape[-1] ** 0.5)
        return hidden, self.head(drop(hidden, share, generator))
