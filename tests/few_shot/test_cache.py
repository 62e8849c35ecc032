"""Examples as a cache: the paper's formula, and the same without favour for labels with more examples."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.few_shot.cache import cached, cached_without_itself, nearness, sums_by_label

TARGETS = np.array([0, 0, 0, 2, 2])


def unit(rows) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def vectors() -> np.ndarray:
    return unit(np.random.default_rng(1).normal(size=(5, 6)) + 1)


def test_an_example_counts_for_less_the_less_it_is_like_the_video():
    assert nearness(np.float32([[1, 0.5, 0]]), 2.0) == pytest.approx(np.exp([[0, -1, -2]]))
    assert sums_by_label(np.float32([[1, 2, 3, 4, 5]]), TARGETS, 3).tolist() == [[6, 0, 9]]
    assert sums_by_label(np.zeros((0, 5), np.float32), TARGETS, 3).shape == (0, 3)


def test_more_examples_are_no_advantage_and_labels_without_any_are_not_held_back(vectors):
    said = cached(np.full((1, 5), 0.3, np.float32), TARGETS, 3, 5.5)
    assert said == pytest.approx(np.zeros((1, 3)), abs=1e-9)
    said = cached(vectors @ vectors.T, TARGETS, 3, 15.0)
    assert said[:, 1] == pytest.approx(np.zeros(5))
    assert said.sum(axis=1) == pytest.approx(np.zeros(5))
    assert (said[:3, 0] > 0).all()
    assert (said[3:, 2] > 0).all()


@pytest.mark.parametrize("sharpness", [2.0, 40.0])
def test_each_without_itself_is_what_the_cache_of_the_others_says(vectors, sharpness):
    found = cached_without_itself(vectors @ vectors.T, TARGETS, 3, sharpness)
    for row in range(5):
        others = np.arange(5) != row
        likeness = (vectors[row] @ vectors[others].T)[None]
        assert found[row] == pytest.approx(cached(likeness, TARGETS[others], 3, sharpness)[0], abs=1e-6)


def test_the_only_example_of_a_label_leaves_none_behind(vectors):
    found = cached_without_itself(vectors @ vectors.T, np.array([0, 0, 1, 2, 2]), 3, 5.5)
    assert found[2, 1] == 0
    assert found[2, [0, 2]].sum() == pytest.approx(0)
