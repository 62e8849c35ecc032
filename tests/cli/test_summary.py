"""What `zeroshot show` opens with: five lines that a person reads, from whatever the files say."""

from __future__ import annotations

import json

import pytest

from zeroshot.checkpoint import describe
from zeroshot.cli.summary import summary

NAMES = ("what it is", "stands on", "trained on", "measured", "licence")


@pytest.fixture
def facts(tmp_path) -> dict:
    """What a run of `zeroshot train` leaves, in short."""
    metrics = {"static_accuracy": 0.25, "dynamic_accuracy": 0.5, "fused_accuracy": 0.75}
    return {
        "folder": str(tmp_path),
        "weights": {"model.safetensors": {"parameters": 579113}},
        "config": {
            "backbone": {"name": "ViT-B-16/openai"},
            "adapter": {"num_frames": 8},
            "stream": "dynamic",
        },
        "training": {
            "kind": "adapter",
            "split": "videos.csv",
            "labels": ["a", "b"],
            "videos": {"training": 1200, "held_out": 30},
            "best_epoch": 2,
            "history": [{"metrics": {}}, {"metrics": metrics}],
        },
    }


def test_show_opens_with_five_lines(run):
    lines = run("show", "puppet-tiny")[1].split("\n\n")[0].splitlines()
    assert [line[:12].strip() for line in lines] == list(NAMES)
    told = {line[:12].strip(): line[13:] for line in lines}
    assert "answers with fused" in told["what it is"]
    assert told["trained on"] == (
        "3,584 videos of 32 labels (videos.csv) by the method streams; chosen on 416 other videos"
    )
    assert "action 90.5 %" in told["measured"]
    assert told["licence"].startswith("Apache-2.0")
    assert set(json.loads(run("show", "puppet-tiny", "--json")[1])) == set(describe("puppet-tiny"))


def test_a_checkpoint_of_ones_own(facts, tmp_path):
    (tmp_path / "README.md").write_text('---\nlicense: "cc-by-4.0"\ntags: []\n---\n# Mine\n')
    told = dict(summary(facts))
    assert told == {
        "what it is": "static and dynamic stream over 8 frames, 0.6 million numbers; answers with dynamic",
        "stands on": "ViT-B-16/openai, frozen, which is opened beside it",
        "trained on": "1,200 videos of 2 labels (videos.csv); chosen on 30 other videos",
        "measured": "right on held-out videos, which chose the epoch: "
        "static 25.0%, dynamic 50.0%, fused 75.0%",
        "licence": "cc-by-4.0",
    }


@pytest.mark.parametrize("name", ["config", "training"])
@pytest.mark.parametrize(
    "odd",
    [None, [], "words", {"adapter": 1, "videos": "x", "labels": [1]}, {"history": [3], "best_epoch": 1}],
)
def test_whatever_the_files_say_there_are_five_lines(facts, name, odd):
    assert tuple(key for key, _ in summary({**facts, name: odd})) == NAMES


def test_the_method_is_named(facts):
    facts["training"]["method"] = {"name": "albar"}
    assert dict(summary(facts))["trained on"] == (
        "1,200 videos of 2 labels (videos.csv) by the method albar; chosen on 30 other videos"
    )


def test_what_nobody_says_is_not_recorded(facts):
    del facts["training"]
    told = dict(summary(facts))
    assert [told[name] for name in NAMES[2:]] == ["not recorded"] * 3


def test_figures_of_another_form_are_left_out(facts, tmp_path):
    facts["training"]["metrics_percent"] = {"one": {"scene": 100.0}}
    assert dict(summary(facts))["measured"].startswith("right on held-out videos")
