"""Which videos each step sees, and how they are changed: pure functions of the seed and the step.

Nothing here remembers anything, so a run that was killed goes on as if it had not been.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from zeroshot.cutouts.background import background
from zeroshot.training.augment import bias_frames, stillmix, swap_backgrounds
from zeroshot.training.balance import balanced_weights, draw, draw_grouped

if TYPE_CHECKING:
    from zeroshot.training.config import TrainingConfig
    from zeroshot.training.label_targets import LabelTexts
    from zeroshot.waist.waist import Waist

_PURPOSES = {"rows": 1, "order": 2, "mix": 3, "dropout": 4, "hold out": 5}
_MIRRORED = 0.5
_BANK_CLIPS = 1024  # videos among whose middle frames StillMix seeks the surest


def generator_for(seed: int, purpose: str, step: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A generator of its own for one purpose at one step."""
    words = np.random.SeedSequence([seed, _PURPOSES[purpose], step]).generate_state(2, np.uint32)
    return torch.Generator(device).manual_seed(int(words[0]) << 20 ^ int(words[1]))


@dataclass(frozen=True, eq=False)
class Draws:
    """Rows, clips and labels of every step.

    Attributes:
        config: of the run.
        labels: (n,) label rows of the training videos.
        weights: (n,) how often each is drawn, mean 1.
        num_samplings: S.
        mirrored: (n,) label row of each video when it is mirrored, −1 for one that must not be; None where
            there are no mirrored clips.
    """

    config: TrainingConfig
    labels: Tensor
    weights: Tensor
    num_samplings: int
    mirrored: Tensor | None = None

    @classmethod
    def of(
        cls,
        config: TrainingConfig,
        labels: Tensor,
        scenes: Tensor | None,
        num_samplings: int,
        mirrored: Tensor | None = None,
    ) -> Draws:
        """The draws for these labels and scenes.

        Args:
            config: of the run.
            labels: (n,).
            scenes: (n,) or (n, S) shares; None balances labels alone.
            num_samplings: S.
            mirrored: (n,) label rows of the mirrored clips, or None.
        """
        weights = torch.ones(len(labels))
        if config.balance_scenes and scenes is not None:
            weights = balanced_weights(labels, scenes, config.max_weight)
        return cls(config, labels, weights, num_samplings, mirrored)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which as many videos are seen as there are."""
        return math.ceil(len(self.labels) / self.config.batch_size)

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.steps_per_epoch * self.config.epochs

    def at(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Rows (B,), clips (B,) and label rows (B,) of a step; every other clip that may be is mirrored."""
        generator = generator_for(self.config.seed, "rows", step)
        rows = self._rows(step, generator)
        clips = torch.randint(self.num_samplings, (len(rows),), generator=generator)
        labels = self.labels[rows]
        if self.mirrored is None:
            return rows, clips, labels
        others = self.mirrored[rows]
        turned = (torch.rand(len(rows), generator=generator) < _MIRRORED) & (others >= 0)
        return rows, clips + turned * self.num_samplings, torch.where(turned, others, labels)

    def _rows(self, step: int, generator: torch.Generator) -> Tensor:
        size = self.config.batch_size
        if self.config.balance_labels:
            kinds = min(len(torch.unique(self.labels)), max(1, size // self.config.per_label))
            return draw_grouped(self.labels, self.weights, kinds, max(1, size // kinds), generator)
        if bool((self.weights != 1).any()):
            return draw(self.weights, size, generator)
        epoch, place = divmod(step, self.steps_per_epoch)
        order = torch.randperm(len(self.labels), generator=generator_for(self.config.seed, "order", epoch))
        size = min(size, len(order))
        # The last batch of an epoch is filled up from its first, so that all are of one size.
        return order[torch.arange(place * size, (place + 1) * size) % len(order)]


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step reads.

    Attributes:
        tokens: (B, T, 1+N, C).
        embeddings: (B, T, D).
        labels: (B,).
        scenes: (B,) or (B, S), or None.
    """

    tokens: Tensor
    embeddings: Tensor
    labels: Tensor
    scenes: Tensor | None

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        scenes = None if self.scenes is None else self.scenes.to(device)
        return Batch(self.tokens.to(device), self.embeddings.to(device), self.labels.to(device), scenes)

    def share(self, rank: int, count: int) -> Batch:
        """Every `count`-th video, from number `rank` on: one process's part."""
        if count == 1:
            return self
        scenes = None if self.scenes is None else self.scenes[rank::count]
        part = slice(rank, None, count)
        return Batch(self.tokens[part], self.embeddings[part], self.labels[part], scenes)


@dataclass(frozen=True, eq=False)
class StillBank:
    """Frames that tell a still-image classifier most; StillMix lays them over clips.

    Attributes:
        tokens: (M, 1+N, C).
        embeddings: (M, D).
    """

    tokens: Tensor
    embeddings: Tensor


def still_bank(waist: Waist, texts: LabelTexts, seed: int) -> StillBank:
    """The middle frames of training videos of which CLIP itself, as a still-image classifier, is surest.

    Args:
        waist: training videos; at most 1,024 of them are looked at.
        texts: the seen labels.
        seed: of which are looked at.
    """
    order = torch.randperm(len(waist), generator=generator_for(seed, "mix", 0))[:_BANK_CLIPS]
    middle = waist.settings.num_frames // 2
    parts = [waist.batch(some) for some in torch.split(order, 64)]
    tokens = torch.cat([tokens[:, middle] for tokens, _ in parts])
    embeddings = torch.cat([embeddings[:, middle] for _, embeddings in parts])
    chosen = bias_frames(texts.logit_scale * embeddings @ texts.embeddings.cpu().T)
    return StillBank(tokens[chosen], embeddings[chosen])


def mix(batch: Batch, config: TrainingConfig, bank: StillBank | None, step: int) -> Batch:
    """The batch after background swaps and StillMix; labels stay, scenes follow the background.

    Args:
        batch: as drawn.
        config: how many clips are changed.
        bank: of stills; None mixes none.
        step: seeds the choices.
    """
    generator = generator_for(config.seed, "mix", 1 + step)
    if config.swap > 0:
        batch = _swap(batch, config.swap, generator)
    if config.stillmix > 0 and bank is not None:
        same = torch.Generator().set_state(
            generator.get_state()
        )  # tokens and embeddings: one choice for both
        tokens = stillmix(batch.tokens, bank.tokens, generator, config.stillmix)
        embeddings = stillmix(batch.embeddings, bank.embeddings, same, config.stillmix)
        batch = Batch(tokens, embeddings, batch.labels, batch.scenes)
    return batch


def _swap(batch: Batch, share: float, generator: torch.Generator) -> Batch:
    """Other clips' backgrounds behind what moves: in tokens, in CLIP's embedding, and in the scene."""
    same = torch.Generator().set_state(generator.get_state())
    tokens = swap_backgrounds(batch.tokens, generator, share)
    order = torch.randperm(len(tokens), generator=same)
    taken = torch.rand(len(tokens), generator=same) < share
    still = background(batch.embeddings)
    moved = batch.embeddings + (still[order] - still)[:, None]
    embeddings = torch.where(taken[:, None, None], moved, batch.embeddings)
    scenes = batch.scenes
    if scenes is not None:
        scenes = torch.where(taken if scenes.ndim == 1 else taken[:, None], scenes[order], scenes)
    return Batch(tokens, embeddings, batch.labels, scenes)
