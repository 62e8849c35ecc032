"""Moments of a table: neighbouring windows that fit are one, none overlaps another, copies count once."""

from __future__ import annotations

import numpy as np

from zeroshot.events.moments import Moments


def of_windows(count: int, length: float = 2.0, stride: float = 1.0) -> np.ndarray:
    return np.array([(stride * n, stride * n + length) for n in range(count)])


def test_windows_that_fit_and_touch_are_one_moment_with_its_best_score():
    moments = Moments(["a"] * 10, of_windows(10, 1.0))
    scores = np.array([0, 0, 0.72, 1.0, 0.75, 0, 0, 0, 0.8, 0], np.float32)
    found = moments.best(scores, 3)
    assert [(one.first, one.last) for one in found[:2]] == [(2, 4), (8, 8)]
    assert [one.score for one in found[:2]] == [1.0, np.float32(0.8)]
    assert len(found) == 3


def test_no_two_moments_overlap_and_all_are_found_once():
    rng = np.random.default_rng(0)
    paths = ["a"] * 40 + ["b"] * 30
    spans = np.concatenate([of_windows(40), of_windows(30)])
    moments = Moments(paths, spans)
    for _ in range(5):
        scores = rng.random(70).astype(np.float32)
        found = moments.best(scores, 1000)
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
        assert found[0].score == scores.max()
        stretches = [(paths[one.first], spans[one.first, 0], spans[one.last, 1]) for one in found]
        for place, (path, start, end) in enumerate(stretches):
            assert paths[found[place].last] == path
            for other, begin, stop in stretches[:place]:
                assert other != path or end <= begin or stop <= start


def test_windows_of_other_files_and_beyond_gaps_are_no_neighbours():
    scores = np.ones(4, np.float32)
    scores[3] = 0
    alone = Moments(["a", "b", "b", "b"], np.array([(0, 1), (1, 2), (5, 6), (6, 7.0)]))
    assert [(one.first, one.last) for one in alone.best(scores, 9)] == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_whole_videos_stand_for_themselves_and_copies_count_once():
    spans = np.full((4, 2), np.nan)
    paths = ["a", "b", "c", "d"]
    plain = Moments(paths, spans, {"a": "1", "b": "2"})
    assert plain.is_plain
    moments = Moments(paths, spans, {"a": "1", "b": "2", "c": "1", "d": "1"})
    assert not moments.is_plain
    found = moments.best(np.array([0.5, 0.1, 0.5, 0.9], np.float32), 9)
    assert [paths[one.first] for one in found] == ["a", "b"]
    assert moments.copies_of("a") == ("c", "d")
    assert moments.copies_of("b") == ()
