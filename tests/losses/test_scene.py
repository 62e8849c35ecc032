"""Scene losses, balanced drawing and mixing, against numbers worked out another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from zeroshot.errors import OptionError
from zeroshot.losses.scene import (
    SceneHead,
    confusion_loss,
    expert_logits,
    pseudo_scenes,
    ramp,
    reverse_gradient,
    scene_directions,
    scene_loss,
)
from zeroshot.training.augment import bias_frames, stillmix
from zeroshot.training.balance import balanced_weights, draw, draw_grouped


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


def test_soft_scenes_that_are_certain_equal_hard_ones():
    logits, scenes = noise(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    soft = torch.eye(3)[scenes]
    torch.testing.assert_close(scene_loss(logits, soft), scene_loss(logits, scenes))
    by_hand = -sum(float(logits[i].log_softmax(0)[scenes[i]]) for i in range(6)) / 6
    assert float(scene_loss(logits, scenes)) == pytest.approx(by_hand, rel=1e-5)


def test_weights_count_videos():
    logits, scenes = noise(3, 3), torch.tensor([0, 1, 2])
    weighted = scene_loss(logits, scenes, torch.tensor([2.0, 1.0, 0.0]))
    repeated = scene_loss(logits[[0, 0, 1]], scenes[[0, 0, 1]])
    torch.testing.assert_close(weighted, repeated)


def test_confusion_is_zero_for_uniform_and_log_s_for_certain():
    assert float(confusion_loss(torch.zeros(5, 7))) == pytest.approx(0, abs=1e-6)
    assert float(confusion_loss(1e4 * torch.eye(7))) == pytest.approx(math.log(7), rel=1e-5)
    p = noise(4, 5).softmax(1)
    assert float(confusion_loss(p.log())) == pytest.approx(float((p * (p * 5).log()).sum(1).mean()), rel=1e-4)


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


def test_product_of_experts_multiplies_and_teaches_one():
    dynamic, static = noise(3, 4).requires_grad_(), noise(3, 4, seed=1).requires_grad_()
    product = dynamic.softmax(1) * static.softmax(1)
    expected = product / product.sum(1, keepdim=True)
    logits = expert_logits(dynamic, static)
    torch.testing.assert_close(logits.softmax(1), expected)
    logits[:, 0].sum().backward()
    assert static.grad is None
    assert dynamic.grad is not None


def coupled(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels and scenes where three of four videos are at home."""
    labels = torch.randint(4, (n,), generator=generator(seed))
    away = torch.rand(n, generator=generator(seed + 1)) < 0.4
    return labels, torch.where(away, torch.randint(4, (n,), generator=generator(seed + 2)), labels)


def test_weights_are_the_quotient_counted_by_hand():
    labels, scenes = coupled(300)
    expected = []
    for y, s in zip(labels.tolist(), scenes.tolist(), strict=True):
        both = sum(1 for a, b in zip(labels.tolist(), scenes.tolist(), strict=True) if (a, b) == (y, s))
        expected.append(labels.tolist().count(y) * scenes.tolist().count(s) / (300 * both))
    weights = balanced_weights(labels, scenes)
    torch.testing.assert_close(weights, torch.tensor(expected) / np.mean(expected), rtol=1e-5, atol=1e-6)


def test_weighted_labels_and_scenes_are_independent():
    labels, scenes = coupled(400)
    weights = balanced_weights(labels, scenes).double()
    table = (
        torch.zeros(4, 4, dtype=torch.float64).index_put_((labels, scenes), weights, accumulate=True) / 400
    )
    torch.testing.assert_close(table, table.sum(1, keepdim=True) * table.sum(0), rtol=1e-5, atol=1e-7)
    drawn = draw(weights.float(), 20_000, generator())
    at_home = (labels[drawn] == scenes[drawn]).float().mean()
    assert at_home == pytest.approx(0.25, abs=0.03)


def test_certain_soft_scenes_weigh_like_hard_ones():
    labels, scenes = coupled(200)
    torch.testing.assert_close(
        balanced_weights(labels, torch.eye(4)[scenes]), balanced_weights(labels, scenes)
    )


def test_uncertain_scenes_weigh_less_sharply_and_limits_hold():
    labels, scenes = coupled(200)
    hard = balanced_weights(labels, scenes)
    soft = balanced_weights(labels, 0.5 * torch.eye(4)[scenes] + 0.125)
    assert soft.std() < hard.std()
    limited = balanced_weights(labels, scenes, max_weight=1.0)
    assert limited.max() < hard.max()
    assert float(limited.mean()) == pytest.approx(1, rel=1e-5)


