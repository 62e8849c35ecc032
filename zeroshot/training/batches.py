"""Which videos each step sees: a pure function of the seed and the step.

No draw depends on an earlier one, so a run that was killed goes on as if it had not been.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from zeroshot.training.balance import balanced_weights, draw, draw_grouped

if TYPE_CHECKING:
    from zeroshot.training.config import TrainingConfig

_PURPOSES = {"rows": 1, "order": 2, "dropout": 4, "hold out": 5, "folds": 6}
_CHANGED = 0.5  # share of the clips that are mirrored, or reversed, where they may be


def generator_for(seed: int, purpose: str, step: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A generator of its own for one purpose at one step."""
    # Seeds that differ by one give like first numbers: the sequence spreads them over 52 bits.
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
        reversed: (K,) label row of each label's reversed videos, −1 where there is none; None reverses none.
    """

    config: TrainingConfig
    labels: Tensor
    weights: Tensor
    num_samplings: int
    mirrored: Tensor | None = None
    reversed: Tensor | None = None

    @classmethod
    def of(
        cls,
        config: TrainingConfig,
        labels: Tensor,
        scenes: Tensor | None,
        num_samplings: int,
        mirrored: Tensor | None = None,
        reverse: Tensor | None = None,
    ) -> Draws:
        """The draws for these labels and scenes.

        Args:
            config: of the run.
            labels: (n,).
            scenes: (n,) or (n, S) shares; None balances labels alone.
            num_samplings: S.
            mirrored: (n,) label rows of the mirrored clips, or None.
            reverse: (K,) label rows of the reversed videos of each label, or None.
        """
        weights = torch.ones(len(labels))
        if config.draws.balance_scenes and scenes is not None:
            weights = balanced_weights(labels, scenes, config.draws.max_weight)
        return cls(config, labels, weights, num_samplings, mirrored, reverse)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which as many videos are seen as there are."""
        return math.ceil(len(self.labels) / self.config.batch_size)

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.steps_per_epoch * self.config.epochs

    def at(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Rows (B,), clips (B,) and label rows (B,) of a step; ~c is clip c backwards.

        Every other clip that may be is mirrored, and every other one that may be is reversed.
        """
        generator = generator_for(self.config.seed, "rows", step)
        rows = self._rows(step, generator)
        clips = torch.randint(self.num_samplings, (len(rows),), generator=generator)
        labels = self.labels[rows]
        if self.mirrored is not None:
            others = self.mirrored[rows]
            turned = (torch.rand(len(rows), generator=generator) < _CHANGED) & (others >= 0)
            clips, labels = clips + turned * self.num_samplings, torch.where(turned, others, labels)
        if self.reversed is not None:
            others = self.reversed[labels]
            turned = (torch.rand(len(rows), generator=generator) < _CHANGED) & (others >= 0)
            clips, labels = torch.where(turned, ~clips, clips), torch.where(turned, others, labels)
        return rows, clips, labels

    def _rows(self, step: int, generator: torch.Generator) -> Tensor:
        size = self.config.batch_size
        if self.config.draws.balance_labels:
            kinds = min(len(torch.unique(self.labels)), max(1, size // self.config.draws.per_label))
            return draw_grouped(self.labels, self.weights, kinds, max(1, size // kinds), generator)
        if bool((self.weights != 1).any()):
            return draw(self.weights, size, generator)
        epoch, place = divmod(step, self.steps_per_epoch)
        order = torch.randperm(len(self.labels), generator=generator_for(self.config.seed, "order", epoch))
        size = min(size, len(order))
        # The last batch of an epoch is filled up from its first, so that all are of one size.
        return order[torch.arange(place * size, (place + 1) * size) % len(order)]
