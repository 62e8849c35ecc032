"""One step as the terms see it: a batch, what it should be taken for, and what the streams say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn

from zeroshot.errors import OptionError
from zeroshot.types import Streams

Read = Callable[[Tensor, Tensor], Streams]
"""Tokens (B, T, 1+N, C) and frame embeddings (B, T, D) → what the streams say of them."""


@dataclass(frozen=True, eq=False)
class Targets:
    """What B videos should be taken for.

    Attributes:
        labels: (B,) integers, rows of the text embeddings.
        scenes: (B,) integers or (B, S) shares; None where no term asks for them.
    """

    labels: Tensor
    scenes: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Copy:
    """The clips of a batch, changed.

    Attributes:
        tokens: (B, T, 1+N, C).
        embeddings: (B, T, D).
    """

    tokens: Tensor
    embeddings: Tensor


@dataclass(frozen=True, eq=False)
class Beside:
    """What is known of the videos of a batch beside their clips; None where no term asks for it.

    Attributes:
        elsewhere: the persons before other places; as filmed where the batch has a clip elsewhere already.
        emptied: the places without their persons.
        figures: (B, T, 1+N) share of each token that is the person's, 1 where nobody knows. The class token
            sees all of a frame and so counts as the person's.
    """

    elsewhere: Copy | None = None
    emptied: Copy | None = None
    figures: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step reads.

    Attributes:
        tokens: (B, T, 1+N, C).
        embeddings: (B, T, D) of the same frames.
        targets: of the same videos.
        beside: what else is known of them.
    """

    tokens: Tensor
    embeddings: Tensor
    targets: Targets
    beside: Beside = field(default_factory=Beside)

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return self._each(lambda rows: rows.to(device))

    def share(self, rank: int, count: int) -> Batch:
        """Every `count`-th video, from number `rank` on: one process's part."""
        return self._each(lambda rows: rows[rank::count])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        scenes = None if self.targets.scenes is None else change(self.targets.scenes)
        targets = Targets(change(self.targets.labels), scenes)

        def copy(made: Copy | None) -> Copy | None:
            return None if made is None else Copy(change(made.tokens), change(made.embeddings))

        beside = self.beside
        figures = None if beside.figures is None else change(beside.figures)
        beside = Beside(copy(beside.elsewhere), copy(beside.emptied), figures)
        return Batch(change(self.tokens), change(self.embeddings), targets, beside)


@dataclass(eq=False)
class Step:
    """What a term may use.

    Attributes:
        batch: B videos.
        texts: (K, D) unit rows of the seen labels.
        scale: the backbone's own factor on cosines.
        progress: share of the training that is done, 0 to 1.
        read: passes tokens and embeddings through the streams.
        weights: of all terms.
        parts: term → what it learns or remembers, where it has something.
        head: the last layer of the dynamic stream, from its hidden features to rows (B, D) of any length.
    """

    batch: Batch
    texts: Tensor
    scale: float
    progress: float
    read: Read
    weights: dict[str, float] = field(default_factory=dict)
    parts: nn.ModuleDict = field(default_factory=nn.ModuleDict)
    head: Callable[[Tensor], Tensor] | None = None
    _found: Streams | None = field(default=None, init=False, repr=False)

    def streams(self, tokens: Tensor | None = None, embeddings: Tensor | None = None) -> Streams:
        """The streams' answer: of the batch, computed once for all terms; or, afresh, of edited tokens.

        Args:
            tokens: (B, T, 1+N, C) edited; None is the batch as it is.
            embeddings: (B, T, D) edited likewise; None is the batch's own.
        """
        if tokens is not None:
            return self.read(tokens, self.batch.embeddings if embeddings is None else embeddings)
        if self._found is None:
            self._found = self.read(self.batch.tokens, self.batch.embeddings)
        return self._found

    def logits(self, rows: Tensor) -> Tensor:
        """(B, K) cosines of unit rows (B, D) with the seen labels, on the backbone's own scale."""
        return rows @ (self.scale * self.texts).T

    def generator(self) -> torch.Generator:
        """For draws that are the same at the same place of a training, whatever came before."""
        return torch.Generator().manual_seed(round(self.progress * 2**31))

    @property
    def targets(self) -> Targets:
        """What the batch's videos should be taken for."""
        return self.batch.targets

    @property
    def scenes(self) -> Tensor:
        """(B,) or (B, S); refuses videos without scenes."""
        if self.targets.scenes is None:
            raise OptionError("the videos come without scenes; give them, or set the scene weights to 0")
        return self.targets.scenes

    @property
    def elsewhere(self) -> Copy:
        """The persons before other places; refuses videos without such copies."""
        return _known(self.batch.beside.elsewhere, "copies in which persons stand before other places")

    @property
    def emptied(self) -> Copy:
        """The places without their persons; refuses videos without such copies."""
        return _known(self.batch.beside.emptied, "copies without their persons")

    @property
    def figures(self) -> Tensor:
        """(B, T, 1+N) share of each token that is the person's; refuses videos of which nobody knows it."""
        return _known(self.batch.beside.figures, "notes of where their persons are")

    @property
    def dynamic_hidden(self) -> Tensor:
        """(B, H + R) what the dynamic stream knows before its last layer."""
        return _there(self.streams().dynamic_hidden)

    @property
    def static_hidden(self) -> Tensor:
        """(B, H) the same of the static stream."""
        return _there(self.streams().static_hidden)


Term = Callable[[Step], Tensor]
"""A loss: one step → a scalar to be made smaller."""


@dataclass(frozen=True)
class Sizes:
    """What parts of terms are made for.

    Attributes:
        dynamic_dim: width of the dynamic stream's hidden features.
        static_dim: width of the static stream's.
        embedding_dim: D.
        num_labels: K.
        num_scenes: S; 0 where nobody knows any.
        code_dim: width of a frame's code, where the hidden features are codes of frame embeddings; else 0.
    """

    dynamic_dim: int
    static_dim: int
    embedding_dim: int
    num_labels: int
    num_scenes: int = 0
    code_dim: int = 0


def spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` rows, evenly spread."""
    return torch.linspace(0, count - 1, min(count, most)).round().long().tolist()


_Kind = TypeVar("_Kind")


def _known(beside: _Kind | None, what: str) -> _Kind:
    if beside is None:
        raise not_beside(what)
    return beside


def not_beside(what: str) -> OptionError:
    """That the videos of a batch lack what a term learns of, and how they come by it."""
    return OptionError(
        f"the videos come without {what}, of which this method learns; let `zeroshot train` write their "
        "tokens by this method, into an empty folder"
    )


def _there(hidden: Tensor | None) -> Tensor:
    if hidden is None:
        raise OptionError("the streams come without hidden features; take them from the adapter's forward")
    return hidden
