"""The command line as its user meets it: in a process of its own where that matters, else in ours.

Covers: cli/classify, cli/embed, cli/index, cli/inputs, cli/models, cli/options, cli/screen, cli/timeline.
"""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zeroshot.cli.main import app

CLIPS = Path(__file__).parents[2] / "examples" / "clips"
VERBS = sorted(command.name for command in app.registered_commands)
LABELS = "waving,jumping,bowing"
LEFT_OUT = "zeroshot: left out 1 file that is no video by name: 1 .txt\n"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two good videos, one of them with quotes and spaces in its name, and a bad one."""
    good = sorted(CLIPS.glob("*.mp4"))[:2]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / 'it\'s "a" [clip] 1.mp4').write_bytes(good[0].read_bytes())
    (tmp_path / "fine.mp4").write_bytes(good[1].read_bytes())
    (tmp_path / "broken.mp4").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not a video")
    return tmp_path


def offline(*words: object, model: str = "puppet-tiny") -> tuple[object, ...]:
    return (*words, "--model", model, "--device", "cpu")


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_page_opens_with_an_example(run, verb):
    status, out, _ = run(verb, "--help")
    assert status == 0
    assert out.split("\n\n")[1].strip().startswith(f"Example:  zeroshot {verb}")


def test_help_loads_no_network_library():
    code = "import sys; sys.argv = ['zeroshot', 'classify', '-h']\n"
    code += "from zeroshot.cli.main import main\n"
    code += "try: main()\nexcept SystemExit: pass\n"
    code += "heavy = {'torch', 'numpy', 'av', 'faiss', 'open_clip', 'transformers', 'rich', 'pyarrow'}\n"
    code += "sys.exit(str(heavy & sys.modules.keys()) if heavy & sys.modules.keys() else 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_json_lines_one_a_video(run, folder):
    status, out, err = run(*offline("classify", folder, "--labels", LABELS, "-k", "400", "--json"))
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert err == LEFT_OUT + "zeroshot: 1 of 3 videos failed\n"
    assert {Path(row["path"]).name for row in rows} == {'it\'s "a" [clip] 1.mp4', "fine.mp4", "broken.mp4"}
    for row in rows:
        assert row.keys() == {"path", "predictions", "error"}
        if row["path"].endswith("broken.mp4"):
            assert row["predictions"] == []
            assert "broken.mp4" in row["error"]
        else:
            assert row["error"] is None
            assert [p.keys() for p in row["predictions"]] == [{"label", "score", "probability"}] * 3
            assert sum(p["probability"] for p in row["predictions"]) == pytest.approx(1, abs=1e-6)


def test_csv_has_a_row_a_prediction(run, folder):
    status, out, _ = run(*offline("classify", folder, "--labels", LABELS, "-k", "2", "--csv"))
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 1
    assert len(rows) == 2 * 2 + 1
    assert {row["rank"] for row in rows} == {"1", "2", ""}
    assert sum(bool(row["error"]) for row in rows) == 1


def test_batches_and_decoders_change_no_answer(run, folder):
    words = offline("classify", folder / "fine.mp4", "--labels", LABELS, "--json")
    (expected,), (found,) = (
        json.loads(run(*words, *more)[1])["predictions"][:1]
        for more in ((), ("--batch-size", "3", "--num-workers", "1"))
    )
    assert found["label"] == expected["label"]
    assert found["score"] == pytest.approx(expected["score"], abs=1e-5)
    assert run(*words, "--batch-size", "0")[0] != 0


def test_people_see_names_and_percentages(run, folder):
    status, out, err = run(*offline("classify", folder / "fine.mp4", "--labels", LABELS, "-k", "1"))
    assert status == 0
    assert err == ""
    assert out.splitlines()[0].endswith("fine.mp4")
    assert "%" in out.splitlines()[1]


def test_globs_and_a_list_on_stdin(run, folder):
    _, out, _ = run(*offline("classify", f"{folder}/f*.mp4", "--labels", LABELS, "--json"))
    assert len(out.splitlines()) == 1
    listed = f"{folder / 'fine.mp4'}\n\n{folder / 'deep'}\n"
    status, out, _ = run(*offline("classify", "-", "--labels", LABELS, "--json"), stdin=listed)
    assert status == 0
    assert len(out.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("classify", "x.mp4"), "give either --labels"),
        (("classify", "x.mp4", "--labels", "a,a"), "a"),
        (("classify", "x.mp4", "--labels", "nowhere/labels.txt"), "labels.txt"),
        (("classify", "x.mp4", "--labels", "a,b", "--json", "--csv"), "one of them"),
        (("classify", "x.mp4", "--labels", "a,b", "--templates", "no placeholder"), "{}"),
        (("classify", "x.mp4", "--labels", "a,b", "--decoder", "vlc"), "vlc"),
        (("classify", "x.mp4", "--labels", "a,b", "--num-frames", "0"), "0"),
        (("classify", "*.nothing", "--labels", "a,b"), "*.nothing"),
        (("classify", "x.mp4", "--index", "nowhere.index"), "nowhere.index"),
        (("index", "a,b", "--output", "/proc/nowhere/x.index"), "/proc/nowhere"),
        (("timeline", "x.mp4", "--labels", "a,b", "--window", "-1"), "-1"),
    ],
)
def test_what_a_user_can_repair_is_one_line(run, words, message):
    status, out, err = run(*offline(*words))
    assert status == 1
    assert out == ""
    assert err.startswith("zeroshot: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("model", "message"),
    [("no-such-model", "puppet-tiny"), ("ViT-B-32/nonsense", "nonsense"), ("./nowhere", "nowhere")],
)
def test_a_model_that_is_not_there(run, folder, model, message):
    status, _, err = run(*offline("classify", folder / "fine.mp4", "--labels", "a,b", model=model))
    assert status == 1
    assert message in err
    assert err.count("\n") == 1


def test_a_device_that_is_not_there(run, folder):
    words = (
        "classify",
        folder / "fine.mp4",
        "--labels",
        "a,b",
        "--model",
        "puppet-tiny",
        "--device",
        "cuda:77",
    )
    status, _, err = run(*words)
    assert status == 1
    assert "cuda:77" in err
    assert err.count("\n") == 1


def test_a_folder_without_videos(run, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing to see")
    status, _, err = run(*offline("classify", tmp_path, "--labels", "a,b"))
    assert status == 1
    assert str(tmp_path) in err
    assert err.count("\n") == 1


def test_index_then_classify(run, folder, tmp_path):
    status, out, _ = run(*offline("index", LABELS, "--output", tmp_path / "x.index", "--json"))
    assert status == 0
    assert json.loads(out)["labels"] == 3
    by_index = run(*offline("classify", folder / "fine.mp4", "--index", tmp_path / "x.index", "--json"))[1]
    assert by_index == run(*offline("classify", folder / "fine.mp4", "--labels", LABELS, "--json"))[1]


def test_timeline_in_three_forms(run, folder):
    words = offline("timeline", folder / "fine.mp4", "--labels", LABELS, "--window", "1")
    segments = json.loads(run(*words, "--json")[1])["segments"]
    assert segments[0]["start_seconds"] == 0
    assert len(list(csv.DictReader(io.StringIO(run(*words, "--csv")[1])))) == len(segments)
    text = run(*words)[1].splitlines()
    assert text[1].strip().startswith("0:00:00.0 – 0:00:01.0")
    status, out, _ = run(*offline("timeline", folder / "broken.mp4", "--labels", LABELS, "--json"))
    assert status == 1
    assert json.loads(out)["error"]


def test_embed_writes_a_table_and_goes_on(run, folder, tmp_path):
    from zeroshot.batch.table import read_embeddings

    output = tmp_path / "out"
    status, _, err = run(*offline("embed", folder / "fine.mp4", "--output", output))
    assert (status, err) == (0, "")
    status, out, err = run(*offline("embed", folder, "--output", output, "--json"))
    assert status == 1
    rows = [json.loads(line) for line in out.splitlines()]
    states = {Path(row["path"]).name: (row["state"], row["error"] is None) for row in rows}
    assert states == {
        "fine.mp4": ("kept", True),
        'it\'s "a" [clip] 1.mp4': ("embedded", True),
        "broken.mp4": ("failed", False),
    }
    paths, vectors = read_embeddings(output)
    assert len(paths) == len(vectors) == 2
    status, _, err = run(*offline("embed", folder, "--output", output, "--num-views", "2"))
    assert status == 1
    assert "take the same, or another folder" in err
    status, _, err = run(*offline("embed", folder, "--output", tmp_path / "new", "--num-frames", "4"))
    assert status == 1
    assert "leave the number of frames to it" in err


def test_another_list_of_labels_decodes_nothing(run, folder, tmp_path, monkeypatch):
    kept = tmp_path / "kept"
    words = ("classify", folder, "--embeddings", kept, "--json")
    status, first, err = run(*offline(*words, "--labels", LABELS))
    assert status == 1
    assert err == LEFT_OUT + "zeroshot: 1 of 3 videos failed\n"
    assert first == run(*offline("classify", folder, "--labels", LABELS, "--json"))[1]
    monkeypatch.setattr("zeroshot.video.processes.pool.Crew.submit", None)  # nobody can decode any more
    assert run(*words, "--labels", LABELS)[1] == first  # the model is that of the folder
    status, out, _ = run(*offline("classify", "--embeddings", kept, "--labels", "kicking,swimming", "--json"))
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert [row["path"] for row in rows] == [json.loads(line)["path"] for line in first.splitlines()]
    assert {p["label"] for row in rows for p in row["predictions"]} == {"kicking", "swimming"}
    _, _, err = run("classify", "--embeddings", kept, "--labels", "archery,yoga")
    assert f"{kept} was made with it: make another without --model" in err
    assert "precision" not in err, "nobody asked for one"
    status, _, err = run("classify", "--embeddings", kept, "--labels", "a,b", "--num-views", "2")
    assert status == 1
    assert "holds embeddings with sampling" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("classify", "--labels", "a,b"), "no videos are given"),
        (("classify", "--labels", "a,b", "--embeddings", "nowhere"), "nowhere"),
        (("embed", "x.mp4", "--output", "{tmp}", "--stride", "2"), "without --window"),
        (("embed", "x.mp4", "--output", "{tmp}", "--window", "0"), "above 0"),
        (("embed", "x.mp4", "--output", "{tmp}", "--engine", "spark"), "local or ray"),
        (("embed", "x.mp4", "--output", "{tmp}", "--workers", "2"), "without --engine ray"),
    ],
)
def test_what_does_not_go_together_is_one_line(run, tmp_path, words, message):
    status, out, err = run(*offline(*(word.format(tmp=tmp_path / "out") for word in words)))
    assert (status, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1


def test_ray_that_is_not_installed_is_one_line(run, folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    words = offline("embed", folder / "fine.mp4", "--output", tmp_path / "out", "--engine", "ray")
    status, _, err = run(*words)
    assert status == 1
    assert re.search(r"pip install '.+\[ray\]'", err)
    assert "'zeroshot[" not in err, "the package of that name is somebody else's"
    assert err.count("\n") == 1


def test_embedding_windows(run, folder, tmp_path):
    from zeroshot.batch.table import read_table

    words = offline("embed", folder / "fine.mp4", "--output", tmp_path / "out", "--window", "0.5")
    assert run(*words)[0] == 0
    segments = json.loads(
        run(*offline("timeline", folder / "fine.mp4", "--labels", LABELS, "--window", "0.5", "--json"))[1]
    )["segments"]
    assert read_table(tmp_path / "out").start_seconds.tolist() == [s["start_seconds"] for s in segments]
    status, _, err = run("classify", "--embeddings", tmp_path / "out", "--labels", LABELS)
    assert status == 1
    assert "window" in err


def test_models_and_show(run):
    _, out, _ = run("models")
    assert "puppet-tiny" in out
    rows = [json.loads(line) for line in run("models", "--all", "--json")[1].splitlines()]
    assert "ViT-B-16/openai" in {row["model"] for row in rows}
    facts = json.loads(run("show", "puppet-tiny", "--json")[1])
    assert facts["weights"]["model.safetensors"]["parameters"] > 1e6
    assert facts["weights"]["adapter.safetensors"]["parameters"] > 1e5
    assert {"training", "adapter_training"} <= facts.keys()
    status, _, err = run("show", "nothing-here")
    assert status == 1
    assert "puppet-tiny" in err


def test_synthesize_writes_videos_and_their_truth(run, tmp_path):
    words = ("synthesize", "--output", tmp_path / "puppets", "--num-videos", "3", "--seed", "1", "--json")
    status, out, _ = run(*words)
    assert status == 0
    rows = list(
        csv.DictReader(io.StringIO((tmp_path / "puppets" / "videos.csv").read_text(encoding="utf-8")))
    )
    assert len(rows) == len(out.splitlines()) == 3
    status, out, _ = run(*offline("classify", tmp_path / "puppets", "--labels", "puppet_actions", "--json"))
    assert status == 0
    assert len(out.splitlines()) == 3


def heed_ctrl_c() -> None:
    """For a new process: background jobs of a shell ignore Ctrl-C, and their children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def child(*words: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "zeroshot", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes, preexec_fn=heed_ctrl_c, **options)


