"""`zeroshot calibrate`, and what `--reject` shows, as their user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CLIPS = Path(__file__).parents[2] / "examples" / "clips"
WORDS = ("--labels", "climbing, kicking, waving", "--model", "puppet-tiny", "--device", "cpu")


def test_a_calibration_is_made_told_and_used(run, tmp_path):
    file = tmp_path / "my.json"
    status, out, err = run("calibrate", CLIPS, *WORDS, "--error", "0.1", "--output", file)
    assert status == 0, err
    assert out.startswith("14 videos: at most 10.0% of videos like these are rejected")
    assert f"--reject {file}" in out
    one = next(CLIPS.glob("crawling*.mp4"))
    status, out, err = run("classify", one, *WORDS, "--reject", file, "-k", "1", "--json")
    assert status == 0, err
    rows = json.loads(out)["predictions"]
    assert {"none of these"} < {row["label"] for row in rows}
    assert sum("fit" in row for row in rows) == 1
    assert "at most 10.0% of videos like those of the calibration" in err
    status, out, _ = run("timeline", one, *WORDS, "--reject", "auto")
    assert status == 0
    assert "none of these" in out
    status, out, err = run("classify", one, *WORDS[2:], "--labels", "bowing", "--reject", file)
    assert (status, err.count("\n")) == (1, 1)
    assert "made with other labels" in err


@pytest.mark.slow
def test_sets_are_marked_and_what_is_missing_is_said(run, tmp_path):
    table = tmp_path / "known.csv"
    good = sorted(CLIPS.glob("*.mp4"))
    names = {path: path.stem.partition("_")[0] for path in good}
    known = [path for path in good if names[path] in {"climbing", "kicking", "waving"}]
    rows = [f"{path},{names[path]}" for path in known]
    table.write_text("\n".join(["path,label", *rows, f"{tmp_path / 'gone.mp4'},waving"]) + "\n")
    file = tmp_path / "sets.json"
    status, out, err = run("calibrate", table, *WORDS, "--error", "0.3", "-o", file, "--json")
    assert status == 1
    assert "gone.mp4" in err
    facts = json.loads(out)
    assert (facts["way"], sum(facts["videos"].values()), len(facts["errors"])) == ("sets", len(known), 1)
    status, out, _ = run("classify", known[0], *WORDS, "--reject", file)
    assert status == 0
    assert "✓" in out


def test_too_few_videos_and_no_labels_are_one_line_each(run, tmp_path):
    one = sorted(CLIPS.glob("*.mp4"))[:2]
    status, _, err = run("calibrate", *one, *WORDS, "--output", tmp_path / "x.json")
    assert (status, err.strip().splitlines()[-1].partition(": ")[2][:40]) == (
        1,
        "2 videos cannot promise an error of 0.05",
    )
    status, _, err = run("calibrate", *one, "--output", tmp_path / "x.json", "--model", "puppet-tiny")
    assert (status, "give either --labels" in err) == (1, True)
    status, _, err = run("calibrate", *one, *WORDS, "--output", tmp_path)
    assert (status, "is a folder" in err) == (1, True)
