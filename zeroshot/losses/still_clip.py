"""What a network says of a still clip, one frame repeated, which shows no action: made unsure.

Source: Fioresi et al., "ALBAR", ICLR 2025. Its code differentiates the sum of the logits, which a softmax
does not see; here a random combination of them whose mean is taken off, so that only what tells labels apart
counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from torch import Tensor

    from zeroshot.losses.step import Step


def still_unlearning(step: Step) -> Tensor:
    """Scalar, minus the cross-entropy of the dynamic stream on still clips: they tell no action."""
    return -F.cross_entropy(_logits(step, _still(step)), step.targets.labels)


def still_entropy(step: Step) -> Tensor:
    """Scalar mean Σ p log p of the dynamic stream on still clips: −log K where it is at a loss."""
    logs = F.log_softmax(_logits(step, _still(step)), 1)
    return (logs.exp() * logs).sum(1).mean()


def still_sensitivity(step: Step) -> Tensor:
    """Scalar mean ‖∂(v · logits) / ∂tokens‖² on still clips, v ~ N(0, I) without its mean."""
    tokens = _still(step).float().detach().requires_grad_()
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # the quick kernels have no second derivative
        logits = _logits(step, tokens)
        draws = torch.randn(logits.shape, generator=step.generator()).to(logits.device)
        combined = (logits * (draws - draws.mean(1, keepdim=True))).sum()
        (slope,) = torch.autograd.grad(combined, tokens, create_graph=True)
    return slope.flatten(1).square().sum(1).mean()


def _still(step: Step) -> Tensor:
    """(B, T, 1+N, C) tokens of one frame of each clip, another one each step, repeated."""
    tokens = step.batch.tokens
    place = int(torch.randint(tokens.shape[1], (), generator=step.generator()))
    return tokens[:, place : place + 1].expand_as(tokens)


def _logits(step: Step, tokens: Tensor) -> Tensor:
    """(B, K) of the dynamic stream.

    Raises:
        OptionError: it says nothing of still clips, so that there is nothing to learn.
    """
    rows = step.streams(tokens).dynamic
    if not rows.detach().any():
        raise OptionError(
            "the dynamic stream of a still clip is exactly zero: losses on still clips teach nothing; "
            "take an adapter whose reference is none"
        )
    return step.logits(rows)
