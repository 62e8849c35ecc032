"""The linear head: what it says of an example without it is what a fit without it says."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.few_shot.linear import fitted, fitted_without_itself


@pytest.fixture
def examples() -> np.ndarray:
    rows = np.random.default_rng(2).normal(size=(6, 4)) + 0.5
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_the_head_is_ridge_regression_on_what_the_words_get_wrong(examples):
    wrong = np.random.default_rng(3).normal(size=(6, 3))
    head = fitted(examples, wrong, 0.3)
    middle = examples.astype(np.float64).mean(axis=0)
    rows = examples - middle
    ridge = 0.3 * (rows**2).sum() / 6
    expected = np.linalg.solve(rows.T @ rows + ridge * np.eye(4), rows.T @ wrong)
    assert pytest.approx(expected) == head.weights.T
    assert head(examples) == pytest.approx(rows @ expected)


def test_left_out_without_fitting_again(examples):
    wrong = np.random.default_rng(4).normal(size=(6, 3))
    found = fitted_without_itself(examples, wrong, 0.1)
    rows = examples.astype(np.float64) - examples.astype(np.float64).mean(axis=0)
    ridge = 0.1 * (rows**2).sum() / 6
    for row in range(6):
        others = np.arange(6) != row
        kept, gone = rows[others], rows[row]
        fit = np.linalg.solve(kept.T @ kept + ridge * np.eye(4), kept.T @ wrong[others])
        assert found[row] == pytest.approx(gone @ fit)


def test_where_the_words_are_right_nothing_is_added(examples):
    assert not fitted(examples, np.zeros((6, 3)), 0.3)(examples).any()
    assert not fitted(np.repeat(examples[:1], 4, axis=0), np.ones((4, 3)), 0.3).weights.any()
