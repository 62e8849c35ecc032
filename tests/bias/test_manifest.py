"""What a folder of biased sets says of itself is held against checksums, and names nothing outside of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zeroshot.bias.manifest import BiasManifest, BiasRow, Failure, Skip, read_manifest, write_manifest
from zeroshot.errors import OutputError

ROW = BiasRow(
    "human-only/a--1.mp4", "human-only", "waving", "", "bowing", "", "", "a.mp4", "", 0.25, "0" * 64
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
