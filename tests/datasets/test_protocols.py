"""Protocols: which videos are ranked among which labels; labels that were trained on; lineages."""

from __future__ import annotations

import re

import numpy as np
import pytest

from zeroshot.datasets.listing import Listing
from zeroshot.datasets.paper_settings import LINEAGES, lineage_named
from zeroshot.datasets.protocols import PROTOCOLS, plan_for
from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.errors import DatasetError, LabelError, OptionError
from zeroshot.evaluation.calibration import calibrate, calibration_rows
from zeroshot.text.prompts import read_labels


def listing(name: str, labels, per_label: int = 2, tests=()) -> Listing:
    videos = [LabeledVideo(f"{label}-{n}.mp4", label) for label in labels for n in range(per_label)]
    return Listing(name, tuple(labels), tuple(videos), tests=tests)


def test_unknown_protocols_are_listed():
    with pytest.raises(
        OptionError, match="protocol 'hmdb'; expected one of hmdb51-zeroshot, ucf101-zeroshot"
    ):
        plan_for("hmdb", listing("hmdb51", ["a", "b"]))
    with pytest.raises(OptionError, match="hmdb51-zeroshot is for hmdb51, not for ucf101"):
        plan_for("hmdb51-zeroshot", listing("ucf101", ["a", "b"]))
    assert all(protocol.about for protocol in PROTOCOLS.values())


def test_official_test_splits():
    data = listing("hmdb51", ["run", "walk"], 3, tests=((0, 3), (1, 4), (2, 5)))
    plan = plan_for("hmdb51-zeroshot", data)
    assert [[video.path for video in one.videos] for one in plan.rounds] == [
        [f"run-{n}.mp4", f"walk-{n}.mp4"] for n in range(3)
    ]
    assert plan.labels == ("run", "walk")
    assert len(plan.videos) == 6
    assert len(plan_for("hmdb51-full", data).rounds[0].videos) == 6
    few = plan_for("hmdb51-zeroshot", listing("hmdb51", ["run", "walk"], 3, tests=((0, 3),)))
    assert few.notes == ("1 of the three official test splits",)
    with pytest.raises(DatasetError, match="has no test splits"):
        plan_for("hmdb51-zeroshot", listing("hmdb51", ["run", "walk"]))


def test_the_sets_of_kinetics_600():
    labels = read_labels("kinetics600")
    plan = plan_for("k600-zeroshot160", listing("kinetics600", labels))
    assert [len(one.labels) for one in plan.rounds] == [160, 160, 160]
    sets = [set(one.labels) for one in plan.rounds]
    assert len(sets[0] | sets[1] | sets[2]) == len(plan.labels) == 217
    assert len(sets[0] & sets[1] & sets[2]) == 80
    assert not set(plan.labels) & set(read_labels("kinetics400"))
    assert "overlap: 217 in all, 80 in all three; ± is not over independent draws" in plan.notes[0]
    assert "here 320, 320, 320" in plan.notes[1]


def test_half_the_labels_ten_times():
    data = listing("folders", [f"label {n}" for n in range(9)])
    plan = plan_for("half-classes", data)
    assert [len(one.labels) for one in plan.rounds] == [4] * 10
    assert len({one.labels for one in plan.rounds}) > 5
    assert all({video.label for video in one.videos} == set(one.labels) for one in plan.rounds)
    again = plan_for("half-classes", data)
    assert [one.digest for one in plan.rounds] == [one.digest for one in again.rounds]
    with pytest.raises(OptionError, match="has 3 labels; half of them is no choice"):
        plan_for("half-classes", listing("folders", ["a", "b", "c"]))


@pytest.mark.parametrize(
    ("name", "base", "novel"),
    [("hmdb51", 26, 25), ("ucf101", 51, 50), ("kinetics400", 200, 200), ("ssv2", 87, 87)],
)
def test_base_and_novel(name, base, novel):
    labels = read_labels(name)
    plan = plan_for("base-to-novel", listing(name, labels))
    assert [(one.name, len(one.labels)) for one in plan.rounds] == [("base", base), ("novel", novel)]
    assert set(plan.labels) == set(labels)
    assert [len(one.expected_seen) for one in plan.rounds] == [base, 0]
    with pytest.raises(OptionError, match="base-to-novel halves exist for hmdb51"):
        plan_for("base-to-novel", listing("folders", ["a", "b"]))


