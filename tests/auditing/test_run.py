"""One audit for any model: ours, another's network with layers, a function; by one code path.

Covers: auditing/likely_scenes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from tiny_world import write_checkpoint, write_videos
from torch import nn

from zeroshot.auditing import run
from zeroshot.auditing.clips import puppet_clips
from zeroshot.auditing.repair import repair
from zeroshot.auditing.report import document
from zeroshot.auditing.run import AuditSettings, Classifying, audit
from zeroshot.errors import OptionError, OutputError
from zeroshot.reports.files import write_report
from zeroshot.reports.html import page
from zeroshot.reports.markdown import markdown
from zeroshot.reports.schema import read_report


class SceneOnly(nn.Module):
    """A video network of another kind that looks at the light of the corners and nothing else."""

    def __init__(self, num_labels):
        super().__init__()
        self.stem = nn.Conv3d(3, 4, 1, bias=False)
        self.top = nn.Linear(4, num_labels)

    def forward(self, frames):
        seen = self.stem(frames.float().transpose(1, 2) / 255)
        return self.top(seen[..., :3, :3].mean((2, 3, 4)))


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return write_videos(tmp_path_factory.mktemp("audit") / "videos", 30)


@pytest.fixture(scope="module")
def report(split):
    torch.manual_seed(0)
    network = SceneOnly(3)
    asked = ("order", "units", "swap", "scene", "cues")
    settings = AuditSettings(asked, num_frames=4, side=32)
    return audit(Classifying(network, "scenery", layers=("stem", "top")), split, settings=settings)


def test_a_network_that_sees_the_scene_alone_is_found_out(report):
    found = report.models[0].findings
    order = found["order"].by_stream["answer"].orders
    assert order["shuffled"].drop.value == order["reversed"].drop.value == 0
    units = found["units"].by_stream
    assert set(units) == {"stem", "top", "answer"}
    assert units["stem"].unit_counts()["static"] == 4
    assert found["scene"].by_stream["answer"].accuracy.value > 0.9
    assert any("show looks alone" in line for line in report.models[0].verdicts)


def test_the_document_opens_with_the_verdict(report, tmp_path):
    text, shown = markdown(document(report)), page(document(report))
    for words in (
        "What the answers lean on",
        "persons were guessed by motion",
        "S static",
        "scenery on tiny",
    ):
        assert words in text
        assert words in shown
    assert text.index("What the answers lean on") < text.index("S static")
    write_report(tmp_path, report.as_dict(), document(report))
    found = read_report(tmp_path, "audit")
    assert found["models"][0]["findings"]["order"]["by_stream"]["answer"]["intact"]["videos"] == 30


def test_models_stand_side_by_side(tmp_path, split):
    write_checkpoint(tmp_path / "network")
    told = []
    settings = AuditSettings(("order", "units"), device="cpu", side=32, num_frames=4, tell=told.append)

    def bright(frames):
        return torch.stack([frames.float().mean((1, 2, 3, 4))] * 3, 1)

    found = audit([str(tmp_path / "network"), bright], split, settings=settings)
    assert [model.name for model in found.models] == [str(tmp_path / "network"), "bright"]
    assert {"block 0", "block 1", "clip"} <= set(found.models[0].findings["units"].by_stream)
    assert "asking bright: units, 2 of 2" in told
    assert "bright:" in markdown(document(found))


def test_scenes_that_nobody_names_are_guessed_by_a_model_of_ours(split, tmp_path):
    bare = replace(split, videos=tuple(replace(video, scene=None) for video in split.videos))
    write_checkpoint(tmp_path / "network")

    def bright(frames):
        return torch.stack([frames.float().mean((1, 2, 3, 4))] * 3, 1)

    settings = AuditSettings(("scene",), device="cpu", side=32, num_frames=4)
    found = audit([bright, str(tmp_path / "network")], bare, settings=settings)
    (note,) = [note for note in found.notes if "no video has a scene" in note]
    assert "scenes are guessed by" in note
    assert all("no video has a scene" not in each for model in found.models for each in model.notes)
    alone = audit(bright, bare, settings=settings)
    assert "no model of ours is here to guess any" in alone.notes[0]
    assert any("no scene probe" in note for note in alone.models[0].notes)
    order = audit(bright, bare, settings=replace(settings, probes=("order",)))
    assert order.notes == ()  # nobody asked where


def test_guessed_persons_are_said_once(report):
    text = markdown(document(report))
    assert text.count("persons were guessed by motion") == 1
    assert "cut out by" not in text


def test_an_answer_without_other_streams_is_no_stream_of_itself(report):
    said = " ".join(report.models[0].verdicts)
    assert "answers follow that place" in said
    assert "of answer" not in said


def test_a_network_is_passed_once_for_answer_units_and_layers(split):
    passed = []

    class Counting(SceneOnly):
        def forward(self, frames):
            passed.append(len(frames))
            return super().forward(frames)

    settings = AuditSettings(("order", "units", "scene", "dependence"), masks="", num_frames=4, side=32)
    audit(Classifying(Counting(3), "counting", layers=("stem",)), split, settings=settings)
    assert passed == [30] * 3  # as filmed, shuffled, reversed


def test_a_repaired_checkpoint_is_an_audits_own(model, tmp_path, monkeypatch):
    folder = tmp_path / "repaired"
    asked = AuditSettings(("order",), prune=2, output=folder)
    plain = AuditSettings(("order",), output=folder)
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with pytest.raises(OutputError, match="holds a checkpoint that no audit wrote"):
        audit(model, settings=asked)
    (folder / "training.json").write_text('{"repaired": {}}')
    few = partial(puppet_clips, number=32)
    monkeypatch.setattr(run, "puppet_clips", few)
    assert "is of an earlier audit" in " ".join(audit(model, settings=plain).notes)
    none = partial(repair, most=1)
    monkeypatch.setattr(run, "repair", lambda *words: replace(none(*words[:2]), units=()))
    told = []
    audit(model, settings=replace(asked, tell=told.append))
    assert not folder.exists()
    assert "of an earlier audit is removed" in told[-1]


@pytest.mark.slow
def test_puppets_need_no_videos(model):
    found = audit(model, settings=AuditSettings(("order",)))
    assert found.num_clips == 192
    assert found.models[0].findings["order"].by_stream["fused"].orders["reversed"].drop.low > 0.1


def test_mistakes_are_one_line(split, model):
    few = AuditSettings(("order",), num_frames=4, side=32)
    with pytest.raises(OptionError, match="probe is 'colour'; expected some of order"):
        AuditSettings(("colour",))
    with pytest.raises(OptionError, match="no model to audit"):
        audit([], split)
    with pytest.raises(
        OptionError, match=r"wide gives torch.float32 of shape \(30, 7\).*expected scores \(30, 3\)"
    ):
        audit(Classifying(lambda frames: torch.zeros(len(frames), 7), "wide"), split, settings=few)
    with pytest.raises(OptionError, match="gives numbers that are not finite"):
        audit(Classifying(lambda frames: torch.full((len(frames), 3), torch.nan), "nan"), split, settings=few)
    with pytest.raises(OptionError, match="layer 'middle' is not in SceneOnly"):
        audit(Classifying(SceneOnly(3), "x", layers=("middle",)), split, settings=few)
    with pytest.raises(OptionError, match="layers of x are named, but it is no torch"):
        audit(Classifying(lambda frames: frames, "x", layers=("a",)), split, settings=few)
    with pytest.raises(OptionError, match="4 frames a clip; the adapter of puppet-tiny reads 8"):
        audit(model, split, settings=few)
    settings = AuditSettings(("order",), num_frames=4, side=32, prune=0)
    with pytest.raises(OptionError, match="units of adapters alone can be zeroed"):
        audit(Classifying(SceneOnly(3), "x"), split, settings=settings)
    for wrong in ({"side": 4}, {"num_frames": 0}, {"prune": -1}):
        with pytest.raises(OptionError):
            AuditSettings(**wrong)


def test_embeddings_are_compared_with_texts(split):
    texts = np.eye(3, dtype=np.float32)
    settings = AuditSettings(("order",), num_frames=4, side=32)
    network = Classifying(lambda frames: torch.tensor([[0.0, 2.0, 0.0]] * len(frames)), "second", texts=texts)
    found = audit(network, split, settings=settings)
    assert found.models[0].findings["order"].by_stream["answer"].intact.hits == 10


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_that_is_none_is_refused_before_videos_are_read(seed):
    with pytest.raises(OptionError, match=f"seed is {seed}; expected 0 to"):
        AuditSettings(seed=seed)


def test_a_model_given_twice_is_refused(split):
    with pytest.raises(OptionError, match="the model 'puppet-tiny' is given twice"):
        audit(["puppet-tiny", "puppet-tiny"], split)


def test_a_video_counts_once_and_what_cannot_be_repaired_is_told_before_probes(split):
    def bright(frames):
        return torch.stack([frames.float().mean((1, 2, 3, 4))] * 3, 1)

    rows = [next(video for video in split.videos if video.label == label) for label in split.labels]
    few = replace(split, videos=(*rows, rows[0]))
    report = audit(bright, few, settings=AuditSettings(("order",), masks="", num_frames=2, side=32))
    assert report.num_clips == 3
    assert report.notes[0] == "1 row of the list names a file that stands above; a video counts once"
    told = []
    settings = AuditSettings(("order",), masks="", num_frames=2, side=32, prune=2, tell=told.append)
    with pytest.raises(OptionError, match="bright is no model of ours"):
        audit(bright, few, settings=settings)
    assert told == []