def test_independent_data_has_even_weights():
    labels, scenes = torch.arange(64) % 4, torch.arange(64) // 4 % 4
    torch.testing.assert_close(balanced_weights(labels, scenes), torch.ones(64))


def test_grouped_draw_has_several_videos_of_each_label():
    labels = torch.arange(100) % 5
    weights = torch.ones(100)
    weights[labels == 2] = torch.where(torch.arange(20) == 0, 1.0, 0.0)
    rows = draw_grouped(labels, weights, 5, 6, generator(3))
    assert labels[rows].bincount().tolist() == [6] * 5
    assert (rows[labels[rows] == 2] == 2).all()
    assert len(draw_grouped(labels, weights, 3, 4, generator())) == 12


def test_stillmix_on_pixels_is_the_formula():
    clips = torch.randint(256, (6, 4, 3, 5, 5), generator=generator(), dtype=torch.uint8)
    bank = torch.full((2, 3, 5, 5), 100, dtype=torch.uint8)
    mixed = stillmix(clips, bank, generator(1), probability=1.0)
    assert mixed.dtype == torch.uint8
    share = ((mixed.float() - 100) / (clips.float() - 100))[(clips.float() - 100).abs() > 50]
    assert 0.4 < share.min() <= share.max() < 0.6
    assert torch.equal(stillmix(clips, bank, generator(1), probability=0.0), clips)
    some = stillmix(clips.expand(6, -1, -1, -1, -1), bank, generator(2), probability=0.5)
    kept = [torch.equal(a, b) for a, b in zip(some, clips, strict=True)]
    assert 0 < sum(kept) < 6


def test_stillmix_repeats_with_its_generator():
    clips, bank = (torch.randint(256, shape, dtype=torch.uint8) for shape in ((3, 5, 3, 7, 8), (4, 3, 7, 8)))
    assert torch.equal(stillmix(clips, bank, generator(5)), stillmix(clips, bank, generator(5)))


def test_bias_bank_keeps_the_surest_frames():
    logits = torch.tensor([[0.0, 0.1], [5.0, 0.0], [0.0, 1.0], [0.0, 9.0]])
    assert bias_frames(logits, num_frames=1).tolist() == [3]
    assert bias_frames(logits, quantile=0.5).tolist() == [3, 1]
    assert bias_frames(logits, quantile=0.0).tolist() == [3, 1, 2, 0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ramp(1.5), "1.5.*0 .start. to 1"),
        (lambda: SceneHead(4, 1), "1 scenes.*2 or more"),
        (lambda: SceneHead(4, 3, context_dim=2)(noise(2, 4)), "width 0; expected 2"),
        (lambda: scene_loss(noise(3, 4), torch.tensor([0, 1])), r"expected \(3,\)"),
        (lambda: scene_loss(noise(2, 4), torch.tensor([0, 4])), r"from 0 to 4; expected 0\.\.3"),
        (lambda: scene_loss(noise(2, 4), noise(2, 4)), "apply a softmax"),
        (lambda: scene_loss(noise(2, 4), torch.full((2, 5), 0.2)), "5 columns; expected 4"),
        (lambda: pseudo_scenes(noise(2, 4), noise(1, 4), 1.0), "1 scene names.*2 or more"),
        (lambda: pseudo_scenes(noise(2, 4), noise(3, 5), 1.0), "4 numbers.*5.*one backbone"),
        (lambda: expert_logits(noise(2, 3), noise(2, 4)), r"\(2, 3\) and \(2, 4\)"),
        (
            lambda: balanced_weights(torch.zeros(4, dtype=torch.long), torch.zeros(4, dtype=torch.long)),
            "one scene",
        ),
        (
            lambda: balanced_weights(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)),
            "n ≥ 1",
        ),
        (lambda: balanced_weights(torch.arange(3), torch.arange(3), max_weight=0), "max_weight is 0"),
        (lambda: draw(torch.ones(3), 0, generator()), "0 videos"),
        (lambda: draw_grouped(torch.arange(3), torch.ones(3), 0, 1, generator()), "0 labels"),
        (lambda: stillmix(noise(2, 3, 3, 4, 5), noise(2, 3, 9, 5), generator()), r"9, 5\) does not fit"),
        (lambda: stillmix(noise(2, 3, 3, 4, 5), noise(2, 3, 4, 5), generator(), 2.0), "probability 2.0"),
        (lambda: bias_frames(noise(3, 2), quantile=1.0), "quantile 1.0"),
    ],
)
def test_errors_are_one_clear_line(call, words):
    with pytest.raises(OptionError, match=words) as error:
        call()
    assert "\n" not in str(error.value)