def test_seen_and_unseen_labels_compete():
    data = listing("folders", ["riding bike", "waving", "running"])
    plan = plan_for("generalized", data, ["riding_bike"])
    assert plan.rounds[0].expected_seen == {"riding bike"}
    with pytest.raises(OptionError, match="seen label 'skiing' is none of the 3 labels"):
        plan_for("generalized", data, ["skiing"])
    for seen, count in (([], 0), (["riding bike", "waving", "running"], 3)):
        with pytest.raises(OptionError, match=f"{count} of 3 labels are seen; generalized needs"):
            plan_for("generalized", data, seen)


def test_digests_follow_labels_and_names_and_nothing_else():
    rows = [LabeledVideo("/a/x.mp4", "run"), LabeledVideo("/a/y.mp4", "walk", "beach")]
    digest = Split.of("s", rows).digest
    assert re.fullmatch("[0-9a-f]{16}", digest)
    assert Split.of("t", rows[::-1]).digest == digest
    moved = [LabeledVideo("/b/c/x.mp4", "run"), LabeledVideo("y.mp4", "walk", "beach")]
    assert Split.of("s", moved).digest == digest
    assert Split.of("s", rows, ["walk", "run"]).digest != digest
    assert Split.of("s", [rows[0], LabeledVideo("/a/y.mp4", "walk")]).digest != digest
    assert Split.of("s", [rows[0], LabeledVideo("/a/z.mp4", "walk", "beach")]).digest != digest


def test_gamma_is_the_largest_that_costs_so_much():
    rng = np.random.default_rng(0)
    seen = np.arange(8) < 5
    targets = rng.integers(0, 5, 200)
    scores = rng.normal(0, 0.1, (200, 8)).astype(np.float32)
    scores[np.arange(200), targets] += 0.25
    for cost in (0.0, 0.05, 0.3):
        gamma = calibrate(scores, targets, seen, cost)

        def right(value):
            return int(((scores - value * seen).argmax(1) == targets).sum())

        allowed = right(0) - int(cost * right(0))
        assert right(gamma) >= allowed
        assert right(gamma + 1e-3) < allowed or right(gamma + 0.02) < allowed
        grid = [value for value in np.linspace(0, 1, 2001) if right(value) >= allowed]
        assert gamma == pytest.approx(max(grid), abs=1e-3)
    with pytest.raises(OptionError, match="videos of unseen labels"):
        calibrate(scores, np.full(200, 7), seen)
    with pytest.raises(OptionError, match="expected a share from 0 to below 1"):
        calibrate(scores, targets, seen, 1.0)
    assert calibrate(scores[:0], targets[:0], seen) == 0


def test_calibration_takes_half_of_the_seen_videos_whatever_their_order():
    videos = [LabeledVideo(f"/d/{n}.mp4", "a") for n in range(400)]
    seen = np.arange(400) % 2 == 0
    chosen = calibration_rows(videos, np.arange(400), seen)
    assert not chosen[~seen].any()
    assert 70 < chosen.sum() < 130
    order = np.random.default_rng(0).permutation(400)
    shuffled = calibration_rows([videos[row] for row in order], np.arange(400), seen[order])
    assert (shuffled == chosen[order]).all()


def test_lineages():
    with pytest.raises(OptionError, match="--as 'vifi'; expected one of plain, x-clip, vifi-clip"):
        lineage_named("vifi")
    views = {
        name: (one.sampling.num_frames, one.sampling.num_views)
        for name, one in LINEAGES.items()
        if one.sampling and name in {"x-clip", "vifi-clip", "open-vclip", "froster", "tc-clip"}
    }
    assert views == {
        "x-clip": (32, 1), "vifi-clip": (32, 1), "open-vclip": (8, 3), "froster": (8, 3), "tc-clip": (16, 2)
    }  # fmt: skip


def test_a_listing_checks_itself():
    with pytest.raises(DatasetError, match="has videos of 'b', which is none of its 1 labels"):
        Listing("x", ("a",), (LabeledVideo("1.mp4", "b"),))
    with pytest.raises(DatasetError, match="lists no videos"):
        Listing("x", ("a",), ())
    with pytest.raises(LabelError, match="empty label"):
        LabeledVideo("1.mp4", " ")
