"""From videos to a checkpoint folder.

Covers: training/model_card.
"""

from __future__ import annotations

import csv
import json
import os

import pytest
import torch
from report_schemas import assert_fits
from tiny_world import LABELS, write_checkpoint
from training_world import ALONE, TRAIN, changed, run_train, same, weights

import zeroshot
from zeroshot.datasets.splits import Split
from zeroshot.errors import OptionError, OutputError
from zeroshot.store.folder import Claim
from zeroshot.training.history import Watcher
from zeroshot.training.methods.table import METHODS
from zeroshot.training.prepare import Preparation
from zeroshot.training.run import train
from zeroshot.training.snapshot import LAYOUT
from zeroshot.waist.waist import Waist


def test_two_runs_into_one_folder(place, tmp_path):
    with Claim(tmp_path, LAYOUT), pytest.raises(OutputError, match=f"written by process {os.getpid()} on"):
        train(place / "split.csv", tmp_path, str(place / "tiny"), device="cpu")


def test_a_checkpoint_folder_says_where_it_comes_from(trained, place):
    folder, fitted = trained
    names = {entry.name for entry in folder.iterdir()}
    assert names == {
        "config.json",
        "model.safetensors",
        "training.json",
        "README.md",
        "log.csv",
        "training.png",
        "tokens",
    }
    facts = assert_fits(folder / "training.json", "training")
    assert facts["method"]["name"] == "independent"
    assert facts["method"]["citation"] == METHODS["independent"].citation
    assert facts["method"]["ours"] == METHODS["independent"].ours
    assert sorted(facts["method"]["changed"]) == [
        "adapter.hidden_dim=16",
        "adapter.num_layers=1",
        "adapter.num_queries=2",
        "held_out_share=0.25",
    ]
    assert facts["labels"] == sorted(LABELS)
    assert facts["videos"] == {"training": 18, "held_out": 6, "copies": 0}
    assert facts["scenes"] == {"names": ["dark", "light"], "guessed": False}
    assert facts["stamp"]["settings"] == json.loads(json.dumps(TRAIN.as_dict()))
    assert facts["stamp"]["training_data"]
    assert facts["versions"]["torch"] == torch.__version__
    assert len(facts["history"]) == 4
    assert facts["best_epoch"] == fitted.best_epoch
    config = json.loads((folder / "config.json").read_text())
    assert config["backbone"]["name"] == str(place / "tiny")
    rows = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))
    assert [float(row["loss_total"]) for row in rows] == [record.losses["total"] for record in fitted.history]
    assert (folder / "training.png").read_bytes().startswith(b"\x89PNG")
    card = (folder / "README.md").read_text()
    assert "| trained on | 18 videos of 3 labels (split.csv) |" in card
    assert "| method | independent: Kobayashi, Ding, Tamaki 2025, arXiv 2509.23009 |" in card
    assert "| of it ours | its equations are not public: " in card


def test_a_finished_run_is_given_again(trained, place):
    folder, fitted = trained
    before = (folder / "training.json").read_bytes()
    again = run_train(place, folder)
    assert same(weights(again), weights(fitted))
    assert again.history == fitted.history
    assert (folder / "training.json").read_bytes() == before
    with pytest.raises(OutputError, match=r"holds training with settings.seed 0, this run has 1; choose"):
        run_train(place, folder, changed(TRAIN, seed=1))


@pytest.mark.slow
def test_tokens_serve_without_their_videos(trained, place, tmp_path):
    folder, fitted = trained
    tokens = folder / "tokens" / "train"
    again = run_train(place, tmp_path / "out", source=tokens)
    assert same(weights(again), weights(fitted))
    assert not (tmp_path / "out" / "tokens").exists()
    other = write_checkpoint(tmp_path / "other", seed=5)
    with pytest.raises(OutputError, match=r"holds tokens of the backbone .*tiny.*, not of .*other"):
        train(tokens, tmp_path / "out 2", str(other), config=TRAIN, device="cpu")
    with pytest.raises(OptionError, match=r"the tokens are of the backbone .*tiny.*, not of .*other"):
        train(Waist.open(tokens), tmp_path / "out 3", str(other), config=TRAIN, device="cpu")
    with pytest.raises(OutputError, match="holds tokens with num_frames 4, not 6"):
        run_train(place, tmp_path / "3", source=tokens, preparation=Preparation(num_frames=6))


def test_failures_are_told_and_a_held_out_split_is_kept_apart(place, tmp_path):
    split = zeroshot.read_split(place / "split.csv")
    lost = zeroshot.LabeledVideo(str(tmp_path / "lost.mp4"), "falling", "dark")
    told: list[str] = []

    class Listen(Watcher):
        def note(self, text: str) -> None:
            told.append(text)

    fitted = train(
        Split.of("train", [*split.videos[:12], lost]),
        tmp_path / "out",
        str(place / "tiny"),
        config=changed(TRAIN, epochs=1),
        preparation=ALONE,
        held_out=Split.of("held out", split.videos[9:18]),
        watcher=Listen(),
        device="cpu",
    )
    facts = json.loads((tmp_path / "out" / "training.json").read_text())
    assert facts["videos"] == {"training": 9, "held_out": 9, "copies": 0}
    assert told[0].startswith(f"1 of 13 videos could not be read: {lost.path} (first: cannot")
    assert told[1] == "3 training videos are held-out ones as well: not trained on"
    assert facts["notes"] == [*told[:2], *fitted.notes]


def test_a_folder_of_something_else_is_left_alone(place, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty and holds no training; choose an empty folder"):
        train(place / "split.csv", tmp_path, str(place / "tiny"), device="cpu")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write to .*file"):
        train(place / "split.csv", tmp_path / "file", str(place / "tiny"), device="cpu")


class Ear(Watcher):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


def test_an_adapter_that_is_not_continued_is_told(trained, place, tmp_path):
    ear, config = Ear(), changed(TRAIN, epochs=1)
    run_train(place, tmp_path, config, watcher=ear, name=str(trained[0]))
    assert f"the adapter in {trained[0]} is not continued: a new one begins on its network" in ear.lines


def test_the_default_makes_copies_and_says_where_nobody_can_be_found(place, tmp_path, monkeypatch):
    def nobody(*_: object) -> None:
        raise OptionError("nothing moves")

    monkeypatch.setattr("zeroshot.waist.swapped_copies.PlaceSwapper.learn", nobody)
    ear, config = Ear(), changed(TRAIN, epochs=1)
    with pytest.raises(OptionError, match="nothing moves"):
        run_train(place, tmp_path / "asked", config, preparation=Preparation(swapped=True))
    told = (
        "no person could be found by what moves in these videos: trained without copies before other places; "
        "--masks says where masks of persons lie"
    )
    for number in (1, 2):  # the second finds it finished
        run_train(place, tmp_path / "out", config, preparation=Preparation(), watcher=ear)
        assert ear.lines.count(told) == number
    assert ear.lines[-1].endswith("is finished already")
    facts = json.loads((tmp_path / "out" / "training.json").read_text())
    assert facts["tokens"]["mirrored"]
    assert facts["videos"] == {"training": 18, "held_out": 6, "copies": 0}
    assert told in facts["notes"]
