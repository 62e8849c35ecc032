"""`zeroshot train`: settings, what it prints, how it ends."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
from safetensors.torch import load_file
from tiny_world import write_videos
from training_world import NO_SCENES, TRAIN, one_line, same

from zeroshot.cli.main import main
from zeroshot.cli.train import read_settings
from zeroshot.datasets.splits import LabeledVideo, Split, read_split, write_split
from zeroshot.errors import OptionError
from zeroshot.training.config import TrainingConfig
from zeroshot.training.methods.table import METHODS
from zeroshot.training.prepare import hold_out
from zeroshot.waist.waist import Waist


def run_command(monkeypatch, capsys, *words) -> tuple[int, str, str]:
    """Exit status, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["zeroshot", *map(str, words)])
    try:
        main()
        status = 0
    except SystemExit as ended:
        status = ended.code or 0
    out, err = capsys.readouterr()
    return status, out, err


def two_epochs(place, folder) -> list:
    """The words of a short training; its settings lie in the folder."""
    (folder / "settings.json").write_text(json.dumps(TRAIN.as_dict()))
    words = ["train", place / "split.csv", "--model", place / "tiny", "--device", "cpu", "--epochs", "2"]
    return [*words, "--config", folder / "settings.json", "--no-mirrored", "--no-swapped"]


def test_the_command_trains_and_tells(place, tmp_path, monkeypatch, capsys):
    words = [*two_epochs(place, tmp_path), "--output", tmp_path / "out", "--scenes", "none"]
    status, out, err = run_command(monkeypatch, capsys, *words)
    lines = out.splitlines()
    assert status == 0
    assert err == f"zeroshot: {NO_SCENES}\n"
    assert lines[0].startswith("epoch 1: total ")
    assert " independence " in lines[0]
    assert " | held out: static " in lines[0]
    assert lines[2] in {f"epoch {epoch} of 2 written to {tmp_path / 'out'}" for epoch in (1, 2)}
    status, out, err = run_command(monkeypatch, capsys, *words, "--json")
    assert status == 0
    assert json.loads(out)["output"] == str(tmp_path / "out")
    assert "is finished already" in err
    video = place / "videos" / "00.mp4"
    ask = ["classify", video, "--model", tmp_path / "out", "--labels", "a,b", "--json", "--device", "cpu"]
    answers = [
        json.loads(run_command(monkeypatch, capsys, *ask, "--stream", stream)[1])["predictions"]
        for stream in ("clip", "dynamic")
    ]
    assert answers[0] != answers[1]


@pytest.mark.slow
def test_the_command_trains_on_mirrored_clips(place, tmp_path, monkeypatch, capsys):
    words = [*two_epochs(place, tmp_path), "--held-out", tmp_path / "held.csv"]
    write_split(tmp_path / "held.csv", write_videos(tmp_path / "held", 6, seed=1000))
    status, _, err = run_command(monkeypatch, capsys, *words, "--output", tmp_path / "out", "--mirrored")
    assert (status, err) == (0, "")
    facts = json.loads((tmp_path / "out" / "training.json").read_text())
    assert facts["tokens"]["mirrored"]
    assert facts["stamp"]["preparation"]["mirrored"]
    assert Waist.open(tmp_path / "out" / "tokens" / "train").settings.num_clips == 2
    assert not Waist.open(tmp_path / "out" / "tokens" / "held-out").settings.mirrored
    words[1] = tmp_path / "out" / "tokens" / "train"  # tokens that are mirrored need not be told to be
    assert run_command(monkeypatch, capsys, *words, "--output", tmp_path / "again")[0] == 0
    assert same(*(load_file(tmp_path / name / "model.safetensors") for name in ("out", "again")))


@pytest.mark.slow
def test_the_command_trains_on_swapped_copies(place, tmp_path, monkeypatch, capsys):
    # As nothing else is said, by the default method.
    words = [*two_epochs(place, tmp_path)[:-2], "--output", tmp_path / "out"]
    status, _, err = run_command(monkeypatch, capsys, *words)
    assert (status, err) == (0, "")
    facts = json.loads((tmp_path / "out" / "training.json").read_text())
    assert facts["tokens"]["swapped"]
    waist = Waist.open(tmp_path / "out" / "tokens" / "train")
    assert [row.is_copy for row in waist.rows].count(True) == len(waist) // 2
    # Half of what is trained on are copies, and nothing is chosen by one.
    train, held = hold_out(
        waist, TrainingConfig.from_dict(json.loads((tmp_path / "settings.json").read_text()))
    )
    assert facts["videos"] == {
        "training": len(train) // 2, "held_out": len(held), "copies": len(train) // 2,
    }  # fmt: skip
    assert len(train) + 2 * len(held) == len(waist)
    assert not {waist.rows[row].video for row in train} & {waist.rows[row].video for row in held}
    assert not any(waist.rows[row].is_copy for row in held)


