"""The benchmark of stage texts: what it counts, on known cases, and slowly from end to end."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _beside(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_order_is_counted_where_it_is_all_that_tells():
    """Two labels of one text whose changes are opposite: without β a guess, with it always right."""
    import stages
    from debias_world import SEEN, UNSEEN

    count = len(stages.WORLD.labels)
    width = count + 1
    texts = torch.eye(count, width)
    changes = torch.zeros(count, width)
    for first, second in stages.WORLD.rows_of_pairs(UNSEEN):
        texts[second] = texts[first]
        changes[first, -1], changes[second, -1] = 1.0, -1.0
    labels = torch.arange(count)
    videos = stages.Videos(labels, labels.roll(1) % len(SEEN), {"clip": texts}, 0.1 * changes)
    words = stages.Words(texts, changes, torch.zeros(2, width), 10.0)
    plain, told = (stages.judge(videos, words, "clip", weight) for weight in (0.0, 4.0))
    assert plain["seen"] == told["seen"] == told["unseen"] == told["unseen_order_pairs"] == 100
    assert plain["unseen"] < 100
    assert plain["sberr"] == told["sberr"] == 0


def test_the_best_weight_is_that_of_unseen_labels():
    import stages

    lines = [
        (stream, weight, 0, metric, value)
        for weight, value in ((0.0, 40.0), (2.0, 60.0), (4.0, 50.0))
        for stream in ("clip", "anchor")
        for metric in ("unseen", "h")
    ]
    lines += [("clip", 4.0, 0, "seen", 99.0)]
    assert stages.best_weight(lines) == 2.0
    assert any("| anchor | 2 |" in row and "60.0" in row for row in stages.table(lines))


@pytest.mark.slow
def test_from_end_to_end(tmp_path, monkeypatch, capsys):
    import stages

    monkeypatch.setattr(
        sys, "argv", ["stages.py", "--seeds", "1", "--per-label", "2", "--output", str(tmp_path)]
    )
    stages.main()
    with (tmp_path / "stages.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    pairs = {
        (row["answer"], float(row["weight"])): float(row["value"])
        for row in rows
        if row["metric"] == "unseen_order_pairs"
    }
    assert pairs["clip", 4.0] > pairs["clip", 0.0]
    assert "Best β" in (tmp_path / "stages.md").read_text(encoding="utf-8")
    assert "| anchor | 4 |" in capsys.readouterr().out
