"""Labels that are not to be trusted whole: some exchanged at random, or all smoothed by as much.

Source: Seo et al., AAAI 2022, who add label noise to keep features from what goes with a label by chance; the
expectation of noise at some rate is smoothing at that rate, which is therefore its control.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

    from zeroshot.losses.step import Step

RATE = 0.1
"""Share of labels that are drawn anew, or of probability that is spread over all labels."""


def noisy_classification(step: Step) -> Tensor:
    """Scalar cross-entropy of the dynamic stream where a tenth of the labels is drawn from all, evenly."""
    labels, count = step.targets.labels, len(step.texts)
    generator = step.generator()
    drawn = torch.randint(count, labels.shape, generator=generator).to(labels.device)
    noisy = (torch.rand(labels.shape, generator=generator) < RATE).to(labels.device)
    return F.cross_entropy(step.logits(step.streams().dynamic), torch.where(noisy, drawn, labels))


def smoothed_classification(step: Step) -> Tensor:
    """Scalar cross-entropy of the dynamic stream with labels smoothed by a tenth: the mean of the noise."""
    return F.cross_entropy(step.logits(step.streams().dynamic), step.targets.labels, label_smoothing=RATE)
