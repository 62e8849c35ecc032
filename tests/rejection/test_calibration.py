"""Calibrations: the promise by simulation, the file, and what it refuses to be used with."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.errors import OptionError, OutputError
from zeroshot.rejection.calibration import (
    Calibration,
    Stamp,
    quantile_rule,
    require_enough,
    require_place,
    set_rule,
    shown_by,
)
from zeroshot.rejection.rule import Rule, log_share, with_none
from zeroshot.types import NONE, Prediction

SCALE, LABELS = 10.0, ("a", "b", "c")
STAMP = Stamp("f" * 64, "ViT-B-16/openai", "fused 12", "p", "b")
MADE = Calibration(Rule(-1.0, {"a": float("-inf")}, "sets", 0.1), LABELS, STAMP, {"a": 30})


def videos(draw: np.random.Generator, number: int) -> tuple[list[list[Prediction]], list[str], list[float]]:
    """What is ranked of videos, the label that each shows, and its fit; one label is harder."""
    found, shown, fits = [], [], []
    for row in draw.integers(3, size=number):
        logits = draw.normal(0, 1, 3) + np.eye(3)[row] * (1 if row == 2 else 4)
        powers = np.exp(logits) / np.exp(logits).sum()
        order = np.argsort(-powers)
        found.append([Prediction(LABELS[k], float(logits[k]) / SCALE, float(powers[k])) for k in order])
        shown.append(LABELS[row])
        fits.append(float(draw.normal(2 if row < 2 else 0, 1)))
    return found, shown, fits


def told(found: list[list[Prediction]], fits: list[float]) -> list[list[Prediction]]:
    return [with_none(each, fit, SCALE, Rule.at(0.5), 3) for each, fit in zip(found, fits, strict=True)]


@pytest.mark.parametrize("number", [40, pytest.param(100, marks=pytest.mark.slow)])
def test_no_more_videos_are_rejected_or_miss_their_label_than_promised(number):
    draw, error, rounds = np.random.default_rng(number), 0.1, 40
    rejected, missed = [], {label: [] for label in LABELS}
    for _ in range(rounds):
        found, shown, fits = videos(draw, number)
        usual, _ = quantile_rule(told(found, fits), SCALE, error)
        sets, counts = set_rule(told(found, fits), shown, SCALE, error)
        assert sum(counts.values()) == number
        further, truth, odds = videos(draw, 60)
        for each, label, fit in zip(further, truth, odds, strict=True):
            rejected.append(with_none(each, fit, SCALE, usual, 3)[0].label == NONE)
            own = next(one for one in each if one.label == label)
            missed[label].append(not sets.keeps(own, fit))
    assert np.mean(rejected) < error + 0.02
    assert np.mean(rejected) > error / 3
    for (
        label,
        outcomes,
    ) in missed.items():  # with 40 videos or more each label has 9 of its own, nearly always
        assert np.mean(outcomes) < error + 0.03, label


def test_a_label_with_few_videos_shares_a_threshold():
    found, shown, fits = videos(np.random.default_rng(0), 60)
    few = shown.index("c")
    kept = [row for row, label in enumerate(shown) if label != "c" or row == few]
    some = [told(found, fits)[row] for row in kept]
    rule, counts = set_rule(some, [shown[row] for row in kept], SCALE, 0.1)
    assert (set(rule.own), counts["c"]) == ({"a", "b"}, 1)
    everything = [
        log_share(next(one for one in found[row] if one.label == shown[row]), fits[row]) for row in kept
    ]
    assert rule.others == pytest.approx(sorted(everything)[int(0.1 * (len(kept) + 1)) - 1])


def test_too_few_are_told_how_many_it_takes_and_what_they_can_promise():
    with pytest.raises(
        OptionError, match=r"8 videos cannot promise an error of 0\.05; it takes 19 .* 0\.112"
    ):
        require_enough(8, 0.05)
    require_enough(8, 0.112)
    with pytest.raises(OptionError, match=r"0 videos .* give more$"):
        require_enough(0, 0.05)


def test_the_file_is_what_was_written_and_says_so(tmp_path):
    path = tmp_path / "my.json"
    MADE.save(path)
    read = Calibration.load(path)
    assert (read.rule, read.labels, read.stamp, read.videos) == (MADE.rule, LABELS, STAMP, {"a": 30})
    facts = json.loads(path.read_text())
    assert facts["labels"] == ["a", "b", "c"]
    assert (facts["way"], facts["error"], facts["thresholds"]) == ("sets", 0.1, {"a": None})
    assert "30 videos: at most 10.0% of videos like these that show a label miss it" in read.lines[0]
    require_place(path)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("model", "0" * 64, "by the model ViT-B-16/openai, not other weights of it"),
        ("stream", "clip 12", "on the stream fused, not clip"),
        ("prompts", "q", "other templates, texts or stages"),
        ("background", "c", "other background labels"),
    ],
)
def test_what_it_was_not_made_with_is_refused_in_one_line(field, value, words):
    MADE.require(STAMP)
    with pytest.raises(OptionError, match=words) as raised:
        MADE.require(replace(STAMP, **{field: value}))
    assert "\n" not in str(raised.value)


def test_other_labels_are_refused_and_another_order_is_not():
    MADE.require_labels(["c", "b", "a"])
    with pytest.raises(OptionError, match=r"other labels \('c', 'd'\)"):
        MADE.require_labels(["a", "b", "d"])


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"format": 1}', b"\xff\xfe"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(OptionError, match=r"x\.json"):
        Calibration.load(path)
    with pytest.raises(OutputError, match="is no calibration"):
        require_place(path)


def test_a_damaged_threshold_is_found(tmp_path):
    path = tmp_path / "x.json"
    MADE.save(path)
    path.write_text(path.read_text().replace("-1.0", "-9.0"))
    with pytest.raises(OptionError, match="damaged"):
        Calibration.load(path)


def test_a_folder_is_no_place(tmp_path):
    with pytest.raises(OutputError, match="is a folder"):
        require_place(tmp_path)


def test_names_of_a_table_are_spaced_as_labels_are_and_strange_ones_refused():
    split = Split.of("x.csv", [LabeledVideo("1.mp4", "BrushHair"), LabeledVideo("2.mp4", "waving")], None)
    assert shown_by(split, ("waving", "brush hair")) == ["brush hair", "waving"]
    with pytest.raises(OptionError, match="the label 'BrushHair', which is none of those"):
        shown_by(split, ("waving",))