@pytest.mark.slow
def test_ctrl_c_is_clean(tmp_path):
    good = sorted(CLIPS.glob("*.mp4"))[0].read_bytes()
    for number in range(150):
        (tmp_path / f"{number}.mp4").write_bytes(good)
    process = child(*offline("classify", tmp_path, "--labels", LABELS, "--json"), start_new_session=True)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["error"] is None
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.startswith("zeroshot: interrupted; the rows printed are whole")
    assert err.count("\n") == 1
    assert all(json.loads(line)["error"] is None for line in out.splitlines())  # no half lines
    assert len(out.splitlines()) < 149


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_error(folder):
    command = f"{sys.executable} -m zeroshot classify {folder}/fine.mp4 {folder}/fine.mp4 --labels {LABELS} "
    done = subprocess.run(
        command + "--json --model puppet-tiny | true", shell=True, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr


def until_closed(terminal: int) -> bytes:
    """What is drawn on a terminal until nobody has it open any more."""
    drawn = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            piece = b""
        if not piece:
            os.close(terminal)
            return drawn
        drawn += piece


def test_progress_goes_to_a_terminal_alone(run, folder, monkeypatch):
    words = offline("classify", folder, "--labels", LABELS, "--json")
    assert run(*words)[2] == LEFT_OUT + "zeroshot: 1 of 3 videos failed\n"
    parent, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as shown, ThreadPoolExecutor(1) as watching:
        drawing = watching.submit(until_closed, parent)
        monkeypatch.setattr(sys, "stderr", shown)
        out = run(*words)[1]
        monkeypatch.undo()
        shown.close()
        drawn = drawing.result()
    assert len(out.splitlines()) == 3
    assert b"3/3" in drawn
