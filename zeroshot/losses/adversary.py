"""The scene, hidden from the dynamic stream: a classifier learns to read it there, the stream to hide it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from zeroshot.errors import OptionError
from zeroshot.losses.scene import SceneHead, scene_loss

if TYPE_CHECKING:
    from torch import Tensor

    from zeroshot.losses.independence import IndependenceConfig
    from zeroshot.losses.step import Sizes, Step


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:  # noqa: ANN401
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        return -ctx.strength * gradients[0], None


def reverse_gradient(x: Tensor, strength: float = 1.0) -> Tensor:
    """The same x; on the way back its gradient is multiplied by −strength.

    Source: Ganin and Lempitsky 2015.
    """
    result: Tensor = _Reverse.apply(x, strength)
    return result


def ramp(progress: float) -> float:
    """0 at the start of training, rising to about 1: an adversary that pushes before it can see misleads.

    Args:
        progress: share of training that is done, 0 to 1.
    Source: Ganin and Lempitsky 2015, 2 / (1 + exp(−10 p)) − 1.
    """
    if not 0 <= progress <= 1:
        raise OptionError(f"progress is {progress}; expected 0 (start) to 1 (end of training)")
    return 2 / (1 + math.exp(-10 * progress)) - 1


def adversary(step: Step) -> Tensor:
    """Scalar cross-entropy of a scene classifier on the dynamic stream, whose gradient is reversed there.

    The weight α acts on the stream alone, ramped up over training; the classifier learns at full pace. 0.1
    helps, 1 destroys training.
    """
    return _hide(step, "adversary", None)


def conditional_adversary(step: Step) -> Tensor:
    """The same with a classifier that is told the label, by its text embedding.

    What the label alone tells of the scene is then no gain of the classifier's: the stream is pushed to hide
    what it knows of the scene beyond its label, I(scene; feature | label), not the label.

    Source: the aim is Seo et al.'s (AAAI 2022); their estimator is not public, this one is ours.
    """
    return _hide(step, "conditional_adversary", step.texts[step.targets.labels])


def make_adversary(sizes: Sizes, _: IndependenceConfig) -> SceneHead:
    """The classifier."""
    return SceneHead(sizes.dynamic_dim, sizes.num_scenes)


def make_conditional_adversary(sizes: Sizes, _: IndependenceConfig) -> SceneHead:
    """The classifier that is told the label."""
    return SceneHead(sizes.dynamic_dim, sizes.num_scenes, context_dim=sizes.embedding_dim)


def _hide(step: Step, name: str, context: Tensor | None) -> Tensor:
    hidden = reverse_gradient(step.dynamic_hidden, step.weights[name] * ramp(step.progress))
    return scene_loss(step.parts[name](hidden, context), step.scenes)
