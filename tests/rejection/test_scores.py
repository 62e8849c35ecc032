"""Scores by hand, and in what they do not change."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.rejection.scores import ABOUT, CALIBRATED, CHOSEN, SCORES

LOGITS, BEHIND = np.log([[4.0, 2.0, 1.0], [1.0, 1.0, 1.0]]), np.log([[3.0, 1.0], [5.0, 1.0]])


def test_each_by_hand():
    shares = {
        "cosine": [4, 1],
        "probability": [4 / 7, 1 / 3],
        "margin": [2, 1],
        "energy": [7, 3],
        "margin-background": [4 / 3, 1 / 5],
        "energy-background": [7 / 4, 3 / 6],
        "probability-background": [4 / 11, 1 / 9],
        "energy-margin-background": [(28 / 3) ** 0.5, (3 / 5) ** 0.5],
    }
    assert shares.keys() == SCORES.keys() == ABOUT.keys()
    assert {CHOSEN, CALIBRATED} <= SCORES.keys()
    for name, expected in shares.items():
        np.testing.assert_allclose(np.exp(SCORES[name](LOGITS, BEHIND)), expected)


def test_one_label_has_no_margin_and_all_else():
    one = LOGITS[:, :1]
    assert SCORES["margin"](one, BEHIND).tolist() == [0, 0]
    assert np.exp(SCORES[CHOSEN](one, BEHIND)) == pytest.approx([4 / 3, 1 / 5])


def test_large_logits_do_not_overflow():
    for score in SCORES.values():
        assert np.isfinite(score(1e4 * LOGITS, 1e4 * BEHIND)).all()
