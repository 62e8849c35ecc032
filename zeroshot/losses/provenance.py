"""Where an answer comes from: made to change little with what does not belong to the person.

Source: provenance gradients, CVPR 2026, from their formula: the videos are copies of which it is known what
belongs to whom. The class token, which sees all of a frame, is let go (ours).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.losses.sensitivity import sensitivity

if TYPE_CHECKING:
    from torch import Tensor

    from zeroshot.losses.step import Step


def provenance(step: Step) -> Tensor:
    """Scalar mean ‖(1 − M) ⊙ ∂ℓ_y/∂tokens‖², M the person's share of each token, ℓ_y the label's own logit.

    Raises:
        OptionError: nobody knows where persons are, or the dynamic stream reads no tokens.
    """
    others = (1 - step.figures).unsqueeze(-1)

    def own(tokens: Tensor) -> Tensor:
        return step.logits(step.streams(tokens).dynamic).gather(1, step.targets.labels[:, None])[:, 0]

    return (others * sensitivity(own, step.batch.tokens)).flatten(1).square().sum(1).mean()
