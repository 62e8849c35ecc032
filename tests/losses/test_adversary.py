"""Hiding the scene: the reversed gradient, its ramp, and that features forget."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from zeroshot.errors import OptionError
from zeroshot.losses.adversary import ramp, reverse_gradient
from zeroshot.losses.scene import SceneHead, scene_loss


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


def test_reversed_gradient_is_minus_strength_times_the_gradient():
    x = noise(3, 4).requires_grad_()
    assert torch.equal(reverse_gradient(x, 0.3), x)
    (reverse_gradient(x, 0.3) * noise(3, 4, seed=1)).sum().backward()
    torch.testing.assert_close(x.grad, -0.3 * noise(3, 4, seed=1))


def test_ramp_starts_at_zero_and_ends_near_one():
    assert ramp(0) == 0
    assert ramp(1) == pytest.approx(math.tanh(5))
    assert ramp(0.1) == pytest.approx(math.tanh(0.5))


def test_adversary_makes_features_forget_the_scene():
    scenes = torch.arange(64) % 4
    torch.manual_seed(0)
    body, head = nn.Linear(12, 12), SceneHead(12, 4, hidden_dim=32)
    x = noise(64, 12) + 3 * torch.eye(12)[scenes]
    optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=1e-2)

    def probe() -> float:
        h = body(x).detach()
        weights = torch.linalg.lstsq(torch.cat([h, torch.ones(64, 1)], 1), torch.eye(4)[scenes]).solution
        return float(((torch.cat([h, torch.ones(64, 1)], 1) @ weights).argmax(1) == scenes).float().mean())

    for _ in range(40):
        optimizer.zero_grad()
        scene_loss(head(body(x).detach()), scenes).backward()
        optimizer.step()
    assert scene_loss(head(body(x)), scenes) < 0.1
    before = probe()
    for _ in range(60):
        optimizer.zero_grad()
        scene_loss(head(reverse_gradient(body(x))), scenes).backward()
        optimizer.step()
    assert scene_loss(head(body(x)), scenes) > 0.3  # from below 0.1
    assert before > 0.95


def read_best(features: torch.Tensor, scenes: torch.Tensor, context: torch.Tensor | None) -> float:
    """Cross-entropy of a classifier that has learned to read the scene as well as it can."""
    torch.manual_seed(0)
    head = SceneHead(features.shape[1], 2, 16, 0 if context is None else context.shape[1])
    optimizer = torch.optim.Adam(head.parameters(), lr=2e-2)
    for _ in range(150):
        optimizer.zero_grad()
        loss = scene_loss(head(features, context), scenes)
        loss.backward()
        optimizer.step()
    return float(loss.detach())


def test_who_is_told_the_label_learns_nothing_from_features_that_are_the_label():
    """Features that are the label tell of the scene, I(Z; F) > 0, but nothing beyond it: I(Z; F | Y) = 0."""
    labels = torch.arange(80) % 2
    scenes = torch.where(torch.arange(80) < 64, labels, 1 - labels)  # four of five videos are at home
    features, nothing = torch.eye(2)[labels] @ noise(2, 6), torch.zeros(80, 6)
    entropy, given_label = math.log(2), -0.8 * math.log(0.8) - 0.2 * math.log(0.2)
    assert read_best(nothing, scenes, None) == pytest.approx(entropy, abs=0.01)
    assert read_best(features, scenes, None) == pytest.approx(given_label, abs=0.01)
    for told in (nothing, features):
        assert read_best(told, scenes, torch.eye(2)[labels]) == pytest.approx(given_label, abs=0.01)


def test_a_progress_beyond_the_end_is_refused():
    with pytest.raises(OptionError, match=r"1.5.*0 .start. to 1"):
        ramp(1.5)
