"""Means of shares: against second implementations, and against what is known of their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from zeroshot.errors import OptionError
from zeroshot.statistics.intervals import PairedTable, paired_difference
from zeroshot.statistics.means import (
    difference_over_rounds,
    harmonic_mean,
    mean_class_accuracy,
    share_over_rounds,
)

Z = scipy.stats.norm.ppf(0.975)


def sides(hits, total, others, of_others):
    """Columns of `harmonic_mean`."""
    first = np.zeros((total, 4), int)
    first[:hits, 0], first[:, 1] = 1, 1
    second = np.zeros((of_others, 4), int)
    second[:others, 2], second[:, 3] = 1, 1
    return np.concatenate([first, second])


class TestMeans:
    @pytest.mark.parametrize("hits", [(20, 20), (0, 20), (0, 0), (0, 9)])
    def test_h_has_a_width_where_a_side_agrees(self, hits):
        found = harmonic_mean(sides(hits[0], 20, hits[1], 20))
        assert found.low < found.high
        assert found.low <= found.value <= found.high

    def test_h_holds_the_truth_near_its_ends(self):
        generator, truth = np.random.default_rng(3), 2 * 0.97 * 0.04 / 1.01
        held = 0
        for _ in range(200):
            found = harmonic_mean(sides(generator.binomial(15, 0.97), 15, generator.binomial(15, 0.04), 15))
            held += found.low <= truth <= found.high
        assert held >= 180

    def test_labels_that_are_all_right_or_all_wrong(self):
        """Who always says the same: a mean of labels without a doubt, by a bootstrap."""
        counts = np.array([[8, 8], [0, 8], [0, 8], [0, 8]])
        found = mean_class_accuracy(counts)
        assert found.value == 0.25
        assert 0.1 < found.low < 0.2
        assert 0.3 < found.high < 0.5
        assert mean_class_accuracy(np.array([[30, 30]])).low == pytest.approx(
            scipy.stats.binomtest(30, 30).proportion_ci(method="wilson").low
        )

    def test_a_mean_of_labels_holds_the_truth(self):
        generator, held = np.random.default_rng(5), 0
        for _ in range(200):
            hits = generator.binomial(8, 0.98, 6)
            found = mean_class_accuracy(np.column_stack([hits, np.full(6, 8)]))
            held += found.low <= 0.98 <= found.high
        assert held >= 180


class TestDifference:
    def test_over_one_round_it_is_that_of_pairs(self):
        for table in (PairedTable(2, 1, 2, 0), PairedTable(5, 0, 0, 0), PairedTable(0, 4, 0, 1)):
            pairs = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], table, axis=0)
            first, second = (np.column_stack([side, np.ones(5, int)]) for side in pairs.T)
            found, expected = difference_over_rounds(first, second), paired_difference(table)
            assert (found.value, found.low, found.high) == pytest.approx(
                (expected.value, expected.low, expected.high), abs=1e-12
            )
            assert found.n == 5

    def test_over_rounds_it_is_the_variance_of_videos_with_two_more(self):
        """A second implementation: a loop over videos, each with what it adds to the mean of the rounds."""
        generator = np.random.default_rng(2)
        asked = generator.random((40, 3)) < [0.9, 0.5, 0.7]
        first, second = (asked & (generator.random((40, 3)) < share) for share in (0.7, 0.5))
        found = difference_over_rounds(
            *(np.stack([side, asked], 2).reshape(40, 6).astype(int) for side in (first, second))
        )
        sizes = asked.sum(0)
        worth = [sum(asked[i, r] / (3 * sizes[r]) for r in range(3)) for i in range(40)]
        videos = 1 / sum(one**2 for one in worth)
        signs = first.astype(int) - second
        mean = [signs[:, r].sum() / sizes[r] * videos / (videos + 2) for r in range(3)]
        own = [
            sum(asked[i, r] / (3 * sizes[r]) * (signs[i, r] - mean[r]) for r in range(3))
            * videos
            / (videos + 2)
            for i in range(40)
        ]
        middle = sum(mean) / 3
        more = sum((sign - middle) ** 2 for sign in (1, -1)) / (videos + 2) ** 2
        reach = Z * math.sqrt(sum(one**2 for one in own) + more)
        assert (found.low, found.high) == pytest.approx((middle - reach, middle + reach), abs=1e-12)
        assert found.value == pytest.approx((signs.sum(0) / sizes).mean())


class TestHarmonic:
    def test_like_a_search_over_all_shares(self):
        """A second implementation: the ends of H over a grid of shares that go with what was seen."""
        grid = np.linspace(0, 1, 801)[1:-1]
        first, second = np.meshgrid(grid, grid)
        for hits, total, others, of_others in ((7, 10, 4, 12), (3, 20, 20, 20), (0, 9, 5, 9)):
            far = sum(
                (h / n - shares) ** 2 * n / (shares * (1 - shares))
                for h, n, shares in ((hits, total, first), (others, of_others, second))
            )
            harmonic = (2 * first * second / (first + second))[far <= Z**2]
            found = harmonic_mean(sides(hits, total, others, of_others))
            assert (found.low, found.high) == pytest.approx((harmonic.min(), harmonic.max()), abs=0.004)

    def test_one_side_that_is_known_leaves_the_other_s_interval(self):
        found = harmonic_mean(sides(900000, 900000, 10, 20))
        low, high = scipy.stats.binomtest(10, 20).proportion_ci(method="wilson")
        assert (found.low, found.high) == pytest.approx(
            (2 * low / (1 + low), 2 * high / (1 + high)), abs=1e-4
        )


class TestRounds:
    def test_one_round_is_wilson_s(self):
        rows = np.column_stack([np.arange(12) < 5, np.ones(12, bool)]).astype(int)
        found = share_over_rounds(rows)
        low, high = scipy.stats.binomtest(5, 12).proportion_ci(method="wilson")
        assert (found.value, found.low, found.high, found.n) == pytest.approx((5 / 12, low, high, 12))

    def test_the_same_round_twice_says_no_more(self):
        rows = np.column_stack([np.arange(12) < 5, np.ones(12, bool)]).astype(int)
        once, twice = share_over_rounds(rows), share_over_rounds(np.hstack([rows, rows]))
        assert (twice.low, twice.high) == pytest.approx((once.low, once.high))

    def test_it_is_no_surer_than_rounds_of_different_videos(self):
        rows = np.zeros((20, 4), int)
        rows[:10, 1] = rows[10:, 3] = 1
        rows[:10, 0] = 1  # one round all right, one all wrong: within rounds nothing varies
        found = share_over_rounds(rows)
        low, high = scipy.stats.binomtest(10, 20).proportion_ci(method="wilson")
        assert (found.low, found.high) == pytest.approx((low, high))


class TestLabels:
    def test_a_label_with_one_video_is_taken_to_vary_as_all_videos_do(self):
        counts = np.array([[1, 1]] * 6 + [[0, 1]] * 4)
        found = mean_class_accuracy(counts)
        low, high = scipy.stats.binomtest(6, 10).proportion_ci(method="wilson")
        assert (found.value, found.low, found.high) == pytest.approx((0.6, low, high))

    def test_labels_that_are_each_sure_are_surer_than_a_share(self):
        sure, even = np.array([[9, 10]] * 5 + [[1, 10]] * 5), np.array([[5, 10]] * 10)
        found, share = mean_class_accuracy(sure), mean_class_accuracy(even)
        assert found.value == pytest.approx(share.value)
        assert found.high - found.low < 0.8 * (share.high - share.low)

    def test_small_labels_count_as_they_are_averaged(self):
        """Nine labels of a hundred videos and one of two: the one decides how sure the mean is."""
        counts = np.array([[90, 100]] * 9 + [[1, 2]])
        without = mean_class_accuracy(counts[:9])
        found = mean_class_accuracy(counts)
        assert found.high - found.low > 2.5 * (without.high - without.low)


def test_bad_input():
    with pytest.raises(OptionError, match="same videos in each round"):
        difference_over_rounds(np.ones((2, 2), int), np.ones((3, 2), int))
    with pytest.raises(OptionError, match="videos in each"):
        share_over_rounds(np.zeros((4, 4), int))
    with pytest.raises(OptionError, match="of two sides"):
        harmonic_mean(np.ones((4, 2), int))
