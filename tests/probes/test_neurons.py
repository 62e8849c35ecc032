"""A planted shortcut unit ranks first, zeroing it leaves the motion unit alone, and everything comes back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from zeroshot.errors import OptionError
from zeroshot.probes.callable_subject import Function
from zeroshot.probes.neurons import BiasedUnit, neurons, rank_units, zeroed
from zeroshot.probes.subject import Clips


class Planted(nn.Module):
    """Reads (motion, place, nothing); unit 0 carries the motion, unit 1 the place, unit 2 is always 0."""

    def __init__(self):
        super().__init__()
        self.hidden, self.top = nn.Linear(3, 3, bias=False), nn.Linear(3, 2, bias=False)
        with torch.no_grad():
            self.hidden.weight.copy_(torch.diag(torch.tensor([1.0, 1.5, 0.0])))
            self.top.weight.copy_(torch.tensor([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]]))

    def forward(self, x):
        return self.top(self.hidden(x))


def world(count=64):
    draw = np.random.default_rng(0)
    motion, place = draw.choice([-1.0, 1.0], count), draw.choice([-1.0, 1.0], count)
    rows = torch.tensor(np.stack([motion, place, draw.normal(size=count)], 1), dtype=torch.float32)
    return rows, torch.from_numpy((motion < 0).astype(np.int64))


def test_the_shortcut_ranks_first_and_zeroing_it_leaves_the_motion():
    network, (rows, targets) = Planted(), world()
    ranked = rank_units([network], {"hidden": network.hidden}, [(rows, targets)])
    assert [(unit.unit, unit.score > 0) for unit in ranked] == [(1, True), (2, False), (0, False)]
    assert ranked[1].score == 0
    before = network(rows).detach()
    wrong = (before.argmax(1) != targets).float().mean()
    assert wrong > 0.3
    with zeroed({"hidden": network.hidden}, ranked[:1]):
        assert torch.equal(network(rows).argmax(1), targets)
    assert torch.equal(network(rows), before)


def test_batches_and_phrasings_do_not_change_the_ranking():
    network, (rows, targets) = Planted(), world()
    layers = {"hidden": network.hidden}
    whole = rank_units([network], layers, [(rows, targets)])
    one = rank_units([network], layers, [(rows[i : i + 1], targets[i : i + 1]) for i in range(64)])
    assert [unit.unit for unit in one] == [unit.unit for unit in whole]
    assert [unit.score for unit in one] == pytest.approx([unit.score for unit in whole], rel=1e-6)
    twice = rank_units([network, network], layers, [(rows, targets)])
    assert [unit.score for unit in twice] == pytest.approx([unit.score for unit in whole])


def test_the_score_is_its_formula():
    network, (rows, targets) = Planted(), world(3)
    found = {u.unit: u.score for u in rank_units([network], {"h": network.hidden}, [(rows, targets)])}
    total, weight = np.zeros(3), 0.0
    for row, target in zip(rows.double().numpy(), targets.tolist(), strict=True):
        h = np.array([1.0, 1.5, 0.0]) * row
        up = np.array([[1.0] * 3, [-1.0] * 3])
        p = np.exp(up @ h) / np.exp(up @ h).sum()
        slope = [p[c] * (up[c] - p @ up) for c in (0, 1)]
        total += p[1 - target] * (h * slope[1 - target] - np.maximum(0, h * slope[target]))
        weight += p[1 - target]
    assert [found[i] for i in range(3)] == pytest.approx(total / weight, rel=1e-4, abs=1e-7)


def test_weights_come_back_after_an_error():
    layer = nn.Linear(4, 4)
    before = layer.weight.detach().clone()

    def stop():
        with zeroed({"a": layer}, [BiasedUnit("a", 2, 1.0)]):
            assert not layer.weight[2].any()
            assert layer.bias[2] == 0
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop()
    assert torch.equal(layer.weight, before)


def test_what_has_no_units_says_so():
    clips = Clips(lambda rows: torch.zeros(len(rows), 2, 3), ("a", "b"), np.array([0, 1]))
    note = neurons(Function("other", lambda frames: np.zeros((len(frames), 2))), clips).notes[0]
    assert note == "no ranking of units: other has no adapter of which units could be zeroed"
    with pytest.raises(OptionError, match="no layer takes part in the answer"):
        rank_units([Planted()], {"a": nn.Linear(2, 2)}, [world(4)])
