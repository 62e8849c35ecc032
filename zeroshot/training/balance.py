"""Which videos to draw so that label and scene are independent in what the losses see."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from zeroshot.errors import OptionError
from zeroshot.losses.scene import check_scenes


def balanced_weights(labels: Tensor, scenes: Tensor, max_weight: float | None = None) -> Tensor:
    """(n,) weights p(y)·p(s) / p(y, s), mean 1: drawn by them, a label tells nothing about the scene.

    With soft scenes a video's weight is the expected one over its scenes. A pair that never occurs stays
    absent: labels are then balanced over the scenes they have.

    Args:
        labels: (n,) integers.
        scenes: (n,) integers or (n, S) shares.
        max_weight: the largest weight before they are brought to mean 1; a few rare videos drawn over and
            over teach less than they cost. None does not limit.

    Raises:
        OptionError: no videos, or fewer than two scenes.
    """
    if labels.ndim != 1 or len(labels) == 0:
        raise OptionError(f"labels have shape {tuple(labels.shape)}; expected (n,) with n ≥ 1")
    check_scenes(scenes, len(labels))
    if max_weight is not None and max_weight <= 0:
        raise OptionError(f"max_weight is {max_weight}; expected a number > 0, or None")
    _, rows = torch.unique(labels, return_inverse=True)
    groups = F.one_hot(rows).double()
    shares = (
        F.one_hot(torch.unique(scenes, return_inverse=True)[1]).double()
        if scenes.ndim == 1
        else scenes.double()
    )
    if int((shares.sum(0) > 0).sum()) < 2:
        raise OptionError("all videos show one scene; balancing needs 2 or more")
    together = groups.T @ shares / len(labels)  # (K, S): p(y, s)
    apart = together.sum(1, keepdim=True) * together.sum(0, keepdim=True)
    ratio = torch.where(together > 0, apart / together.clamp_min(1e-300), 0.0)
    weights = (shares * ratio[rows]).sum(1)
    if max_weight is not None:
        weights = weights.clamp_max(max_weight)
    return (weights / weights.mean()).float()


def draw(weights: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """(count,) rows drawn with replacement, each by its weight (n,)."""
    if count < 1:
        raise OptionError(f"{count} videos to draw; expected 1 or more")
    return torch.multinomial(weights, count, replacement=True, generator=generator)


def draw_grouped(
    labels: Tensor, weights: Tensor, num_labels: int, per_label: int, generator: torch.Generator
) -> Tensor:
    """(num_labels · per_label,) rows: several videos of each of a few labels, as conditional losses need.

    Args:
        labels: (n,) integers.
        weights: (n,) such as `balanced_weights`; within a label videos are drawn by them.
        num_labels: labels a batch, drawn without replacement; fewer where there are fewer.
        per_label: videos a label; 4 or more for `dependence_within`.
        generator: of the draws.
    """
    if num_labels < 1 or per_label < 1:
        raise OptionError(f"{num_labels} labels × {per_label} videos to draw; expected 1 or more of each")
    present = torch.unique(labels)
    chosen = present[torch.randperm(len(present), generator=generator)[:num_labels]]
    rows = [draw(weights * (labels == label), per_label, generator) for label in chosen]
    return torch.cat(rows)
