"""`zeroshot train --swapped --masks`: the figures of copies by any finder of persons."""

from __future__ import annotations

import json
import sys

import pytest
from tiny_world import write_checkpoint, write_videos
from training_world import TRAIN

from zeroshot.cli.main import main
from zeroshot.datasets.splits import write_split
from zeroshot.waist.waist import Waist


def run(monkeypatch, capsys, *words) -> tuple[int, str]:
    """Exit status and stderr."""
    monkeypatch.setattr(sys, "argv", ["zeroshot", "train", *map(str, words)])
    try:
        main()
        status = 0
    except SystemExit as ended:
        status = ended.code or 0
    return status, capsys.readouterr().err


@pytest.mark.slow
def test_the_command_takes_the_figures_of_copies_from_any_finder(tmp_path, monkeypatch, capsys):
    write_checkpoint(tmp_path / "tiny")
    write_split(tmp_path / "split.csv", write_videos(tmp_path / "videos", 12))
    write_split(tmp_path / "held.csv", write_videos(tmp_path / "held", 6, seed=1000))
    (tmp_path / "settings.json").write_text(json.dumps(TRAIN.as_dict()))
    options = ["--model", tmp_path / "tiny", "--device", "cpu", "--epochs", "1"]
    options += ["--config", tmp_path / "settings.json", "--held-out", tmp_path / "held.csv"]
    words = [tmp_path / "split.csv", *options, "--output", tmp_path / "out", "--masks", "motion:0.4"]
    assert run(monkeypatch, capsys, *words, "--no-swapped") == (
        1,
        "zeroshot: masks motion:0.4 are for swapped copies; add --swapped, or leave them out\n",
    )
    words.append("--no-mirrored")
    assert run(monkeypatch, capsys, *words) == (0, ""), "masks are for copies, which the method makes"
    tokens = tmp_path / "out" / "tokens" / "train"
    assert Waist.open(tokens).settings.masks == "motion:0.4"
    assert Waist.open(tokens.with_name("held-out")).settings.masks == "tokens"
    # Tokens need not be told who found the figures, but must not be told otherwise.
    assert run(monkeypatch, capsys, tokens, *options, "--output", tmp_path / "again")[0] == 0
    status, err = run(
        monkeypatch,
        capsys,
        tokens,
        *options,
        "--output",
        tmp_path / "other",
        "--swapped",
        "--masks",
        "motion",
    )
    assert status == 1
    assert 'holds tokens with masks "motion:0.4", not "motion"' in err
