"""Rejection on puppets: the classifier's answers with "none of these", whichever way they are asked for."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import zeroshot
from zeroshot.errors import IndexFileError, LabelError, OptionError
from zeroshot.rejection.background import LISTS
from zeroshot.rejection.rejection import rule_of
from zeroshot.rejection.scores import CHOSEN, SCORES
from zeroshot.statistics.open_set import auroc
from zeroshot.text.prompts import read_labels
from zeroshot.types import NONE

CLIPS = Path(__file__).parents[2] / "examples" / "clips"
ROWS = list(csv.DictReader((CLIPS / "clips.csv").read_text(encoding="utf-8").splitlines()))
PATHS = [str(CLIPS / row["path"]) for row in ROWS]
LABELS = ["climbing", "kicking", "waving"]


@pytest.fixture(scope="module")
def model():
    with zeroshot.load_model("puppet-tiny", device="cpu") as loaded:
        yield loaded


@pytest.fixture(scope="module")
def rejecting(model):
    return zeroshot.load(model, LABELS, reject="auto")


@pytest.fixture(scope="module")
def rankings(rejecting):
    return list(rejecting.rank_many(PATHS, k=3))


def test_puppets_that_do_none_of_it_are_known_for_that(rankings):
    for ranking in rankings:
        assert sum(each.probability for each in ranking.predictions) == pytest.approx(1)
    named = [ranking.predictions[0].label for ranking in rankings]
    unknown = [label for label, row in zip(named, ROWS, strict=True) if row["label"] not in LABELS]
    assert unknown.count(NONE) > len(unknown) / 2
    fits = np.array([next(e.fit for e in ranking.predictions if e.label == NONE) for ranking in rankings])
    known = np.array([row["label"] in LABELS for row in ROWS])
    assert auroc(fits[known], fits[~known]).value > 0.9


def test_the_fit_is_the_score_that_was_chosen(model, rejecting, rankings):
    vectors = model.embed_videos(PATHS)
    logits = model.logit_scale * rejecting.index.scores(vectors).astype(np.float64)
    behind = model.logit_scale * (vectors @ rejecting.rejection.background.T).astype(np.float64)
    odds = SCORES[CHOSEN](logits, behind)
    told = [next(each.fit for each in ranking.predictions if each.label == NONE) for ranking in rankings]
    np.testing.assert_allclose(told, 1 / (1 + np.exp(-odds)), atol=1e-4)


def test_one_call_the_loop_and_a_timeline_agree(model, rejecting, rankings):
    plain = zeroshot.load(model, LABELS)
    assert NONE not in {each.label for each in plain.rank(PATHS[0])}
    alone = plain.rank(PATHS[0], k=3, reject="auto")
    assert [each.label for each in alone] == [each.label for each in rankings[0].predictions]
    other = plain.rank(PATHS[0], k=1, labels=["bowing"], reject=0.5)
    assert {each.label for each in other} == {"bowing", NONE}
    (segment,) = rejecting.timeline(PATHS[0], window_seconds=60, k=1)
    assert NONE in {each.label for each in segment.predictions}
    assert plain.rejection is None


def test_labels_with_stages_and_more_labels_than_are_sorted_at_once(model):
    staged = zeroshot.load(model, "puppet_actions", stages="puppet_actions", reject="auto")
    found = staged.rank(PATHS[0], k=100)
    assert sum(each.probability for each in found) == pytest.approx(1)
    assert any("background label" in note for note in staged.notes)


def test_an_index_needs_the_templates_that_it_was_made_with(model, tmp_path):
    file = tmp_path / "x.index"
    zeroshot.build_index(LABELS, model=model, templates="a video of {}", output=file)
    with pytest.raises(IndexFileError, match="holds no texts"):
        zeroshot.load(model, index=file, reject="auto")
    with pytest.raises(IndexFileError, match="in these templates"):
        zeroshot.load(model, index=file, reject="auto", templates="kinetics28")
    by_index = zeroshot.load(model, index=file, templates="a video of {}", reject="auto").rank(PATHS[0])
    by_labels = zeroshot.load(model, LABELS, templates="a video of {}", reject="auto").rank(PATHS[0])
    assert [each.probability for each in by_index] == pytest.approx([each.probability for each in by_labels])


def test_words_are_refused_before_weights_in_one_line(tmp_path):
    everything = list(dict.fromkeys(label for source in LISTS for label in read_labels(source)))
    for labels, reject, kind, words in (
        ([NONE, "waving"], "auto", LabelError, "call yours something else"),
        (everything, "auto", LabelError, "background labels is left"),
        (LABELS, 1.5, OptionError, "expected auto, a share between 0 and 1"),
        (LABELS, str(tmp_path / "no.json"), OptionError, "cannot read .*no.json.*expected auto"),
        (LABELS, ["auto"], OptionError, "expected auto, a share"),
    ):
        with pytest.raises(kind, match=words):
            zeroshot.load("no-such-model", labels, reject=reject)


def test_what_may_be_asked_for():
    assert rule_of(None) is None
    assert rule_of("auto") is not None
    assert rule_of(0.5) == rule_of("0.5")
    with pytest.raises(OptionError):
        rule_of(True)  # noqa: FBT003 - it is 1 to Python


def test_usual_videos_calibrate_and_their_file_is_held_to_its_model(model, tmp_path):
    file = tmp_path / "my.json"
    made = zeroshot.calibrate(PATHS, LABELS, output=file, model=model, error=0.1)
    assert sum(made.calibration.videos.values()) == len(PATHS)
    assert not made.errors
    classifier = zeroshot.load(model, LABELS, reject=file)
    rejected = [ranking.predictions[0].label == NONE for ranking in classifier.rank_many(PATHS)]
    assert sum(rejected) <= 0.1 * (len(PATHS) + 1)
    assert "at most 10.0%" in classifier.notes[0]
    with (
        zeroshot.load_model("puppet-tiny", device="cpu", stream="clip") as other,
        pytest.raises(OptionError, match="on the stream fused, not"),
    ):
        zeroshot.load(other, LABELS, reject=file)
    with pytest.raises(OptionError, match="other templates"):
        zeroshot.load(model, LABELS, templates="a video of {}", reject=file)


def test_known_videos_give_sets_with_the_label_in_them(model, tmp_path):
    file, names = tmp_path / "my.json", sorted({row["label"] for row in ROWS})
    made = zeroshot.calibrate(str(CLIPS / "clips.csv"), names, output=file, model=model, error=0.2)
    assert made.calibration.rule.way == "sets"
    held = 0
    for row, ranking in zip(
        ROWS, zeroshot.classify(PATHS, names, model=model, k=99, reject=file), strict=True
    ):
        sets = {each.label for each in ranking.predictions if each.in_set}
        held += row["label"] in sets
        assert (sets == {NONE}) == (ranking.predictions[0].label == NONE)
        assert ranking.as_dict()["predictions"][0]["in_set"] in {True, False}
    assert held >= 0.8 * len(ROWS)


def test_videos_that_cannot_be_read_are_told_and_do_not_count(model, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    made = zeroshot.calibrate([*PATHS, str(broken)], LABELS, output=tmp_path / "x", model=model, error=0.2)
    assert list(made.errors) == [str(broken)]
    with pytest.raises(OptionError, match=r"1 video cannot promise an error of 0\.2; it takes 4"):
        zeroshot.calibrate([PATHS[0], str(broken)], LABELS, output=tmp_path / "y", model=model, error=0.2)
