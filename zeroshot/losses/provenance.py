"""Where an answer comes from: made to change little with what does not belong to the person.

Source: provenance gradients, CVPR 2026, from their formula: the videos are copies of which it is known what
belongs to whom. The class token, which sees all of a frame, is let go (ours).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.losses.sensitivity import sensitivity
from zeroshot.losses.step import spread

if TYPE_CHECKING:
    from torch import Tensor

    from zeroshot.losses.step import Step

_CLIPS = 16  # of each batch: learning from a derivative costs several times what learning from a clip does


def provenance(step: Step) -> Tensor:
    """Scalar mean ‖(1 − M) ⊙ ∂ℓ_y/∂tokens‖², M the person's share of each token, ℓ_y the label's own logit.

    Raises:
        OptionError: nobody knows where persons are, or the dynamic stream reads no tokens.
    """
    few = spread(len(step.batch.tokens), _CLIPS)
    others, labels = (1 - step.figures[few]).unsqueeze(-1), step.targets.labels[few]

    def own(tokens: Tensor) -> Tensor:
        rows = step.streams(tokens, step.batch.embeddings[few]).dynamic
        return step.logits(rows).gather(1, labels[:, None])[:, 0]

    return (others * sensitivity(own, step.batch.tokens[few])).flatten(1).square().sum(1).mean()
