"""An interval for what is no mean."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.statistics.jackknife import NUM_GROUPS, groups_of, jackknife, mean_over_groups


def test_of_a_mean_it_is_the_t_interval_of_the_groups_means():
    rows = np.random.default_rng(0).normal(size=200)
    found = jackknife(lambda kept: float(rows[kept].mean()), groups_of(200))
    means = rows.reshape(20, NUM_GROUPS).mean(0)
    reach = 2.262157 * means.std(ddof=1) / NUM_GROUPS**0.5  # t of 9 degrees of freedom
    assert found.value == pytest.approx(rows.mean())
    assert found.high - found.value == pytest.approx(reach, rel=1e-5)


def test_a_mean_has_the_same_interval_either_way():
    rows = np.random.default_rng(1).normal(size=200)
    groups = groups_of(200)
    once, again = mean_over_groups(rows, groups), jackknife(lambda kept: float(rows[kept].mean()), groups)
    assert (once.value, once.low, once.high) == pytest.approx((again.value, again.low, again.high))


def test_rows_of_one_video_stay_together():
    videos = np.repeat(np.arange(30), 4)
    groups = groups_of(120, videos)
    assert len(np.unique(groups)) == NUM_GROUPS
    assert all(len(set(groups[videos == video])) == 1 for video in range(30))
