"""What the dynamic stream takes over from CLIP, which labels never seen in training live on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from torch import Tensor

    from zeroshot.losses.step import Step

_TINY = 1e-6


def distillation(step: Step) -> Tensor:
    """The distance of the dynamic stream from the adapter's `anchor`: CLIP without its scene directions."""
    streams = step.streams()
    if streams.anchor is None:
        raise OptionError("the streams come without their anchor, which distillation needs")
    return distillation_loss(streams.dynamic, streams.anchor)


def distillation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """1 − mean cosine between two embeddings of the same B videos, each without its mean over the videos.

    What all videos share says nothing about any of them, and would draw the student towards a single point;
    without it the student learns in which direction a video differs from the others.

    Args:
        student: (B, D), B ≥ 2.
        teacher: (B, D); no gradient reaches it.
    Returns: a scalar in [0, 2]; rows that equal their mean count 1 and have a finite gradient.

    Raises:
        OptionError: fewer than two videos, or shapes that differ.
    """
    if student.ndim != 2 or student.shape != teacher.shape or len(student) < 2:
        raise OptionError(
            f"student {tuple(student.shape)} and teacher {tuple(teacher.shape)}: expected the same (B, D) "
            "of 2 videos or more"
        )
    ours, theirs = (_without_mean(x) for x in (student, teacher.detach()))
    return 1 - (ours * theirs).sum(1).mean()


def _without_mean(x: Tensor) -> Tensor:
    rest = x - x.mean(0)
    return rest / rest.square().sum(1, keepdim=True).clamp_min(_TINY**2).sqrt()
