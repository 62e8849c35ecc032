"""What a network says of a place without anybody in it, where nothing is done: made unsure.

Source: the human-mask confusion loss of Choi et al., "Why can't I dance in the mall?", NeurIPS 2019. Theirs
covers persons by boxes of a detector; here the place behind them is filled in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.errors import OptionError
from zeroshot.losses.step import spread
from zeroshot.losses.still_clip import certainty

if TYPE_CHECKING:
    from torch import Tensor

    from zeroshot.losses.step import Step

_CLIPS = 16  # of each batch: places are few, and each more would cost as much as a clip to learn from


def person_free_certainty(step: Step) -> Tensor:
    """Scalar mean Σ p log p of the dynamic stream on clips without their persons: −log K is all at a loss.

    Raises:
        OptionError: the videos come without such clips, or the stream says nothing of any of them.
    """
    emptied = step.emptied
    few = spread(len(emptied.tokens), _CLIPS)
    rows = step.streams(emptied.tokens[few], emptied.embeddings[few]).dynamic
    if not rows.detach().any():
        raise OptionError(
            "nothing moves in clips without their persons, of which the dynamic stream is exactly zero then: "
            "a loss on them teaches nothing; take an adapter whose reference is none"
        )
    return certainty(step.logits(rows))
