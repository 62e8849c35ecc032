"""`zeroshot evaluate`: several data sets, events in long videos, and what cannot stand together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import layouts
import pytest
from tiny_world import write_checkpoint

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> str:
    return str(write_checkpoint(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("thumos")
    folder = tmp_path_factory.mktemp("videos")
    layouts.thumos14(root, [layouts.tiny_video(folder / f"{seed}.mp4", seed) for seed in (0, 1)])
    return root


def test_events_in_long_videos(root, network, run, tmp_path):
    words = ("evaluate", root, "--protocol", "thumos14", "--model", network, "--output", tmp_path / "out")
    status, out, err = run(*words, "--window", "0.5", "--stride", "0.25")
    assert status == 1  # a video is missing
    assert "average mAP" in out
    assert "note: training-free figures of the field" in out
    assert "2 of 3 videos evaluated: 1 missing" in err
    settings = json.loads((tmp_path / "out" / "report.json").read_text())["settings"]
    assert settings["window"] == {"length_seconds": 0.5, "stride_seconds": 0.25}


def test_several_data_sets_or_protocols(root, network, run, tmp_path):
    table = tmp_path / "some.csv"
    clips = sorted((root / "videos").iterdir())
    rows = [f"{path},{label}" for path, label in zip(clips, "ab", strict=True)]
    table.write_text("\n".join(["path,label", *rows]) + "\n")
    status, out, _ = run("evaluate", table, table, "-m", network, "-o", tmp_path / "several")
    assert status == 0
    assert "csv-2" in out
    assert (tmp_path / "several" / "csv-2" / "report.html").is_file()
    status, out, _ = run("evaluate", table, "-m", network, "-o", tmp_path / "one", "--json")
    assert status == 0
    assert json.loads(out)["videos"]["evaluated"] == 2
    more = ("--labels", "a,b,c", "--protocol", "csv")
    status, out, _ = run("evaluate", table, "-m", network, "-o", tmp_path / "one", "--json", *more)
    assert json.loads(out)["rounds"][0]["labels"] == 3
    table.write_text(table.read_text() + rows[0].replace(",a", ",b") + "\n")
    status, out, err = run("evaluate", table, "-m", network, "-o", tmp_path / "one")
    assert (status, out) == (1, "")
    assert "is listed as 'a' and as 'b'; a video has one label" in err
    status, out, _ = run("evaluate", table, "-m", network, "-o", tmp_path / "one", "--multi-label")
    assert status == 0
    assert "mAP" in out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("x", "y", "-p", "thumos14"), "thumos14 finds events in time; it is evaluated by itself"),
        (("x", "y", "-p", "a", "-p", "b", "-p", "c"), "2 folders or files and 3 protocols; expected one"),
        (("x", "y", "--labels", "a,b"), "--labels is of one data set, 2 are asked"),
        (("x", "-p", "thumos14", "--as", "vifi-clip"), "--as has no meaning for events in long videos"),
        (("x", "-p", "thumos14", "--stride", "0"), "must both be above 0"),
    ],
)
def test_what_cannot_stand_together(run, tmp_path, words, named):
    status, out, err = run("evaluate", *words, "-o", tmp_path / "out")
    assert (status, out) == (1, "")
    assert named in err
