"""`zeroshot timeline --events`: one video in every form, and what cannot be asked.

Covers: cli/timeline.
"""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "examples" / "clips" / "waving_beach.mp4"
OTHER = ROOT / "examples" / "clips" / "swimming_forest.mp4"
WORDS = ("--labels", "waving, kicking, swimming", "--model", "puppet-tiny", "--device", "cpu")
EVENTS = ("--events", "--window", "1", "--coarse")


def test_events_are_printed_in_three_forms(run, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"")
    words = ("timeline", CLIP, tmp_path / "bad.mp4", *WORDS, *EVENTS)
    status, out, err = run(*words)
    assert status == 1
    assert "bad.mp4: the file is empty" in err
    path, *lines = out.splitlines()
    assert path == str(CLIP)
    assert lines[0].startswith("  0:00:00.0 – 0:00:0")
    assert "  waving " in lines[0]
    status, out, _ = run(*words, "--json")
    first, second = map(json.loads, out.splitlines())
    assert first["events"][0]["label"] == "waving"
    assert (second["events"], second["none"]) == ([], [])
    assert "empty" in second["error"]
    rows = list(csv.DictReader(io.StringIO(run(*words, "--csv")[1])))
    assert rows[0]["label"] == "waving"
    assert float(rows[0]["start_seconds"]) == first["events"][0]["start_seconds"]
    assert "empty" in rows[-1]["error"]


@pytest.mark.parametrize(
    ("name", "words", "holds"),
    [
        ("x.srt", (), "-->"),
        ("x.vtt", (), "WEBVTT"),
        ("x.eaf", (), "ALIGNABLE_ANNOTATION"),
        ("x.svg", (), ">waving</text>"),
        ("x.json", ("--format", "fiftyone"), '"support"'),
    ],
)
def test_events_are_files_of_many_kinds(run, tmp_path, name, words, holds):
    file = tmp_path / name
    status, out, err = run("timeline", CLIP, *WORDS, *EVENTS, *words, "--output", file)
    assert (status, err) == (0, "")
    assert "waving" in out
    text = file.read_text()
    assert holds in text
    assert "waving" in text
    if name.endswith(("svg", "eaf")):
        ET.fromstring(text)
        return
    status, out, err = run("timeline", CLIP, *WORDS, *EVENTS, *words, "--output", file)
    assert (status, out) == (1, "")
    assert err == f"zeroshot: {file} is there already; choose another --output\n"
    assert file.read_text() == text


def test_a_format_without_a_file_is_printed(run):
    status, out, _ = run("timeline", CLIP, OTHER, *WORDS, *EVENTS, "--format", "label-studio")
    assert status == 0
    assert [Path(task["data"]["video"]).name for task in json.loads(out)] == [CLIP.name, OTHER.name]


def test_thresholds_are_of_all_labels_or_of_one(run):
    _, out, _ = run("timeline", CLIP, *WORDS, *EVENTS, "--on", "1", "--on", "kicking: 0.5", "--json")
    assert json.loads(out)["events"] == []
    _, out, _ = run("timeline", CLIP, *WORDS, *EVENTS, "--on", "waving: .2", "--shortest", "99", "--json")
    assert json.loads(out)["events"] == []


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--on", "0.5"), "--on is about events; add --events"),
        (("--format", "srt"), "--format is about events"),
        (("--events", "--on", "falling"), "--on is falling; expected a probability, or a label and one"),
        (("--events", "--on", "waving: 2"), "--on is waving: 2; expected a probability above 0, to 1"),
        (("--events", "--on", "falling: 0.5"), "'falling' has a threshold and is no label"),
        (("--events", "--merge"), "--events with --merge"),
        (("--events", "-k", "2"), "--events with -k"),
        (("--events", "--window", "0"), "must both be above 0"),
        (("--events", "--format", "doc"), "--format is doc; expected one of srt"),
        (("--events", "--output", "x.doc"), "x.doc; expected a name that ends in one of .html"),
        (("--events", "--output", "/proc/nowhere/x.srt"), "cannot write to"),
        (("--events", OTHER, "--output", "x.srt"), "a .srt file holds the events of one video, and 2 videos"),
    ],
)
def test_what_cannot_be_asked_is_one_line(run, words, named):
    status, out, err = run("timeline", CLIP, *WORDS, *words)
    assert (status, out) == (1, "")
    assert named in err
    assert err.count("\n") == 1


def test_one_label_alone_has_no_events(run):
    status, out, err = run("timeline", CLIP, "--labels", "waving", "--model", "puppet-tiny", "--events")
    assert (status, out) == (1, "")
    assert "'waving' is the only label" in err
