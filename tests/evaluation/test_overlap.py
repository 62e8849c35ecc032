"""Labels that another list has: figures against loops, and the model's own text neighbours."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zeroshot.datasets.evaluation_plan import SEVERAL_LABELS, EvaluationPlan, Round
from zeroshot.datasets.splits import LabeledVideo
from zeroshot.evaluation.overlap import NEAR, Overlap, parts_of, text_neighbours
from zeroshot.evaluation.scoring import stream_figures

LABELS = ("archery", "skate boarding", "waving", "springboard diving")


@pytest.fixture
def scores():
    """(40, 4) of a model that is right about half the time."""
    generator = np.random.default_rng(4)
    table = generator.normal(size=(40, 4)).astype(np.float32)
    table[np.arange(40), np.arange(40) % 4] += 0.8
    return table


def plan(shape="mean"):
    videos = tuple(LabeledVideo(f"{row}.mp4", LABELS[row % 4]) for row in range(40))
    if shape == "mean":
        rounds = (Round("all", LABELS, videos), Round("half", LABELS, videos[:20]))
    else:
        halves = [[video for video in videos if video.label in some] for some in (LABELS[:2], LABELS[2:])]
        rounds = (Round("base", LABELS[:2], tuple(halves[0])), Round("novel", LABELS[2:], tuple(halves[1])))
    return EvaluationPlan("p", "d", rounds, shape)


def test_what_a_list_has_in_common():
    overlap = Overlap.of("mine", LABELS, ["skateboarding", "diving", "cooking"])
    assert overlap.shared == {"skate boarding"}
    assert overlap.possible == (("springboard diving", ("diving",)),)
    facts = overlap.as_dict()
    assert (facts["list"], facts["labels"]) == ("mine", 3)
    assert facts["same"] == [{"label": "skate boarding", "listed": "skateboarding", "similarity": 1.0}]


def test_with_and_without_as_a_loop_counts_them(scores):
    asked = plan()
    figures = stream_figures("clip", scores, asked, np.ones(40, bool))
    shared = {"archery", "waving"}
    (found,) = parts_of(figures, asked, shared)
    means = {"all": [], "shared": [], "others": [], "alone": []}
    for count in (40, 20):
        hits = {name: [] for name in means}
        for row in range(count):
            target = row % 4
            right = int(scores[row].argmax()) == target
            hits["all"].append(right)
            hits["shared" if LABELS[target] in shared else "others"].append(right)
            if LABELS[target] not in shared:
                rest = [place for place in range(4) if LABELS[place] not in shared]
                hits["alone"].append(max(rest, key=lambda place, row=row: scores[row, place]) == target)
        for name, rows in hits.items():
            means[name].append(np.mean(rows))
    expected = {name: np.mean(values) for name, values in means.items()}
    told = {"all": found.every, "shared": found.shared, "others": found.others, "alone": found.alone}
    assert {name: one.value for name, one in told.items()} == pytest.approx(expected)
    assert all(one.low < one.value < one.high for one in told.values())
    assert found.shared.n == found.others.n == 20
    assert found.alone.value > found.others.value, "fewer labels to choose among"


def test_sides_are_told_one_by_one(scores):
    asked = plan("sides")
    figures = stream_figures("clip", scores, asked, np.ones(40, bool))
    base, novel = parts_of(figures, asked, {"archery", "skate boarding"})
    assert (base.name, novel.name) == ("base", "novel")
    assert base.others is base.alone is novel.shared is None
    assert base.shared == base.every
    assert novel.as_dict()["shared"] is None
    assert novel.as_dict()["others"]["n"] == 20


def test_of_several_labels_all_say_where_a_video_counts(scores):
    videos = tuple(
        LabeledVideo(f"{row}.mp4", LABELS[row % 4], others=(LABELS[(row + 1) % 4],) if row % 3 else ())
        for row in range(40)
    )
    asked = EvaluationPlan("p", "d", (Round("all", LABELS, videos),), SEVERAL_LABELS)
    figures = stream_figures("clip", scores, asked, np.ones(40, bool))
    shared = set(LABELS[:2])
    (found,) = parts_of(figures, asked, shared)
    hits = {"shared": [], "others": [], "alone": []}
    for row, video in enumerate(videos):
        right = LABELS[scores[row].argmax()] in video.labels
        if set(video.labels) <= shared:
            hits["shared"].append(right)
        elif not set(video.labels) & shared:
            hits["others"].append(right)
            hits["alone"].append(LABELS[2 + scores[row, 2:].argmax()] in video.labels)
    told = {"shared": found.shared, "others": found.others, "alone": found.alone}
    assert {name: (one.value, one.n) for name, one in told.items()} == {
        name: (pytest.approx(np.mean(rows)), len(rows)) for name, rows in hits.items()
    }
    assert found.every == figures.top1


def test_neighbours_are_nearer_than_labels_of_one_list_are():
    generator = np.random.default_rng(0)
    own = generator.normal(size=(40, 12))
    theirs = np.concatenate(
        [own[:3] + 0.05 * generator.normal(size=(3, 12)), generator.normal(size=(30, 12))]
    )
    own, theirs = (table / np.linalg.norm(table, axis=1, keepdims=True) for table in (own, theirs))
    labels, listed = [f"a{row}" for row in range(40)], [f"b{row}" for row in range(33)]
    found = text_neighbours(own, labels, theirs, listed, {"a1"})
    nearest = [max(own[i] @ own[j] for j in range(40) if j != i) for i in range(40)]
    assert found.least == pytest.approx(np.quantile(nearest, NEAR))
    pairs = {(one.label, one.listed) for one in found.found}
    assert {("a0", "b0"), ("a2", "b2")} <= pairs
    assert "a1" not in {label for label, _ in pairs}
    assert len(pairs) < 8
    cosines = [one.cosine for one in found.found]
    assert cosines == sorted(cosines, reverse=True)
    assert min(cosines) >= found.least


def test_one_label_has_no_neighbour_to_compare_with():
    one = np.ones((1, 4), np.float32) / 2
    found = text_neighbours(one, ["a"], one, ["b"], set())
    assert math.isnan(found.least)
    assert found.found == ()
    assert found.as_dict() == {"least_cosine": None, "neighbours": []}
