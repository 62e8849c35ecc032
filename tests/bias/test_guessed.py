"""Masks that were guessed are told on every report, page, console and manifest; exact ones are not."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from bias_world import puppets, write_world

from zeroshot.bias.document import document
from zeroshot.bias.guessed import BANDS, Band, banner
from zeroshot.bias.make import make_bias_sets
from zeroshot.bias.manifest import read_manifest
from zeroshot.bias.recipe import BiasRecipe
from zeroshot.bias.score import Scored, score_bias
from zeroshot.cli.main import main
from zeroshot.cutouts.finders import FILES, FINDERS
from zeroshot.reports.files import write_report
from zeroshot.synthetic.world import View


def test_words():
    assert banner("") == ""
    assert "has not been measured" in banner("deeplabv3_resnet50")
    assert set(BANDS) <= set(FINDERS) - {FILES}
    for finder, band in BANDS.items():
        words = banner(f"{finder}:0.3")
        assert words.startswith(f"masks guessed ({finder}:0.3): not comparable with figures on exact masks")
        assert f"{band.overlap[0]:.0%} to {band.overlap[1]:.0%}" in words
        assert "BOR moved by" in words


def test_a_band_in_words(monkeypatch):
    monkeypatch.setattr(
        "zeroshot.bias.guessed.BANDS", {"motion": Band((0.4, 0.5), (-1.2, 26.0), (-27.0, -13.0))}
    )
    assert "share 40% to 50%" in banner("motion")
    assert "BOR moved by -1 to +26 points, its SHAcc by -27 to -13" in banner("motion")


@pytest.fixture(scope="module")
def guessed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guessed")
    split = write_world(folder / "w", puppets(3, View(num_frames=8, size=(48, 48), camera_jitter=0.0)))
    recipe = BiasRecipe(kinds=("swap-random",), least_person=0.0)
    return make_bias_sets(split, folder / "out", recipe)


def test_every_row_says_where_its_masks_came_from(guessed):
    assert {row.masks for row in guessed.rows if row.kind == "original"} == {""}
    assert {row.masks for row in guessed.rows if row.kind != "original"} == {"motion"}
    assert read_manifest(guessed.folder).guessed == "motion"
    assert json.loads((guessed.folder / "manifest.json").read_text())["banner"] == banner("motion")


def test_no_report_goes_without(guessed, tmp_path):
    class Oracle:
        name, labels = "oracle", guessed.labels

        def scores(self, folder, rows):
            table = [[row.label == label for label in self.labels] for row in rows]
            return Scored({"oracle": np.array(table, np.float32)})

    report = score_bias(guessed, [Oracle()])
    assert report.banner == banner("motion")
    written = document(report)
    assert written.brief[0].text == written.sections[0].parts[0].text == banner("motion")
    write_report(tmp_path, report.as_dict(), written)
    assert json.loads((tmp_path / "report.json").read_text())["banner"] == banner("motion")
    for page in ("report.html", "report.md"):
        assert "masks guessed (motion): not comparable" in (tmp_path / page).read_text()


def test_the_console_says_so(guessed, monkeypatch, capsys):
    table = guessed.folder.parent / "w" / "videos.csv"
    for words in (
        ["make", table, "-o", guessed.folder.parent / "again", "--kinds", "human-only"],
        ["score", guessed.folder, "--model", "puppet-tiny", "--device", "cpu", "--stream", "clip"],
    ):
        monkeypatch.setattr(sys, "argv", ["zeroshot", "bias", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        out, err = capsys.readouterr()
        assert (err if words[0] == "make" else out).count(banner("motion")) == 1
    assert [line.split()[1:] for line in out.splitlines() if line.startswith("puppet-tiny")] == [["clip"]]
