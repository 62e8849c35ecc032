"""From windows to events: two thresholds, against a walk along the windows."""

from __future__ import annotations

import numpy as np
import pytest

from zeroshot.errors import LabelError, OptionError
from zeroshot.events.hysteresis import Hysteresis, Runs, events_of


def walk(windows, scores, scale, rule):
    """Window by window: an event is open while the level holds, and counts if it was high once."""
    centres = [(start + end) / 2 for start, end in windows]
    order = sorted(range(scores.shape[1]), key=lambda k: -scores[:, k].mean())[: rule.labels_per_video]
    found = []
    for label in order:
        low, high = min(scores[:, label]), max(scores[:, label])
        run = []
        for place in range(len(windows) + 1):
            level = -1.0
            if place < len(windows):
                level = 1.0 if high == low else (scores[place, label] - low) / (high - low)
            if level >= rule.low:
                run.append((place, level))
                continue
            if run and max(level for _, level in run) >= rule.high:
                first, last = run[0][0], run[-1][0]
                start = windows[0][0] if first == 0 else (centres[first - 1] + centres[first]) / 2
                end = windows[-1][1] if last == len(windows) - 1 else (centres[last] + centres[last + 1]) / 2
                shares = []
                for row, _ in run:
                    powers = np.exp(scale * (scores[row] - scores[row].max()))
                    shares.append(powers[label] / powers.sum())
                found.append((label, start, end, sum(shares) / len(shares)))
            run = []
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("stride", [1.0, 2.0])
def test_events_are_those_of_a_walk(seed, stride):
    rng = np.random.default_rng(seed)
    windows = np.array([(stride * n, stride * n + 2.0) for n in range(30)])
    scores = np.cumsum(rng.normal(0, 0.02, (30, 5)), axis=0).astype(np.float32)
    rule = Hysteresis(0.8, 0.4, 3, "range")
    found = events_of(windows, scores, 20.0, rule)
    expected = walk(windows, scores.astype(np.float64), 20.0, rule)
    assert len(found) == len(expected) >= 3
    for one, other in zip(found, sorted(expected), strict=True):
        assert tuple(one) == pytest.approx(other, abs=1e-9)
        assert 0 <= one.start < one.end <= windows[-1, 1]


def test_a_dip_does_not_break_an_event_and_a_low_hill_begins_none():
    windows = np.array([(float(n), n + 1.0) for n in range(9)])
    levels = [0.0, 0.9, 0.6, 1.0, 0.3, 0.6, 0.6, 0.3, 0.8]
    scores = np.array([levels, [-1.0] * 9], np.float32).T
    found = events_of(windows, scores, 1.0, Hysteresis(0.75, 0.5, 1, "range"))
    assert [(one.label, one.start, one.end) for one in found] == [(0, 1.0, 4.0), (0, 8.0, 9.0)]


def test_a_video_that_fits_alike_throughout_is_one_event():
    windows = np.array([(0.0, 2.0), (1.0, 3.0), (2.0, 4.5)])
    found = events_of(
        windows, np.full((3, 2), 0.25, np.float32), 10.0, Hysteresis(labels_per_video=1, level="range")
    )
    assert [tuple(one) for one in found] == [(0, 0.0, 4.5, pytest.approx(0.5))]
    assert (
        len(events_of(windows[:1], np.array([[0.2, 0.3]], np.float32), 10.0, Hysteresis.within_video())) == 2
    )
    assert events_of(np.zeros((0, 2)), np.zeros((0, 2), np.float32), 10.0, Hysteresis.within_video()) == []


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ((0.5, 0.6, 1), "expected 0 ≤ low ≤ high ≤ 1"),
        ((0, 0, 1), "high above 0"),
        ((0.7, 0.5, 0), "1 or more"),
        ((0.7, 0.5, 1, "share"), "expected probability or range"),
        ((0.7, 0.5, 1, "range", float("nan")), "shortest_seconds"),
        ((0.7, 0.5, 1, "range", 0.0, {"a": 1.5}), "threshold of 'a' is 1.5"),
    ],
)
def test_rules_that_cannot_be(rule, named):
    with pytest.raises(OptionError, match=named):
        Hysteresis(*rule)


def test_levels_are_probabilities_unless_told_otherwise():
    """Two labels at a time where thresholds are low, and none where none fits."""
    windows = np.array([(float(n), n + 1.0) for n in range(6)])
    shares = np.array([[0.98, 0.01, 0.01], [0.45, 0.45, 0.1], [0.1, 0.8, 0.1], *[[0.34, 0.33, 0.33]] * 3])
    scores = np.log(shares).astype(np.float32)
    found = events_of(windows, scores, 1.0, Hysteresis(0.7, 0.4))
    assert [(one.label, one.start, one.end) for one in found] == [(0, 0.0, 2.0), (1, 1.0, 3.0)]
    assert [one.score for one in found] == pytest.approx([(0.98 + 0.45) / 2, (0.45 + 0.8) / 2], abs=1e-6)
    assert [one.label for one in events_of(windows, scores, 1.0, Hysteresis())] == [0, 1]


def test_single_labels_have_thresholds_of_their_own_and_short_events_are_none():
    windows = np.array([(float(n), n + 1.0) for n in range(5)])
    shares = np.array([[0.5, 0.5], [0.62, 0.38], [0.62, 0.38], [0.41, 0.59], [0.62, 0.38]])
    scores = np.log(shares).astype(np.float32)
    labels = ("falling", "standing")
    rule = Hysteresis(0.75, 0.5, on={"falling": 0.6})
    found = events_of(windows, scores, 1.0, rule, labels)
    assert [(one.label, one.start, one.end) for one in found] == [(0, 0.0, 5.0)]  # its low is 0.4
    rule = Hysteresis(0.6, 0.59, shortest_seconds=2.0)
    found = events_of(windows, scores, 1.0, rule, labels)
    assert [(one.label, one.start, one.end) for one in found] == [(0, 1.0, 3.0)]
    with pytest.raises(LabelError, match="'fall' has a threshold and is no label; expected one of falling"):
        events_of(windows, scores, 1.0, Hysteresis(on={"fall": 0.6}), labels)


def test_a_run_is_told_when_it_is_sure_and_not_before():
    runs = Runs([0.8, 0.8], [0.5, 0.5], 1.0)
    told = []
    for place, level in enumerate([0.6, 0.9, 0.9, 0.4, 0.9]):
        levels = np.array([level, 0.1])
        begun, ended = runs.take((float(place), place + 1.0), levels, levels)
        told.append(([one.start for one in begun], [(one.start, one.end) for one in ended]))
    assert told == [([], []), ([0.0], []), ([], []), ([], [(0.0, 3.0)]), ([], [])]
    assert [(one.start, one.end) for one in runs.finish()] == [(4.0, 5.0)]
    assert runs.finish() == []
