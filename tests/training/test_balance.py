"""Drawing videos so that label and scene are independent, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zeroshot.errors import OptionError
from zeroshot.training.balance import balanced_weights, draw, draw_grouped


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


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


@pytest.mark.parametrize(
    ("call", "words"),
    [
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
    ],
)
def test_errors_are_one_clear_line(call, words):
    with pytest.raises(OptionError, match=words) as error:
        call()
    assert "\n" not in str(error.value)
