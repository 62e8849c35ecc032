"""Search of embedded videos: against numpy, refusing what is another model's, and as a command."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_world import write_checkpoint

import zeroshot
from zeroshot.batch.table import EmbeddingRow, EmbeddingTable, settings_of
from zeroshot.cli.main import main
from zeroshot.errors import ModelError, OptionError, OutputError, ZeroshotError

CLIPS = Path(__file__).parents[1] / "examples" / "clips"
PATHS = [str(path) for path in sorted(CLIPS.glob("*.mp4"))]
TEXTS = ["a person waving", "swimming"]


@pytest.fixture(scope="module")
def model() -> zeroshot.Model:
    return zeroshot.load_model("puppet-tiny", device="cpu")


@pytest.fixture(scope="module")
def vectors(model) -> np.ndarray:
    return model.embed_videos(PATHS)


@pytest.fixture(scope="module")
def folder(model, vectors, tmp_path_factory) -> Path:
    """The bundled clips as `zeroshot embed` leaves them, and a failure."""
    place = tmp_path_factory.mktemp("embeddings")
    with EmbeddingTable(place, settings_of(model)) as table:
        for path, vector in zip(PATHS, vectors, strict=True):
            table.add(EmbeddingRow(path, vector))
        table.add(EmbeddingRow("bad.mp4", None, "cannot decode bad.mp4: empty"))
    return place


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs the command in this process: (exit status, stdout, stderr)."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zeroshot", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call


def written(folder: Path, rows: list[tuple], settings: dict) -> Path:
    """A table of (path, embedding, start, end) rows."""
    with EmbeddingTable(folder, settings) as table:
        for path in {row[0] for row in rows}:
            table.add(
                *(EmbeddingRow(name, vector, None, *times) for name, vector, *times in rows if name == path)
            )
    return folder


def test_best_videos_are_numpys(model, vectors, folder):
    exact = model.embed_texts(TEXTS).astype(np.float64) @ vectors.astype(np.float64).T
    for row, matches in zip(exact, zeroshot.search(TEXTS, folder, k=5, model=model), strict=True):
        assert [match.path for match in matches] == [PATHS[i] for i in np.argsort(-row)[:5]]
        np.testing.assert_allclose([match.score for match in matches], np.sort(row)[::-1][:5], atol=1e-6)
        assert all(match.start_seconds is match.end_seconds is None for match in matches)


def test_one_text_and_k_beyond_the_folder(folder, model):
    (matches,) = zeroshot.search("swimming", folder, k=1000, model=model)
    assert {match.path for match in matches} == set(PATHS)
    (first, *_) = zeroshot.search("swimming", folder, k=1, model=model)[0]
    assert first == matches[0]
    assert zeroshot.search([], folder, model=model) == []


def test_the_model_of_the_manifest_is_loaded(folder, model):
    assert zeroshot.search(TEXTS, folder, k=3, device="cpu") == zeroshot.search(
        TEXTS, folder, k=3, model=model
    )


def test_stretches_have_their_times(tmp_path, model):
    settings = settings_of(model)
    vector = model.embed_texts(["waving"])[0]
    rows = [("b.mp4", vector, 2.0, 4.0), ("b.mp4", -vector, 0.0, 2.0), ("a.mp4", vector, 6.5, 8.0)]
    folder = written(tmp_path / "windows", rows, settings)
    (matches,) = zeroshot.search("waving", folder, model=model)
    assert [(m.path, m.start_seconds, m.end_seconds) for m in matches] == [
        ("a.mp4", 6.5, 8.0),  # equal scores: in the order of paths and starts
        ("b.mp4", 2.0, 4.0),
        ("b.mp4", 0.0, 2.0),
    ]
    assert matches[0].score == matches[1].score == pytest.approx(1, abs=1e-6)


def test_neighbouring_windows_are_one_moment_and_copies_are_found_once(tmp_path, model, run):
    here, away = model.embed_texts(["waving", "swimming"])
    near = here + 0.5 * away
    near /= np.linalg.norm(near)
    rows = [("b.mp4", away, n, n + 2.0) for n in (0.0, 1.0)]
    rows += [("b.mp4", near, 2.0, 4.0), ("b.mp4", here, 3.0, 5.0), ("b.mp4", away, 4.0, 6.0)]
    rows += [("b.mp4", away, 5.0, 7.0), ("a.mp4", away, 0.0, 2.0), ("a.mp4", near, 9.0, 11.0)]
    folder = tmp_path / "moments"
    with EmbeddingTable(folder, settings_of(model)) as table:
        for name, content in (("a.mp4", "a" * 32), ("b.mp4", "b" * 32), ("copy of b.mp4", "b" * 32)):
            own = [row for row in rows if row[0] == name.removeprefix("copy of ")]
            table.add(*(EmbeddingRow(name, vector, None, *times, content) for _, vector, *times in own))
    (matches,) = zeroshot.search("waving", folder, k=3, model=model)
    assert [(each.path, each.start_seconds, each.end_seconds) for each in matches[:2]] == [
        ("b.mp4", 2.0, 5.0),
        ("a.mp4", 9.0, 11.0),
    ]
    assert matches[0].score == pytest.approx(1, abs=1e-6)
    assert matches[0].copies == ("copy of b.mp4",)
    assert "copies" not in matches[1].as_dict()
    assert all(each.path != "copy of b.mp4" for each in zeroshot.search("waving", folder, model=model)[0])
    status, out, _ = run("search", "waving", "--in", folder, "-k", "1", "--device", "cpu")
    assert status == 0
    assert out.endswith("b.mp4  0:00:02.0 – 0:00:05.0  (and 1 more of the same content)\n")


def test_another_model_is_refused(tmp_path, folder, model):
    other = {**settings_of(model), "fingerprint": "0123456789abcdef"}
    place = written(tmp_path / "other", [("a.mp4", model.embed_texts(["x"])[0], None, None)], other)
    with pytest.raises(ModelError, match=r"made by puppet-tiny \(0123456789ab\).* is another model"):
        zeroshot.search("waving", place, model=model)
    other_model = write_checkpoint(tmp_path / "tiny")
    with pytest.raises(ModelError, match="--model"):
        zeroshot.search("waving", folder, model=zeroshot.load_model(str(other_model), device="cpu"))


def test_what_cannot_be_searched_is_one_line(tmp_path, folder, model):
    empty = tmp_path / "empty"
    EmbeddingTable(empty, settings_of(model)).__exit__(None, None, None)
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    bare = written(tmp_path / "bare", [("a.mp4", np.ones(1, np.float32), None, None)], {"format": 1})
    for place, error, what in (
        (empty, OutputError, "holds no embedding"),
        (nothing, OutputError, "zeroshot embed"),
        (tmp_path / "nowhere", OutputError, "nowhere"),
        (bare, OutputError, "has model None"),
    ):
        with pytest.raises(error, match=what) as caught:
            zeroshot.search("waving", place, model=model)
        assert isinstance(caught.value, ZeroshotError)
        assert "\n" not in str(caught.value)
    for text, k in (("waving", 0), ("  ", 3)):
        with pytest.raises(OptionError):
            zeroshot.search(text, folder, k=k, model=model)
    with pytest.raises(OptionError, match="7 dimensions"):
        zeroshot.VideoIndex(folder).search(np.eye(7, dtype=np.float32))
    assert repr(zeroshot.VideoIndex(folder)).endswith("13 embeddings by puppet-tiny)") or len(PATHS) != 13


def test_search_again_after_search(folder, model):
    """The function's name is no module's, so that using it once does not hide it."""
    for _ in range(2):
        assert callable(zeroshot.search)
        zeroshot.search("waving", folder, k=1, model=model)


def test_command_in_three_forms(run, folder, tmp_path, model):
    words = ("search", *TEXTS, "--in", folder, "-k", "3", "--device", "cpu")
    status, out, err = run(*words, "--json")
    assert (status, err) == (0, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["query"] for row in rows] == TEXTS
    expected = zeroshot.search(TEXTS, folder, 3, model=model)
    assert [row["matches"] for row in rows] == [[m.as_dict() for m in matches] for matches in expected]
    table = list(csv.DictReader(io.StringIO(run(*words, "--csv")[1])))
    assert [row["path"] for row in table] == [m.path for matches in expected for m in matches]
    assert {row["start_seconds"] for row in table} == {""}
    assert [row["rank"] for row in table] == ["1", "2", "3"] * 2
    text = run(*words)[1].splitlines()
    assert text[0] == TEXTS[0]
    assert text[1].endswith(expected[0][0].path)
    window = [("a.mp4", model.embed_texts(["waving"])[0], 61.0, 65.5)]
    timed = written(tmp_path / "windows", window, settings_of(model))
    assert run("search", "x", "--in", timed, "--device", "cpu")[1].endswith("a.mp4  0:01:01.0 – 0:01:05.5\n")
    (row,) = csv.DictReader(io.StringIO(run("search", "x", "--in", timed, "--device", "cpu", "--csv")[1]))
    assert (row["start_seconds"], row["end_seconds"]) == ("61.000", "65.500")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--in", "/nowhere"), "/nowhere"),
        (("--in", "/nowhere", "--json", "--csv"), "one of them"),
    ],
)
def test_command_refuses_in_one_line(run, words, message):
    status, out, err = run("search", "waving", *words)
    assert (status, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1
