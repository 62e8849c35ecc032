"""Odd names, terminals, pipes, disks, working folders: one line each, and nothing that a terminal obeys.

Covers: cli/bias, cli/evaluate, cli/search, cli/synthesize.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zeroshot.cli import screen

CLIPS = sorted((Path(__file__).parents[2] / "examples" / "clips").glob("*.mp4"))
MODEL = ("--model", "puppet-tiny", "--device", "cpu")
LABELS = ("--labels", "waving,jumping")
EVIL = "a\x1b[31m\u202egnp.\r\n\x9b2J\u2066.mp4"
NOT_UTF8 = os.fsdecode(b"caf\xe9 \\udce9.mp4")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A good and a bad video with names that a terminal would obey, and a good one whose name is no UTF-8."""
    (tmp_path / EVIL).write_bytes(CLIPS[0].read_bytes())
    (tmp_path / f"bad {EVIL}").write_bytes(b"")
    (tmp_path / NOT_UTF8).write_bytes(CLIPS[1].read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def harmless(text: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in text)


def names_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


def test_json_has_the_real_path_and_shows_nothing_that_a_terminal_obeys(run, folder):
    _, out, err = run("classify", ".", *LABELS, *MODEL, "--json")
    assert {Path(json.loads(line)["path"]).name for line in out.splitlines()} == names_of(folder)
    assert harmless(out)
    assert harmless(err)


def test_so_do_tables_and_what_is_ranked_from_them(run, folder):
    from zeroshot.batch.table import read_embeddings

    words = ("classify", ".", *LABELS, *MODEL, "--json", "--embeddings", "kept")
    first = run(*words)[1]
    assert run(*words)[1] == first
    assert {Path(json.loads(line)["path"]).name for line in first.splitlines()} == names_of(folder)
    assert {Path(path).name for path in read_embeddings("kept")[0]} == {EVIL, NOT_UTF8}


@pytest.mark.parametrize(
    "words",
    [
        ("classify", ".", *LABELS, *MODEL),
        ("classify", ".", *LABELS, *MODEL, "--csv"),
        ("classify", ".", "--labels", "wav\x1b[1ming,jum\u202eping", *MODEL),
        ("timeline", ".", *LABELS, *MODEL),
        ("timeline", ".", *LABELS, *MODEL, "--csv"),
        ("timeline", ".", *LABELS, *MODEL, "--json"),
        ("embed", ".", "-o", "rows", *MODEL),
        ("embed", ".", "-o", "rows\x1b[31m", *MODEL, "--json"),
        ("show", "evil\x1b[31m"),
        ("classify", "x.mp4", *LABELS, "--device", "c\x1b[31mpu"),
        ("evaluate", "\x1b[31m", "-o", "report", *MODEL),
        ("train", "\x1b[31m.csv", "-o", "out"),
        ("bias", "make", "\x1b[31m.csv", "-o", "out"),
        ("search", "\x1b[31m", "--in", "\x1b[31m"),
        ("index", "wav\x1b[1ming,jumping", "-o", "x\x1b[31m.index", *MODEL),
        ("classify", "--\x1b[31m", *LABELS),
    ],
)
def test_nothing_that_a_terminal_obeys_is_printed(run, folder, words):
    _, out, err = run(*words)
    assert harmless(out), out
    assert harmless(err), err
    assert out or err


def test_lists_on_stdin_may_name_anything(run, folder):
    class Bytes:
        buffer = io.BytesIO(os.fsencode(NOT_UTF8) + b"\n\n")

    status, out, _ = run("classify", "-", *LABELS, *MODEL, "--json", stdin=Bytes())
    assert status == 0
    assert json.loads(out)["path"] == NOT_UTF8
    status, _, err = run("classify", "-", *LABELS, *MODEL, stdin=None)
    assert (status, err) == (1, "zeroshot: stdin is closed; expected a list of videos there\n")


def test_csv_stays_one_row_a_prediction(run, folder):
    _, out, _ = run("classify", ".", *LABELS, *MODEL, "--csv", "-k", "1")
    assert len(list(csv.DictReader(io.StringIO(out)))) == len(out.splitlines()) - 1 == 3


def test_a_terminal_of_another_language_shows_what_it_can(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    screen.put_line("Übung \U0001f3c3")
    screen.put_json({"path": "Übung \udcff"})
    assert raw.getvalue() == b'\\xdcbung \\U0001f3c3\n{"path": "\\u00dcbung \\udcff"}\n'


@pytest.mark.parametrize("words", ["-h", "embed -h", "models", "show puppet-tiny"])
def test_pages_are_shown_whatever_the_terminal_writes(words):
    for encoding in ("ascii", "cp437"):
        done = shell(f"PYTHONIOENCODING={encoding} zeroshot {words}", errors="replace")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.strip()


def test_embed_says_what_was_not_read_and_fails_while_rows_are_errors(run, tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "a.mp4").write_bytes(CLIPS[0].read_bytes())
    (videos / "bad.mp4").write_bytes(b"no video")
    words = ("embed", videos, "-o", tmp_path / "rows", *MODEL)
    status, _, err = run(*words)
    assert status == 1
    assert err.endswith("1 of 2 videos failed\n")
    (videos / "b.mp4").write_bytes(CLIPS[0].read_bytes())
    status, out, err = run(*words)
    assert status == 1
    assert out == f"0 videos embedded in width 128, 1 kept, 1 copy, 1 failed; 3 in all, in {tmp_path}/rows\n"
    assert "zeroshot: 1 of 3 videos failed before; --retry reads them again\n" in err
    assert err.endswith("1 of 3 videos failed\n")
    (videos / "bad.mp4").write_bytes(CLIPS[1].read_bytes())
    assert run(*words)[0] == 0
    status, _, err = run(*words)
    assert (status, "failed" in err) == (0, False)


def shell(line: str, **how: object) -> subprocess.CompletedProcess[str]:
    command = line.replace("zeroshot", f"{sys.executable} -m zeroshot")
    return subprocess.run(
        command, shell=True, capture_output=True, text=True, check=False, timeout=100, **how
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    "words", ["models", "--help", "show puppet-tiny --json", "--version", "classify --help"]
)
def test_a_full_disk_behind_stdout_is_one_line(words):
    done = shell(f"zeroshot {words} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("zeroshot: cannot write")
    assert "no space left on device" in done.stderr
    assert done.stderr.count("\n") == 1


def test_stdout_that_is_closed_is_one_line():
    done = shell("zeroshot models >&-")
    assert (done.returncode, done.stderr) == (
        1,
        "zeroshot: stdout is closed; redirect it to a file, or to /dev/null\n",
    )
    assert shell("zeroshot models 2>&-").returncode == 0
    assert shell("zeroshot models <&-").returncode == 0


def test_a_reader_that_leaves_is_one_line_at_most():
    done = shell("(sleep 0.2; zeroshot models --json; echo $? >&2) | true")
    assert done.stderr.splitlines()[-1] == "1"
    assert done.stderr.count("\n") <= 2
    assert "Traceback" not in done.stderr


def test_a_working_folder_that_is_gone_is_one_line(tmp_path):
    done = shell(f"mkdir {tmp_path}/gone; cd {tmp_path}/gone; rmdir {tmp_path}/gone; zeroshot models")
    assert done.returncode == 1
    assert done.stderr == "zeroshot: the working folder is gone; change to one that is there\n"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_process_that_is_forked_after_use_goes_on(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, torch, zeroshot\n"
        "torch.set_num_threads(2)\n"
        f"video = {str(CLIPS[0])!r}\n"
        "model = zeroshot.load_model('puppet-tiny', device='cpu')\n"
        "here = model.embed_videos([video])\n"
        "if child := os.fork():\n"
        "    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "os._exit(0 if abs(model.embed_videos([video]) - here).max() < 1e-5 else 7)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-W", "ignore", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_renumbered_folder_of_frames_is_embedded_again(run, tmp_path):
    import numpy as np
    from PIL import Image

    from zeroshot.batch.table import read_embeddings

    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(8):
        level = np.full((64, 64, 3), 30 * number, np.uint8)
        Image.fromarray(level).save(folder / f"{number}.png", compress_level=0)
    words = ("embed", folder, "-o", tmp_path / "rows", *MODEL)
    assert run(*words)[0] == 0
    before = read_embeddings(tmp_path / "rows")[1]
    for number in range(8):
        (folder / f"{number}.png").rename(folder / f"{number * 3 % 8}.new")
    for path in list(folder.iterdir()):
        path.rename(path.with_suffix(".png"))
    assert run(*words)[1].startswith("1 video embedded")
    after = read_embeddings(tmp_path / "rows")[1]
    assert np.abs(before - after).max() > 1e-3
    assert run(*words)[1].startswith("0 videos embedded")
