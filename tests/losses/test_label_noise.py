"""The mean of label noise is label smoothing at the same rate."""

from __future__ import annotations

import pytest
import torch

from zeroshot.losses.label_noise import RATE, noisy_classification, smoothed_classification
from zeroshot.losses.step import Batch, Step, Targets
from zeroshot.types import Streams

ROWS = torch.nn.functional.normalize(torch.randn(40, 6, generator=torch.Generator().manual_seed(0)), dim=1)


def step(progress):
    batch = Batch(torch.zeros(40, 2, 1, 3), torch.zeros(40, 2, 6), Targets(torch.arange(40) % 6))
    return Step(batch, torch.eye(6), 5.0, progress, lambda *_: Streams(ROWS, ROWS, ROWS))


def test_the_mean_over_draws_is_smoothing():
    found = [float(noisy_classification(step(place / 500))) for place in range(500)]
    assert sum(found) / 500 == pytest.approx(float(smoothed_classification(step(0.0))), rel=0.02)
    assert len(set(found)) > 400
    assert float(noisy_classification(step(0.25))) == float(noisy_classification(step(0.25)))


def test_smoothing_is_its_formula():
    logs = (5 * ROWS).log_softmax(1)
    wanted = (1 - RATE) * torch.eye(6)[torch.arange(40) % 6] + RATE / 6
    assert float(smoothed_classification(step(0.0))) == pytest.approx(float(-(wanted * logs).sum(1).mean()))
