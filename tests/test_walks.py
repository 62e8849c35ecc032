"""How far a newcomer has to walk: files that one command goes through, from its first line to its answer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import zeroshot

PACKAGE = Path(zeroshot.__file__).parent
CLIP = sorted((Path(__file__).parents[1] / "examples" / "clips").glob("*.mp4"))[0]

# Functions alone: what runs because a module is imported (its own body, those of classes) is no step.
# Libraries are there beforehand: to follow what their import calls takes twice the time.
FOLLOW = """
import json, os, sys, threading
import torch
from zeroshot.cli.main import main
from zeroshot.model.networks.open_clip_towers import import_open_clip
import_open_clip()
package, files = sys.argv.pop(1), set()
def step(frame, event, _):
    code = frame.f_code
    inside = code.co_flags & 1 and not (code.co_qualname.startswith("<") and "lambda" not in code.co_name)
    if event == "call" and inside and code.co_filename.startswith(package):
        files.add(code.co_filename)
threading.setprofile(step)
sys.setprofile(step)
try:
    main()
except SystemExit as end:
    sys.setprofile(None)
    assert not end.code, end.code
sys.setprofile(None)
print(json.dumps(sorted(files)), flush=True)
os._exit(0)
"""


def walk(*words: object) -> set[str]:
    """Files of the package in which a command calls a function, in its own process, children aside."""
    command = [sys.executable, "-P", "-c", FOLLOW, str(PACKAGE), *map(str, words)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    return {str(Path(name).relative_to(PACKAGE)) for name in json.loads(run.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    ("model", "most"), [("ViT-B-32/random", 35), pytest.param("puppet-tiny", 47, marks=pytest.mark.slow)]
)
def test_a_clip_is_classified_within_few_files(model, most):
    files = walk("classify", CLIP, "--labels", "waving, kicking", "--model", model)
    assert {"classifier.py", "model/model.py", "video/processes/reader.py"} <= files
    assert len(files) <= most, sorted(files)


@pytest.mark.parametrize(
    ("model", "most"), [("ViT-B-32/random", 30), pytest.param("puppet-tiny", 36, marks=pytest.mark.slow)]
)
def test_labels_are_indexed_within_few_files(model, most, tmp_path):
    files = walk("index", "waving, kicking", "--model", model, "--output", tmp_path / "x.index")
    assert {"batch/label_rows.py", "index/file.py", "text/prompts.py"} <= files
    assert len(files) <= most, sorted(files)
    assert not [name for name in files if name.startswith(("adapter", "video/processes"))]
