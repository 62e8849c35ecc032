"""Every verb that fills a folder, killed at any moment and on a full disk: the same command goes on."""

from __future__ import annotations

import csv
import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zeroshot.batch.table import read_rows
from zeroshot.store.folder import HOLDER, LOCK

CLIPS = sorted((Path(__file__).parents[2] / "examples" / "clips").glob("*.mp4"))[:6]
VERBS = ("embed", "index", "synthesize", "bias make", "train")
KILLS = 2


@pytest.fixture(scope="module")
def split(tmp_path_factory) -> Path:
    """A table of a few bundled clips, two labels in turn."""
    path = tmp_path_factory.mktemp("split") / "videos.csv"
    with path.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("path", "label"))
        table.writerows((str(clip), ("one", "other")[row % 2]) for row, clip in enumerate(CLIPS * 2))
    return path


def command(verb: str, split: Path, output: Path) -> list[str]:
    """The words of a run that takes a few seconds."""
    words = {
        "embed": [*map(str, CLIPS), "--model", "puppet-tiny", "--device", "cpu"],
        "index": [
            ",".join(f"doing thing {i}" for i in range(1500)),
            "--model",
            "puppet-tiny",
            "--device",
            "cpu",
        ],
        "synthesize": ["--num-videos", "40", "--num-frames", "8", "--size", "32", "--truth"],
        "bias make": [str(split), "--kinds", "human-only,scuba"],
        "train": [
            str(split),
            "--model",
            "puppet-tiny",
            "--device",
            "cpu",
            "--epochs",
            "2",
            "--scenes",
            "none",
        ],
    }
    return [sys.executable, "-m", "zeroshot", *verb.split(), *words[verb], "--output", str(output)]


def run(words: list[str], limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """The command to its end; no file may get longer than the limit, as on a full disk."""
    small = None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return subprocess.run(words, env=quiet(), capture_output=True, text=True, check=False, preexec_fn=small)


def quiet() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def killed(words: list[str], output: Path, wait) -> bool:
    """Whether a run was killed before it ended, some time after it began to write."""
    process = subprocess.Popen(words, env=quiet(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not any(output.parent.glob(f"*{output.name}*")):
        time.sleep(0.0005)
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def contents(verb: str, output: Path) -> object:
    """What must be the same whether a run was broken off or not."""
    if verb == "embed":
        rows = [(row.path, row.error, row.embedding) for part in read_rows(output) for row in part]
        return sorted((path, error, tuple(vector.round(4).tolist())) for path, error, vector in rows)
    files = [output] if output.is_file() else [path for path in output.rglob("*") if path.is_file()]
    if verb == "train":
        files = [output / "model.safetensors", output / "log.csv"]
    kept = [path for path in files if path.name not in {LOCK, HOLDER}]
    return {
        path.name + path.parent.name * output.is_dir(): hashlib.sha256(path.read_bytes()).digest()
        for path in kept
    }


def assert_clean(output: Path) -> None:
    """No half file and no claim is left."""
    left = [path for path in output.parent.rglob(".*") if path.name not in {LOCK, ".work", ".puppets"}]
    assert not left
    assert not list(output.parent.glob("*.partial"))


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("kills", [KILLS, pytest.param(12, marks=pytest.mark.slow)])
@pytest.mark.timeout(600)
def test_killed_at_any_moment_the_same_command_goes_on(verb, kills, split, tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    done = run(command(verb, split, tmp_path / "whole" / "out"))
    assert done.returncode == 0, done.stderr
    words, output = command(verb, split, tmp_path / "broken" / "out"), tmp_path / "broken" / "out"
    draw, hits = random.Random(f"{verb} {kills}"), 0
    for number in range(kills):
        hits += killed(words, output, 0 if number == 0 else draw.uniform(0, 1.5))
    assert hits >= 1
    done = run(words)
    assert done.returncode == 0, done.stderr
    assert_clean(output)
    assert contents(verb, output) == contents(verb, tmp_path / "whole" / "out")


@pytest.mark.parametrize("verb", VERBS)
def test_after_a_full_disk_the_same_command_goes_on(verb, split, tmp_path):
    output = tmp_path / "out"
    words = command(verb, split, output)
    full = run(words, 700)
    assert full.returncode == 1, full.stderr
    assert full.stderr.startswith("zeroshot: cannot write"), full.stderr
    assert full.stderr.count("\n") == 1
    done = run(words)
    assert done.returncode == 0, done.stderr
    assert_clean(output)


def test_dot_files_of_others_are_kept(split, tmp_path):
    output, outside = tmp_path / "out", tmp_path / "outside"
    words = command("bias make", split, output)
    assert run(words).returncode == 0
    kept = [output / name for name in (".notes", "scuba/.notes", "masks/.notes", ".work/.notes")]
    for path in kept:
        path.write_text("mine")
    assert run(words).returncode == 0
    assert [path.read_text() for path in kept] == ["mine"] * 4
    (output / "scuba").rename(outside)
    (output / "scuba").symlink_to(outside)
    refused = run(words)
    assert refused.returncode == 1
    assert "scuba is a link" in refused.stderr
    assert (outside / ".notes").read_text() == "mine"
