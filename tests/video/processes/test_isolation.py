"""Nothing that lies in the working folder runs, whichever verb is used there and however it is started.

Covers: video/processes/start.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from zeroshot.cli.main import app
from zeroshot.video.processes.pool import import_folders
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling

ROOT = Path(__file__).parents[3]
CLIPS = ROOT / "examples" / "clips"
TRAPS = ("json", "av", "numpy", "torch", "typer", "PIL", "decord", "sitecustomize", "zeroshot.__init__")
MODEL = ("--model", "puppet-tiny", "--device", "cpu")
LABELS = ("--labels", "waving,jumping")
TRAINING = ("--epochs", "1", "--device", "cpu", "--model", "puppet-tiny")
VERBS = {
    "classify": ("video.mp4", *LABELS, *MODEL),
    "timeline": ("video.mp4", *LABELS, *MODEL),
    "embed": ("video.mp4", "-o", "rows", "--window", "1", *MODEL),
    "search": ("a person", "--in", "kept", "--device", "cpu"),
    "index": ("waving,jumping", "-o", "x.index", *MODEL),
    "train": ("videos.csv", "-o", "trained", *TRAINING),
    "evaluate": ("videos.csv", "-o", "report", "--allow-seen", *MODEL),
    "compare": ("report", "report"),
    "leaderboard": ("report",),
    "audit": ("puppet-tiny", "videos.csv", "--probe", "order", "--device", "cpu"),
    "models": (),
    "show": ("puppet-tiny",),
    "download": ("ViT-B-32/openai",),
    "push": (ROOT / "checkpoints" / "puppet-tiny", "me/puppets"),
    "synthesize": ("-o", "puppets", "-n", "1"),
    "watch": ("video.mp4", *LABELS, *MODEL),
    "calibrate": ("videos.csv", "-o", "usual.json", "--error", "0.5", *LABELS, *MODEL),
    "teach": ("videos.csv", "-o", "my.labels", *MODEL),
    "export": ("puppet-tiny", "-o", "out.onnx", *LABELS),
    "serve": ("--folder", ".", *LABELS, *MODEL),
    "app": (*LABELS, *MODEL),
    "bias make": ("videos.csv", "-o", "sets", "--max-seconds", "1"),
    "bias score": ("sets", *MODEL),
    "bias probe": ("videos.csv", "--cache", "tokens", *MODEL),
}
QUICK = ("models",)  # classify is run in the tests below
# more videos, a network, or a run before them: their last line is one of ours
NEED_MORE = ("evaluate", "download", "push", "compare", "leaderboard", "calibrate", "teach")
UNENDING = ("serve", "app")  # until somebody ends them: asked for their help alone
VERB_PARAMS = [verb if verb in QUICK else pytest.param(verb, marks=pytest.mark.slow) for verb in VERBS]


@pytest.fixture
def trapped(tmp_path) -> Path:
    """A folder of videos in which modules lie that leave a mark when they are run."""
    clips = sorted(CLIPS.glob("*.mp4"))
    rows = ["path,label,scene"]
    for number in range(8):
        (tmp_path / f"v{number}.mp4").write_bytes(clips[number % 2].read_bytes() + bytes([number]))
        rows.append(f"v{number}.mp4,{['waving', 'jumping'][number % 2]},{['snow', 'lake'][number // 2 % 2]}")
    (tmp_path / "videos.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "video.mp4").write_bytes(clips[0].read_bytes())
    (tmp_path / "marks").mkdir()
    mark = f"{str(tmp_path / 'marks')!r} + '/' + __name__"
    trap = f"import os\nos.close(os.open({mark}, os.O_CREAT | os.O_WRONLY))\n"
    for name in TRAPS:
        path = tmp_path / (name.replace(".", "/") + ".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(trap)
    return tmp_path


def marks(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "marks").iterdir())


def zeroshot(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "zeroshot", *map(str, words)]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        command, cwd=folder, env=offline, capture_output=True, text=True, check=False, timeout=110
    )


def test_every_verb_is_tried():
    groups = [(group.name, group.typer_instance.registered_commands) for group in app.registered_groups]
    nested = {f"{name} {command.name}" for name, commands in groups for command in commands}
    assert set(VERBS) == {command.name for command in app.registered_commands} | nested


@pytest.mark.parametrize("verb", VERB_PARAMS)
def test_no_verb_runs_what_lies_in_the_working_folder(trapped, verb):
    if verb == "search":
        assert zeroshot(trapped, "embed", "video.mp4", "-o", "kept", *MODEL).returncode == 0
    if verb == "bias score":
        assert zeroshot(trapped, "bias", "make", *VERBS["bias make"]).returncode == 0
    done = zeroshot(trapped, *verb.split(), *(["-h"] if verb in UNENDING else VERBS[verb]))
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or (verb in NEED_MORE and "zeroshot: " in done.stderr), done.stderr
    assert marks(trapped) == []


@pytest.mark.slow
def test_the_installed_command_runs_nothing_of_the_working_folder(trapped, tmp_path_factory):
    command = tmp_path_factory.mktemp("bin") / "zeroshot"
    command.write_text("import sys\nfrom zeroshot.cli.main import main\nsys.exit(main())\n")
    words = [sys.executable, command, "classify", *VERBS["classify"]]
    done = subprocess.run(words, cwd=trapped, capture_output=True, text=True, check=False, timeout=110)
    assert (done.returncode, done.stderr) == (0, "")
    assert marks(trapped) == []


def test_python_m_runs_no_other_module_of_the_working_folder(trapped):
    shutil.rmtree(trapped / "zeroshot")  # which Python itself would take for the package that is meant
    words = [sys.executable, "-m", "zeroshot", "classify", *VERBS["classify"]]
    done = subprocess.run(words, cwd=trapped, capture_output=True, text=True, check=False, timeout=110)
    assert (done.returncode, done.stderr) == (0, "")
    assert marks(trapped) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("processes", [1, 2])
def test_accelerate_runs_no_module_of_the_working_folder(trapped, processes):
    launch = pytest.importorskip("accelerate.commands.accelerate_cli").__file__
    shutil.rmtree(trapped / "zeroshot")  # as above
    setting = ("--mixed_precision", "no", "--dynamo_backend", "no", "--num_machines", "1")
    words = [sys.executable, "-P", launch, "launch", "--cpu", "--num_processes", str(processes), *setting]
    words += ["-m", "zeroshot", "train", *VERBS["train"]]
    done = subprocess.run(words, cwd=trapped, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr
    assert (trapped / "trained" / "model.safetensors").is_file()
    assert marks(trapped) == []


@pytest.mark.slow
def test_a_python_program_elsewhere_runs_nothing_of_the_working_folder(trapped, tmp_path_factory):
    script = tmp_path_factory.mktemp("script") / "script.py"
    script.write_text(
        "import zeroshot\n"
        "model = zeroshot.load_model('puppet-tiny', device='cpu')\n"
        "print(model.embed_videos(['video.mp4']).shape)\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=trapped, capture_output=True, text=True, check=False, timeout=110
    )
    assert (done.returncode, done.stdout) == (0, "(1, 128)\n"), done.stderr
    assert marks(trapped) == []


@pytest.mark.parametrize("entry", ["", "."])
def test_children_of_a_prompt_import_nothing_of_the_working_folder(trapped, monkeypatch, entry):
    monkeypatch.chdir(trapped)
    monkeypatch.setattr(sys, "path", [entry or str(trapped), entry, *sys.path])
    monkeypatch.setenv("PYTHONPATH", os.pathsep)
    with ClipReader(1) as reader:
        assert reader.read("video.mp4", Sampling(2))
    assert marks(trapped) == []


def test_folders_that_somebody_named_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), "", "/elsewhere"])
    monkeypatch.setenv("PYTHONPATH", "relative")
    assert import_folders() == ["/elsewhere"]
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert import_folders() == [str(tmp_path), "/elsewhere"]


def test_a_checkout_that_is_the_working_folder_serves_itself(monkeypatch):
    """No path leads to the package but the working folder; its children find it all the same."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if Path(each or ".").resolve() != ROOT])
    with ClipReader(1) as reader:
        assert reader.read("examples/clips/" + sorted(CLIPS.glob("*.mp4"))[0].name, Sampling(2))


def test_a_working_folder_that_is_gone_is_one_line(tmp_path, monkeypatch):
    from zeroshot.errors import VideoError

    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with ClipReader(1) as reader:
        with pytest.raises(
            VideoError, match=r"^cannot read x\.mp4: the working folder is gone; give its full"
        ):
            reader.read("x.mp4", Sampling(2))
        assert reader.read(sorted(CLIPS.glob("*.mp4"))[0], Sampling(2))
    monkeypatch.chdir(tmp_path)
