"""Clips of an audit: partners of other labels, and persons before their places."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_world import LABELS, write_videos

from zeroshot.auditing.clips import partners, video_clips
from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.errors import LabelError, VideoError
from zeroshot.video.sampling import Sampling


def test_partners_are_of_other_labels_and_lend_about_equally_often():
    targets = np.random.default_rng(0).integers(0, 5, 100)
    places = partners(targets, 1)
    assert (targets[places] != targets).all()
    assert np.bincount(places).max() <= 4
    assert (partners(targets, 1) == places).all()


def test_puppets_are_drawn_before_each_others_places(material):
    clips = material.clips
    assert clips.swaps.origin == "drawn so"
    filmed, moved = clips.batch([0, int(clips.swaps.places[0])]), clips.swaps.batch([0])[0]
    corner = moved[:, :, :6, :6].float()  # nobody is there
    assert (corner - filmed[1][:, :, :6, :6].float()).abs().mean() < 3
    assert (corner - filmed[0][:, :, :6, :6].float()).abs().mean() > 10


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return write_videos(tmp_path_factory.mktemp("audit") / "videos", 8)


def as_it_is(frames):
    return torch.from_numpy(frames)


def test_persons_of_videos_are_guessed_and_said_so(split):
    broken = LabeledVideo("/nowhere/gone.mp4", LABELS[0])
    told = []
    found = video_clips(
        Split.of("tiny", [*split.videos, broken]),
        as_it_is,
        Sampling(6),
        advance=lambda *steps: told.append(steps),
    )
    assert len(found.clips.targets) == 8
    assert told[-1] == (9, 9)
    assert [path for path, _ in found.failures] == ["/nowhere/gone.mp4"]
    assert "persons were guessed by motion" in found.notes[0]
    swaps = found.clips.swaps
    assert swaps.origin == "motion, which guesses"
    labels = found.clips.targets
    assert (labels[swaps.persons] != labels[swaps.places]).all()
    block = (swaps.batch(range(len(swaps.persons)))[:, :, 0] > 200).float().mean()
    assert block > 0.01  # the block that moves has come along


def test_nobody_cut_out_and_no_scenes_are_told(split):
    bare = Split.of("tiny", [LabeledVideo(video.path, video.label) for video in split.videos])
    found = video_clips(bare, as_it_is, Sampling(4), masks="")
    assert found.clips.swaps is None
    assert "persons were not cut out" in found.notes[0]
    assert "no video has a scene" in found.notes[1]


def test_what_cannot_be_audited(split):
    one = Split.of("one", [video for video in split.videos if video.label == LABELS[0]])
    with pytest.raises(LabelError, match="alone; an audit needs 2 or more"):
        video_clips(one, as_it_is, Sampling(4))
    gone = Split.of("gone", [LabeledVideo("/nowhere/a.mp4", "a"), LabeledVideo("/nowhere/b.mp4", "b")])
    with pytest.raises(VideoError, match=r"none of the 2 videos could be read \(first: "):
        video_clips(gone, as_it_is, Sampling(4))
