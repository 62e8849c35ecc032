"""The promise of a threshold, by simulation: never broken more often than it says, whatever is drawn."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from zeroshot.errors import OptionError
from zeroshot.statistics.conformal import least_videos, lower_threshold, require_error


@pytest.mark.parametrize("number", [19, 20, 39, 57])
@pytest.mark.parametrize("shape", ["normal", "heavy", "few values"])
def test_of_further_videos_no_more_fall_below_than_promised(number, shape):
    draw = np.random.default_rng(number)
    kinds = {
        "normal": lambda size: draw.normal(size=size),
        "heavy": draw.standard_cauchy,
        "few values": lambda size: draw.integers(0, 3, size).astype(float),
    }
    table = kinds[shape]((4000, number + 1))
    below = np.mean([row[-1] < lower_threshold(row[:-1], 0.05) for row in table])
    places = int(Fraction(5, 100) * (number + 1))
    # Without ties it is k / (n + 1), exactly, to the noise of 4000 rounds.
    assert below < places / (number + 1) + 0.012
    if shape != "few values":
        assert below > places / (number + 1) - 0.012


def test_it_is_the_smallest_of_nineteen_and_eighteen_are_refused_in_words():
    scores = np.arange(19.0)[::-1]
    assert lower_threshold(scores, 0.05) == 0
    assert lower_threshold(np.arange(39.0), 0.05) == 1
    with pytest.raises(OptionError, match=r"18 videos cannot promise an error of 0\.05; it takes 19"):
        lower_threshold(scores[:18], 0.05)


def test_so_many_videos_are_just_enough():
    for error in (0.5, 0.25, 0.1, 0.05, 0.03, 0.01):
        least = least_videos(error)
        lower_threshold(np.zeros(least), error)
        with pytest.raises(OptionError):
            lower_threshold(np.zeros(least - 1), error)


@pytest.mark.parametrize("error", [0, 1, -0.1, float("nan"), "0.1x", None, True])
def test_what_is_no_share_of_errors_is_refused(error):
    with pytest.raises(OptionError, match="the error is"):
        require_error(error)


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(OptionError, match="no numbers"):
        lower_threshold([np.nan] * 19, 0.05)
