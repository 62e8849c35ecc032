"""Labels of mirrored and reversed clips: which they are, when they are drawn, what a checkpoint says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from tiny_world import write_videos
from training_world import QUIET, TRAIN, changed, one_line, run_train, write_folder

import zeroshot
from zeroshot.checkpoint import trained_labels
from zeroshot.datasets.seen_labels import TrainedOn
from zeroshot.datasets.splits import Split
from zeroshot.errors import LabelError
from zeroshot.evaluation.run import EvaluationSettings
from zeroshot.training.label_targets import LabelTexts
from zeroshot.training.opposite_labels import opposites
from zeroshot.training.prepare import Preparation
from zeroshot.training.training_run import plan_run
from zeroshot.waist.waist import Waist


def test_what_is_derived_and_from_what():
    found = opposites(["walking left", "raising an arm", "waving"], mirrored=True, reverse=True)
    assert found.labels == ("walking left", "raising an arm", "waving", "walking right", "lowering an arm")
    assert found.derived == {
        "walking right": "mirrored walking left", "lowering an arm": "reversed raising an arm",
    }  # fmt: skip
    assert found.mirrored.tolist() == [3, 1, 2, 0, 4]
    assert found.reversed.tolist() == [-1, 4, -1, -1, 1]
    assert "2 labels without videos are trained by mirrored or reversed ones" in found.notes[0]


def test_a_mirrored_label_may_be_reversed_as_well():
    found = opposites(["swiping left", "waving"], mirrored=True, reverse=True)
    assert found.labels == ("swiping left", "waving", "swiping right")
    assert found.reversed.tolist() == [2, -1, 0]
    only = opposites(["opening door", "closing_door"], mirrored=False, reverse=True)
    assert (only.labels, only.derived) == (("opening door", "closing_door"), {})
    assert only.mirrored is None
    assert only.reversed.tolist() == [1, 0]
    nothing = opposites(["opening door"], mirrored=False, reverse=False)
    assert (nothing.reversed, nothing.derived, nothing.notes) == (None, {}, ())


def test_what_is_held_out_or_has_no_text_is_not_derived():
    ask = {"mirrored": True, "reverse": True}
    assert not opposites(["walking left", "waving"], apart=["Walking Right"], **ask).derived
    assert not opposites(["walking left", "waving"], known=["walking left", "waving"], **ask).derived


def test_opposites_that_clash_are_said_in_one_line():
    clash = opposites(["standing up", "waving"], mirrored=False, reverse=True)
    assert clash.reversed.tolist() == [-1, -1]
    assert not clash.derived
    (note,) = clash.notes
    assert "\n" not in note
    assert "1 label not reversed" in note
    assert "'standing up' is 'sitting down' or 'squatting down'" in note
    both = opposites(["standing up", "sitting down", "squatting down"], mirrored=False, reverse=True)
    assert both.reversed.tolist() == [-1, 0, 0]
    assert len(both.notes) == 1
    one = opposites(["standing up", "squatting down"], mirrored=False, reverse=True)
    assert (one.reversed.tolist(), one.notes) == ([1, 0], ())


def ramp_world(labels: tuple[str, ...], *, mirrored: bool = False) -> tuple[Waist, LabelTexts]:
    """48 videos whose tokens and embeddings tell the frame: frame t is t + 1."""
    times = torch.arange(1.0, 5.0)
    clips = 2 if mirrored else 1
    tokens = times[None, None, :, None, None].expand(48, clips, 4, 5, 8)
    embeddings = times[None, None, :, None].expand(48, clips, 4, 6)
    names = [labels[row % len(labels)] for row in range(48)]
    waist = Waist.from_tensors(tokens, embeddings, names, grid=(2, 2), mirrored=mirrored)
    known = opposites(sorted(labels), mirrored=mirrored, reverse=True).labels
    texts = torch.nn.functional.normalize(torch.randn(len(known), 6), dim=-1)
    return waist, LabelTexts(known, texts, 10.0)


def test_a_clip_backwards_is_free():
    waist, _ = ramp_world(("waving", "opening"))
    forth, back = waist.batch([3, 4], [0, ~0])[0][:, :, 0, 0].tolist()
    assert (forth, back) == ([1, 2, 3, 4], [4, 3, 2, 1])
    embeddings = waist.batch([3, 4], [0, ~0])[1][:, :, 0].tolist()
    assert embeddings == [[1, 2, 3, 4], [4, 3, 2, 1]]
    assert waist.batch([3])[0][0, :, 0, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("mirrored", [False, True])
def test_half_of_what_has_an_opposite_is_drawn_backwards(mirrored):
    waist, texts = ramp_world(("opening", "waving", "walking left"), mirrored=mirrored)
    plan = plan_run(waist, None, texts, changed(QUIET, reverse=True), None)
    assert plan.texts.labels[3:] == (("walking right", "closing") if mirrored else ("closing",))
    turned = []
    for step in range(60):
        rows, clips, labels = plan.draws.at(step)
        for row, clip, label in zip(rows.tolist(), clips.tolist(), labels.tolist(), strict=True):
            before, after = waist.labels[row], plan.texts.labels[label]
            side = clip if clip >= 0 else ~clip
            if before == "opening":
                assert after == ("closing" if clip < 0 else "opening")
                turned.append(clip < 0)
            else:
                assert clip >= 0
                assert after == ("walking right" if side and before == "walking left" else before)
    assert 0.4 < sum(turned) / len(turned) < 0.6
    plain = plan_run(waist, None, texts.only(torch.arange(3)), QUIET, None)
    assert plain.draws.reversed is None
    assert min(int(plain.draws.at(step)[1].min()) for step in range(20)) == 0


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    """A folder with videos of three actions, and a checkpoint trained on them both ways."""
    place = write_folder(tmp_path_factory.mktemp("derived"))
    names = ("walking left", "raising an arm", "waving")
    split = write_videos(place / "videos", 24)
    old = sorted(split.labels)
    rows = [replace(video, label=names[old.index(video.label)]) for video in split.videos]
    source = Split.of("actions", rows)
    config = changed(TRAIN, epochs=1, reverse=True)
    run_train(
        place,
        place / "out",
        config,
        source,
        preparation=Preparation(mirrored=True, swapped=False, scenes="none"),
    )
    return place, source


def test_a_checkpoint_records_derived_labels_apart(adapted):
    place, _ = adapted
    facts = json.loads((place / "out" / "training.json").read_text())
    assert facts["labels"] == ["raising an arm", "walking left", "waving"]
    assert facts["derived"] == {
        "walking right": "mirrored walking left", "lowering an arm": "reversed raising an arm",
    }  # fmt: skip
    assert facts["stamp"]["settings"]["reverse"] is True
    known = trained_labels(str(place / "out"))
    assert known.labels == ("raising an arm", "walking left", "waving")
    assert known.derived == ("lowering an arm", "walking right")
    card = (place / "out" / "README.md").read_text()
    assert "lowering an arm (reversed raising an arm)" in card
    classifier = zeroshot.load(str(place / "out"), ["walking right", "waving"], device="cpu")
    assert classifier.rank(str(place / "videos" / "00.mp4"))


def test_evaluation_knows_derived_labels_as_seen_and_reports_them_apart(adapted, tmp_path):
    place, source = adapted
    names = {"walking left": "walking right", "raising an arm": "lowering an arm", "waving": "swimming"}
    test = Split.of("other actions", [replace(video, label=names[video.label]) for video in source.videos])
    with pytest.raises(LabelError, match="was trained on 2 of these labels") as caught:
        zeroshot.evaluate(test, str(place / "out"))
    one_line(caught)
    assert "walking right (by mirrored or reversed videos)" in str(caught.value)
    report = zeroshot.evaluate(
        test, str(place / "out"), output=tmp_path, settings=EvaluationSettings(allow_seen=True)
    )
    (model,) = report.models
    assert {pair.label: pair.derived for pair in model.namesakes} == {
        "walking right": True, "lowering an arm": True,
    }  # fmt: skip
    assert (model.derived.n, model.untrained.n) == (16, 8)
    words = (tmp_path / "report.md").read_text()
    assert "trained on by mirrored or reversed videos alone, among all" in words


def test_a_label_with_videos_of_its_own_is_not_derived():
    before = TrainedOn(("waving", "bowing"), ("Waving", "kicking"))
    found = {pair.label: pair.derived for pair in before.namesakes(["waving", "kicking", "swimming"])}
    assert found == {"waving": False, "kicking": True}
