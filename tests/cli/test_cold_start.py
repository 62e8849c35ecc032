"""What a new process does not do: import, build and take apart what its answer does not need.

Covers: cli/main, cli/inputs, model/names, checkpoint, datasets/registry.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from zeroshot.cli.main import main
from zeroshot.errors import ModelError
from zeroshot.model.networks import open_clip_weights

CLIP = str(Path(__file__).parents[2] / "examples" / "clips" / "waving_beach.mp4")

WRONG = [
    ("gone.mp4", ["classify", "gone.mp4", "--labels", "a,b"]),
    ("no model 'gone'", ["classify", CLIP, "--labels", "a,b", "--model", "gone"]),
    ("architecture 'ViT-B-33'; close: ViT-B-32", ["embed", CLIP, "-o", "e", "--model", "ViT-B-33/random"]),
    ("no weights file 'x.pt'", ["timeline", CLIP, "--labels", "a,b", "--model", "ViT-B-32/x.pt"]),
    ("gone", ["search", "waving", "--in", "gone"]),
    ("gone.txt", ["index", "gone.txt", "--output", "x.index"]),
    ("gone.csv", ["train", "gone.csv", "--output", "t"]),
    ("gone.csv", ["evaluate", "gone.csv", "--model", "puppet-tiny", "--output", "r"]),
    ("gone.csv", ["audit", "puppet-tiny", "gone.csv"]),
    ("gone", ["calibrate", "gone", "--labels", "a,b", "--output", "c.json"]),
    ("gone", ["push", "gone", "me/it"]),
    ("gone", ["download", "gone"]),
    ("gone", ["show", "gone"]),
    ("gone", ["compare", "gone", "gone"]),
    ("gone", ["leaderboard", "gone"]),
]
ALL_WRONG = """
import contextlib, io, json, sys
from zeroshot.cli.main import main
told = []
for words in json.loads(sys.argv[1]):
    sys.argv, said = ["zeroshot", *words], io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as end:
            told.append([end.code, said.getvalue(), sorted({"torch", "open_clip"} & sys.modules.keys())])
print(json.dumps(told))
"""
ENDS = """
import atexit, sys, threading
from zeroshot.cli.main import program
atexit.register(print, "registered")
def late():
    threading.main_thread().join()
    print("thread")
threading.Thread(target=late).start()
sys.argv = ["zeroshot", *sys.argv[1:]]
program()
"""


def test_what_is_wrong_is_told_before_torch_is_imported(tmp_path):
    words = json.dumps([words for _, words in WRONG])
    run = subprocess.run(
        [sys.executable, "-c", ALL_WRONG, words],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=100,
    )
    assert run.returncode == 0, run.stderr
    for (expected, words), (status, said, heavy) in zip(WRONG, json.loads(run.stdout), strict=True):
        assert (status, heavy) == (1, []), words
        assert expected in said
        assert said.startswith("zeroshot: ")
        assert said.count("\n") == 1, said


@pytest.mark.parametrize(("words", "status"), [(["--version"], 0), (["show", "gone"], 1), (["show"], 2)])
def test_the_end_of_a_process_leaves_nothing_out(words, status):
    run = subprocess.run(
        [sys.executable, "-c", ENDS, *words], check=False, capture_output=True, text=True, timeout=100
    )
    assert run.returncode == status, run.stderr
    assert run.stdout.splitlines()[-2:] == ["thread", "registered"]


HOST = """
import runpy, sys
sys.argv = ["zeroshot", "--version"]
try:
    runpy.run_module("zeroshot", run_name="__main__")
except SystemExit as end:
    print("the host goes on", end.code)
"""


def test_a_program_that_runs_the_command_within_itself_goes_on_after_it():
    run = subprocess.run(
        [sys.executable, "-c", HOST], check=False, capture_output=True, text=True, timeout=100
    )
    assert run.stdout.splitlines()[1:] == ["the host goes on 0"], run.stderr


def run_in_process(monkeypatch, *words: str) -> int:
    """The status that a command ends with."""
    monkeypatch.setattr(sys, "argv", ["zeroshot", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_what_reads_videos_starts_before_the_libraries_of_a_model_are_asked_for(monkeypatch, tmp_path):
    order: list[str] = []

    def libraries(*_: object, **__: object) -> None:
        order.append("libraries")
        raise ModelError("that is enough")

    monkeypatch.setattr("zeroshot.video.processes.pool.start_early", lambda: order.append("child"))
    monkeypatch.setattr("zeroshot.checkpoint.require_model", libraries)
    labels = ["--labels", "waving,kicking", "--model", "puppet-tiny"]
    for words in (
        ["classify", CLIP, *labels],
        ["timeline", CLIP, *labels],
        ["embed", CLIP, "--output", str(tmp_path / "e"), "--model", "puppet-tiny"],
    ):
        order.clear()
        assert run_in_process(monkeypatch, *words) == 1
        assert order == ["child", "libraries"]
    order.clear()
    assert run_in_process(monkeypatch, "classify", CLIP, "--labels", "a,b", "--model", "gone") == 1
    assert order == [], "no child for a name that is none"


def test_a_verb_leaves_the_tower_that_it_does_not_use_in_its_file(monkeypatch, tmp_path):
    used: list[tuple[str, ...]] = []
    fill = open_clip_weights.fill

    def watched(module, tensors, encodes):
        used.append(tuple(encodes))
        fill(module, tensors, encodes)

    monkeypatch.setattr(open_clip_weights, "fill", watched)
    kept, index = str(tmp_path / "kept"), str(tmp_path / "a.index")
    model, labels = ["--model", "puppet-tiny"], ["--labels", "waving,kicking"]
    verbs = {
        ("embed", CLIP, "--output", kept, *model): ("frames",),
        ("classify", "--embeddings", kept, *labels): ("texts",),
        ("search", "waving", "--in", kept): ("texts",),
        ("index", "waving,kicking", "--output", index, *model): ("texts",),
        ("classify", CLIP, "--index", index): ("frames",),
        ("classify", "--embeddings", kept, "--index", index): (),
        ("classify", CLIP, *labels, *model): ("frames", "texts"),
    }
    for words, expected in verbs.items():
        used.clear()
        assert run_in_process(monkeypatch, *words) == 0
        assert used == [expected], words
