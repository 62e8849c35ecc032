"""Units that show what stands still are dropped: the closed form, the probe's figures, who is never."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from zeroshot.errors import OptionError
from zeroshot.losses.static_dropout import MOST, UnitFactors, static_dropout
from zeroshot.losses.step import Batch, Beside, Copy, Step, Targets
from zeroshot.probes.static_units import unit_correlations
from zeroshot.types import Streams

MADE_OF = torch.tensor([[2.0, 0.5, 1.0], [0.3, 2.0, 1.0], [1.2, 1.2, 1.0], [0.0, 0.0, 0.0]])
# looks, motion, noise of four units, the last of which is dead


def units(looks, motion, draw):
    noise = torch.randn(len(looks), 4, generator=draw)
    return MADE_OF[:, 0] * looks + MADE_OF[:, 1] * motion + MADE_OF[:, 2] * noise + 5.0


def pairs(count, draw):
    looks, motion, other = torch.randn(3, count, 1, generator=draw)
    filmed = units(looks, motion, draw)
    return filmed, units(looks, other, draw), units(other, motion, draw)


def test_chances_are_the_closed_form():
    factors, draw = UnitFactors(4), torch.Generator().manual_seed(0)
    for _ in range(60):
        filmed, alike, moved = pairs(400, draw)
        factors.learn(0, filmed, alike)
        factors.learn(1, filmed, moved)
    squares = MADE_OF.square()
    shares = squares[:, :2] / squares.sum(1, keepdim=True).clamp_min(1e-9)
    assert factors.correlations().T.tolist() == [pytest.approx(row, abs=0.03) for row in shares.tolist()]
    expected = MOST * (shares[:, 0] - shares[:, 1]).clamp(0, 1)
    assert factors.chances().tolist() == pytest.approx(expected.tolist(), abs=0.02)
    assert factors.chances()[1] == factors.chances()[3] == 0  # a unit of motion, and a dead one


def test_one_batch_is_what_the_probe_says_of_its_pairs():
    filmed, alike, moved = pairs(50, torch.Generator().manual_seed(3))
    factors = UnitFactors(4)
    factors.learn(0, filmed, alike)
    factors.learn(1, filmed, moved)
    for found, other in zip(factors.correlations(), (alike, moved), strict=True):
        expected = unit_correlations(filmed.double().numpy(), other.double().numpy())
        assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-4)
    assert np.abs(expected).max() > 0.1


def step(parts, *, blind, progress=0.5):
    """Hidden units that are the frames' mean (blind to order), or the last frame minus the first."""
    draw = torch.Generator().manual_seed(7)
    tokens, elsewhere = torch.randn(2, 48, 5, 1, 4, generator=draw)
    embeddings = torch.zeros(48, 5, 3)

    def read(tokens, embeddings):
        hidden = tokens[:, :, 0].mean(1) if blind else tokens[:, -1, 0] - tokens[:, 0, 0]
        rows = F.normalize(hidden[:, :3], dim=1)
        return Streams(rows, rows, rows, dynamic_hidden=hidden)

    torch.manual_seed(0)
    head = nn.Linear(4, 3, bias=False)
    beside = Beside(elsewhere=Copy(tokens if not blind else elsewhere, embeddings))
    batch = Batch(tokens, embeddings, Targets(torch.arange(48) % 3), beside)
    return Step(batch, torch.eye(3), 5.0, progress, read, {}, nn.ModuleDict({"static_dropout": parts}), head)


def test_units_that_are_blind_to_order_are_dropped_every_other_time():
    """Frames averaged are the same in any order: ρ static is 1 to rounding."""
    factors = UnitFactors(4)
    static_dropout(step(factors, blind=True))
    static, dynamic = factors.correlations()
    assert static.tolist() == pytest.approx([1.0] * 4, abs=1e-4)
    assert dynamic.abs().max() < 0.5
    assert factors.chances().min() > 0.25


def test_units_that_show_motion_alone_are_never_dropped():
    """The same person elsewhere moves to the same units: the loss is the plain cross-entropy."""
    factors = UnitFactors(4)
    one = step(factors, blind=False)
    found = static_dropout(one)
    assert factors.correlations()[1].tolist() == pytest.approx([1.0] * 4, abs=1e-4)
    assert not factors.chances().any()
    rows = F.normalize(one.head(one.dynamic_hidden), dim=1)
    expected = float(F.cross_entropy(5 * rows, one.targets.labels).detach())
    assert float(found.detach()) == pytest.approx(expected, rel=1e-6)
    found.backward()
    assert one.head.weight.grad.abs().sum() > 0


def test_a_still_world_has_no_units_to_drop():
    factors = UnitFactors(3)
    for factor in (0, 1):
        factors.learn(factor, torch.zeros(16, 3), torch.zeros(16, 3))
    assert not factors.correlations().any()
    assert not factors.chances().any()


def test_without_a_head_it_cannot_drop():
    one = step(UnitFactors(4), blind=True)
    one.head = None
    with pytest.raises(OptionError, match="come without their head"):
        static_dropout(one)
