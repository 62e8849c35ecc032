"""What a folder of biased sets says of itself is held against checksums, and names nothing outside of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from zeroshot.bias.manifest import BiasManifest, BiasRow, Failure, Skip, read_manifest, write_manifest
from zeroshot.errors import OutputError

ROW = BiasRow(
    "human-only/a--1.mp4",
    "human-only",
    "waving",
    "",
    "bowing",
    "",
    "",
    "a.mp4",
    "",
    0.25,
    "files:a.npz",
    "0" * 64,
)


@pytest.fixture
def manifest(tmp_path):
    rows = (ROW, replace(ROW, path="human-only/b--2.mp4", label="bowing", source='b, "c"\n.mp4'))
    failures, skipped = (Failure("d.mp4", "is empty"),), (Skip("e.mp4", "swap", "has no scene"),)
    made = BiasManifest(tmp_path, ("bowing", "waving"), {"seed": 0}, rows, failures, skipped)
    write_manifest(made)
    return made


def test_it_comes_back(manifest):
    assert read_manifest(manifest.folder) == manifest


@pytest.mark.parametrize(
    "change",
    [lambda text: text[: text.rindex("human-only/")], lambda text: text.replace("waving", "bowing")],
)
def test_a_table_that_was_changed(manifest, change):
    table = manifest.folder / "manifest.csv"
    table.write_text(change(table.read_text()))
    with pytest.raises(OutputError, match=r"is damaged .the checksum of manifest.csv is wrong.*again"):
        read_manifest(manifest.folder)


def test_facts_that_were_changed(manifest):
    facts = manifest.folder / "manifest.json"
    facts.write_text(facts.read_text().replace("waving", "bowing"))
    with pytest.raises(OutputError, match=r"manifest.json is damaged.*again"):
        read_manifest(manifest.folder)


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("../secret.mp4", "human-only"),
        ("/etc/x.mp4", "human-only"),
        ("human-only/..", "human-only"),
        ("human-only/a/c.mp4", "human-only"),
        ("../secret.mp4", ".."),
        ("/secret.mp4", "/"),
    ],
)
def test_a_row_outside_of_the_folder(manifest, place, kind):
    write_manifest(replace(manifest, rows=(replace(ROW, path=place, kind=kind),)))
    with pytest.raises(OutputError, match="is not KIND/NAME"):
        read_manifest(manifest.folder)


def test_sets_of_an_earlier_format(manifest, monkeypatch):
    monkeypatch.setattr("zeroshot.bias.manifest.FORMAT", 2)
    write_manifest(manifest)
    monkeypatch.undo()
    with pytest.raises(
        OutputError, match=r"manifest.json has format 2; this version reads 3; .* another folder"
    ) as told:
        read_manifest(manifest.folder)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("masks", "guessed"),
    [
        (("files:a.npz", "files:a.npz; files:b.npz"), ""),
        (("motion", "motion"), "motion"),
        (("", "files:a.npz"), ""),
        (("files:a.npz; tokens", "motion:0.3"), "motion:0.3, tokens"),
    ],
)
def test_who_guessed_stands_in_the_manifest(manifest, masks, guessed):
    rows = tuple(replace(row, masks=words) for row, words in zip(manifest.rows, masks, strict=True))
    write_manifest(replace(manifest, rows=rows))
    read = read_manifest(manifest.folder)
    assert [row.masks for row in read.rows] == list(masks)
    assert read.guessed == guessed
    banner = json.loads((manifest.folder / "manifest.json").read_text())["banner"]
    assert banner.startswith(f"masks guessed ({guessed}): not comparable") if guessed else banner == ""


def test_pictures_of_a_clip_are_told_apart_by_their_number():
    row = replace(ROW, path="scuba/000001-a--bg12.mp4", kind="scuba")
    assert (row.clip, row.copy) == ("000001-a", 12)
    assert replace(row, path="conflict/000001-a--000003--bg1.mp4").copy == 1
    assert (ROW.clip, ROW.copy) == ("a", 0)
    assert replace(ROW, path="scuba/000001-a--bgs.mp4").copy == 0
