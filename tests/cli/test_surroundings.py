"""Standard output that is full or closed, a working folder that is gone, errors that stand: one line each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CLIPS = Path(__file__).parents[2] / "examples" / "clips"
ZEROSHOT = [sys.executable, "-P", "-m", "zeroshot"]


def shell(line: str, folder: Path) -> tuple[int, str]:
    """Exit status and stderr of a line of the shell, in which Z is the command."""
    words = line.replace("Z", " ".join(ZEROSHOT))
    done = subprocess.run(["bash", "-c", words], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Z models > /dev/full", "cannot write to standard output: No space left on device"),
        ("Z --help > /dev/full", "cannot write to standard output: No space left on device"),
        ("Z models >&-", "standard output is closed"),
        ("mkdir gone; cd gone; rmdir ../gone; Z models", "the working folder is gone; change to one"),
    ],
)
def test_one_line(tmp_path, line, words):
    status, err = shell(line, tmp_path)
    assert status == 1
    assert words in err
    assert [each for each in err.splitlines() if not each.startswith("shell-init")] == err.splitlines()[-1:]


def test_a_reader_that_has_gone_is_no_fault(tmp_path):
    """As `| head` does it: status 1, and nothing to say."""
    assert shell("set -o pipefail; (sleep 1; Z models) | true", tmp_path) == (1, "")


def test_embed_ends_with_one_while_rows_are_errors(tmp_path):
    good = (CLIPS / "waving_beach.mp4").read_bytes()
    for name in ("a.mp4", "copy.mp4"):
        (tmp_path / name).write_bytes(good)
    (tmp_path / "bad.mp4").write_text("no video")
    words = [*ZEROSHOT, "embed", str(tmp_path), "--output", str(tmp_path / "out"), "--model", "puppet-tiny"]
    words += ["--device", "cpu", "--json"]
    status, out, err = [], [], []
    for _ in range(2):
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        status.append(done.returncode)
        out.append([json.loads(line) for line in done.stdout.splitlines()])
        err.append(done.stderr)
    assert status == [1, 1]
    assert "zeroshot: 1 of 3 videos failed\n" in err[0]
    assert out[1] == []
    assert "3 of 3 videos are in" in err[1]
    assert "1 of them failed in an earlier run; --retry reads them again" in err[1]
    assert err[1].endswith("zeroshot: 1 of 3 videos failed\n")
    (tmp_path / "bad.mp4").write_bytes(good)
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "1 of 3 videos are copies of these" in done.stderr
