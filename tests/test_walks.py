"""How many files one has to read to follow a video to its answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CLIP = sorted((ROOT / "examples" / "clips").glob("*.mp4"))[0]

COUNT = """
import sys, threading

entered = set()

def note(frame, event, _):
    code = frame.f_code
    is_function = code.co_flags & 1  # and no class's or module's body
    if event == "call" and is_function and "/zeroshot/" in code.co_filename:
        entered.add(code.co_filename.rpartition("/zeroshot/")[2])

from zeroshot.cli.main import main
threading.setprofile(note)
sys.setprofile(note)
try:
    main()
finally:
    sys.setprofile(None)
    print(*sorted(entered), sep="\\n", file=sys.stderr)
"""
WALKS = {
    "classify": (41, (str(CLIP), "--labels", "waving,jumping")),
}


@pytest.mark.slow
@pytest.mark.parametrize("verb", WALKS)
def test_a_walk_enters_few_files(verb):
    most, words = WALKS[verb]
    command = [sys.executable, "-c", COUNT, verb, *words, "--model", "puppet-tiny", "--device", "cpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    entered = done.stderr.split()
    assert "classifier.py" in entered
    assert len(entered) <= most, entered
