"""Protocols: which videos are ranked among which labels; labels that were trained on; lineages.

Covers: datasets/evaluation_plan, datasets/few_shot.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace

import numpy as np
import pytest

from zeroshot.datasets.listing import Listing
from zeroshot.datasets.paper_settings import LINEAGES, lineage_named
from zeroshot.datasets.protocols import PROTOCOLS, plan_for, plan_of_split
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
    assert all({video.label for video in one.videos} == set(one.labels) for one in plan.rounds)
    for seed, one in enumerate(plan.rounds):
        np.random.seed(seed)
        rows = sorted(np.random.permutation(9)[:4])
        assert one.labels == tuple(f"label {row}" for row in rows)
    assert "by numpy.random.seed(0) to (9) and permutation, as BIKE" in plan.notes[0]
    with pytest.raises(OptionError, match="has 3 labels; half of them is no choice"):
        plan_for("half-classes", listing("folders", ["a", "b", "c"]))


def test_half_the_labels_as_open_vclip_draws_them_on_training_and_test_split_1():
    labels = [f"label {n}" for n in range(6)]
    tests = tuple(tuple(range(start, 24, 4)) for start in (0, 1))
    trains = tuple(tuple(range(start, 24, 4)) for start in (2, 3))
    data = replace(listing("hmdb51", labels, 4, tests), trains=trains)
    plan = plan_for("half-classes-open-vclip", data)
    random.seed(2023)
    for one in plan.rounds:
        rows = list(range(6))
        random.shuffle(rows)
        assert one.labels == tuple(labels[row] for row in sorted(rows[:3]))
        assert {video.path for video in one.videos} == {f"{a}-{n}.mp4" for a in one.labels for n in (0, 2)}
    assert "; 12 videos, of training and test split 1; the draws share videos" in plan.notes[0]
    with pytest.raises(DatasetError, match="no list here names the former; put the lists of hmdb51 beside"):
        plan_for("half-classes-open-vclip", listing("hmdb51", labels, 4, tests))


def test_the_lists_of_tc_clip_exchange_two_pairs_of_labels():
    labels = ["kick", "kick ball", "run", "sword", "sword exercise"]
    data = listing("hmdb51", labels, 3, tuple(tuple(range(n, 15, 3)) for n in range(3)))
    plan = plan_for("hmdb51-tc-clip", data)
    assert [one.name for one in plan.rounds[:4]] == [
        *(f"test split {n}, TC-CLIP's list" for n in (1, 2, 3)),
        "test split 1",
    ]
    for theirs, ours in zip(plan.rounds[:3], plan.rounds[3:], strict=True):
        pairs = [(one.label, other.label) for one, other in zip(ours.videos, theirs.videos, strict=True)]
        assert pairs == [
            ("kick", "kick ball"),
            ("kick ball", "kick"),
            ("run", "run"),
            ("sword", "sword exercise"),
            ("sword exercise", "sword"),
        ]
        assert [one.path for one in ours.videos] == [one.path for one in theirs.videos]
    assert plan.parts == (("TC-CLIP's lists", 3), ("the files' names", 3))
    assert "4 of 5 videos of test split 1 have another label than their files' names say" in plan.notes[0]


def test_a_few_examples_of_each_label_and_the_rest_to_ask():
    data = listing("csv", ["run", "walk"], 20)
    plan = plan_for("few-shot-4", data)
    (one,) = plan.rounds
    assert [sum(video.label == label for video in one.examples) for label in data.labels] == [4, 4]
    assert {video.path for video in one.examples} | {video.path for video in one.videos} == {
        video.path for video in data.videos
    }
    assert len(one.videos) == 32
    two = plan_for("few-shot-2", replace(data, videos=data.videos[::-1]))
    assert {video.path for video in two.examples} < {video.path for video in plan.examples}
    assert not set(plan.videos) & set(plan.examples)
    assert "8 examples drawn: up to 4 of each label, seed 0; nothing is trained" in plan.notes[0]
    with pytest.raises(DatasetError, match="'run' has no video left to test on beside 2 examples"):
        plan_for("few-shot-2", listing("csv", ["run", "walk"], 2))
    with pytest.raises(OptionError, match="few-shot needs a training set, and diving48 has none here"):
        plan_for("few-shot-2", listing("diving48", ["run", "walk"], 5))
    with pytest.raises(DatasetError, match="no list names the training videos of hmdb51"):
        plan_for("few-shot-2", listing("hmdb51", ["run", "walk"], 5, ((0, 5),)))


def test_examples_of_training_split_1_are_those_that_a_list_names(tmp_path):
    data = listing("ucf101", ["run", "walk"], 6, ((0, 6),))
    data = replace(data, trains=((1, 2, 3, 7, 8, 9),), few_shot=(tmp_path / "train1_few_shot_2.txt",))
    text = "run-1.mp4 0\nx/run-3.mp4 0\nwalk-1.avi 1\n\nwalk-2.mp4 1\n"
    data.few_shot[0].write_text(text)
    plan = plan_for("few-shot-2", data)
    assert [video.path for video in plan.examples] == ["run-1.mp4", "run-3.mp4", "walk-1.mp4", "walk-2.mp4"]
    assert [video.path for video in plan.videos] == ["run-0.mp4", "walk-0.mp4"]
    assert "4 examples by train1_few_shot_2.txt" in plan.notes[0]
    drawn = plan_for("few-shot-16", data)
    assert {video.path for video in drawn.examples} == {data.videos[row].path for row in data.trains[0]}
    data.few_shot[0].write_text("run-1.mp4 0\nrun-0.mp4 0\n")
    with pytest.raises(DatasetError, match="line 2: run-0 is no training video"):
        plan_for("few-shot-2", data)
    data.few_shot[0].write_text("run-1.mp4 0\n")
    assert "; 1 of 2 labels have no training video" in plan_for("few-shot-2", data).notes[0]
    both = replace(data, trains=((0, 1, 7),))
    data.few_shot[0].write_text("run-0.mp4 0\n")
    with pytest.raises(DatasetError, match=r"run-0.mp4 is an example and tested on"):
        plan_for("few-shot-2", both)
    twice = replace(data, few_shot=(data.few_shot[0], tmp_path / "other_few_shot_2.txt"))
    with pytest.raises(DatasetError, match="both list 2 shots"):
        plan_for("few-shot-2", twice)


def test_kinetics_for_models_that_were_trained_on_it():
    plan = plan_for("k400-supervised", listing("kinetics400", ["run", "walk"]))
    assert plan.rounds[0].expected_seen == {"run", "walk"}
    assert plan.num_views == 4
    assert "no figure on unseen classes" in plan.notes[0]
    assert plan_for("k400", listing("kinetics400", ["run", "walk"])).num_views is None


def test_a_repeated_row_counts_once_and_a_second_label_is_refused():
    rows = [LabeledVideo("a.mp4", "run"), LabeledVideo("b.mp4", "walk"), LabeledVideo("a.mp4", "run")]
    plan = plan_of_split(Split.of("s", rows))
    assert len(plan.videos) == len(plan.rounds[0].videos) == 2
    assert plan.notes == ("1 row of the list name a file that stands above; a video counts once",)
    assert plan.rounds[0].digest == Split.of("s", rows[:2]).digest
    two = Split.of("s", [*rows, LabeledVideo("b.mp4", "run")])
    with pytest.raises(DatasetError, match=r"b.mp4 is listed as 'walk' and as 'run'"):
        plan_of_split(two)
    several = plan_of_split(two, several_labels=True)
    assert several.shape == "several labels"
    assert [video.labels for video in several.videos] == [("run",), ("walk", "run")]
    for protocol in ("half-classes", "few-shot-2"):
        with pytest.raises(OptionError, match="needs one label a video"):
            plan_for(protocol, several_listing(), several_labels=True)


def several_listing() -> Listing:
    data = listing("csv", ["a", "b", "c", "d"], 4)
    return replace(data, videos=(*data.videos, LabeledVideo("e.mp4", "a", others=("b",))))


def test_a_list_of_one_label_says_that_100_percent_mean_nothing():
    assert "100 % means nothing" in plan_for("csv", listing("csv", ["run"])).notes[0]
    assert plan_for("csv", listing("csv", ["run", "walk"])).notes == ()


def test_a_part_of_ucf101_is_not_ucf101():
    labels = read_labels("ucf101")
    (note,) = plan_for("folders", listing("folders", labels[:51])).notes
    assert note.startswith(
        "51 of the 101 labels of UCF101 (what mteb calls UCF101 has 51 labels): not UCF101"
    )
    assert plan_for("folders", listing("folders", labels)).notes == ()
    assert plan_for("folders", listing("folders", [*labels[:51], "flying"])).notes == ()


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
