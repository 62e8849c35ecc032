"""Areas, false positives and accuracy over coverage, against counting by hand and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from zeroshot.errors import OptionError
from zeroshot.statistics.open_set import auroc, false_positives, risk_coverage

DRAW = np.random.default_rng(3)


def test_the_area_is_that_of_others_with_ties_and_lies_in_its_interval():
    known, unknown = DRAW.integers(0, 9, 60).astype(float) + 2, DRAW.integers(0, 9, 40).astype(float)
    found = auroc(known, unknown)
    truth = np.r_[np.ones(60), np.zeros(40)]
    assert found.value == pytest.approx(roc_auc_score(truth, np.r_[known, unknown]))
    assert 0 < found.low < found.value < found.high < 1
    assert auroc(-known, -unknown).value == pytest.approx(1 - found.value)


def test_a_perfect_area_still_has_a_width():
    found = auroc([3.0, 4.0, 5.0], [0.0, 1.0])
    assert (found.value, found.high) == (1, 1)
    assert 0 < found.low < 0.9


def test_the_interval_of_the_area_holds_the_truth_about_as_often_as_it_says():
    truth = 0.760249938906524  # P(N(1, 1) > N(0, 1)) = Φ(1 / √2)
    draw = np.random.default_rng(11)
    held = 0
    for _ in range(400):
        found = auroc(draw.normal(1, 1, 30), draw.normal(0, 1, 30))
        held += found.low <= truth <= found.high
    assert 0.9 < held / 400 < 0.99


def test_false_positives_are_counted_where_the_share_of_known_videos_passes():
    known, unknown = np.arange(100.0), np.array([3.0, 4.9, 5.0, 50.0])
    assert false_positives(known, unknown).value == 0.5  # 95 of 100 are at 5 or above
    assert false_positives(known, unknown, kept=1.0).value == 1
    with pytest.raises(OptionError, match="expected a share"):
        false_positives(known, unknown, kept=0.0)


def test_accuracy_over_coverage_by_hand_and_ties_in_no_order():
    found = risk_coverage([4.0, 3.0, 2.0, 1.0], np.array([True, True, False, True]))
    assert found.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert found.accuracy.tolist() == pytest.approx([1, 1, 2 / 3, 3 / 4])
    assert found.area == pytest.approx((1 / 3 + 1 / 4) / 4)
    assert (found.at(0.5), found.at(0.01), found.at(1)) == (1, 1, 0.75)
    right = np.array([True, False, True, False])
    for order in ([0, 1, 2, 3], [1, 0, 3, 2]):
        assert risk_coverage(np.zeros(4), right[order]).accuracy.tolist() == [0.5] * 4


@pytest.mark.parametrize("scores", [[], [float("nan")], [[1.0]]])
def test_what_is_no_score_is_refused(scores):
    for call in (lambda: auroc(scores, [1.0]), lambda: auroc([1.0], scores)):
        with pytest.raises(OptionError):
            call()
    with pytest.raises(OptionError):
        risk_coverage([1.0], [1])
