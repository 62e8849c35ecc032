"""`zeroshot synthesize` in either world."""

import csv
import json

import numpy as np

from zeroshot.synthetic.grammar import COMPOSED_NAMES, UNSEEN

SMALL = ("--num-frames", "4", "--size", "32")


def test_the_compositional_world_from_the_command_line(run, tmp_path):
    words = ("--world", "compositional", "--combinations", "unseen", "--persons", "2", "--camera", "0.5")
    status, out, err = run(
        "synthesize", "--output", tmp_path / "a", "-n", "3", *SMALL, *words, "--distractors", "1", "--truth"
    )
    assert (status, out.count("\n")) == (0, 1), err
    with (tmp_path / "a" / "videos.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} <= {action.name for action in UNSEEN}
    for row in rows:
        with np.load((tmp_path / "a" / "masks" / row["path"]).with_suffix(".npz")) as truth:
            assert truth["others"].any()
            assert len(np.unique(truth["camera"], axis=0)) == 4
    settings = json.loads((tmp_path / "a" / ".puppets").read_text(encoding="utf-8"))
    assert (settings["persons"], settings["distractors"], settings["camera"]) == (2, 1, 0.5)


def test_what_is_written_is_read_by_the_bundled_list(run, tmp_path):
    run("synthesize", "-o", tmp_path / "a", "-n", "2", *SMALL, "--world", "compositional")
    status, out, err = run(
        "classify", tmp_path / "a", "--labels", "puppet_compositional", "--model", "puppet-tiny", "--json"
    )
    assert status == 0, err
    for line in out.splitlines():
        assert json.loads(line)["predictions"][0]["label"] in COMPOSED_NAMES


def test_options_of_the_other_world_are_refused(run, tmp_path):
    for words, name in (
        (("--persons", "2"), "--persons"),
        (("--camera", "0"), "--camera"),
        (("--combinations", "seen"), "--combinations"),
    ):
        status, _, err = run("synthesize", "-o", tmp_path / "a", "-n", "1", *words)
        assert status == 1
        assert err == f"zeroshot: {name} is of the compositional world; add --world compositional\n"
        assert not (tmp_path / "a").exists()


def test_too_many_persons_are_refused_in_one_line(run, tmp_path):
    status, _, err = run(
        "synthesize", "-o", tmp_path, "-n", "1", "--world", "compositional", "--persons", "9"
    )
    assert (status, err) == (1, "zeroshot: 9 persons; expected 1 to 5\n")
