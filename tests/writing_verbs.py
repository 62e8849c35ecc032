"""Every verb that fills a folder, as a run of a few seconds, and what it must leave behind."""

from __future__ import annotations

import csv
import hashlib
import os
import resource
import subprocess
import sys
from pathlib import Path

from zeroshot.batch.table import read_rows
from zeroshot.store.folder import HOLDER, LOCK

CLIPS = sorted((Path(__file__).parents[1] / "examples" / "clips").glob("*.mp4"))[:6]
VERBS = ("embed", "index", "synthesize", "bias make", "train")


def write_table(path: Path) -> Path:
    """A table of a few bundled clips, two labels in turn."""
    with path.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("path", "label"))
        table.writerows((str(clip), ("one", "other")[row % 2]) for row, clip in enumerate(CLIPS * 2))
    return path


def command(verb: str, split: Path, output: Path) -> list[str]:
    """A run that takes a few seconds, in a process of its own."""
    return [sys.executable, "-m", "zeroshot", *words_of(verb, split, output)]


def words_of(verb: str, split: Path, output: Path) -> list[str]:
    """What stands behind `zeroshot` of such a run."""
    words = {
        "embed": [*map(str, CLIPS), "--model", "puppet-tiny", "--device", "cpu"],
        "index": [
            ",".join(f"doing thing {i}" for i in range(700)),
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
    return [*verb.split(), *words[verb], "--output", str(output)]


def run(words: list[str], limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """The command to its end; no file may get longer than the limit, as on a full disk."""
    small = None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return subprocess.run(words, env=quiet(), capture_output=True, text=True, check=False, preexec_fn=small)


def quiet() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


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
