"""What the streams are trained to answer: the label, among the seen ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

    from zeroshot.losses.step import Step


def classification(step: Step) -> Tensor:
    """Scalar cross-entropy of the dynamic stream's cosines, on the backbone's own scale."""
    return _cross_entropy(step, step.streams().dynamic)


def static_classification(step: Step) -> Tensor:
    """The same of the static stream: what it learns, the other terms keep out of the dynamic one."""
    return _cross_entropy(step, step.streams().static)


def _cross_entropy(step: Step, rows: Tensor) -> Tensor:
    logits = rows @ (step.scale * step.texts).T
    return F.cross_entropy(logits, step.targets.labels, reduction="none").mean()
