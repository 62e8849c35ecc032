"""What the streams are trained to answer: the label, among the seen ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from torch import Tensor

    from zeroshot.losses.step import Step
    from zeroshot.types import Streams


def classification(step: Step) -> Tensor:
    """Scalar cross-entropy of the dynamic stream's cosines, on the backbone's own scale."""
    return _cross_entropy(step, step.streams().dynamic)


def static_classification(step: Step) -> Tensor:
    """The same of the static stream: what it learns, the other terms keep out of the dynamic one."""
    return _cross_entropy(step, step.streams().static)


def fused_classification(step: Step) -> Tensor:
    """The same of what is served: the anchor with its correction at a weight of 1."""
    streams = step.streams()
    anchor, correction = corrected(streams)
    return _cross_entropy(step, F.normalize(anchor + correction, dim=1))


def correction_size(step: Step) -> Tensor:
    """Mean squared length of what is added to the anchor: change nothing that need not be changed."""
    return corrected(step.streams())[1].square().sum(1).mean()


def corrected(streams: Streams) -> tuple[Tensor, Tensor]:
    """The anchor and its correction, (B, D) each.

    Raises:
        OptionError: the streams come without them.
    """
    if streams.anchor is None or streams.correction is None:
        raise OptionError(
            "the streams come without anchor and correction; take them from the adapter's forward"
        )
    return streams.anchor, streams.correction


def _cross_entropy(step: Step, rows: Tensor) -> Tensor:
    return F.cross_entropy(step.logits(rows), step.targets.labels, reduction="none").mean()
