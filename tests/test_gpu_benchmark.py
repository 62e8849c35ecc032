"""The script that is run once where a GPU is lent: each of its parts on a processor, and without any GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "gpu.py"


@pytest.fixture(autouse=True)
def _beside(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))


@pytest.mark.slow
def test_without_a_gpu_it_says_so_in_one_line(monkeypatch, capsys):
    import gpu

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    gpu.main()
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1
    assert "No GPU is here" in printed[0]


@pytest.mark.slow
def test_each_part_runs_on_a_processor():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--device", "cpu", "--quick"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    parts = "**index**", "| 2000 labels, processor |", "| exact (", "| fast (", "| cpu, no |", "| cpu, bf16 |"
    for part in parts:
        assert part in done.stdout
