"""Spans of a video: neighbours of one name as one, whatever their lengths, gaps and vectors."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from zeroshot.model.spans import Span, joined_spans


def unit(*numbers: float) -> np.ndarray:
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


A, B = unit(1, 0, 0.2), unit(0, 1, 0.2)


def axis(span: Span) -> str:
    return "ab"[int(span.vector[:2].argmax())]


def test_neighbours_of_one_name_are_one_with_their_weighted_mean():
    spans = [Span(0, 1, A), Span(1, 4, unit(3, 1, 0)), Span(4, 5, B), Span(5, 6, A)]
    first, *others = joined_spans(iter(spans), axis)
    assert (first.start, first.end) == (0, 4)
    expected = A.astype(np.float64) + 3 * unit(3, 1, 0)
    np.testing.assert_allclose(first.vector, expected / np.linalg.norm(expected), atol=1e-6)
    assert first.vector.dtype == np.float32
    assert others == spans[2:]


@pytest.mark.parametrize(("start", "number"), [(1.0, 1), (0.5, 1), (1.0 + 1e-9, 1), (1.5, 2)])
def test_windows_that_touch_or_overlap_are_neighbours_and_others_are_not(start, number):
    assert len(list(joined_spans([Span(0, 1, A), Span(start, 3, A)], axis))) == number


def test_windows_in_which_nothing_moves_stay_without_a_direction():
    still = np.zeros(3, np.float32)
    (span,) = joined_spans([Span(0, 1, still), Span(1, 2, still)], lambda _: "still")
    assert not span.vector.any()


def test_the_best_of_each_is_the_best_of_their_mean():
    draw = np.random.default_rng(0)
    labels = draw.standard_normal((5, 8))
    vectors = [unit(*draw.standard_normal(8)) for _ in range(200)]
    spans = [Span(row, row + draw.uniform(0.5, 1), vector) for row, vector in enumerate(vectors)]
    spans = [Span(a.start, b.start, a.vector) for a, b in itertools.pairwise(spans)]

    def best(span: Span) -> str:
        return str((labels @ span.vector).argmax())

    joined = list(joined_spans(spans, best))
    assert len(joined) < len(spans)
    for before, after in itertools.pairwise(joined):
        assert best(before) != best(after)


def test_of_nothing_comes_nothing():
    assert list(joined_spans([], axis)) == []
