"""Masks, pictures and pieces that are damaged, huge, no files or changed: one row each, no other clip."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import odd_files as odd
import pytest
from bias_world import puppets, recipe, write_world
from PIL import Image

from zeroshot.bias.make import make_bias_sets
from zeroshot.bias.recipe import WORK
from zeroshot.store.files import read_note, write_note


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    return folder, write_world(folder, puppets(4))


def test_masks_that_hang_or_burst_cost_their_video_alone(world, tmp_path):
    folder, split = world
    masks = tmp_path / "masks"
    masks.mkdir()
    for row in (0, 1):
        (masks / f"v{row}").mkdir()
    os.mkfifo(masks / "v0" / "0.png")
    for number in range(6):
        (masks / "v1" / f"{number}.png").write_bytes(odd.png_that_claims(60_000, 60_000))
    (masks / "v2.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    (masks / "v3.npz").write_bytes((folder / "masks" / "v3.npz").read_bytes())
    made = make_bias_sets(split, tmp_path / "out", recipe(folder, masks=str(masks), kinds=("human-only",)))
    assert {row.clip for row in made.rows} == {"000003-v3"}
    reasons = [reason for _, reason in made.failures]
    assert all(reason.isprintable() for reason in reasons)
    for words in ("0.png: it is no file; remove it", "exceeds limit", "cannot decode"):
        assert sum(words in reason for reason in reasons) == 1, words


def test_pictures_are_read_in_a_child_and_a_damaged_one_costs_its_clips(world, tmp_path, monkeypatch):
    folder, split = world
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(2):
        Image.new("RGB", (90, 50), (0, 255, 0)).save(pictures / f"beach_{number}.png")
    (pictures / "forest_1.webp").write_bytes(b"RIFF\x40\0\0\0WEBPVP8 \xff")
    (pictures / "forest_2.png").write_bytes(odd.png_that_claims(60_000, 60_000))
    copies = []
    (tmp_path / "masks").mkdir()
    for number in range(6):  # of other content each, so that each draws pictures of its own
        for video in split.videos:
            name = f"{number}{Path(video.path).stem}"
            (tmp_path / f"{name}.mp4").write_bytes(Path(video.path).read_bytes() + bytes([number]))
            mask = folder / "masks" / f"{Path(video.path).stem}.npz"
            (tmp_path / "masks" / f"{name}.npz").write_bytes(mask.read_bytes())
            copies.append(replace(video, path=str(tmp_path / f"{name}.mp4")))
    made = make_bias_sets(
        replace(split, videos=tuple(copies)),
        tmp_path / "out",
        recipe(tmp_path, backgrounds=None, kinds=("scuba",), images=str(pictures), least_person=0.0),
    )
    shown = {row.background_source for row in made.of_kind("scuba")}
    assert shown <= {"beach_0.png", "beach_1.png"}
    assert shown
    assert made.failures
    assert all("forest_" in reason and reason.isprintable() for _, reason in made.failures)


@pytest.mark.parametrize("piece", ["figures/000001-v1.png", "masks/000001-v1.npz", "facts/000001-v1.json"])
def test_a_piece_that_changed_is_made_again(world, tmp_path, piece):
    folder, split = world
    wanted = recipe(folder, kinds=("scuba", "conflict"))
    whole = make_bias_sets(split, tmp_path / "out", wanted)
    place = tmp_path / "out" / ("" if piece.startswith("masks") else WORK) / piece
    before = place.read_bytes()
    if piece.endswith("json"):
        place.write_bytes(before.replace(b'"num_frames": 6', b'"num_frames": 5'))
    elif piece.endswith("png"):
        with Image.open(place) as image:
            size = image.size
        Image.new("RGBA", size, (255, 0, 0, 255)).save(place)
    else:
        np.savez_compressed(place, masks=np.full((6, 36, 48), 255, np.uint8))
    assert place.read_bytes() != before
    for note in (tmp_path / "out" / WORK / "edits").iterdir():
        note.unlink()
    assert make_bias_sets(split, tmp_path / "out", wanted).rows == whole.rows
    assert place.read_bytes() == before


def test_a_note_that_names_files_elsewhere_is_not_believed(world, tmp_path):
    folder, split = world
    wanted = recipe(folder, kinds=("human-only",))
    whole = make_bias_sets(split, tmp_path / "out", wanted)
    note = tmp_path / "out" / WORK / "facts" / "000001-v1.json"
    facts = read_note(note, "facts", "")
    facts["digests"]["../.."] = facts["digests"].pop("background-only")
    write_note(note, facts)
    assert make_bias_sets(split, tmp_path / "out", wanted).rows == whole.rows
    assert set(read_note(note, "facts", "")["digests"]) == {"original", "background-only"}
