"""How far the fused stream goes from CLIP: no farther than the ranking of the labels trained on asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from zeroshot.adapter.streams import unit_rows

if TYPE_CHECKING:
    from torch import Tensor

_LEAN = 0.6  # on validation puppets: with none labels never trained on fall below the anchor, by a point


def fused_rows(anchor: Tensor, correction: Tensor, weight: Tensor) -> Tensor:
    """(B, D) unit rows: an anchor with its correction at a weight; at a weight of 0 the anchor to the bit.

    Args:
        anchor: (B, D) unit rows.
        correction: (B, D).
        weight: (B, 1), or one for all.
    """
    # unit_rows(anchor) may differ in the last bit.
    return torch.where(weight == 0, anchor, unit_rows(anchor + weight * correction))


def careful_rows(anchor: Tensor, correction: Tensor, weight: Tensor, excess: Tensor, texts: Tensor) -> Tensor:
    """(B, D) unit rows that rank the same known label first as `fused_rows`, but keep closer to the anchor.

    A correction was learned with the known labels and leads to one of them, whatever the video shows. The
    least share of it that puts its answer before the other known labels leaves all other labels nearest to
    where CLIP had them: seen ones are ranked as with all of it, unseen ones much as without any. It leans
    towards the text of its answer, as what else it holds was learned to part seen labels from each other.

    Scores are linear in the weight, apart from the length of the row, which is the same for all labels. So of
    each other label one division says from which weight on it is behind.

    Args:
        anchor: (B, D) unit rows.
        correction: (B, D).
        weight: the full one, a scalar ≥ 0.
        excess: a scalar from 0 to 1: how much of the way from the least weight to the full one is gone. With
            0 the answer ties with the label that CLIP preferred; 1 is the full weight for every video.
        texts: (K, D) unit rows of the known labels.
    """
    before = anchor @ texts.T
    answer = (before + weight * (correction @ texts.T)).argmax(1, keepdim=True)
    # By the correction's own length: of a still clip there is nothing to add.
    leaning = correction + _LEAN * correction.norm(dim=1, keepdim=True) * texts[answer[:, 0]]
    slope = leaning @ texts.T
    ahead, gains = before.gather(1, answer) - before, slope.gather(1, answer) - slope
    # Who is behind at the start and ahead in the end gains: where that is not so the label is no rival.
    needed = torch.where((ahead < 0) & (gains > 0), -ahead / gains, 0.0).amax(1, keepdim=True)
    least = torch.minimum(needed, weight)
    return fused_rows(anchor, leaning, least + excess * (weight - least))
