"""Copies before other places, the persons found by whatever finds persons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from bias_world import puppets, write_world

from zeroshot.cutouts.composite import soft_over
from zeroshot.cutouts.finders import open_finder
from zeroshot.cutouts.inpaint import soft_plate
from zeroshot.cutouts.segmenter import PersonSegmenter
from zeroshot.errors import OptionError, OutputError
from zeroshot.synthetic.world import View
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling
from zeroshot.video.write import write_video
from zeroshot.waist.persons import OtherFinder, Shot
from zeroshot.waist.settings import Copies
from zeroshot.waist.swapped_copies import PlaceSwapper, partner
from zeroshot.waist.waist import Waist
from zeroshot.waist.writer import write_waist

VIEW = View(num_frames=12, size=(40, 52), camera_jitter=0.0)


@pytest.fixture(scope="module")
def videos():
    return puppets(5, VIEW)


@pytest.fixture(scope="module")
def world(tmp_path_factory, videos):
    folder = tmp_path_factory.mktemp("world")
    split = write_world(folder / "w", videos)
    (folder / "films").mkdir()
    for row, video in enumerate(videos):
        levels = video.masks.astype(np.uint8)[:, None].repeat(3, 1) * 255
        write_video(folder / "films" / f"v{row}.mp4", levels, 8.0, crf=None)
    return folder, split


def swapper(model, split, masks, reader):
    outcomes = reader.read_many(iter([video.path for video in split.videos]), Sampling(4))
    shots = [
        Shot(model.backbone, f"v{row}", source, clips[0]) for row, (source, clips) in enumerate(outcomes)
    ]
    return PlaceSwapper.learn(OtherFinder(open_finder(str(masks)), model.backbone, reader), shots), shots


@pytest.mark.parametrize("masks", ["w/masks", "films"])
def test_masks_in_files_are_those_of_the_frames_that_were_sampled(model, world, videos, masks):
    folder, split = world
    with ClipReader() as reader:
        made, shots = swapper(model, split, folder / masks, reader)
        copies = [made.copy(shot) for shot in shots]
    exact = []
    for shot, video in zip(shots, videos, strict=True):
        rows = np.rint(shot.clip.seconds * 8).astype(int)
        assert np.array_equal(shot.clip.frames, video.frames[rows])
        levels = video.masks[rows].astype(np.uint8)[:, None].repeat(3, 1) * 255
        exact.append(model.backbone.see_frames(levels)[None, :, 0].float() / 255)
    places = [soft_plate(shot.seen, mask) for shot, mask in zip(shots, exact, strict=True)]
    for shot, mask, copy in zip(shots, exact, copies, strict=True):
        place = places[partner(shot.key, made.learned)].round().clamp(0, 255)
        assert torch.equal(copy, soft_over(shot.seen, mask, place)[0])


def test_a_network_and_motion_find_persons_too(model, world, videos, monkeypatch):
    _, split = world

    def levels(self, frames):
        fitting = [v for v in videos for f in v.frames if np.array_equal(f, frames[0])]
        rows = [[np.array_equal(f, g) for g in fitting[0].frames].index(True) for f in frames]
        return np.where(fitting[0].masks[rows], np.uint8(255), np.uint8(0))

    monkeypatch.setattr(PersonSegmenter, "__init__", lambda self, name, weights: setattr(self, "name", name))
    monkeypatch.setattr(PersonSegmenter, "levels", levels)
    folder, _ = world
    with ClipReader() as reader:
        by_network, shots = swapper(model, split, "fcn_resnet50:w.pth", reader)
        by_files, _ = swapper(model, split, folder / "w" / "masks", reader)
        by_motion, _ = swapper(model, split, "motion", reader)
        for shot in shots:
            assert torch.equal(by_network.copy(shot), by_files.copy(shot))
            assert not torch.equal(by_motion.copy(shot), shot.seen[0])


def test_what_lacks_a_mask_or_a_person_is_left_out_by_name(model, world, videos, tmp_path):
    _, split = world
    for row in (0, 1, 2, 3):
        mask = videos[row].masks if row else np.zeros_like(videos[row].masks)
        np.savez(tmp_path / f"v{row}.npz", mask)
    waist = write_waist(
        model, split.videos, tmp_path / "tokens", copies=Copies(swapped=True, masks=str(tmp_path))
    )
    reasons = sorted(reason for _, reason in waist.failures)
    assert "v4.mp4 has no mask: looked in" in reasons[0]
    assert "v0.npz shows nobody in" in reasons[1]
    assert [row.is_copy for row in waist.rows] == [False] * 3 + [True] * 3


def test_the_folder_remembers_who_found_the_figures(model, world, tmp_path):
    folder, split = world
    masks = str(folder / "w" / "masks")
    copies = Copies(swapped=True, masks=masks)
    waist = write_waist(model, split.videos, tmp_path / "t", copies=copies)
    assert waist.settings.masks == "files"
    again = write_waist(model, split.videos, tmp_path / "t", copies=copies)
    assert (again.rows, again.digest) == (waist.rows, waist.digest)
    with pytest.raises(OutputError, match='holds tokens with masks "files", not "motion"'):
        write_waist(model, split.videos, tmp_path / "t", copies=replace(copies, masks="motion"))
    plain = write_waist(model, split.videos, tmp_path / "p", copies=Copies(swapped=True))
    assert "masks" not in plain.settings.as_dict()
    assert Waist.open(tmp_path / "p").settings == plain.settings
    with pytest.raises(OptionError, match="is no folder of masks"):
        write_waist(model, split.videos, tmp_path / "n", copies=replace(copies, masks="/no/such"))
