"""Units that show what stands still are dropped more often than others, so that the answer leans on these.

Ours, after what Kowal et al. (CVPR 2022) say of units: the rule of dropping in their later paper (TPAMI 2024)
is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zeroshot.errors import OptionError
from zeroshot.losses.step import spread

if TYPE_CHECKING:
    from zeroshot.losses.independence import IndependenceConfig
    from zeroshot.losses.step import Sizes, Step

MOST = 0.5
"""Chance at which a unit is dropped that shows nothing but what stands still."""

_PAIRS = 16  # of each batch, of each factor: two more passes of so many clips a step
_MOMENTUM = 0.9
_DEAD = 1e-12  # share of its square below which the variance of a unit is rounding


def static_dropout(step: Step) -> Tensor:
    """Scalar cross-entropy of the dynamic stream, its hidden units dropped by what they show.

    Unit i with the chance MOST · clip(ρ_static − ρ_dynamic, 0, 1): ρ is its correlation over pairs of clips
    that share one factor alone. A clip and its frames in another order look alike; a clip and the same person
    before another place move alike.

    Raises:
        OptionError: the videos come without copies before other places, or the streams without their head.
    """
    if step.head is None:
        raise OptionError("the streams come without their head, which static dropout needs")
    factors: UnitFactors = step.parts["static_dropout"]  # type: ignore[assignment]
    batch, elsewhere, draw = step.batch, step.elsewhere, step.generator()
    with torch.no_grad():
        few = spread(len(batch.tokens), _PAIRS)
        filmed = step.dynamic_hidden[few]
        order = torch.randperm(batch.tokens.shape[1], generator=draw).to(filmed.device)
        shuffled = step.streams(batch.tokens[few][:, order], batch.embeddings[few][:, order])
        moved = step.streams(elsewhere.tokens[few], elsewhere.embeddings[few])
        for factor, other in enumerate((shuffled.dynamic_hidden, moved.dynamic_hidden)):
            if other is not None:
                factors.learn(factor, filmed, other)
        chances = factors.chances()
    hidden = step.dynamic_hidden
    kept = torch.rand(hidden.shape, generator=draw).to(hidden.device) >= chances
    rows = step.head(hidden * kept / (1 - chances))
    return F.cross_entropy(step.logits(F.normalize(rows, dim=1)), step.targets.labels)


def make_factors(sizes: Sizes, _: IndependenceConfig) -> UnitFactors:
    """What the dynamic stream's hidden units show, as far as it is known."""
    return UnitFactors(sizes.dynamic_dim)


class UnitFactors(nn.Module):
    """What units show, as a running estimate over batches of pairs.

    Args:
        num_units: U.
    """

    moments: Tensor
    seen: Tensor

    def __init__(self, num_units: int) -> None:
        super().__init__()
        self.register_buffer("moments", torch.zeros(2, 3, num_units))
        self.register_buffer("seen", torch.zeros(2))

    @torch.no_grad()
    def learn(self, factor: int, first: Tensor, second: Tensor) -> None:
        """Take in pairs of clips that share a factor.

        Args:
            factor: 0 what stands still, 1 what moves.
            first: (n, U) of clips.
            second: (n, U) of clips that share the factor with them.
        """
        first, second = first.float(), second.float()
        found = torch.stack([(first + second) / 2, (first * second), (first.square() + second.square()) / 2])
        self.moments[factor].lerp_(found.mean(1), 1 - _MOMENTUM)
        self.seen[factor].lerp_(torch.ones_like(self.seen[factor]), 1 - _MOMENTUM)

    def correlations(self) -> Tensor:
        """(2, U) Cov / Var of each unit over the pairs of each factor; 0 of a unit that never changes."""
        mean, product, square = (self.moments / self.seen.clamp_min(1e-9)[:, None, None]).unbind(1)
        variance = square - mean.square()
        alive = variance > _DEAD + 1e-6 * square
        return torch.where(alive, (product - mean.square()) / torch.where(alive, variance, 1.0), 0.0)

    def chances(self) -> Tensor:
        """(U,) how often each unit is dropped."""
        static, dynamic = self.correlations()
        shares: Tensor = (static - dynamic).clamp(0, 1)
        return MOST * shares