def test_a_video_that_could_not_be_read_makes_the_exit_status_1(place, tmp_path, monkeypatch, capsys):
    split = read_split(place / "split.csv")
    bad = LabeledVideo(tmp_path / "bad.mp4", split.labels[0])
    write_split(tmp_path / "split.csv", Split.of("split", [*split.videos, bad]))
    words = [*two_epochs(place, tmp_path), "--output", tmp_path / "out", "--scenes", "none"]
    words[1] = tmp_path / "split.csv"
    for _ in range(2):  # also when it is finished already
        status, out, err = run_command(monkeypatch, capsys, *words)
        assert status == 1
        assert "1 of " in err
        assert "bad.mp4" in err
        assert "written to" in out


def test_the_command_ends_in_one_line(place, tmp_path, monkeypatch, capsys):
    (tmp_path / "one.csv").write_text("path,label\na.mp4,x\n")
    for split, named in (
        (tmp_path / "one.csv", "has the label 'x' alone"),
        (tmp_path / "none.csv", "cannot read"),
    ):
        # No model is loaded for it: there is none of that name.
        words = ["train", split, "--output", tmp_path / "out", "--model", place / "none", "--device", "cpu"]
        status, out, err = run_command(monkeypatch, capsys, *words)
        assert (status, out) == (1, "")
        assert named in err
        assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_settings_come_from_file_then_pairs_then_flags(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps({"epochs": 3, "seed": 4, "objective": {"scene": 0.5}}))
    pairs = ["objective.independence=0.25", "adapter.static_input=mean", "seed=5", "max_weight=null"]
    config = read_settings(str(tmp_path / "c.json"), pairs, {"seed": 6, "epochs": None})
    assert (config.epochs, config.seed) == (3, 6)
    assert [config.objective.weights[name] for name in ("scene", "independence", "adversary")] == [
        0.5,
        0.25,
        METHODS["streams"].weights["adversary"],
    ]
    assert config.adapter == {**METHODS["streams"].adapter, "static_input": "mean"}
    assert TrainingConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config


@pytest.mark.parametrize(
    ("pair", "named"),
    [
        ("epochs", "is no NAME=VALUE"),
        ("warmth=3", "training has no setting called warmth"),
        ("objective.warmth=3", "no weight called warmth; its terms are classification, "),
        ("objective.scene=many", "the weight scene is 'many'; expected a number"),
        ("objective.measure.width=3", "objective.measure has no setting called width"),
        ("epochs.x.y=3", "epochs has no parts|expected a whole number"),
        ("epochs=many", "epochs is 'many'; expected a whole number"),
        ("learning_rate=abc", "learning_rate is 'abc'; expected a number"),
        ("learning_rate=nan", "learning_rate is 'nan'"),
        ("learning_rate=Infinity", "learning_rate is inf"),
        ("fused_weights=3", "cannot be used"),
        ("objective.measure.kernel=wide", "kernel is 'wide'"),
    ],
)
def test_settings_that_cannot_be_used(pair, named):
    with pytest.raises(OptionError, match=named) as error:
        read_settings(None, [pair], {})
    one_line(error)


def test_a_pair_that_a_flag_overrules_is_told(capsys):
    assert read_settings(None, ["epochs=2"], {"epochs": 1}).epochs == 1
    assert capsys.readouterr().err == "zeroshot: --set epochs=… is left aside, as --epochs is given\n"
    assert read_settings(None, ["epochs=2"], {"epochs": None}).epochs == 2
    assert capsys.readouterr().err == ""


def test_a_settings_file_that_is_none(tmp_path):
    for content in ("{", "[1]"):
        (tmp_path / "c.json").write_text(content)
        with pytest.raises(OptionError, match=r"c.json"):
            read_settings(str(tmp_path / "c.json"), [], {})
    with pytest.raises(OptionError, match="cannot read"):
        read_settings(str(tmp_path / "none.json"), [], {})


