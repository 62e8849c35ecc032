"""Answers to single videos, as a report keeps them, against a loop over scores."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from zeroshot.datasets.protocols import EvaluationPlan, Round
from zeroshot.datasets.splits import LabeledVideo
from zeroshot.evaluation.answers import answers, best_columns, video_names
from zeroshot.evaluation.scoring import stream_figures
from zeroshot.video.source import Stretch


@dataclass(frozen=True)
class World:
    """Two rounds that share some of twelve videos, one of which cannot be read."""

    plan: EvaluationPlan
    scores: np.ndarray
    readable: np.ndarray


@pytest.fixture
def world() -> World:
    labels = tuple("abcdefgh")
    videos = tuple(LabeledVideo(f"/data/{labels[row % 8]}/{row}.mp4", labels[row % 8]) for row in range(12))
    few = ("h", "c", "a")
    rounds = (
        Round("all", labels, videos),
        Round("few", few, tuple(video for video in videos if video.label in few)),
    )
    scores = np.random.default_rng(3).integers(-9, 9, (12, 8)).astype(np.float32) / 16  # some are equal
    readable = np.arange(12) != 2
    return World(EvaluationPlan("p", "d", rounds), scores, readable)


def test_every_answer_is_there(world):
    figures = stream_figures("clip", world.scores, world.plan, world.readable)
    found = answers(world.plan, [[figures]], "/data")
    kept = [video for row, video in enumerate(world.plan.videos) if world.readable[row]]
    assert found["videos"] == [video.path.removeprefix("/data/") for video in kept]
    labels = world.plan.labels
    for one, asked, said in zip(world.plan.rounds, found["rounds"], found["models"][0]["clip"], strict=True):
        here = [video for video in one.videos if video in kept]
        assert [kept[row] for row in asked["videos"]] == here
        assert [labels[row] for row in asked["targets"]] == [video.label for video in here]
        for place, video in enumerate(here):
            of = {
                label: world.scores[world.plan.videos.index(video), labels.index(label)]
                for label in one.labels
            }
            order = sorted(one.labels, key=lambda label: (-of[label], one.labels.index(label)))
            assert [labels[row] for row in said["labels"][place]] == order[:5]
            assert said["scores"][place] == pytest.approx([of[label] for label in order[:5]], abs=1e-5)
            assert said["ranks"][place] == order.index(video.label)


def test_of_several_right_labels_the_first_is_told_whatever_a_model_answers(world):
    """So that two runs say the same of one video."""
    figures = stream_figures("clip", world.scores, world.plan, world.readable)
    truth = [outcome.scores * 0 for outcome in figures.outcomes]
    for table in truth:
        table[:, 1:3] = 1
    several = tuple(
        replace(outcome, truth=table > 0, targets=outcome.targets * 0 + 2)
        for outcome, table in zip(figures.outcomes, truth, strict=True)
    )
    found = answers(world.plan, [[replace(figures, outcomes=several)]], "/data")
    for one, asked in zip(world.plan.rounds, found["rounds"], strict=True):
        assert {world.plan.labels[row] for row in asked["targets"]} == {one.labels[1]}


def test_of_equal_scores_the_first_label_stands_first():
    assert best_columns(np.zeros((2, 3), np.float32), 5).tolist() == [[0, 1, 2]] * 2
    assert best_columns(np.zeros((0, 3), np.float32), 2).shape == (0, 2)


def test_names_of_videos_do_not_say_where_the_data_lie(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sources = ["data/a/1.mp4", tmp_path / "data/b/1.mp4", "/elsewhere/1.mp4", "https://host/1.mp4"]
    sources += [Stretch("data/a/1.mp4", 1.0, 2.5), np.zeros((2, 4, 4, 3), np.uint8), np.zeros((2, 4, 4, 3))]
    found = video_names([LabeledVideo(source, "x") for source in sources], "data")
    assert found[:5] == [
        "a/1.mp4",
        "b/1.mp4",
        "/elsewhere/1.mp4",
        "https://host/1.mp4",
        "a/1_000001_0002.5.mp4",
    ]
    assert len(set(found)) == 7
    assert video_names([LabeledVideo("data/a/1.mp4", "x")], None) == ["data/a/1.mp4"]
