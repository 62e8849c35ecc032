"""The two-stream adapter: small, trained, on top of a frozen CLIP's tokens."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from zeroshot.adapter.fusion import careful_rows, fused_rows
from zeroshot.adapter.sequence import ElementStream, SequenceStream
from zeroshot.adapter.streams import DynamicStream, StaticStream, unit_rows
from zeroshot.errors import OptionError
from zeroshot.types import Streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zeroshot.adapter.config import AdapterConfig


_RESIDUAL_SCALE = 0.1  # a residual begins small beside the anchor's unit length
_EXCESS = 0.05  # where nobody chooses: enough that the answer does not tie with the one before


def mean_embedding(embeddings: Tensor) -> Tensor:
    """(B, D) unit rows: frame embeddings (B, T, D) averaged over time and renormalized, as CLIP does."""
    return unit_rows(unit_rows(embeddings.float()).mean(1))


class TwoStreamAdapter(nn.Module):
    """A frozen CLIP's tokens (B, T, 1+N, C) and frame embeddings (B, T, D) → `Streams`.

    Untrained it is CLIP averaged over frames: the static stream's last layer, the scene directions and the
    fused weight are zero. The fused stream does not stand on the static one, which learns whatever one frame
    tells, bias included, but on its `anchor`: CLIP itself, averaged over frames, without the directions in
    which scenes differ.

    Args:
        config: shapes and choices.
        seed: of the initial weights; the global generator is left as it was.

    Attributes:
        fused_weight: scalar buffer; fused = anchor + fused_weight · correction, renormalized. Stored with the
            weights and chosen on held-out seen classes, never learned and never chosen on test classes.
        fused_excess: scalar buffer; how much more than the least weight is taken, see `careful_rows`. None
            where no labels are known.
        known_texts: (K, D) buffer, the text embeddings of the labels trained on; None where none are known.
        scene_directions: (R, D) buffer of orthogonal rows, those beyond the directions in use zero.
    """

    fused_weight: Tensor
    fused_excess: Tensor | None
    known_texts: Tensor | None
    scene_directions: Tensor

    def __init__(self, config: AdapterConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        with _seeded(seed):
            sequence = config.code_dim > 0
            self.dynamic: DynamicStream | SequenceStream = (
                SequenceStream(config) if sequence else DynamicStream(config)
            )
            self.static: StaticStream | ElementStream = (
                ElementStream(config) if sequence else StaticStream(config)
            )
        self.register_buffer("fused_weight", torch.zeros(()))
        known = (config.num_known_labels, config.embedding_dim)
        self.register_buffer("fused_excess", torch.tensor(_EXCESS) if known[0] else None)
        self.register_buffer("known_texts", torch.zeros(known) if known[0] else None)
        directions = torch.zeros(config.num_scene_directions, config.embedding_dim)
        self.register_buffer("scene_directions", directions)

    def forward(
        self, tokens: Tensor, embeddings: Tensor, generator: torch.Generator | None = None
    ) -> Streams:
        """B videos through both streams.

        Args:
            tokens: (B, T, 1+N, C), any float type; the patch grid pooled to the config's.
            embeddings: (B, T, D) of the same frames.
            generator: of dropout and of the static stream's random frames while training.

        Raises:
            OptionError: the shapes are those of another backbone, grid or number of frames.
        """
        self._check(tokens, embeddings)
        read = embeddings if self.config.code_dim else tokens
        dynamic_hidden, change = self.dynamic(read, generator)
        dynamic = unit_rows(change)
        correction = dynamic if self.config.fusion == "unit" else _RESIDUAL_SCALE * change
        static_hidden, shift = self.static(read, generator)
        base = unit_rows(embeddings.float()).mean(1)
        static = unit_rows(base + shift)
        anchor = unit_rows(base - (base @ self.scene_directions.T) @ self.scene_directions)
        fused = self.fuse(anchor, correction, self.fused_weight)
        return Streams(static, dynamic, fused, static_hidden, dynamic_hidden, anchor, correction)

    def fuse(
        self, anchor: Tensor, correction: Tensor, weight: float | Tensor, excess: float | Tensor | None = None
    ) -> Tensor:
        """(B, D) unit rows: what the fused stream would be at another weight.

        Args:
            anchor: (B, D) of `Streams`.
            correction: (B, D) likewise.
            weight: instead of `fused_weight`.
            excess: instead of `fused_excess`; None is that. Of no effect where no labels are known.
        """
        weight = torch.as_tensor(weight, dtype=anchor.dtype, device=anchor.device)
        if self.known_texts is None:
            return fused_rows(anchor, correction, weight)
        excess = self.fused_excess if excess is None else excess
        excess = torch.as_tensor(excess, dtype=anchor.dtype, device=anchor.device)
        return careful_rows(anchor, correction, weight, excess, self.known_texts.to(anchor.device))

    def calibrate(self, tokens: Tensor) -> None:
        """Takes what the dynamic stream must know of tokens in general from training ones (B, T, 1+N, C).

        That is the typical size of the change in each channel, since CLIP's channels differ in size by orders
        of magnitude and the loudest ones would drown the others, and the principal components of the change.

        Raises:
            OptionError: another shape, or none of the clips moves.
        """
        self._check(tokens, None)
        if isinstance(self.dynamic, DynamicStream):
            self.dynamic.calibrate(tokens)

    @torch.no_grad()
    def set_fused_weight(self, weight: float) -> None:
        """Stores how much of the dynamic stream the fused one adds to its anchor: 0 is the anchor alone."""
        if not 0 <= weight < float("inf"):
            raise OptionError(f"fused weight is {weight}; expected a number ≥ 0")
        self.fused_weight.fill_(weight)

    @torch.no_grad()
    def set_fused_excess(self, excess: float) -> None:
        """Stores how much of the way from the least weight to `fused_weight` is gone.

        Raises:
            OptionError: no share, or an adapter that knows no labels.
        """
        if self.fused_excess is None:
            raise OptionError("this adapter knows no labels; make it with num_known_labels of 1 or more")
        if not 0 <= excess <= 1:
            raise OptionError(f"fused excess is {excess}; expected a share from 0 to 1")
        self.fused_excess.fill_(excess)

    @torch.no_grad()
    def set_known_texts(self, texts: Tensor) -> None:
        """Stores (K, D) unit rows: what the labels trained on are in the joint space."""
        wanted = (self.config.num_known_labels, self.config.embedding_dim)
        if self.known_texts is None or tuple(texts.shape) != wanted:
            raise OptionError(f"texts of known labels have shape {tuple(texts.shape)}; expected {wanted}")
        self.known_texts.copy_(texts)

    @torch.no_grad()
    def set_scene_directions(self, directions: Tensor) -> None:
        """Stores (R', D) orthonormal rows; of more than the config's R the first R are taken."""
        if directions.ndim != 2 or directions.shape[1] != self.config.embedding_dim:
            raise OptionError(
                f"scene directions have shape {tuple(directions.shape)}; "
                f"expected (R, {self.config.embedding_dim})"
            )
        used = directions[: len(self.scene_directions)]
        self.scene_directions.zero_()
        self.scene_directions[: len(used)] = used

    @torch.no_grad()
    def towards_clip(self, share: float) -> TwoStreamAdapter:
        """A copy on the straight line from CLIP averaged over frames (share 0) to this adapter (share 1).

        Only the gates lie on that line, the share of the scene that is taken out among them: with them at
        zero the other weights have no effect.
        Source: weight interpolation as in WiSE-FT and Open-VCLIP, between a residual's gate and zero.
        """
        if not 0 <= share <= 1:
            raise OptionError(f"share is {share}; expected 0 (CLIP) to 1 (the adapter as trained)")
        other = deepcopy(self)
        other.static.head.weight.mul_(share)
        other.fused_weight.mul_(share)
        other.scene_directions.mul_(share**0.5)  # they are multiplied twice
        return other

    def fingerprint(self) -> str:
        """SHA-256 of config and weights."""
        digest = hashlib.sha256(repr(sorted(self.config.as_dict().items())).encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def num_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.parameters())

    def _check(self, tokens: Tensor, embeddings: Tensor | None) -> None:
        config = self.config
        expected = (config.num_frames, 1 + config.grid[0] * config.grid[1], config.token_dim)
        if tokens.ndim != 4 or tuple(tokens.shape[1:]) != expected:
            raise OptionError(
                f"tokens have shape {tuple(tokens.shape)}; this adapter reads "
                f"(B, {expected[0]}, {expected[1]}, {expected[2]}): "
                "take the backbone, grid and number of frames it was made for"
            )
        if embeddings is None:
            return
        wanted = (tokens.shape[0], config.num_frames, config.embedding_dim)
        if tuple(embeddings.shape) != wanted:
            raise OptionError(f"frame embeddings have shape {tuple(embeddings.shape)}; expected {wanted}")


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Layers draw their first weights from torch's global generator: seed it here and put it back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
