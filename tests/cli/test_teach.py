"""`zeroshot teach`, and the file that it writes wherever labels are given."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tiny_world import coloured, write_checkpoint

from zeroshot.video.write import write_video

NONSENSE = ("blorp", "quav", "zindle")
CPU = ("--device", "cpu")


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A tiny model, two videos of each of three movements, and one more of each to ask."""
    root = tmp_path_factory.mktemp("desk")
    write_checkpoint(root / "tiny")
    for label, word in enumerate(NONSENSE):
        (root / "shown" / word).mkdir(parents=True)
        (root / "asked").mkdir(exist_ok=True)
        for place in range(2):
            write_video(root / "shown" / word / f"{place}.mp4", coloured(label, 10 * label + place), 12.0)
        write_video(root / "asked" / f"{word}.mp4", coloured(label, 99 + label), 12.0)
    return root


@pytest.fixture
def taught(run, desk, tmp_path) -> tuple[Path, str]:
    path = tmp_path / "my.labels"
    status, out, err = run("teach", desk / "shown", "-o", path, "--model", desk / "tiny", *CPU)
    assert (status, err) == (0, "")
    return path, out


def test_teach_says_whether_it_helps(taught, desk):
    lines = taught[1].splitlines()
    assert lines[0] == f"3 labels, 6 examples, by {desk / 'tiny'}, stream clip → {taught[0]}"
    assert lines[1].split() == ["label", "examples", "words", "alone", "with", "the", "others"]
    assert lines[2].split()[:2] == ["blorp", "2"]
    assert lines[5].startswith("with examples +")
    assert "95 % interval [" in lines[5]
    assert lines[6].startswith("6 examples of 3 of 3 labels serve: left out one at a time, 6 of 6 are right")


def test_for_machines(run, desk, tmp_path):
    words = ("teach", desk / "shown", "-o", tmp_path / "my.labels", "--model", desk / "tiny", "--json", *CPU)
    status, out, err = run(*words, "--way", "linear")
    row = json.loads(out)
    assert (status, err) == (0, "")
    assert (row["labels"], row["examples"], row["way"], row["stream"]) == (3, 6, "linear", "clip")
    assert row["judged"]["labels"][0]["label"] == "blorp"
    assert row["serving"] in {0, 6}


def test_used_wherever_labels_are(run, taught, desk):
    path, _ = taught
    tiny = ("--model", desk / "tiny", *CPU)
    for verb in ("classify", "timeline"):
        status, out, err = run(verb, desk / "asked", "--labels", path, "--json", "-k", 1, *tiny)
        assert status == 0
        assert err == f"zeroshot: {path}: 6 examples of 3 of 3 labels serve: " + err.rpartition("serve: ")[2]
        rows = [json.loads(line) for line in out.splitlines()]
        found = [(row.get("segments") or [row])[0]["predictions"][0]["label"] for row in rows]
        assert found == sorted(NONSENSE)
    status, out, _ = run("show", path)
    assert status == 0
    assert "quav\n    quav/0.mp4\n    quav/1.mp4\n" in out
    status, out, _ = run("show", path, "--json")
    assert json.loads(out)["labels"] == list(NONSENSE)


def test_mistakes_are_one_line(run, taught, desk, tmp_path):
    path, _ = taught
    clip = desk / "asked" / "blorp.mp4"
    other = write_checkpoint(tmp_path / "other", seed=4)
    (tmp_path / "list.txt").write_text("waving\n")
    cases = [
        (("classify", clip, "--labels", path, "--model", other), "teach it again: zeroshot teach"),
        (("classify", clip, "--labels", path), "name it yourself with --model"),
        (
            ("classify", clip, "--labels", path, "--templates", "a {}", "--model", other),
            "leave templates out",
        ),
        (("index", path, "-o", tmp_path / "x.index", "--model", other), "vectors already"),
        (
            ("teach", desk / "shown", "-o", tmp_path / "list.txt", "--model", other),
            "no file of taught labels",
        ),
        (("teach", tmp_path / "gone", "-o", tmp_path / "y", "--model", other), "does not exist"),
        (("teach", desk / "shown", "-o", tmp_path / "y", "--way", "magic"), "expected auto, cache or linear"),
        (
            ("teach", desk / "shown", "-o", tmp_path / "y", "--model", other, "--stream", "fused"),
            "no adapter",
        ),
    ]
    for words, expected in cases:
        status, out, err = run(*words, *CPU)
        assert (status, out, err.count("\n")) == (1, "", 1), err
        assert expected in err


def test_a_damaged_example_is_a_line_and_status_1(run, desk, tmp_path):
    shown = Path(shutil.copytree(desk / "shown", tmp_path / "shown"))
    (shown / "quav" / "0.mp4").write_bytes(b"no video")
    status, out, err = run("teach", shown, "-o", tmp_path / "my.labels", "--model", desk / "tiny", *CPU)
    assert status == 1
    assert "quav/0.mp4" in err
    assert err.endswith("1 of 6 examples failed\n")
    assert out.startswith("3 labels, 5 examples")
    assert (tmp_path / "my.labels").exists()
