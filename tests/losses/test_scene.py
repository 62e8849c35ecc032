"""Scene losses, against numbers worked out another way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from zeroshot.errors import OptionError
from zeroshot.losses.scene import SceneHead, pseudo_scenes, scene_directions, scene_loss


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


def scene_world(scenes: int, videos: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, 24) unit rows whose means differ by scene, and the scenes (n,)."""
    at = torch.arange(videos) % scenes
    return nn.functional.normalize(0.3 * noise(videos, 24) + noise(scenes, 24, seed=7)[at], dim=1), at


def test_scene_directions_span_the_differences_between_the_scenes_means():
    rows, at = scene_world(5)
    directions = scene_directions(rows, at, kept=1.0).double().numpy()
    assert directions.shape == (4, 24)
    np.testing.assert_allclose(directions @ directions.T, np.eye(4), atol=1e-6)
    means = np.stack([rows.double().numpy()[at.numpy() == scene].mean(0) for scene in range(5)])
    left = means - means @ directions.T @ directions
    assert np.abs(left - left[0]).max() < 1e-6, "without the directions all scenes have one mean"
    assert np.abs(means - means[0]).max() > 0.1


def test_scene_directions_of_soft_scenes_are_those_of_hard_ones_where_they_agree():
    rows, at = scene_world(4)
    shares = nn.functional.one_hot(at, 9).float()  # five scenes nobody is at
    hard, soft = scene_directions(rows, at, 1.0), scene_directions(rows, shares, 1.0)
    torch.testing.assert_close(hard.T @ hard, soft.T @ soft, rtol=0, atol=1e-5)


def test_scene_directions_leave_the_noise_of_the_means():
    rows, at = scene_world(3)
    split = at + 3 * (torch.arange(len(at)) % 2)  # each scene under two names
    assert len(scene_directions(rows, split)) == 2
    assert len(scene_directions(rows, torch.zeros(len(rows), dtype=torch.long))) == 0


def test_soft_scenes_that_are_certain_equal_hard_ones():
    logits, scenes = noise(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    soft = torch.eye(3)[scenes]
    torch.testing.assert_close(scene_loss(logits, soft), scene_loss(logits, scenes))
    by_hand = -sum(float(logits[i].log_softmax(0)[scenes[i]]) for i in range(6)) / 6
    assert float(scene_loss(logits, scenes)) == pytest.approx(by_hand, rel=1e-5)


def test_scene_head_is_blind_to_size_and_reads_context():
    torch.manual_seed(0)
    head, told = SceneHead(6, 3), SceneHead(6, 3, context_dim=2)
    x = noise(4, 6)
    torch.testing.assert_close(head(x), head(100 * x), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(told(x, torch.zeros(4, 2)), told(x, torch.ones(4, 2)))


def test_pseudo_scenes_are_softmax_of_scaled_cosines():
    frames, names = noise(2, 3, 8), noise(5, 8, seed=1)
    unit = frames / frames.norm(dim=-1, keepdim=True)
    mean = unit.mean(1)
    mean = mean / mean.norm(dim=-1, keepdim=True)
    expected = (20 * mean @ (names / names.norm(dim=-1, keepdim=True)).T).softmax(1)
    torch.testing.assert_close(pseudo_scenes(frames, names, 20.0), expected)
    torch.testing.assert_close(pseudo_scenes(mean, names, 20.0), expected)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: SceneHead(4, 1), "1 scenes.*2 or more"),
        (lambda: SceneHead(4, 3, context_dim=2)(noise(2, 4)), "width 0; expected 2"),
        (lambda: scene_loss(noise(3, 4), torch.tensor([0, 1])), r"expected \(3,\)"),
        (lambda: scene_loss(noise(2, 4), torch.tensor([0, 4])), r"from 0 to 4; expected 0\.\.3"),
        (lambda: scene_loss(noise(2, 4), noise(2, 4)), "apply a softmax"),
        (lambda: scene_loss(noise(2, 4), torch.full((2, 5), 0.2)), "5 columns; expected 4"),
        (lambda: pseudo_scenes(noise(2, 4), noise(1, 4), 1.0), "1 scene name;.*2 or more"),
        (lambda: pseudo_scenes(noise(2, 4), noise(3, 5), 1.0), "4 numbers.*5.*one backbone"),
    ],
)
def test_errors_are_one_clear_line(call, words):
    with pytest.raises(OptionError, match=words) as error:
        call()
    assert "\n" not in str(error.value)
