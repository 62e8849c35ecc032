"""What needs no weights is looked at before any: one mistake a verb, and a model that is nowhere.

Covers: checks.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

import zeroshot
from zeroshot.batch.table import EmbeddingTable
from zeroshot.errors import ModelError, OutputError

CLIPS = Path(__file__).parents[2] / "examples" / "clips"
CLIP = str(CLIPS / "waving_beach.mp4")
NOWHERE = "ViT-B-32/openai"
WORDS = ("--labels", "waving,kicking")


@pytest.fixture
def loaded(monkeypatch):
    """Names of models whose weights were asked for; nobody gets any."""
    asked: list[str] = []

    def refuse(name: str, *_: object, **__: object) -> None:
        asked.append(name)
        raise ModelError(f"the weights of {name} were asked for")

    monkeypatch.setattr("zeroshot.model.backbone.load_backbone", refuse)
    return asked


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Path:
    """The working folder: what the mistakes below name, and what they need besides."""
    monkeypatch.chdir(tmp_path)
    names = sorted(CLIPS.glob("*.mp4"))[:2]
    good = "".join(f"{path},{path.stem.split('_')[0]}\n" for path in names)
    files = {
        "videos.csv": f"path,label\n{good}",
        "no_label.csv": f"path,label\n{good}{names[0]},\n",
        "no_column.csv": "file,label\nx.mp4,waving\n",
        "one_label.csv": f"path,label\n{names[0]},waving\n",
        "nothing.csv": "path,label\ngone_1.mp4,waving\ngone_2.mp4,kicking\n",
        "twice.txt": "waving\nWaving\n",
        "file": "a plain file",
        "settings.json": "[1]",
        "texts.json": '{"no such label": ["a sentence"]}',
        "text.index": "no index",
        "full/notes.txt": "something else",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "empty").mkdir()
    return tmp_path


READING = [
    ("--decoder vlc", "vlc"),
    ("--device gpu", "gpu"),
    ("--device cuda:77", "cuda:77"),
    ("--stream sideways", "sideways"),
    ("--precision sloppy", "sloppy"),
    ("--sampling odd", "odd"),
    ("--num-frames 0", "0"),
]
LISTS = [
    ("--labels twice.txt", "twice.txt, line 2"),
    ("--labels gone.txt", "gone.txt"),
    ("--labels kinetics4000", "kinetics400"),
    ("--labels waving,kicking --templates nonsense", "no template"),
    ("--labels waving,kicking --templates two{}{}", "expected one"),
    ("--labels waving,kicking --index text.index", "either"),
    ("--index text.index", "text.index"),
    ("--index gone.index", "gone.index"),
    ("", "--labels"),
]
SPLITS = [
    ("no_label.csv", "line 4"),
    ("no_column.csv", "path"),
    ("gone.csv", "gone.csv"),
    ("nothing.csv", "gone_1.mp4"),
]
OUTPUTS = ["file", "file/deeper", "/proc/nowhere/out"]


def mistakes() -> list[tuple[str, str]]:
    """Every verb with one mistake, and what names it."""
    found: list[tuple[str, str]] = []

    def add(line: str, *cases: tuple[str, str]) -> None:
        found.extend((line.format(words), part) for words, part in cases)

    label = "--labels waving,kicking"
    for verb in ("classify", "timeline"):
        add(f"{verb} {CLIP} {{}}", *LISTS)
        add(f"{verb} {CLIP} {label} {{}}", *READING, ("--json --csv", "one of them"))
        add(f"{verb} {{}} {label}", ("empty", "no videos in empty"), ("gone*.mp4", "gone*.mp4"))
    add(f"classify {label} --embeddings {{}}", ("gone", "gone"), ("full", "full"))
    add(f"classify {CLIP} {label} --embeddings {{}}", *((each, each) for each in (*OUTPUTS, "full")))
    add(f"timeline {CLIP} {label} {{}}", ("--window -1", "-1"), ("--stride 0", "0"))
    add(f"embed {CLIP} --output out {{}}", *READING, ("--window 0", "0"), ("--stride 1", "--window"))
    add(f"embed {CLIP} --output out {{}}", ("--engine sun", "sun"), ("--workers 2", "--workers"))
    add("embed {} --output out", ("empty", "no videos in empty"), ("gone*.mp4", "gone*.mp4"))
    add(f"embed {CLIP} --output {{}}", *((each, each) for each in (*OUTPUTS, "full")))
    add("index {} --output x.index", *((words.replace("--labels ", ""), part) for words, part in LISTS[:5]))
    add(
        "index a,b --output {}",
        ("file/deeper", "file"),
        ("/proc/nowhere/x", "/proc/nowhere"),
        ("empty", "empty"),
    )
    add("index a,b --output x.index {}", ("--recall 2", "2"), ("--queries gone", "gone"))
    add("index a,b --output x.index {}", ("--device gpu", "gpu"))
    add("search {} --in full", ("waving", "full"))
    add("search waving --in {}", ("gone", "gone"), ("file", "file"))
    add("search {} --in gone", ('" "', "blank"), ("waving --json --csv", "one of them"))
    add(
        "teach {} --output my.labels",
        *SPLITS[:3],
        ("empty", "shows no video"),
        ("one_label.csv", "one label"),
    )
    add("teach videos.csv --output {}", *((each, each) for each in (*OUTPUTS, "file")))
    add("teach videos.csv --output my.labels {}", *READING[1:2], *LISTS[:3], ("--way x", "'x'"))
    add("train {} --output out", *SPLITS, ("one_label.csv", "alone"))
    add("train videos.csv --output {}", *((each, each) for each in (*OUTPUTS, "full")))
    add("train videos.csv --output out {}", *((f"--held-out {name}", part) for name, part in SPLITS))
    add("train videos.csv --output out {}", ("--scenes gone.txt", "gone.txt"), ("--cache file", "file"))
    add("train videos.csv --output out {}", ("--scenes given", "scene"), ("--device gpu", "gpu"))
    add("train videos.csv --output out {}", ("--templates nonsense", "no template"), ("--method x", "'x'"))
    add("train videos.csv --output out {}", ("--config settings.json", "settings.json"))
    add("train videos.csv --output out {}", ("--set speed=3", "speed"), ("--precision fp64", "fp64"))
    add(
        "train videos.csv --output out {}",
        ("--swapped --masks gone", "gone"),
        ("--no-swapped --masks gone", "swapped"),
    )
    add("train videos.csv --output out {}", ("--num-frames 0", "0"), ("--epochs 0", "0"))
    add("evaluate {} --output out", *SPLITS, ("empty", "empty"))
    add("evaluate videos.csv --output {}", *((each, each) for each in (*OUTPUTS, "full")))
    add(
        "evaluate videos.csv --output out {}",
        *(each for each in READING if "prec" not in each[0] and "samp" not in each[0]),
    )
    add("evaluate videos.csv --output out {}", ("--protocol x", "'x'"), ("--as x", "'x'"))
    add("evaluate videos.csv --output out {}", ("--labels twice.txt", "twice.txt"))
    add("evaluate videos.csv --output out {}", ("--templates nonsense", "no template"))
    add("evaluate videos.csv --output out {}", ("--texts gone.json", "gone.json"), ("--cache file", "file"))
    add("evaluate videos.csv --output out {}", ("--texts texts.json", "describes none"))
    add("evaluate videos.csv --output out {}", ("--seen-cost 7", "7"), ("--data mnist", "mnist"))
    add("evaluate videos.csv --output out --model puppet-tiny {}", ("--model ViT-B-99/openai", "ViT-B-99"))
    add("bias make {} --output out", *SPLITS, ("empty", "empty"))
    add("bias make videos.csv --output {}", *((each, each) for each in (*OUTPUTS, "full")))
    add("bias make videos.csv --output out {}", ("--masks gone", "gone"), ("--kinds x", "x"))
    add("bias make videos.csv --output out {}", ("--images empty", "empty"), ("--backgrounds gone", "gone"))
    add("bias make videos.csv --output {} --masks tokens:" + NOWHERE, ("file", "file"), ("full", "full"))
    add("bias make {} --output out --masks tokens:" + NOWHERE, *SPLITS)
    add("bias make videos.csv --output out --masks tokens:" + NOWHERE + " {}", ("--size 0", "0"))
    add("bias make videos.csv --output out --masks tokens:" + NOWHERE + " {}", ("--images gone", "gone"))
    add("bias score {} --output out", ("full", "full"), ("gone", "gone"))
    add("bias probe {} --cache tokens --output out", *SPLITS, ("one_label.csv", "alone"))
    add("bias probe videos.csv --cache tokens --output {}", *((each, each) for each in (*OUTPUTS, "full")))
    add("bias probe videos.csv --cache {}", *((each, each) for each in (*OUTPUTS, "full")))
    add(
        "bias probe videos.csv --cache tokens {}",
        ("--probe x", "'x'"),
        ("--templates nonsense", "no template"),
    )
    add("bias probe videos.csv --cache tokens {}", ("--device gpu", "gpu"))
    return found


# Every third by default, which meets each verb; the rest are more of the same.
CASES = [
    pytest.param(*case, marks=() if number % 3 == 0 else pytest.mark.slow)
    for number, case in enumerate(mistakes())
]


@pytest.mark.parametrize(("line", "part"), CASES, ids=lambda value: value.replace(CLIP, "CLIP"))
def test_the_mistake_is_told_and_no_weights_are_asked_for(run, desk, loaded, line, part):
    words = shlex.split(line)
    takes_model = words[:2] != ["bias", "make"] and "puppet-tiny" not in words
    status, _, err = run(*words, *(("--model", NOWHERE) if takes_model else ()))
    assert loaded == [], err
    assert status != 0
    assert part in err.rstrip("\n").rpartition("\n")[2], err


def test_videos_that_are_not_there_are_rows_without_a_model(run, desk, loaded):
    for verb in ("classify", "timeline"):
        line = (verb, "gone_1.mp4", "gone_2.mp4", *WORDS, "--model", NOWHERE, "--json")
        status, out, err = run(*line)
        rows = [json.loads(each) for each in out.splitlines()]
        assert status == 1
        assert [row["path"] for row in rows] == ["gone_1.mp4", "gone_2.mp4"]
        assert all("no such file" in row["error"] for row in rows)
    status, _, err = run("embed", "gone.mp4", "--output", "out", "--model", NOWHERE)
    assert (status, "no such file" in err, Path("out").exists()) == (1, True, False)
    assert loaded == []


def test_embeddings_of_other_stretches_are_told_before_weights(run, desk, loaded):
    with EmbeddingTable("kept", {"window": None}):
        pass
    status, _, err = run("embed", CLIP, "--output", "kept", "--window", "5", "--model", NOWHERE)
    assert (status, loaded) == (1, [])
    assert "window null, this run has" in err


def test_a_training_with_other_settings_is_told_before_weights(run, desk, loaded):
    chosen = {"settings": {"seed": 7}, "preparation": {}}
    Path("done").mkdir()
    Path("done/training.json").write_text(json.dumps({"stamp": chosen}))
    status, _, err = run("train", "videos.csv", "--output", "done", "--model", NOWHERE)
    assert (status, loaded) == (1, [])
    assert "done holds training with settings.seed 7, this run has 0" in err


@pytest.mark.parametrize(
    "line", ["evaluate videos.csv", "bias probe videos.csv --cache tokens", "bias score sets"]
)
def test_a_report_is_written_into_no_folder_of_other_things(run, desk, loaded, monkeypatch, line):
    monkeypatch.setattr("zeroshot.bias.score.check_scoring", lambda *_, **__: lambda: (None, []))  # no sets
    status, _, err = run(*line.split(), "--output", "full", "--model", NOWHERE)
    assert (status, loaded) == (1, [])
    assert "full is not empty and holds no report; choose an empty folder" in err
    assert [path.name for path in Path("full").iterdir()] == ["notes.txt"]


def test_embeddings_without_drifts_are_told_before_weights(run, desk, loaded):
    with EmbeddingTable("kept", {"model": "puppet-tiny", "sampling": {}, "precision": "exact"}):
        pass
    Path("stages.json").write_text('{"waving": {"start": "arms hanging", "end": "an arm up"}}')
    status, _, err = run(
        "classify", *WORDS, "--stages", "stages.json", "--embeddings", "kept", "--model", NOWHERE
    )
    assert (status, loaded) == (1, [])
    assert "--drifts" in err


def test_a_function_looks_before_it_loads_as_its_command_does(desk, loaded):
    with pytest.raises(OutputError, match="full is not empty and holds no embeddings"):
        zeroshot.embed(CLIP, "full", model=NOWHERE)
    with pytest.raises(ModelError, match="ViT-B-99"):
        zeroshot.embed(CLIP, "out", model="ViT-B-99/openai")
    assert loaded == []


def test_of_several_models_all_are_fetched_before_one_runs(run, desk, loaded, fake_hub):
    line = ("evaluate", "videos.csv", "--output", "out", "--model", "RN50/random", "--model", NOWHERE)
    status, _, err = run(*line)
    assert (status, loaded) == (1, [])
    assert f"cannot fetch {NOWHERE}" in err


@pytest.mark.parametrize("package", ["accelerate", "matplotlib"])
def test_a_package_that_training_needs_at_its_end_is_missed_at_its_start(
    run, desk, loaded, monkeypatch, package
):
    monkeypatch.setitem(sys.modules, package, None)
    status, _, err = run("train", "videos.csv", "--output", "out", "--model", NOWHERE)
    assert (status, loaded) == (1, [])
    assert f"training needs the package {package}" in err


@pytest.mark.parametrize(
    ("line", "times"),
    [
        (f"classify {CLIP} --labels waving,archery", 1),
        (f"classify {CLIP} --labels puppet_actions", 0),
        (f"timeline {CLIP} --labels archery,yoga", 1),
        ("index archery,yoga --output real.index", 1),
    ],
)
def test_puppet_tiny_says_once_that_it_knows_puppets_only(run, desk, line, times):
    status, _, err = run(*line.split(), "--model", "puppet-tiny", "--device", "cpu")
    assert status == 0
    assert err.count("knows drawn puppets") == times
