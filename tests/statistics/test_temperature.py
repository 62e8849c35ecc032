"""Calibration error against a loop over bins; the temperature that logits were drawn with is found again."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.errors import OptionError
from zeroshot.statistics.temperature import calibration_error, fit_temperature


def drawn(heat: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits (3000, 5), and targets that softmax(logits / heat) gives."""
    draw = np.random.default_rng(7)
    logits = draw.normal(0, 3, (3000, 5))
    return logits, (logits / heat + draw.gumbel(size=logits.shape)).argmax(1)


@pytest.mark.parametrize("heat", [0.5, 1.0, 4.0])
def test_the_temperature_is_found_and_makes_probabilities_honest(heat):
    logits, targets = drawn(heat)
    found = fit_temperature(logits, targets)
    assert found == pytest.approx(heat, rel=0.1)
    powers = np.exp((logits - logits.max(1, keepdims=True)) / found)
    surest = powers.max(1) / powers.sum(1)
    assert calibration_error(surest, logits.argmax(1) == targets) < 0.03


def test_no_other_temperature_near_fits_better():
    logits, targets = drawn(2.0)

    def likelihood(heat: float) -> float:
        scaled = logits / heat
        return float((scaled[np.arange(len(targets)), targets] - np.log(np.exp(scaled).sum(1))).mean())

    found = fit_temperature(logits, targets)
    assert all(likelihood(found) >= likelihood(found * other) for other in (0.9, 0.99, 1.01, 1.1))


def test_where_nothing_can_be_fitted_it_is_one():
    assert fit_temperature(np.zeros((4, 1)), np.zeros(4, int)) == 1
    assert fit_temperature(np.zeros((4, 3)), np.zeros(4, int)) == 1
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, int)) == 1


def test_calibration_error_is_a_loop_over_bins():
    draw = np.random.default_rng(2)
    shares = np.r_[draw.random(200), 0.0, 1.0]
    right = draw.random(202) < 0.5
    gap = 0.0
    for low in np.arange(10) / 10:
        inside = (shares >= low) & ((shares < low + 0.1) | (low == 0.9))
        if inside.any():
            gap += abs(right[inside].mean() - shares[inside].mean()) * inside.sum()
    assert calibration_error(shares, right, num_bins=10) == pytest.approx(gap / 202)


def test_wrong_shapes_and_no_probabilities_are_refused():
    with pytest.raises(OptionError):
        calibration_error([0.5], np.array([True, False]))
    with pytest.raises(OptionError, match="no number from 0 to 1"):
        calibration_error([1.5], np.array([True]))
    with pytest.raises(OptionError, match="not finite"):
        fit_temperature([[np.nan, 0.0]], [0])
