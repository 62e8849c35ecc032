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

from zeroshot.errors import OptionError
from zeroshot.losses.objective import BESIDE
from zeroshot.losses.step import Batch, Beside, Copy, Targets, not_beside
from zeroshot.training.balance import balanced_weights, draw, draw_grouped
from zeroshot.waist.waist import EMPTIED, SWAPPED

if TYPE_CHECKING:
    from collections.abc import Collection

    from zeroshot.training.config import TrainingConfig
    from zeroshot.waist.waist import Waist

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


def read_batch(waist: Waist, rows: Tensor, clips: Tensor, targets: Targets, terms: Collection[str]) -> Batch:
    """What one step reads of a waist.

    Args:
        waist: training videos.
        rows: (B,) of it.
        clips: (B,) of each row, ~c for clip c backwards.
        targets: of the same.
        terms: that are computed, which say what is read beside the clips.

    Raises:
        OptionError: a copy of a video is not there.
    """
    tokens, embeddings = waist.batch(rows, clips)
    wanted = {BESIDE[term] for term in terms if term in BESIDE}
    drawn = [waist.rows[int(row)] for row in rows]
    elsewhere = emptied = None
    if "elsewhere" in wanted:
        keys = [row.video if row.is_copy else row.key + SWAPPED for row in drawn]
        elsewhere = _copy(waist, keys, clips, "before other places")
    if "emptied" in wanted:
        emptied = _copy(waist, [row.video + EMPTIED for row in drawn], clips, "without their persons")
    figures = waist.figures(rows, clips) if "figures" in wanted else None
    return Batch(tokens, embeddings, targets, Beside(elsewhere, emptied, figures))


def _copy(waist: Waist, keys: list[str], clips: Tensor, what: str) -> Copy:
    """What is written of these keys."""
    try:
        return Copy(*waist.of_keys(keys, clips))
    except OptionError as error:
        raise not_beside(f"copies {what}") from error
