"""The scene: predicted from the static stream, hidden from the dynamic one, balanced in the draw."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zeroshot.errors import OptionError


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


class SceneHead(nn.Module):
    """Features (B, H) → scene logits (B, S), by two hidden layers; blind to the size of a row.

    Args:
        width: H.
        num_scenes: S ≥ 2.
        hidden_dim: width of the hidden layers; wide enough to find what a linear probe would.
        context_dim: width of what else it is told, such as the label's text embedding; 0 is nothing.
    """

    def __init__(self, width: int, num_scenes: int, hidden_dim: int = 128, context_dim: int = 0) -> None:
        super().__init__()
        if num_scenes < 2:
            raise OptionError(f"there are {num_scenes} scenes; a scene loss needs 2 or more")
        self.context_dim = context_dim
        self.norm = nn.LayerNorm(width)
        self.layers = nn.Sequential(
            nn.Linear(width + context_dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.GELU(),
        )
        self.output = nn.Linear(hidden_dim, num_scenes)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(B, H) and, where the head was made for it, context (B, E) → (B, S)."""
        width = 0 if context is None else context.shape[1]
        if width != self.context_dim:
            raise OptionError(f"the scene head got a context of width {width}; expected {self.context_dim}")
        x = self.norm(x)
        result: Tensor = self.output(self.layers(x if context is None else torch.cat([x, context], 1)))
        return result


def check_scenes(scenes: Tensor, rows: int, num_scenes: int | None = None) -> Tensor:
    """The scenes themselves: (B,) integers, or (B, S) probabilities that sum to 1 in each row.

    Raises:
        OptionError: they are neither, or of another batch or number of scenes.
    """
    hard = scenes.ndim == 1 and not scenes.is_floating_point()
    soft = scenes.ndim == 2 and scenes.is_floating_point()
    if not (hard or soft) or len(scenes) != rows:
        shape = tuple(scenes.shape)
        raise OptionError(
            f"scenes are {scenes.dtype} {shape}; expected ({rows},) integers or ({rows}, S) shares"
        )
    if soft and num_scenes is not None and scenes.shape[1] != num_scenes:
        raise OptionError(f"scenes have {scenes.shape[1]} columns; expected {num_scenes}")
    if soft and bool(((scenes.sum(1) - 1).abs() > 1e-2).any() | (scenes < 0).any()):
        raise OptionError("soft scenes are not shares: each row must be ≥ 0 and sum to 1; apply a softmax")
    if (
        hard
        and num_scenes is not None
        and len(scenes)
        and not 0 <= int(scenes.min()) <= int(scenes.max()) < num_scenes
    ):
        raise OptionError(
            f"scenes run from {int(scenes.min())} to {int(scenes.max())}; expected 0..{num_scenes - 1}"
        )
    return scenes


def scene_loss(logits: Tensor, scenes: Tensor, weights: Tensor | None = None) -> Tensor:
    """Scalar cross-entropy of scene logits (B, S) with scenes, hard (B,) or soft (B, S).

    Args:
        logits: (B, S).
        scenes: true scene rows, or shares such as CLIP's own guesses.
        weights: (B,) of the videos; None counts each once.
    """
    check_scenes(scenes, len(logits), logits.shape[1])
    losses = F.cross_entropy(
        logits, scenes if scenes.ndim == 1 else scenes.to(logits.dtype), reduction="none"
    )
    return losses.mean() if weights is None else (losses * weights).sum() / weights.sum()


def confusion_loss(logits: Tensor) -> Tensor:
    """Scalar KL(p ‖ uniform) of scene logits (B, S): 0 where the head is at a loss, log S where it is sure.

    The other way to hide the scene: the head learns on detached features, the features learn to raise its
    entropy. Unlike a reversed cross-entropy it has a minimum, and asks for no scene label.

    Source: Choi et al. 2019 (human-mask confusion loss).
    """
    logs = logits.log_softmax(1)
    return math.log(logits.shape[1]) + (logs.exp() * logs).sum(1).mean()


def scene_directions(embeddings: Tensor, scenes: Tensor, kept: float = 0.97) -> Tensor:
    """(R, D) orthonormal rows: the directions in which videos of different scenes differ, strongest first.

    They span the scatter between the scenes' mean embeddings, each weighted by its share of the videos, up to
    a share of its square sum. What is orthogonal to all of them tells no scene from another by its mean.

    Args:
        embeddings: (n, D) unit rows of videos.
        scenes: (n,) integers or (n, S) shares; scenes that hold less than one video in sum are left out.
        kept: share of the square sum that the directions hold; the rest is taken for noise of means or of
            guesses: a scene that is only ever the second guess of a few videos has no direction of its own.
    Source: the between-class scatter of Fisher's discriminant analysis.
    """
    check_scenes(scenes, len(embeddings))
    sound = embeddings.isfinite().all(1)  # what is not, the losses name when they meet it
    embeddings, scenes = embeddings[sound], scenes[sound]
    shares = F.one_hot(scenes).to(embeddings.dtype) if scenes.ndim == 1 else scenes.to(embeddings.dtype)
    counts = shares.sum(0)
    shares, counts = shares[:, counts >= 1], counts[counts >= 1]
    if len(counts) < 2:
        return embeddings.new_zeros(0, embeddings.shape[1])
    means = shares.T @ embeddings / counts[:, None]
    weights = counts / counts.sum()
    scatter = weights.sqrt()[:, None] * (means - weights @ means)
    _, sizes, rows = torch.linalg.svd(scatter, full_matrices=False)
    held = sizes.square().cumsum(0) / sizes.square().sum()
    count = min(int((held < kept).sum()) + 1, len(counts) - 1)
    directions: Tensor = rows[:count]
    return directions


def pseudo_scenes(embeddings: Tensor, scene_embeddings: Tensor, logit_scale: float) -> Tensor:
    """(B, S) shares: what CLIP itself guesses about the place, so that nobody has to annotate it.

    Args:
        embeddings: (B, T, D) frame embeddings, averaged as plain CLIP does, or (B, D).
        scene_embeddings: (S, D) text embeddings of scene names.
        logit_scale: the backbone's own; a smaller one gives softer shares.
    """
    if len(scene_embeddings) < 2:
        raise OptionError(f"there are {len(scene_embeddings)} scene names; pseudo-labels need 2 or more")
    if embeddings.shape[-1] != scene_embeddings.shape[-1]:
        raise OptionError(
            f"frame embeddings have {embeddings.shape[-1]} numbers, scene embeddings "
            f"{scene_embeddings.shape[-1]}; take both from one backbone"
        )
    rows = F.normalize(embeddings.float(), dim=-1)
    if rows.ndim == 3:
        rows = F.normalize(rows.mean(1), dim=-1)
    return (logit_scale * rows @ F.normalize(scene_embeddings.float(), dim=-1).T).softmax(1)


def expert_logits(dynamic_logits: Tensor, static_logits: Tensor) -> Tensor:
    """(B, K) logits of the product of both experts, for training alone: the static one is not taught by it.

    What the static stream already explains, the dynamic one need not learn. At test time it answers alone.

    Source: Hinton 2002; Clark et al. 2019 (bias product).
    """
    if dynamic_logits.shape != static_logits.shape:
        shapes = tuple(dynamic_logits.shape), tuple(static_logits.shape)
        raise OptionError(
            f"the experts' logits have shapes {shapes[0]} and {shapes[1]}; expected the same (B, K)"
        )
    return dynamic_logits.log_softmax(1) + static_logits.detach().log_softmax(1)
