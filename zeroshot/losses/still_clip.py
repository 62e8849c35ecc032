"""What a network says of a still clip, one frame repeated, which shows no action: made unsure.

Source: Fioresi et al., "ALBAR", ICLR 2025. Its code differentiates the sum of the logits, which a softmax
does not see; here a random combination of them whose mean is taken off, so that only what tells labels apart
counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from zeroshot.errors import OptionError
from zeroshot.losses.sensitivity import sensitivity
from zeroshot.losses.step import Copy

if TYPE_CHECKING:
    from torch import Tensor

    from zeroshot.losses.step import Step


def still_unlearning(step: Step) -> Tensor:
    """Scalar, minus the cross-entropy of the dynamic stream on still clips: they tell no action."""
    return -F.cross_entropy(_logits(step, _still(step)), step.targets.labels)


def still_entropy(step: Step) -> Tensor:
    """Scalar mean Σ p log p of the dynamic stream on still clips: −log K where it is at a loss."""
    return certainty(_logits(step, _still(step)))


def still_sensitivity(step: Step) -> Tensor:
    """Scalar mean ‖∂(v · logits) / ∂tokens‖² on still clips, v ~ N(0, I) without its mean."""
    still = _still(step)

    def combined(tokens: Tensor) -> Tensor:
        logits = _logits(step, Copy(tokens, still.embeddings))
        draws = torch.randn(logits.shape, generator=step.generator()).to(logits.device)
        return (logits * (draws - draws.mean(1, keepdim=True))).sum(1)

    return sensitivity(combined, still.tokens).flatten(1).square().sum(1).mean()


def certainty(logits: Tensor) -> Tensor:
    """Scalar mean Σ p log p of logits (B, K): −log K where they say nothing; finite where a p is 0."""
    logs = F.log_softmax(logits, 1)
    return (logs.exp() * logs).sum(1).mean()


def _still(step: Step) -> Copy:
    """One frame of each clip, another one each step, repeated."""
    tokens, embeddings = step.batch.tokens, step.batch.embeddings
    place = int(torch.randint(tokens.shape[1], (), generator=step.generator()))
    frame = slice(place, place + 1)
    return Copy(tokens[:, frame].expand_as(tokens), embeddings[:, frame].expand_as(embeddings))


def _logits(step: Step, still: Copy) -> Tensor:
    """(B, K) of the dynamic stream.

    Raises:
        OptionError: it says nothing of still clips, so that there is nothing to learn.
    """
    rows = step.streams(still.tokens, still.embeddings).dynamic
    if not rows.detach().any():
        raise OptionError(
            "the dynamic stream of a still clip is exactly zero: losses on still clips teach nothing; "
            "take an adapter whose reference is none"
        )
    return step.logits(rows)
