"""From a split to what is trained on: what is held out, which scenes there are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tiny_world import made_up
from training_world import CONFIG, TRAIN, changed

import zeroshot
from zeroshot.checkpoint import load_model
from zeroshot.datasets.splits import Split
from zeroshot.errors import LabelError, OptionError
from zeroshot.training.prepare import MOST_COPIED, Preparation, gather, hold_out
from zeroshot.training.run import train
from zeroshot.waist.waist import Waist


def test_held_out_videos_share_no_content_with_training():
    waist, _ = made_up(40)
    rows = tuple(replace(row, key=f"row {place % 20}") for place, row in enumerate(waist.rows))
    waist = replace(waist, rows=rows)  # every video twice
    train_rows, held_rows = hold_out(waist, changed(CONFIG, held_out_share=0.3))
    assert sorted(train_rows + held_rows) == list(range(40))
    assert not {rows[row].key for row in train_rows} & {rows[row].key for row in held_rows}
    for label in set(waist.labels):
        held = [row for row in held_rows if rows[row].label == label]
        assert len({rows[row].key for row in held}) == 2  # 30 % of five, rounded up


def test_whole_labels_can_be_held_out():
    waist, _ = made_up(40)
    train_rows, held_rows = hold_out(waist, changed(CONFIG, held_out_labels=2))
    left = {waist.labels[row] for row in train_rows}
    assert len(left) == 2
    assert {waist.labels[row] for row in held_rows} == set(waist.labels)
    with pytest.raises(LabelError, match="3 of 4 labels held out leave fewer than 2"):
        hold_out(waist, changed(CONFIG, held_out_labels=3))
    lost = replace(waist.subset([0]), failures=(("nope.mp4", "there is no such file"),))
    with pytest.raises(LabelError, match=r"1 label left; training needs 2 or more\. 1 of 2 .*nope\.mp4"):
        hold_out(lost, CONFIG)


def test_a_label_with_one_video_is_trained_on():
    waist, _ = made_up(4)
    assert hold_out(waist, CONFIG) == ([0, 1, 2, 3], [])


def test_scenes_can_be_guessed_given_or_left_out(trained, place):
    waist = Waist.open(trained[0] / "tokens" / "train")
    bare = replace(waist, rows=tuple(replace(row, scene=None) for row in waist.rows))
    with load_model(str(place / "tiny"), device="cpu") as model:

        def scenes_of(source: str, tokens: Waist = waist):
            return gathered(source, tokens).scenes

        def gathered(source: str, tokens: Waist):
            return gather("s", tokens, None, model, TRAIN, Preparation(scenes=source))

        assert scenes_of("auto").names == scenes_of("given").names == ("dark", "light")
        assert scenes_of("given").train.tolist() == [int(row.scene == "light") for row in _training(waist)]
        assert scenes_of("none") is None
        assert gathered("auto", waist).notes == ()
        found = gathered("auto", bare)
        assert len(found.scenes.names) == 46
        assert found.notes == (
            f"scenes are guessed by {place / 'tiny'} among 46 places of everyday life; "
            "--scenes LIST is for your own",
        )
        guessed = scenes_of("beach, forest, street", bare)
        assert guessed.names == ("beach", "forest", "street")
        assert guessed.train.shape == (18, 3)
        assert guessed.held_out.shape == (6, 3)
        assert scenes_of("guess").train.equal(scenes_of("guess", bare).train)
        with pytest.raises(OptionError, match="no video names a scene; add a column `scene`"):
            scenes_of("given", bare)


def _training(waist: Waist):
    return waist.subset(hold_out(waist, TRAIN)[0]).rows


def test_a_split_of_one_label_is_refused(place, tmp_path):
    videos = [video for video in zeroshot.read_split(place / "split.csv").videos if video.label == "falling"]
    with pytest.raises(
        LabelError, match="one has the label 'falling' alone; training needs 2 labels or more"
    ):
        train(Split.of("one", videos), tmp_path / "out", str(place / "tiny"), device="cpu")


def test_copies_are_made_unless_there_are_very_many_videos():
    usual = Preparation().copies(MOST_COPIED)
    assert (usual.mirrored, usual.swapped, usual.required) == (True, True, False)
    many = Preparation().copies(MOST_COPIED + 1)
    assert (many.mirrored, many.swapped) == (False, False)
    asked = Preparation(mirrored=True, swapped=True).copies(MOST_COPIED + 1)
    assert (asked.mirrored, asked.swapped, asked.required) == (True, True, True)
    refused = Preparation(mirrored=False, swapped=False).copies(9)
    assert (refused.mirrored, refused.swapped) == (False, False)
    masked = Preparation(masks="motion").copies(9)
    assert (masked.swapped, masked.required) == (True, True), "who names a finder of persons wants copies"


def test_more_videos_than_are_copied_unasked_are_told(trained, place, monkeypatch):
    monkeypatch.setattr("zeroshot.training.prepare.MOST_COPIED", 20)
    waist = Waist.open(trained[0] / "tokens" / "train")
    with load_model(str(place / "tiny"), device="cpu") as model:
        told = gather("s", waist, None, model, TRAIN, Preparation()).notes
        assert told[0].startswith("24 videos are trained on without copies, mirrored or before other places:")
        assert gather("s", waist, None, model, TRAIN, Preparation(swapped=False)).notes == ()


def test_one_frame_has_no_motion_to_train_on():
    with pytest.raises(OptionError, match="num_frames is 1; motion needs 2 or more"):
        Preparation(num_frames=1)
