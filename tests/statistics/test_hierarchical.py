"""Intervals over trainings and videos: known cases, what they cover, and the correction for many."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zeroshot.errors import OptionError
from zeroshot.statistics.hierarchical import hierarchical_bootstrap, holm
from zeroshot.statistics.intervals import t_interval


def share(sums):
    return sums[..., 0] / sums[..., 1]


def difference(sums):
    return share(sums[..., :2]) - share(sums[..., 2:])


def asked(hits):
    """Columns of hits (S, n), all asked."""
    return np.stack([hits, np.ones_like(hits)], -1)


def test_where_videos_agree_it_is_students_interval_over_seeds():
    rates = [0.2, 0.5, 0.4, 0.6, 0.3]
    columns = np.array([[[rate, 1.0]] * 40 for rate in rates])
    found, expected = hierarchical_bootstrap(columns, share), t_interval(rates)
    assert found.value == pytest.approx(expected.value)
    # What the draws of seeds vary by is drawn as well, so that the two agree but for that.
    assert found.high - found.value == pytest.approx(expected.high - expected.value, rel=0.05)
    assert (found.n, found.num_seeds) == (40, 5)


def test_where_seeds_agree_it_is_the_normal_interval_over_videos():
    hits = np.tile(np.arange(400) < 100, (5, 1)).astype(int)
    found = hierarchical_bootstrap(asked(hits), share)
    reach = 1.96 * math.sqrt(0.25 * 0.75 / 400)
    assert found.value == 0.25
    assert found.high - found.value == pytest.approx(reach, rel=0.05)


def test_the_same_videos_are_drawn_for_both_sides_of_a_difference():
    hits = (np.random.default_rng(0).random((1, 300)) < 0.5).astype(int)
    better = hits.copy()
    better[0, np.flatnonzero(hits[0] == 0)[:30]] = 1
    seeds = [np.repeat(each, 4, axis=0) for each in (better, hits)]
    columns = np.concatenate([asked(seeds[0]), asked(seeds[1])], -1)
    found = hierarchical_bootstrap(columns, difference)
    assert found.value == pytest.approx(0.1)
    # 30 of 300 videos differ: their share alone varies, not that of the hits.
    assert found.high - found.value == pytest.approx(1.96 * math.sqrt(0.09 / 300), rel=0.06)
    assert found.p < 1e-6
    turned = hierarchical_bootstrap(columns[..., [2, 3, 0, 1]], difference)
    assert (turned.value, turned.p) == (pytest.approx(-0.1), pytest.approx(found.p))


def test_strata_keep_their_sizes():
    hits = np.tile(np.repeat([1, 0], [50, 150]), (3, 1))
    groups = np.repeat([0, 1], [50, 150])
    assert hierarchical_bootstrap(asked(hits), share, strata=groups).low == pytest.approx(0.25)
    assert hierarchical_bootstrap(asked(hits), share).low < 0.22


def test_one_seed_gives_no_interval_and_nothing_varies_none_with_a_width():
    hits = np.ones((1, 30), int)
    alone = hierarchical_bootstrap(asked(hits), share)
    assert (alone.value, alone.low, alone.high) == (1.0, -math.inf, math.inf)
    assert math.isnan(alone.p)
    sure = hierarchical_bootstrap(asked(np.ones((3, 30), int)), share)
    assert (sure.low, sure.high, sure.p) == (1.0, 1.0, 0.0)
    nil = np.concatenate([asked(np.ones((3, 30), int))] * 2, -1)
    assert hierarchical_bootstrap(nil, difference).p == 1.0


def test_figures_of_no_video_are_no_numbers():
    found = hierarchical_bootstrap(np.zeros((3, 10, 2)), share)
    assert math.isnan(found.value)
    assert math.isnan(found.p)


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        (np.zeros((4, 2)), {}, r"columns have shape \(4, 2\)"),
        (np.zeros((0, 4, 2)), {}, "expected"),
        (np.ones((2, 4, 2)), {"strata": np.zeros(3)}, r"strata have shape \(3,\)"),
        (np.ones((2, 4, 2)), {"level": 95}, "level is 95"),
    ],
)
def test_what_is_refused(columns, options, words):
    with pytest.raises(OptionError, match=words):
        hierarchical_bootstrap(columns, share, **options)


def test_holm_orders_caps_and_leaves_out_what_was_not_compared():
    found = holm([0.04, math.nan, 0.001, 0.9, 0.01])
    assert found[2] == pytest.approx(0.004)
    assert found[4] == pytest.approx(0.03)
    assert found[0] == pytest.approx(0.08)
    assert found[3] == pytest.approx(0.9)
    assert math.isnan(found[1])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.slow
@pytest.mark.parametrize("between", [0.0, 0.3, 1.0])
def test_intervals_cover_the_truth_for_new_seeds_and_new_videos(between):
    """Hits by a logistic model: every video and every seed has its own ease, and both are drawn anew.

    Five skills a trial, of a skewed law where they differ much: there Student's interval has some 93 %.
    """
    generator = np.random.default_rng(7)
    ease = generator.normal(0, 1, 200_000)
    truth = float((1 / (1 + np.exp(-(0.5 + ease + generator.normal(0, between, 200_000))))).mean())
    covered, num_trials = 0, 400
    for trial in range(num_trials):
        skill, easy = generator.normal(0, between, 5)[:, None], generator.normal(0, 1, 150)
        right = generator.random((5, 150)) < 1 / (1 + np.exp(-(0.5 + easy + skill)))
        found = hierarchical_bootstrap(asked(right.astype(int)), share, seed=trial, num_draws=300)
        covered += found.low <= truth <= found.high
    assert 0.9 <= covered / num_trials <= 0.995
