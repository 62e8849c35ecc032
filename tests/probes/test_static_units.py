"""Units of known make-up are told apart, and equal clips have everything in common."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zeroshot.probes.callable_subject import Function
from zeroshot.probes.static_units import layer_factors, static_units, unit_correlations
from zeroshot.probes.subject import Clips, Swaps

MADE_OF = np.array(
    [[2.0, 0.5, 1.0], [0.3, 2.0, 1.0], [1.2, 1.2, 1.0], [0.1, 0.1, 2.0]]
)  # looks, motion, noise


def world(count=4000, seed=0):
    """Rows of units z = a·looks + b·motion + c·noise, and their pairs that share one factor."""
    draw = np.random.default_rng(seed)

    def rows(looks, motion):
        return MADE_OF[:, 0] * looks + MADE_OF[:, 1] * motion + MADE_OF[:, 2] * draw.normal(size=(count, 4))

    looks, motion = draw.normal(size=(count, 1)), draw.normal(size=(count, 1))
    filmed = rows(looks, motion)
    return filmed, rows(looks, draw.normal(size=(count, 1))), rows(draw.normal(size=(count, 1)), motion)


def test_correlations_are_the_closed_form():
    filmed, alike, moved = world()
    squares = MADE_OF**2
    for factor, other in ((0, alike), (1, moved)):
        expected = squares[:, factor] / squares.sum(1)
        assert unit_correlations(filmed, other) == pytest.approx(expected, abs=0.05)


def test_a_layer_is_the_sum_of_its_units():
    filmed, alike, moved = world()
    found = layer_factors((filmed, alike), (filmed, moved))
    squares = MADE_OF**2
    for estimate, factor in ((found.static, 0), (found.dynamic, 1)):
        expected = squares[:, factor].sum() / squares.sum()
        assert estimate.low - 0.03 < expected < estimate.high + 0.03
    assert found.unit_counts() == {"static": 1, "dynamic": 1, "joint": 0, "residual": 2}
    assert sum(found.shares().values()) == pytest.approx(1)
    assert 1 + np.log(found.shares()["static"] / found.shares()["residual"]) == pytest.approx(
        found.static.value
    )


def test_blind_to_order_is_all_looks_and_nothing_is_nothing():
    rows = np.random.default_rng(1).normal(size=(40, 3))
    assert unit_correlations(rows, rows) == pytest.approx(np.ones(3), abs=1e-12)
    still = layer_factors((np.zeros((40, 3)), np.zeros((40, 3))))
    assert still.static.value == 0
    assert still.unit_counts()["residual"] == 3


def clips(count=60):
    """A bright block that moves right or left before some light; swapped: before the next clip's."""
    draw = np.random.default_rng(2)
    motion, light = np.arange(count) % 2, draw.integers(20, 160, count)
    table = torch.zeros(count, 6, 3, 8, 12)
    moved = table.clone()
    for row in range(count):
        for t in range(6):
            x = 2 * t if motion[row] else 10 - 2 * t
            for frames, level in ((table, light[row]), (moved, light[(row + 1) % count])):
                frames[row, t] = float(level)
                frames[row, t, :, 3:5, x : x + 2] = 250.0
    places = (np.arange(count) + 1) % count
    swaps = Swaps(lambda rows: moved[list(rows)], np.arange(count), places)
    return Clips(lambda rows: table[list(rows)], ("left", "right"), motion, swaps=swaps)


def layers(frames):
    """A layer of the light of corners, and one of where the block ends minus where it began."""
    corner = frames[:, :, 0, 0, :3].mean(1)
    block = (frames[:, :, 0] > 200).double()
    x = (block.sum(2) * torch.arange(12)).sum(2) / block.sum((2, 3))
    return {"light": corner.numpy(), "way": (x[:, -1:] - x[:, :1]).numpy()}


def test_layers_of_a_callable_are_told_apart():
    subject = Function("two", lambda frames: layers(frames)["way"].repeat(2, 1), layers, stream="way")
    found = static_units(subject, clips())
    light, way = found.by_stream["light"], found.by_stream["way"]
    assert light.static.value == pytest.approx(1)
    assert light.unit_counts()["static"] == 3
    assert way.dynamic.value > 0.99  # above 1, as shuffled clips have less of it
    counts = way.unit_counts()
    assert counts["dynamic"] + counts["joint"] == 1
    assert [point.name for point in found.charts[0].points] == ["light", "way"]
    assert found.verdict == "0% of the units of way show looks alone; 100% show motion, wherever it is."


def test_without_swapped_clips_looks_alone_are_told():
    filmed = clips()
    plain = Clips(filmed.batch, filmed.labels, filmed.targets)
    found = static_units(Function("two", lambda frames: layers(frames)["way"], layers), plain)
    assert found.by_stream["light"].dynamic is None
    assert "no S dynamic" in found.notes[0]
    few = Clips(filmed.batch, filmed.labels, filmed.targets[:8])
    assert static_units(Function("two", lambda frames: layers(frames)["way"], layers), few).notes == (
        "no probe of units: 8 clips, expected 20 or more",
    )
