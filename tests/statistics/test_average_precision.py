"""Average precision: against scikit-learn, loops written from the definition, copied videos."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from zeroshot.errors import OptionError
from zeroshot.statistics.average_precision import (
    Event,
    Found,
    _average_precision,
    _interpolated,
    localization,
    matches,
    mean_average_precision,
    temporal_iou,
)

THUMOS = (0.3, 0.4, 0.5, 0.6, 0.7)
ACTIVITYNET = tuple(0.5 + 0.05 * step for step in range(10))  # .5:.95


def table(n: int = 60, labels: int = 7, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = rng.random((n, labels)) < 0.2
    truth[:, -1] = False  # a label without a video
    scores = np.round(rng.normal(size=(n, labels)) + truth, 1)  # with ties
    return scores, truth


def test_map_is_that_of_scikit_learn_and_of_a_loop():
    scores, truth = table()
    found = mean_average_precision(scores, truth, num_draws=50)
    theirs = [average_precision_score(truth[:, k], scores[:, k]) for k in range(6)]
    assert found.value == pytest.approx(np.mean(theirs), abs=1e-6)
    assert found.n == 60
    assert found.low < found.value < found.high

    def by_loop(k: int) -> float:
        parts = []
        for row in np.flatnonzero(truth[:, k]):
            before = [other for other in range(60) if scores[other, k] >= scores[row, k]]
            parts.append(sum(truth[other, k] for other in before) / len(before))
        return sum(parts) / len(parts)

    assert found.value == pytest.approx(np.mean([by_loop(k) for k in range(6)]), abs=1e-6)


def test_a_weight_is_a_copy():
    scores, truth = table(20, 2, 3)
    weights = np.random.default_rng(1).integers(0, 3, (1, 20))
    rows = np.repeat(np.arange(20), weights[0])
    copied = average_precision_score(truth[rows, 0], scores[rows, 0])
    found = _average_precision(scores[:, 0], np.flatnonzero(truth[:, 0]), weights.T.astype(np.float32))
    assert found[0] == pytest.approx(copied, abs=1e-6)


def test_the_interval_of_map_is_that_of_videos_drawn_again():
    scores, truth = table(40, 4, 2)
    found = mean_average_precision(scores, truth, num_draws=400)
    rng, drawn = np.random.default_rng(9), []
    for _ in range(400):
        rows = rng.integers(0, 40, 40)
        some = [k for k in range(3) if truth[rows, k].any()]
        drawn.append(np.mean([average_precision_score(truth[rows, k], scores[rows, k]) for k in some]))
    low, high = found.value - 1.96 * np.std(drawn), found.value + 1.96 * np.std(drawn)
    assert found.low == pytest.approx(low, abs=0.04)
    assert found.high == pytest.approx(high, abs=0.04)


def test_what_can_have_no_map_is_refused():
    scores, truth = table()
    for bad, named in (
        ((scores, truth[:5]), "expected booleans of the shape of the scores"),
        ((scores, truth * 1), "truth is int64"),
        ((scores * np.nan, truth), "are not numbers"),
        ((scores, truth & False), "no video has a label"),
    ):
        with pytest.raises(OptionError, match=named):
            mean_average_precision(*bad)
    with pytest.raises(OptionError, match="no label has an event"):
        localization({}, {"a": []}, 3, THUMOS)


def test_stretches_in_common():
    assert temporal_iou((0, 10), (0, 10)) == 1
    assert temporal_iou((0, 10), (10, 20)) == temporal_iou((0, 1), (5, 6)) == 0
    assert temporal_iou((0, 10), (5, 20)) == pytest.approx(5 / 20)
    assert temporal_iou((2, 4), (0, 10)) == pytest.approx(2 / 10)


def test_each_event_is_met_once_by_the_surest():
    events = [Event(0, 0, 10), Event(0, 20, 30)]
    found = [
        Found(0, 0, 9, 0.9),
        Found(0, 0, 10, 0.8),  # again the first event: late
        Found(0, 18, 30, 0.7),
        Found(1, 0, 10, 0.6),  # another video
    ]
    assert matches(found, events, [0.5, 0.95]).tolist() == [
        [True, False, True, False],
        [False, True, False, False],
    ]


def by_loops(found, events, thresholds) -> float:
    """The average mAP, from the definition: every threshold and label by itself, points of a curve."""
    figures = []
    for threshold in thresholds:
        labels = []
        for label in events:
            left = list(events[label])
            right, curve = 0, []
            for place, one in enumerate(sorted(found[label], key=lambda one: -one.score), start=1):
                best = None
                for event in left:
                    inside = max(0.0, min(one.end, event.end) - max(one.start, event.start))
                    union = (one.end - one.start) + (event.end - event.start) - inside
                    share = inside / union if one.video == event.video else 0.0
                    if share >= threshold and (best is None or share > best[0]):
                        best = (share, event)
                if best is not None:
                    left.remove(best[1])
                    right += 1
                    curve.append((right / len(events[label]), right / place))
            area = 0.0
            for step in range(1, len(events[label]) + 1):
                recall = step / len(events[label])
                area += max([p for r, p in curve if r >= recall - 1e-9], default=0.0) / len(events[label])
            labels.append(area)
        figures.append(sum(labels) / len(labels))
    return sum(figures) / len(figures)


def world(seed: int, num_videos: int = 12):
    rng = np.random.default_rng(seed)
    events, found = {}, {}
    for label in "abc":
        events[label], found[label] = [], []
        for video in range(num_videos):
            for _ in range(rng.integers(0, 3)):
                start, length = rng.uniform(0, 80), rng.uniform(2, 12)
                events[label].append(Event(video, start, start + length))
                moved = start + rng.normal(0, 1.5)
                found[label].append(
                    Found(video, moved, moved + length * rng.uniform(0.7, 1.4), float(rng.random()))
                )
            if rng.random() < 0.5:
                start = rng.uniform(0, 80)
                found[label].append(Found(video, start, start + 5, float(rng.random())))
    return found, events


@pytest.mark.parametrize("thresholds", [THUMOS, ACTIVITYNET], ids=["thumos14", "activitynet"])
@pytest.mark.parametrize("seed", range(4))
def test_localization_is_what_loops_say(seed, thresholds):
    found, events = world(seed)
    result = localization(found, events, 12, thresholds, num_draws=100)
    assert result.average.value == pytest.approx(by_loops(found, events, thresholds), abs=1e-12)
    assert [one.value for one in result.at] == pytest.approx(
        [by_loops(found, events, [threshold]) for threshold in thresholds], abs=1e-12
    )
    assert 0 < result.average.value < 1
    assert result.average.low <= result.average.value <= result.average.high
    perfect = {label: [Found(*event, 1.0) for event in some] for label, some in events.items()}
    assert localization(perfect, events, 12, THUMOS, num_draws=20).average.value == pytest.approx(1)
    assert localization({}, events, 12, THUMOS, num_draws=20).average.value == 0


def test_a_drawn_video_is_a_copy_of_it():
    """Weights against the same videos under new numbers."""
    found, events = world(7)
    weights = np.random.default_rng(3).integers(0, 3, 12)
    copies = [(video, copy) for video in range(12) for copy in range(weights[video])]
    number = {pair: place for place, pair in enumerate(copies)}
    more_found = [
        one._replace(video=number[one.video, copy])
        for one in found["a"]
        for copy in range(weights[one.video])
    ]
    more_events = [
        one._replace(video=number[one.video, copy])
        for one in events["a"]
        for copy in range(weights[one.video])
    ]
    expected = localization({"a": more_found}, {"a": more_events}, len(copies), [0.5], num_draws=1)
    ranked = sorted(found["a"], key=lambda one: -one.score)
    (met,) = matches(ranked, events["a"], [0.5])
    own = weights[None, [one.video for one in ranked]]
    total = np.array([weights[[event.video for event in events["a"]]].sum()])
    ahead = np.cumsum(own, 1)
    assert _interpolated(own[:, met], ahead[:, met], total)[0] == pytest.approx(
        expected.average.value, abs=1e-12
    )


@pytest.mark.parametrize("signal", [0.0, 1.0])
def test_the_interval_lies_around_the_figure(signal):
    """At chance, where each draw is above the figure, as copies of a video stand beside each other."""
    rng = np.random.default_rng(4)
    truth = rng.random((300, 40)) < 0.04
    found = mean_average_precision(rng.normal(size=truth.shape) + signal * truth, truth, num_draws=200)
    assert found.low < found.value < found.high


@pytest.mark.slow
@pytest.mark.parametrize("signal", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("n", [50, 300])
def test_the_interval_of_map_holds_what_it_says(n, signal):
    """Coverage of the mean figure of such data, by simulation."""
    rng = np.random.default_rng(8)

    def drawn(num_draws):
        truth = rng.random((n, 8)) < 0.15
        return mean_average_precision(
            rng.normal(size=truth.shape) + signal * truth, truth, num_draws=num_draws
        )

    mean = np.mean([drawn(1).value for _ in range(1500)])
    held = np.mean([one.low <= mean <= one.high for one in (drawn(300) for _ in range(400))])
    assert held >= 0.91, held  # 92 to 97 % over 400 such data, give or take 1.3
