"""Intervals where nothing, or everything, is right: they hold the truth where a bootstrap has no width."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from zeroshot.errors import OptionError
from zeroshot.evaluation.compare import compare
from zeroshot.evaluation.scoring import Outcome, StreamFigures
from zeroshot.statistics.intervals import (
    PairedTable,
    bootstrap,
    paired_difference,
    paired_ratio,
    paired_table,
)
from zeroshot.statistics.metrics import relative_accuracy

Z = scipy.stats.norm.ppf(0.975)
WORLDS = [  # shares of clips: right both ways, without the person alone, as they are alone, neither
    (0.5, 0.02, 0.4, 0.08),
    (0.02, 0.01, 0.9, 0.07),
    (0.0, 0.0, 0.9, 0.1),
    (0.0, 0.03, 0.9, 0.07),
    (0.9, 0.02, 0.05, 0.03),
    (0.97, 0.01, 0.01, 0.01),
    (0.3, 0.1, 0.3, 0.3),
    (0.05, 0.05, 0.1, 0.8),
]


def tables(n):
    """Every way in which n pairs can fall."""
    for both, first, second in itertools.product(range(n + 1), repeat=3):
        if both + first + second <= n:
            yield PairedTable(both, first, second, n - both - first - second)


def ratio_by_roots(table):
    """The interval of a ratio from the roots of Wilson's equation, n (p̂ − p)² = z² p (1 − p)."""
    both, first, second, _ = table
    either = both + first + second

    def ends(hits, z):
        p = hits / either
        roots = np.roots([either + z**2, -(2 * either * p + z**2), either * p**2])
        return sorted(roots.real.clip(0, 1))

    log_variance = (first + second + 2) / ((both + first + 1) * (both + second + 1))
    apart = sum(
        math.sqrt(1 / (hits + 1) * (1 - (hits + 1) / (either + 2))) for hits in (both + first, both + second)
    )
    z = Z * math.sqrt(log_variance) / apart
    (low, high), (least, most) = ends(both + first, z), ends(both + second, z)
    return low / most, high / least if both + second else math.inf


class TestRatio:
    def test_like_the_roots_of_its_equation(self):
        for table in tables(9):
            if table[3] == 9:
                continue
            found = paired_ratio(table)
            assert (found.low, found.high) == pytest.approx(ratio_by_roots(table), abs=1e-9)
            assert found.low < found.high
            assert found.low <= found.value + 1e-12
            assert found.value <= found.high + 1e-12
            assert found.n == 9

    @pytest.mark.parametrize("n", [10, 25])
    def test_it_holds_the_truth(self, n):
        """Coverage summed over every outcome, at 95 %; a bootstrap's falls to a third."""
        ways = list(tables(n))
        intervals = [paired_ratio(table) for table in ways]
        for world in WORLDS:
            truth = (world[0] + world[1]) / (world[0] + world[2])
            chances = scipy.stats.multinomial.pmf(ways, n, world)
            held = [math.isnan(one.low) or one.low <= truth <= one.high for one in intervals]
            assert chances @ np.array(held) > 0.94, world

    def test_a_bootstrap_would_not(self):
        held = 0
        for seed in range(60):
            counts = np.random.default_rng(seed).multinomial(10, WORLDS[1])
            rows = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], counts, axis=0)
            drawn = bootstrap(rows, lambda sums: sums[..., 0] / sums[..., 1], num_draws=300)
            held += drawn.low <= 0.03 / 0.92 <= drawn.high
        assert held < 40

    def test_turned_around_it_is_the_reciprocal(self):
        there, back = paired_ratio(PairedTable(5, 2, 7, 3)), paired_ratio(PairedTable(5, 7, 2, 3))
        assert (1 / back.high, 1 / back.value, 1 / back.low) == pytest.approx(
            (there.low, there.value, there.high)
        )

    def test_of_many_clips_it_is_the_bootstrap_s(self):
        generator = np.random.default_rng(0)
        original = generator.random(2000) < 0.7
        edited = generator.random(2000) < np.where(original, 0.5, 0.1)
        drawn = bootstrap(np.column_stack([edited, original]), lambda sums: sums[..., 0] / sums[..., 1])
        found = relative_accuracy(edited, original)
        assert (found.low, found.value, found.high) == pytest.approx(
            (drawn.low, drawn.value, drawn.high), abs=0.004
        )

    def test_nothing_right_without_the_person_is_no_proof_that_nothing_ever_is(self):
        figure = relative_accuracy(np.zeros(9, bool), np.ones(9, bool))
        assert (figure.value, figure.low) == (0, 0)
        assert 0.3 < figure.high < 0.45
        figure = relative_accuracy(np.ones(9, bool), np.ones(9, bool))
        assert figure.value == 1
        assert figure.low < 0.9
        assert figure.high > 1.1
        figure = relative_accuracy(np.array([True, False]), np.zeros(2, bool))
        assert (figure.value, figure.high) == (math.inf, math.inf)


class TestDifference:
    def test_like_a_mean_of_differences_with_two_more_videos(self):
        for table in tables(7):
            both, first, second, neither = table
            signs = [0] * (both + neither) + [1] * (first + 1) + [-1] * (second + 1)
            reach = Z * np.std(signs) / math.sqrt(len(signs))
            found = paired_difference(table)
            expected = max(np.mean(signs) - reach, -1), min(np.mean(signs) + reach, 1)
            assert (found.low, found.high) == pytest.approx(expected)
            assert found.value == pytest.approx((first - second) / 7)
            assert found.low <= found.value <= found.high

    @pytest.mark.parametrize("n", [10, 25])
    def test_it_holds_the_truth(self, n):
        ways = list(tables(n))
        intervals = [paired_difference(table) for table in ways]
        for world in WORLDS:
            chances = scipy.stats.multinomial.pmf(ways, n, world)
            truth = world[1] - world[2]
            held = [one.low - 1e-12 <= truth <= one.high + 1e-12 for one in intervals]
            assert chances @ np.array(held) > 0.94, world

    def test_two_models_that_answer_alike_may_still_differ_on_other_videos(self):
        rows = np.arange(30)
        outcome = Outcome(rows, rows * 0, rows * 0, rows % 2, np.zeros((30, 2), np.float32))
        figures = StreamFigures("clip", (), None, None, None, {}, None, (), np.zeros((2, 2)), (outcome,))
        found = compare("a", "b", figures, figures, 30)
        assert found.rounds == ((0, 0, 1.0),)
        assert found.difference.value == 0
        assert found.difference.high == pytest.approx(-found.difference.low)
        assert 0.05 < found.difference.high < 0.12
        ones = np.ones((30, 2), int)
        assert bootstrap(ones, lambda sums: sums[..., 0] / sums[..., 1]).low == 1, "a bootstrap sees no doubt"


def test_bad_input():
    with pytest.raises(OptionError, match="expected 0 or more"):
        paired_ratio(PairedTable(1, -1, 0, 0))
    with pytest.raises(OptionError, match="same videos"):
        paired_table(np.array([True]), np.array([1]))
    assert math.isnan(paired_difference(PairedTable(0, 0, 0, 0)).value)
    assert math.isnan(paired_ratio(PairedTable(0, 0, 0, 4)).high)
