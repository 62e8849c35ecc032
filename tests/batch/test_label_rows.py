"""`zeroshot index` on many labels: killed and going on, refused where it must be, twins and recall told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import zeroshot
from zeroshot.batch.label_rows import LABELS_AT_ONCE, LabelRows, index_stamp
from zeroshot.batch.table import EmbeddingRow, EmbeddingTable, settings_of
from zeroshot.cli.main import main
from zeroshot.errors import OutputError
from zeroshot.index import index as index_module
from zeroshot.text.prompts import make_prompts

CLIPS = Path(__file__).parents[2] / "examples" / "clips"
NUM_LABELS = 6 * LABELS_AT_ONCE + 17
LABELS = [f"person number {i} doing thing {i % 7}" for i in range(NUM_LABELS)]


@pytest.fixture(scope="module")
def model() -> zeroshot.Model:
    return zeroshot.load_model("puppet-tiny", device="cpu")


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs the command in this process: (exit status, stdout, stderr)."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zeroshot", *map(str, words), "--device", "cpu"])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call


@pytest.mark.slow
def test_killed_and_going_on_gives_the_same_index(tmp_path, run):
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(LABELS), encoding="utf-8")
    words = ["index", str(labels), "--model", "puppet-tiny", "--templates", "a video of {}", "--output"]
    assert run(*words, tmp_path / "whole.index")[0] == 0
    killed = tmp_path / "killed.index"
    command = [sys.executable, "-m", "zeroshot", *words, str(killed), "--device", "cpu"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rows = tmp_path / "killed.index.partial" / "rows.f32"
    end = time.monotonic() + 100
    while not (rows.exists() and rows.stat().st_size) and time.monotonic() < end and process.poll() is None:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not killed.exists()
    with rows.open("ab") as stream:
        stream.write(b"\0\0\0\0\0")  # a write that was cut short
    status, _, err = run(*words, killed)
    assert status == 0
    assert f"of {NUM_LABELS} labels are encoded already; going on" in err
    assert killed.read_bytes() == (tmp_path / "whole.index").read_bytes()
    assert not rows.parent.exists()


def test_rows_do_not_depend_on_where_a_run_broke_off(tmp_path, model):
    prompts = make_prompts(LABELS[: LABELS_AT_ONCE + 40])
    stamp = index_stamp(model, prompts)
    seen: list[int] = []
    with LabelRows(tmp_path / "x", stamp) as rows:
        whole = np.array(rows.fill(model, prompts, seen.append))
        assert seen == [LABELS_AT_ONCE, LABELS_AT_ONCE + 40]
        file = rows.folder / "rows.f32"
        for size in (0, 3, 4 * model.embedding_dim * (LABELS_AT_ONCE + 1), file.stat().st_size - 1):
            with file.open("r+b") as stream:
                stream.truncate(size)
            np.testing.assert_array_equal(rows.fill(model, prompts, seen.append), whole)
        np.testing.assert_allclose(whole, model.embed_prompts(prompts), atol=1e-6)


def test_work_on_other_labels_is_not_overwritten(tmp_path, model):
    with (
        LabelRows(tmp_path / "x", {"model": "one"}),
        pytest.raises(OutputError, match="is being written by"),
    ):
        LabelRows(tmp_path / "x", {"model": "one"})
    with pytest.raises(OutputError, match=r"unfinished work on labels.*delete it"):
        LabelRows(tmp_path / "x", {"model": "two"})
    with LabelRows(tmp_path / "x", {"model": "one"}) as rows:
        rows.remove()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        LabelRows(tmp_path / "file" / "x", {})


def test_the_same_labels_are_not_encoded_twice(tmp_path, run, monkeypatch):
    monkeypatch.setattr(index_module, "_CELLS_FROM", 100)
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(LABELS[:600]), encoding="utf-8")
    words = ("index", labels, "--model", "puppet-tiny", "--output", tmp_path / "x.index", "--json")
    first = json.loads(run(*words)[1])
    assert (first["search"], first["recall"]) == ("exact", None)
    status, out, err = run(*words, "--recall", "0.9")
    assert (status, json.loads(out)["search"]) == (0, "cells")
    assert "nothing is encoded again" in err
    assert json.loads(out)["recall"]["measured"] >= 0.9
    assert zeroshot.LabelIndex.load(tmp_path / "x.index").recall.asked == 0.9
    assert "searched in cells" in run(*words[:-1], "--recall", "0.9")[1]
    assert json.loads(run(*words, "--recall", "1")[1])["search"] == "exact"
    status, _, err = run(*words, "--recall", "2")
    assert (status, err.count("\n")) == (1, 1)
    assert "recall is 2.0" in err


def test_recall_is_measured_on_videos_that_are_given(tmp_path, run, model, monkeypatch):
    monkeypatch.setattr(index_module, "_CELLS_FROM", 100)
    with EmbeddingTable(tmp_path / "videos", settings_of(model)) as table:
        for i, vector in enumerate(model.embed_texts([f"scene {i}" for i in range(40)])):
            table.add(EmbeddingRow(f"{i}.mp4", vector))
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(LABELS[:600]), encoding="utf-8")
    words = ("index", labels, "--model", "puppet-tiny", "--output", tmp_path / "x.index", "--json")
    row = json.loads(run(*words, "--recall", "0.9", "--queries", tmp_path / "videos")[1])
    assert (row["recall"]["queries"], row["recall"]["num_queries"]) == ("given", 20)
    status, _, err = run(*words, "--queries", tmp_path)
    assert (status, err.count("\n")) == (1, 1)


def test_labels_that_cannot_be_told_apart_are_named(tmp_path, run):
    words = ("index", "waving,kicking,Waving!,bowing", "--model", "puppet-tiny", "--output")
    status, out, err = run(*words, tmp_path / "x.index")
    assert status == 0
    assert "4 labels" in out
    assert "'waving' and 'Waving!'" in err
    row = json.loads(run(*words, tmp_path / "x.index", "--json")[1])
    assert row["num_near_duplicates"] == len(row["near_duplicates"]) >= 1
    assert {"first": "waving", "second": "Waving!", "same_name": True}.items() <= (
        next(pair for pair in row["near_duplicates"] if pair["same_name"]).items()
    )


def test_predictions_in_cells_say_over_how_many_labels(tmp_path, model, monkeypatch):
    monkeypatch.setattr(index_module, "_CELLS_FROM", 100)
    monkeypatch.setattr("zeroshot.index.index._SORTED_LABELS", 100)
    exact = zeroshot.load(model, LABELS[:600])
    cells = zeroshot.Classifier(model, exact.index.with_cells(0.9))
    vectors = model.embed_texts([f"thing {i}" for i in range(20)])
    for one, other in zip(exact.rank_vectors(vectors, 3), cells.rank_vectors(vectors, 3), strict=True):
        assert all(prediction.compared is None for prediction in one)
        assert "compared" not in one[0].as_dict()
        assert 3 <= other[0].compared <= 512
        assert other[0].as_dict()["compared"] == other[0].compared
        if one[0].label == other[0].label:
            assert other[0].score == one[0].score
            assert other[0].probability >= one[0].probability - 1e-9


def test_a_video_is_classified_with_an_index_in_cells(tmp_path, run, monkeypatch):
    monkeypatch.setattr(index_module, "_CELLS_FROM", 100)
    monkeypatch.setattr("zeroshot.index.index._SORTED_LABELS", 100)
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join([*LABELS[:700], "waving"]), encoding="utf-8")
    words = ("index", labels, "--model", "puppet-tiny", "--recall", "0.95", "--output", tmp_path / "x.index")
    status, out, _ = run(*words)
    assert status == 0
    assert "searched in cells: " in out
    clip = CLIPS / "waving_beach.mp4"
    ways = ("--index", tmp_path / "x.index"), ("--labels", labels)
    found = []
    for way in ways:
        status, out, err = run("classify", clip, *way, "--model", "puppet-tiny", "--json")
        assert status == 0
        assert ("are searched in cells" in err) == (way[0] == "--index")
        found.append(json.loads(out)["predictions"])
    assert found[0][0]["label"] == found[1][0]["label"]
    assert found[0][0]["score"] == pytest.approx(found[1][0]["score"], abs=1e-6)
    assert found[0][0]["compared"] <= 512
    assert "compared" not in found[1][0]


def test_an_index_takes_no_other_files_place(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("waving\nkicking\n")
    with pytest.raises(OutputError, match=r"labels.txt is there and is no label index; choose another"):
        zeroshot.build_index(["waving"], output=path, model="no such model")
    assert path.read_text() == "waving\nkicking\n"
    empty, index = tmp_path / "empty", tmp_path / "x.index"
    empty.touch()
    for place in (empty, index, index):
        zeroshot.build_index(["waving", "kicking"], output=place, model="puppet-tiny")
        assert len(zeroshot.LabelIndex.load(place)) == 2
    index.write_bytes(index.read_bytes()[:-9])  # damaged: made again, as the message on it says
    zeroshot.build_index(["waving", "kicking"], output=index, model="puppet-tiny")
    assert len(zeroshot.LabelIndex.load(index)) == 2
