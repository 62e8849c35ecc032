"""The scene: predicted from the static stream, guessed by CLIP, and the directions along which it differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zeroshot.errors import OptionError, counted

if TYPE_CHECKING:
    from zeroshot.losses.independence import IndependenceConfig
    from zeroshot.losses.step import Sizes, Step


def scene(step: Step) -> Tensor:
    """Scalar cross-entropy of a scene classifier on the static stream, which is to know the scene."""
    return scene_loss(step.parts["scene"](step.static_hidden), step.scenes)


def make_scene_head(sizes: Sizes, _: IndependenceConfig) -> SceneHead:
    """The classifier."""
    return SceneHead(sizes.static_dim, sizes.num_scenes)


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


def scene_loss(logits: Tensor, scenes: Tensor) -> Tensor:
    """Scalar cross-entropy of logits (B, S) with scenes: (B,), or shares (B, S) such as CLIP's guesses."""
    check_scenes(scenes, len(logits), logits.shape[1])
    targets = scenes if scenes.ndim == 1 else scenes.to(logits.dtype)
    return F.cross_entropy(logits, targets, reduction="none").mean()


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
        raise OptionError(
            f"there is {counted(len(scene_embeddings), 'scene name')}; guessed scenes need 2 or more"
        )
    if embeddings.shape[-1] != scene_embeddings.shape[-1]:
        raise OptionError(
            f"frame embeddings have {embeddings.shape[-1]} numbers, scene embeddings "
            f"{scene_embeddings.shape[-1]}; take both from one backbone"
        )
    rows = F.normalize(embeddings.float(), dim=-1)
    if rows.ndim == 3:
        rows = F.normalize(rows.mean(1), dim=-1)
    return (logit_scale * rows @ F.normalize(scene_embeddings.float(), dim=-1).T).softmax(1)
