"""What is answered: probabilities sum to 1 with none, which stands first exactly where nothing is kept."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zeroshot.errors import LabelError, OptionError
from zeroshot.rejection.rule import Rule, log_share, odds_told, require_no_none, with_none
from zeroshot.types import NONE, Prediction

SCALE = 20.0
NAMES = ("waving", "bowing", "kicking", "running")


def ranked(scores: list[float]) -> list[Prediction]:
    """Predictions of labels with these cosines."""
    powers = np.exp(SCALE * np.array(scores))
    order = np.argsort(-powers, kind="stable")
    return [Prediction(NAMES[row], scores[row], float(powers[row] / powers.sum())) for row in order]


FOUND = ranked([0.30, 0.22, 0.05, -0.1])


@pytest.mark.parametrize("odds", [-300.0, -2.0, 0.0, 0.3, 5.0, 300.0])
@pytest.mark.parametrize(
    "rule",
    [
        Rule.at(0.5),
        Rule.at(0.9),
        Rule(0.1, {"waving": 4.0}),
        Rule(-2.5, {"bowing": -0.5}, "sets"),
        Rule(4, way="quantiles"),
    ],
)
def test_they_are_a_distribution_in_order_and_none_leads_where_nothing_is_kept(rule, odds):
    told = with_none(FOUND, odds, SCALE, rule, 4)
    assert sum(each.probability for each in told) == pytest.approx(1)
    shares = [each.probability for each in told]
    assert shares == pytest.approx(sorted(shares, reverse=True))
    assert [each.score for each in told] == pytest.approx(sorted((each.score for each in told), reverse=True))
    kept = [each.label for each in FOUND if log_share(each, odds) >= rule.threshold(each.label)]
    energy = math.log(sum(math.exp(SCALE * each.score) for each in FOUND))
    value = odds if rule.way == "auto" else (odds + energy) / 2
    rejected = not kept if rule.way == "sets" else value < rule.threshold("waving")
    assert (told[0].label == NONE) == rejected
    if rule.way == "sets":
        assert [each.label for each in told if each.in_set and each.label != NONE] == kept
        assert next(each.in_set for each in told if each.label == NONE) == rejected
    none = next(each for each in told if each.label == NONE)
    assert none.fit == pytest.approx(1 / (1 + math.exp(-odds)))


def test_labels_keep_their_order_and_odds_among_themselves():
    told = [each for each in with_none(FOUND, 0.3, SCALE, Rule.at(0.4), 4) if each.label != NONE]
    assert [each.label for each in told] == [each.label for each in FOUND]
    assert told[0].probability / told[1].probability == pytest.approx(
        FOUND[0].probability / FOUND[1].probability
    )


def test_none_is_one_more_label_with_that_score():
    told = with_none(FOUND, 0.7, SCALE, Rule.at(0.5), 4)
    powers = np.exp(SCALE * np.array([each.score for each in told]))
    assert [each.probability for each in told] == pytest.approx(powers / powers.sum())


def test_k_labels_and_none_always():
    told = with_none(FOUND, 9.0, SCALE, Rule.at(0.5), 1)
    assert [each.label for each in told] == ["waving", NONE]


def test_what_was_told_tells_the_fit_for_any_other_threshold():
    for odds in (-7.0, 0.0, 3.5):
        assert odds_told(with_none(FOUND, odds, SCALE, Rule.at(0.5), 2), SCALE) == pytest.approx(odds)


def test_a_stricter_threshold_never_rejects_less():
    probabilities = [
        next(
            each.probability for each in with_none(FOUND, 1.0, SCALE, Rule.at(share), 4) if each.label == NONE
        )
        for share in (0.1, 0.5, 0.9)
    ]
    assert probabilities == sorted(probabilities)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, 2.0, float("nan")])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(OptionError, match="expected auto, a share between 0 and 1"):
        Rule.at(share)


def test_a_label_of_that_name_is_refused():
    with pytest.raises(LabelError, match="call yours something else"):
        require_no_none(["waving", "None of these"])
