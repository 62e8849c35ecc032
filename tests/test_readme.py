"""What the README shows runs as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [
    command
    for block in re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
    for line in block.splitlines()
    for command in line.split(" && ")
    if command.startswith(("zeroshot ", "python examples/"))
]


def test_there_is_something_to_run():
    assert len(PYTHON) >= 2
    assert COMMANDS


@pytest.mark.parametrize("code", PYTHON)
def test_python_runs(code):
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert all(line.startswith("zeroshot: left out ") for line in done.stderr.splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command, tmp_path):
    words = shlex.split(command.replace("examples/streams.png", str(tmp_path / "streams.png")))
    words = [sys.executable, "-m", *words] if words[0] == "zeroshot" else [sys.executable, *words[1:]]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert all(line.startswith("zeroshot: left out ") for line in done.stderr.splitlines())


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_examples_explain_themselves(example):
    done = subprocess.run(
        [sys.executable, str(example), "--help"], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_tour_runs():
    words = [sys.executable, str(ROOT / "examples" / "tour.py")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "The same answer from a saved index: True" in done.stdout
    assert all(line.startswith("zeroshot: left out ") for line in done.stderr.splitlines())
