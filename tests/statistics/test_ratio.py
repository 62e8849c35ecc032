"""Shares of clips of which several are edits of one video: as many trials as videos, not as clips."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.errors import OptionError
from zeroshot.statistics.ratio import Ratio


def test_one_clip_a_video_is_wilson_as_ever():
    right = [True, False, True, True]
    assert Ratio.of(right, list("abcd")) == Ratio.of(right)


def test_copies_that_all_agree_count_once():
    right = np.array([1, 1, 0, 1, 0, 1, 1, 0], bool)
    one = Ratio.of(right)
    five = Ratio.of(right.repeat(5), np.arange(8).repeat(5))
    assert (five.hits, five.total, five.n) == (25, 40, 8)
    assert five.value == one.value
    assert (five.low, five.high) == pytest.approx((one.low, one.high))


@pytest.mark.parametrize("hits", [0, 8])
def test_where_all_are_alike_there_are_as_many_as_videos(hits):
    right = np.arange(8) < hits
    one, five = Ratio.of(right), Ratio.of(right.repeat(5), np.arange(8).repeat(5))
    assert (five.low, five.high) == (one.low, one.high)


def test_copies_that_are_independent_count_each():
    """Five a video, as often right as not: the interval lies between those of all clips and of all videos."""
    right = np.tile([1, 1, 0, 0, 1, 0], 10).astype(bool)
    found = Ratio.of(right, np.arange(12).repeat(5))
    every, few = Ratio.of(right), Ratio.of(right[:12])
    assert every.high - every.low <= found.high - found.low <= few.high - few.low


@pytest.mark.slow
@pytest.mark.parametrize(("videos", "alike"), [(10, 0.0), (10, 0.7), (50, 0.3), (50, 1.0), (300, 0.5)])
def test_coverage(videos, alike):
    """The truth lies inside as often as it is said to, however much the clips of a video agree."""
    generator, covered, share = np.random.default_rng(0), 0, 0.6
    for _ in range(4000):
        own = generator.uniform(size=(videos, 1)) < share
        fresh = generator.uniform(size=(videos, 5)) < share
        right = np.where(generator.uniform(size=(videos, 5)) < alike, own, fresh)
        found = Ratio.of(right.ravel(), np.arange(videos).repeat(5))
        covered += found.low <= share <= found.high
    assert covered >= 0.93 * 4000


def test_names_that_do_not_fit():
    with pytest.raises(OptionError, match="2 videos for 3 clips"):
        Ratio.of([True, False, True], ["a", "b"])
