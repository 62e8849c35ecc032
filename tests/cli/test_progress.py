"""Words while something takes long, on a terminal and off, and what Ctrl-C says and leaves."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from zeroshot.cli import screen

CLIPS = sorted((Path(__file__).parents[2] / "examples" / "clips").glob("*.mp4"))
TABLE = CLIPS[0].parent / "clips.csv"
MODEL = ("--model", "puppet-tiny", "--device", "cpu")


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def hurried(monkeypatch):
    """A minute is the hundredth part of a second; gives what waits until so many lines were said."""
    said, enough = [], threading.Condition()

    def say(text: str) -> None:
        with enough:
            said.append(text)
            enough.notify_all()

    def wait_for(number: int) -> list[str]:
        with enough:
            assert enough.wait_for(lambda: len(said) >= number, 30)
            return said

    monkeypatch.setattr(screen, "_SECONDS_A_LINE", 0.01)
    monkeypatch.setattr(screen, "say", say)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    return wait_for


def test_off_a_terminal_there_is_a_line_a_minute(hurried):
    with screen.progress(400, "videos") as advance:
        advance(37)
        lines = hurried(2)
    assert any(line.startswith("37 of 400 videos in ") for line in lines)


def test_without_a_number_it_says_what_is_done(hurried):
    with screen.progress(None, "videos") as advance:
        advance()
        assert any(line.startswith("1 videos in ") for line in hurried(2))


def test_loading_is_said_too_and_then_no_more(hurried):
    with screen.waiting("loading a model"):
        assert all(line.startswith("loading a model, for ") for line in hurried(2))
    assert not [
        thread for thread in threading.enumerate() if thread.name == "zeroshot-words" and not wait(thread)
    ]


def wait(thread: threading.Thread) -> bool:
    thread.join(10)
    return not thread.is_alive()


def test_bars_begin_with_words(hurried):
    with screen.Bars("videos", "loading a model") as bars:
        assert hurried(1)[0].startswith("loading a model")
        number = len(hurried(1))
        bars.to(1, 400)
        assert hurried(number + 3)[-1].startswith("1 of 400 videos")
        bars.to(400, 400)
        number = len(hurried(1))
        assert hurried(number + 3)[-1].startswith("videos are done, going on")


@pytest.mark.parametrize(("seconds", "words"), [(5, "5 s"), (600, "10 min"), (10_000, "2 h 47 min")])
def test_times_are_said_as_people_say_them(seconds, words):
    assert screen._minutes(seconds) == words


def test_on_a_terminal_the_words_go_away_again(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with screen.waiting("loading a model"):
        assert terminal.getvalue().endswith("zeroshot: loading a model …")
        screen.say("a note")
    assert terminal.getvalue() == "zeroshot: loading a model …\r\x1b[Kzeroshot: a note\n"
    with screen.waiting("loading"):
        pass
    assert terminal.getvalue().endswith("\r\x1b[K")


INTERRUPTED = {  # where Ctrl-C comes, and what is said to be kept
    f"embed {CLIPS[0]} -o rows": ("zeroshot.batch.engine.fill_table", "kept in rows"),
    f"classify {CLIPS[0]} --labels a,b": ("zeroshot.model.model.Model.embed_many", "--embeddings DIR"),
    f"classify {CLIPS[0]} --labels a,b --embeddings rows": (
        "zeroshot.batch.engine.look_up_blocks",
        "kept in rows",
    ),
    f"timeline {CLIPS[0]} --labels a,b": ("zeroshot.model.model.Model.read_windows", "that are left"),
    "index a,b -o x.index": ("zeroshot.model.model.Model.embed_prompts", "kept in x.index.partial"),
    "synthesize -o puppets": ("zeroshot.synthetic.dataset.write_puppet_videos", "kept in puppets"),
    f"teach {TABLE} -o my.labels": ("zeroshot.model.model.Model.embed_sources", "nothing is written"),
    f"train {TABLE} -o adapted": ("zeroshot.training.prepare.write_waist", "kept in adapted"),
    f"evaluate {TABLE} -o report --allow-seen": ("zeroshot.evaluation.run.embed_pool", "kept in report"),
    f"bias make {TABLE} -o sets": ("zeroshot.bias.make.take_apart", "kept in sets"),
    f"bias probe {TABLE} --cache tokens": ("zeroshot.probes.run.write_waist", "kept in tokens"),
    "download ViT-B-32/openai": ("zeroshot.model.download.download", "stays in the cache"),
    "push adapted me/adapter": ("zeroshot.model.hub.push.push", "pushes what is missing"),
    "bias score sets": ("zeroshot.bias.score.score_bias", "kept in sets"),
}
MODELLESS = ("synthesize", "download", "push", "bias make", "bias score")


@pytest.mark.parametrize("line", INTERRUPTED, ids=lambda line: line.split(" -")[0].replace(str(CLIPS[0]), ""))
def test_ctrl_c_says_what_is_kept(run, tmp_path, monkeypatch, line):
    place, kept = INTERRUPTED[line]

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("zeroshot.bias.score.check_scoring", lambda *_, **__: lambda: (None, []))  # no sets
    monkeypatch.setattr(place, interrupted)
    status, _, err = run(*line.split(), *(() if line.startswith(MODELLESS) else MODEL))
    assert status == 130
    assert err.splitlines()[-1].startswith("zeroshot: interrupted; ")
    assert kept in err.splitlines()[-1]
    assert "Traceback" not in err


def heed_ctrl_c() -> None:
    """For a new process: background jobs of a shell ignore Ctrl-C, and their children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_keeps_what_is_done_and_leaves_no_process(run, tmp_path):
    from zeroshot.batch.table import read_embeddings

    for number in range(120):
        (tmp_path / f"{number:03d}.mp4").write_bytes(CLIPS[0].read_bytes() + bytes(number))  # no copies
    words = ["embed", str(tmp_path), "-o", str(tmp_path / "rows"), *MODEL, "--json"]
    command = [sys.executable, "-m", "zeroshot", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, **pipes, preexec_fn=heed_ctrl_c, start_new_session=True)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["state"] == "embedded"
    process.send_signal(signal.SIGINT)  # to this process alone: children have to be told
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == (
        f"zeroshot: interrupted; what is done is kept in {tmp_path}/rows, and the same command goes on\n"
    )
    assert len(read_embeddings(tmp_path / "rows")[0]) >= 1 + len(out.splitlines()) > 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # nobody of its group is left
    status, out, _ = run(*words)
    states = [json.loads(line)["state"] for line in out.splitlines()]
    assert status == 0
    assert {*states} == {"embedded", "kept"}
    assert len(states) == 120
