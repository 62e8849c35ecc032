"""Clips of an audit: partners of other labels, and persons before their places."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_world import LABELS, write_videos

from zeroshot.auditing import clips as room
from zeroshot.auditing.clips import Look, partners, puppet_clips, video_clips
from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.errors import LabelError, VideoError
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.transform import Preprocess


def test_partners_are_of_other_labels_and_lend_about_equally_often():
    targets = np.random.default_rng(0).integers(0, 5, 100)
    places = partners(targets, 1)
    assert (targets[places] != targets).all()
    assert np.bincount(places).max() <= 4
    assert (partners(targets, 1) == places).all()


def test_puppets_are_drawn_before_each_others_places(material):
    clips = material.clips
    filmed, moved = clips.batch([0, int(clips.swaps.places[0])]), clips.swaps.batch([0])[0]
    corner = moved[:, :, :6, :6].float()  # nobody is there
    assert (corner - filmed[1][:, :, :6, :6].float()).abs().mean() < 3
    assert (corner - filmed[0][:, :, :6, :6].float()).abs().mean() > 10


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return write_videos(tmp_path_factory.mktemp("audit") / "videos", 8)


def look(num_frames, side=32):
    """The middle square, as a network of others sees it."""
    return Look(Preprocess((side, side), (0.0,) * 3, (1.0,) * 3), num_frames)


def test_persons_of_videos_are_guessed_and_said_so(split):
    broken = LabeledVideo("/nowhere/gone.mp4", LABELS[0])
    told = []
    found = video_clips(
        Split.of("tiny", [*split.videos, broken]),
        [look(6)],
        advance=lambda *steps: told.append(steps),
    )[look(6)]
    assert len(found.clips.targets) == 8
    assert told[-1] == (9, 9)
    assert [path for path, _ in found.failures] == ["/nowhere/gone.mp4"]
    assert "persons were guessed by motion" in found.notes[0]
    swaps = found.clips.swaps
    labels = found.clips.targets
    assert (labels[swaps.persons] != labels[swaps.places]).all()
    block = (swaps.batch(range(len(swaps.persons)))[:, :, 0] > 200).float().mean()
    assert block > 0.01  # the block that moves has come along


def test_nobody_is_cut_out_where_that_is_wished_or_not_asked_for(split, monkeypatch):
    found = video_clips(split, [look(4)], masks="")[look(4)]
    assert found.clips.swaps is None
    assert "persons were not cut out" in found.notes[0]
    monkeypatch.setattr(room, "open_finder", lambda _: pytest.fail("nobody asked for persons"))
    found = video_clips(split, [look(4)], elsewhere=False)[look(4)]
    assert found.clips.swaps is None
    assert found.notes == ()


def test_videos_are_decoded_once_for_all_that_look(split, monkeypatch):
    read, reading = [], ClipReader.read_many

    def counted(self, paths, sampling):
        read.append((len(paths), sampling.num_frames))
        return reading(self, paths, sampling)

    monkeypatch.setattr(ClipReader, "read_many", counted)
    normalized = Look(Preprocess((32, 32), (0.5,) * 3, (0.2,) * 3), 4)
    assert normalized == look(4)
    found = video_clips(split, [look(4), normalized, look(4, 16)], elsewhere=False)
    assert read == [(8, 4)]
    assert [each.clips.batch([0]).shape[-1] for each in found.values()] == [32, 16]
    alone = video_clips(split, [look(4, 16)], elsewhere=False)[look(4, 16)].clips.batch(range(8))
    assert torch.equal(found[look(4, 16)].clips.batch(range(8)), alone)


def test_puppets_are_drawn_once_for_all_that_look(monkeypatch):
    drawn, told = [], []
    rendering = room.render_many

    def counted(actions, *rest):
        drawn.append(len(actions))
        return rendering(actions, *rest)

    monkeypatch.setattr(room, "render_many", counted)
    found = puppet_clips(
        [look(2), look(2, 16)], number=40, elsewhere=False, advance=lambda *steps: told.append(steps)
    )
    assert sum(drawn) == 40
    assert told[-1] == (40, 40)
    assert len(told) > 1
    assert [each.clips.swaps for each in found.values()] == [None, None]


def test_what_cannot_be_audited(split):
    one = Split.of("one", [video for video in split.videos if video.label == LABELS[0]])
    with pytest.raises(LabelError, match="alone; an audit needs 2 or more"):
        video_clips(one, [look(4)])
    gone = Split.of("gone", [LabeledVideo("/nowhere/a.mp4", "a"), LabeledVideo("/nowhere/b.mp4", "b")])
    with pytest.raises(VideoError, match=r"none of the 2 videos could be read \(first: "):
        video_clips(gone, [look(4)])