def test_a_method_is_the_ground_that_settings_change(capsys, monkeypatch):
    config = read_settings(None, ["objective.minimax=0.5"], {}, "rebias")
    weights = METHODS["rebias"].weights
    assert {name: config.objective.weights[name] for name in weights} == {**weights, "minimax": 0.5}
    assert config.objective.weights["scene"] == 0
    assert not config.draws.balance_scenes
    with pytest.raises(OptionError, match=f"method is 'luck'; expected one of {', '.join(METHODS)}"):
        read_settings(None, [], {}, "luck")
    monkeypatch.setenv("COLUMNS", "300")
    status, out, _ = run_command(monkeypatch, capsys, "train", "--help")
    assert status == 0
    assert f"Oneof{','.join(METHODS)}." in "".join(out.split())


def test_settings_in_a_file_bring_their_method_along(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(TrainingConfig.from_dict({"epochs": 2}, METHODS["albar"]).as_dict()))
    assert read_settings(str(path), [], {}).method == "albar"
    assert read_settings(str(path), [], {}, "albar").epochs == 2
    with pytest.raises(OptionError, match=r"are of the method 'albar', not of 'dct'; say one of them"):
        read_settings(str(path), [], {}, "dct")
    with pytest.raises(OptionError, match=r"method is 'luck'; expected one of streams, "):
        read_settings(None, ["method=luck"], {})


def test_methods_are_listed_with_their_sources(monkeypatch, capsys):
    status, out, _ = run_command(monkeypatch, capsys, "train", "--methods")
    assert status == 0
    for name, method in METHODS.items():
        ours = f"  ours    {method.ours}\n" if method.ours else ""
        assert f"{name}\n  source  {method.citation}\n{ours}  expect  {method.expect}\n" in out


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "dbse" else pytest.mark.slow)
        for name in ("dbse", "stillmix", "sdn", "static-dropout", "provenance")
    ],
)
def test_each_method_goes_from_videos_to_answers(place, tmp_path, monkeypatch, capsys, name):
    out = tmp_path / "out"
    words = ["train", place / "split.csv", "--output", out, "--model", place / "tiny", "--device", "cpu"]
    words += ["--method", name, "--epochs", "1", "--set", "batch_size=12"]
    status, told, err = run_command(monkeypatch, capsys, *words)
    assert (status, err) == (0, "")
    assert all(f" {term} " in told for term in METHODS[name].weights)
    settings = Waist.open(out / "tokens" / "train").settings
    way = METHODS[name]
    assert (settings.mixed, settings.emptied, settings.swapped) == (way.mixed, way.emptied, way.swapped)
    facts = json.loads((out / "training.json").read_text())["method"]
    assert (facts["name"], facts["citation"], facts["ours"]) == (name, way.citation, way.ours)
    assert f"| method | {name}: {way.citation} |" in (out / "README.md").read_text()
    status, told, _ = run_command(monkeypatch, capsys, "show", out)
    assert status == 0
    assert f" by the method {name}; chosen on " in told
    assert way.citation[:100] in told
    # Other names of the labels: those trained on are no unseen ones any more.
    split = read_split(place / "split.csv")
    others = [replace(video, label=f"somebody {video.label}") for video in split.videos[:6]]
    write_split(tmp_path / "other.csv", Split.of("other", others))
    words = ["evaluate", tmp_path / "other.csv", "--model", out, "--output", tmp_path / "figures", "--json"]
    status, told, _ = run_command(monkeypatch, capsys, *words)
    assert status == 0
    assert json.loads(told)["videos"]["evaluated"] == 6


def test_what_a_method_needs_is_not_switched_off(place, tmp_path, monkeypatch, capsys):
    words = ["train", place / "split.csv", "--output", tmp_path / "out", "--model", place / "none"]
    status, _, err = run_command(monkeypatch, capsys, *words, "--method", "provenance", "--no-swapped")
    assert status == 1
    assert "provenance learns of copies in which persons stand before other places" in err
    assert err.endswith("; train with --swapped\n")


def test_the_command_trains_by_a_method(place, tmp_path, monkeypatch, capsys):
    words = ["train", place / "split.csv", "--output", tmp_path / "out", "--model", place / "tiny"]
    words += ["--device", "cpu", "--method", "rebias", "--epochs", "1", "--set", "adapter.hidden_dim=16"]
    status, out, err = run_command(monkeypatch, capsys, *words)
    assert (status, err) == (0, "")
    assert " minimax -0." in out
    assert " scene " not in out
