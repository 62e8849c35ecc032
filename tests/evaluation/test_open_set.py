"""Open-set evaluation: puppets of held-out actions, the promise on videos apart, and what is refused.

Covers: evaluation/open_set_section.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from report_schemas import assert_fits

import zeroshot
from zeroshot.datasets.protocols import plan_of_split
from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.errors import DatasetError, OptionError
from zeroshot.evaluation.open_set import Background, open_set_figures, unknown_labels, validation_rows
from zeroshot.evaluation.prepare import EvaluationSettings
from zeroshot.evaluation.scoring import Outcome
from zeroshot.statistics.metrics import target_ranks
from zeroshot.statistics.open_set import auroc
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import ACTIONS

if TYPE_CHECKING:
    from zeroshot.datasets.evaluation_plan import EvaluationPlan

LABELS = ("bowing", "kicking", "swimming", "waving")
SCALE = 30.0


def plan_of(number: int) -> EvaluationPlan:
    """So many videos of each label."""
    videos = [LabeledVideo(f"{row}-{label}.mp4", label) for row in range(number) for label in LABELS]
    return plan_of_split(Split("made", LABELS, tuple(videos)))


def made(number: int, seed: int = 0) -> tuple[EvaluationPlan, Outcome, Background]:
    """Scores in which known labels are well told, and unknown videos look like nothing known."""
    plan, draw = plan_of(number), np.random.default_rng(seed)
    targets = np.array([LABELS.index(video.label) for video in plan.videos])
    scores = draw.normal(0, 0.05, (len(targets), 4)) + 0.2 * np.eye(4)[targets]
    scores = scores.astype(np.float32)
    behind = draw.normal(0.08, 0.05, (len(targets), 9)).astype(np.float32)
    outcome = Outcome(
        np.arange(len(targets)), targets, scores.argmax(1), target_ranks(scores, targets), scores
    )
    return plan, outcome, Background({"clip": behind}, np.arange(9) == 0)


@pytest.fixture(scope="module")
def figures():
    plan, outcome, background = made(80)
    return open_set_figures(outcome, plan, ("swimming", "waving"), background, SCALE)


def test_known_validation_and_unknown_videos_are_apart_and_all_there(figures):
    assert sum(figures.counts.values()) == 320
    assert figures.counts["unknown"] == 160
    assert figures.counts["validation"] == figures.counts["test"] == 80


def test_the_scores_are_those_of_known_test_videos_against_unknown_ones(figures):
    plan, outcome, background = made(80)
    known = outcome.targets < 2
    test = known & ~validation_rows(plan, outcome, known)
    best = outcome.scores[:, :2].max(1)
    by_name = {(one.score, one.background): one for one in figures.scores}
    assert by_name["cosine", "none"].auroc == auroc(best[test] * SCALE, best[~known] * SCALE)
    margin = best - background.scores["clip"][:, 1:].max(1)
    assert by_name["margin-background", "unnamed"].auroc.value == pytest.approx(
        auroc(margin[test], margin[~known]).value
    )


def test_the_promise_is_held_over_many_draws():
    found: dict[tuple[str, float | None], list[float]] = {}
    for seed in range(25):
        plan, outcome, background = made(40, seed)
        for one in open_set_figures(outcome, plan, LABELS[2:], background, SCALE).promises:
            broken = one.known_rejected if one.missed is None else one.missed
            found.setdefault((one.way, one.error), []).append(broken.value)
    assert {("quantiles", 0.05), ("sets", 0.1)} <= found.keys()
    for (_, error), shares in found.items():
        if error is not None:
            assert np.mean(shares) < error + 0.02
            assert np.mean(shares) > error / 5


def test_coverage_falls_towards_the_surest_and_an_unknown_video_is_never_right(figures):
    assert figures.curve.at(1.0) <= figures.counts["test"] / (figures.counts["test"] + 160)
    assert figures.curve.at(0.1) > figures.curve.at(1.0)


def test_puppets_of_held_out_actions_and_places_without_any(tmp_path):
    actions = [*LABELS[:2], *LABELS[:2], "running right", "running right"] * 3
    videos = render_many([ACTIONS.index(name) for name in actions], [0, 1, 2] * 6, list(range(18)))
    rows = [LabeledVideo(video.frames, label) for video, label in zip(videos, actions, strict=True)]
    rows += [LabeledVideo(video.background, "nobody") for video in videos[:3]]
    split = Split("puppets", tuple(sorted({*actions, "nobody"})), tuple(rows))
    settings = EvaluationSettings(allow_seen=True, device="cpu", open_set="running right, nobody")
    report = zeroshot.evaluate(split, "puppet-tiny", output=tmp_path / "out", settings=settings)
    told = assert_fits(tmp_path / "out" / "report.json", "evaluation")["models"][0]["open_set"]
    assert set(told["unknown_labels"]) == {"running right", "nobody"}
    assert told["videos"]["unknown"] == 9
    auto = told["promises"][0]
    assert (auto["way"], auto["error"]) == ("auto", None)
    assert auto["unknown_rejected"]["value"] > auto["known_rejected"]["value"]
    page, text = ((tmp_path / "out" / f"report.{kind}").read_text() for kind in ("html", "md"))
    assert "None of these" in page
    assert "<polyline" in page
    assert "| puppet-tiny | margin-background | all |" in text
    assert json.loads((tmp_path / "out" / "report.json").read_text())["models"][0]["open_set"] == told
    assert report.models[0].open_set.as_dict() == told


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("flying", "the unknown label 'flying' is none of made"),
        (",".join(LABELS), "4 of 4 labels are held out"),
    ],
)
def test_labels_that_cannot_be_held_out_are_one_line(source, words):
    with pytest.raises(OptionError, match=words):
        unknown_labels(plan_of(1), source)


def test_half_is_the_same_half_each_time_and_one_video_is_too_few():
    half = unknown_labels(plan_of(1), "half")
    assert len(half) == 2
    assert half == unknown_labels(plan_of(3), "half")
    plan, outcome, background = made(1)
    with pytest.raises((OptionError, DatasetError), match="expected more videos a label"):
        open_set_figures(outcome, plan, LABELS[1:], background, SCALE)


def test_labels_a_video_are_refused():
    videos = [LabeledVideo("1.mp4", "bowing", None, ("waving",)), LabeledVideo("2.mp4", "waving")]
    plan = plan_of_split(Split("x", ("bowing", "waving"), tuple(videos)), several_labels=True)
    with pytest.raises(OptionError, match="one label a video"):
        unknown_labels(plan, "waving")
