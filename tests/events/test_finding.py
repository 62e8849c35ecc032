"""Events of a recorded video: a puppet film whose boundaries are known."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pytest

import zeroshot
from zeroshot.errors import LabelError, OptionError, VideoError
from zeroshot.events.hysteresis import FoundEvent, Hysteresis, events_of
from zeroshot.index.exact import probabilities

FILM = Path(__file__).parents[2] / "examples" / "film.mp4"
# What the film shows, two seconds each.
SHOWN = (
    *("waving", "kicking", "swimming", "doing push-ups"),
    *("climbing", "walking right", "doing jumping jacks", "waving"),
)


@pytest.fixture(scope="module")
def classifier():
    with zeroshot.load("puppet-tiny", labels=list(dict.fromkeys(SHOWN)), device="cpu") as found:
        yield found


@pytest.fixture(scope="module")
def coarse(classifier) -> list[zeroshot.Event]:
    return list(classifier.events(FILM, refine=False))


@pytest.fixture(scope="module")
def fine(classifier) -> list[zeroshot.Event]:
    return list(classifier.events(FILM))


def errors(events: list[zeroshot.Event]) -> list[float]:
    """How far boundaries within the film lie from the nearest true one, in seconds."""
    moments = [time for event in events for time in (event.start_seconds, event.end_seconds)]
    return [abs(time - 2 * round(time / 2)) for time in moments if 0 < time < 16]


def test_the_film_is_told_in_order_and_ends_are_finer_at_second_look(coarse, fine):
    """The model is not sure of every shot; what it tells of is where it is shown."""
    for events in (coarse, fine):
        shown = [row for row in range(8) if any(_covers(event, row) for event in events)]
        assert len(shown) >= 5
        assert events[0].start_seconds == 0
        assert max(event.end_seconds for event in events) <= 16.1
        assert all(1 / 3 < event.probability <= 1 for event in events)
    assert statistics.median(errors(fine)) < statistics.median(errors(coarse))
    assert statistics.median(errors(fine)) < 0.25


def _covers(event: zeroshot.Event, row: int) -> bool:
    """Whether an event is of a shot's label and holds its middle."""
    return event.label == SHOWN[row] and event.start_seconds < 2 * row + 1 < event.end_seconds


def test_first_look_is_what_the_rule_makes_of_the_timeline(classifier, coarse):
    """The windows' probabilities are those that `timeline` shows."""
    segments = classifier.timeline(FILM, 2.0, 1.0, k=len(classifier.labels))
    windows = np.array([(each.start_seconds, each.end_seconds) for each in segments])
    scores = np.array(
        [
            [next(p.score for p in each.predictions if p.label == x) for x in classifier.labels]
            for each in segments
        ]
    )
    found = events_of(windows, scores.astype(np.float32), classifier.model.logit_scale, Hysteresis())
    expected = sorted((one.start, one.end, classifier.labels[one.label]) for one in found)
    assert sorted((one.start_seconds, one.end_seconds, one.label) for one in coarse) == expected
    assert [one.end_seconds for one in coarse] == sorted(one.end_seconds for one in coarse)
    shares = probabilities(scores, classifier.model.logit_scale)
    assert shares[0].max() == pytest.approx(segments[0].predictions[0].probability, abs=1e-6)


def test_rules_of_single_labels_and_of_the_videos_range(classifier, coarse):
    lenient = list(classifier.events(FILM, rule=Hysteresis(on={"kicking": 0.2}), refine=False))
    assert "kicking" in {event.label for event in lenient}
    short = Hysteresis(shortest_seconds=1.25)
    assert all(
        event.end_seconds - event.start_seconds >= 1.25
        for event in classifier.events(FILM, rule=short, refine=False)
    )
    of_range = list(classifier.events(FILM, rule=Hysteresis.within_video()))
    assert len({event.label for event in of_range}) == 2
    assert [event.end_seconds for event in of_range] == sorted(event.end_seconds for event in of_range)


def test_events_of_the_videos_range_come_in_the_order_of_their_ends(classifier, monkeypatch):
    """One that begins before another and outlives it comes behind it."""
    nested = [FoundEvent(0, 0.0, 8.0, 0.6), FoundEvent(1, 2.0, 4.0, 0.7), FoundEvent(2, 1.0, 4.0, 0.5)]
    monkeypatch.setattr("zeroshot.events.finding.events_of", lambda *_: nested)
    found = classifier.events(FILM, rule=Hysteresis.within_video())
    assert [(one.start_seconds, one.end_seconds) for one in found] == [(1, 4), (2, 4), (0, 8)]


def test_none_of_these_takes_from_all_labels(classifier):
    """By the same rejection as `rank`: a window's levels are the probabilities that are shown."""
    alone = classifier.rejecting("auto")
    segments = alone.timeline(FILM, 2.0, 1.0, k=len(alone.labels))
    (event, *_) = alone.events(FILM, rule=Hysteresis(1e-6, 0), refine=False)
    shown = [p.probability for each in segments for p in each.predictions if p.label == event.label]
    assert event.probability == pytest.approx(np.mean(shown), abs=1e-6)
    with_one = classifier.with_labels(["swimming"], reject="auto")
    for found in with_one.events(FILM, refine=False):
        assert found.label == "swimming"
        assert 3 < found.start_seconds < found.end_seconds < 7


def test_what_has_no_events(classifier, tmp_path):
    alone = classifier.with_labels(["waving"])
    with pytest.raises(OptionError, match="'waving' is the only label, so it is certain all the time"):
        alone.events(FILM)
    with pytest.raises(OptionError, match="only label"):
        alone.watch(FILM)
    with pytest.raises(LabelError, match="'falling' has a threshold and is no label"):
        classifier.events(FILM, rule=Hysteresis(on={"falling": 0.6}))
    with pytest.raises(VideoError, match="no clock"):
        classifier.events(np.zeros((4, 8, 8, 3), np.uint8))
    with pytest.raises(VideoError, match="gone"):
        list(classifier.events(tmp_path / "gone.mp4"))
