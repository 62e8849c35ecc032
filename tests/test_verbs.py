"""Commands as functions: the same rows as the commands, and one line for each mistake."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zeroshot
from zeroshot.errors import OptionError, OutputError, VideoError

CLIPS = sorted((Path(__file__).parents[1] / "examples" / "clips").glob("*.mp4"))[:3]


@pytest.fixture(scope="module")
def model():
    with zeroshot.load_model("puppet-tiny", device="cpu", num_workers=1) as model:
        yield model


def test_every_verb_is_a_function_and_importing_loads_no_network():
    program = (
        "import sys, zeroshot\n"
        "heavy = {'torch', 'numpy', 'faiss', 'pyarrow', 'av'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)
    words = "classify timeline embed build_index search train evaluate make_bias_sets score_bias "
    words += "probe_streams synthesize teach models show download compare leaderboard"
    assert all(callable(getattr(zeroshot, word)) for word in words.split())
    assert set(words.split()) <= set(dir(zeroshot))


def test_every_public_name_is_there():
    assert all(getattr(zeroshot, name) is not None for name in zeroshot.__all__)
    tree = ast.parse(Path(zeroshot.__file__).read_text())
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    seen = {alias.asname or alias.name for node in imported for alias in node.names}
    assert set(zeroshot.__all__) <= seen, "type checkers and the reference see what is imported for them"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = zeroshot.nothing


def test_classify(model):
    rows = zeroshot.classify([*CLIPS[:2], "gone.mp4"], ["waving", "jumping"], model=model, k=1)
    assert [row.error is None for row in rows] == [True, True, False]
    alone = zeroshot.load(model, ["waving", "jumping"]).rank(CLIPS[0], k=1)
    assert list(rows[0].predictions) == pytest.approx(alone) or rows[0].predictions[0].label == alone[0].label
    assert len(zeroshot.classify(CLIPS[0], "a,b", model=model)) == 1


def test_timeline(model):
    segments = zeroshot.timeline(CLIPS[0], "waving,jumping", model=model, window_seconds=0.5)
    expected = zeroshot.load(model, "waving,jumping").timeline(CLIPS[0], window_seconds=0.5)
    assert segments == expected


def test_what_commands_choose_functions_choose_too(model, tmp_path):
    stages = {"waving": {"start": "arms hanging", "end": "an arm up"}}
    labels = ["waving", "jumping"]
    expected = zeroshot.load(model, labels, stages=stages)
    (row,) = zeroshot.classify(CLIPS[0], labels, model=model, stages=stages)
    assert [each.label for each in row.predictions] == [each.label for each in expected.rank(CLIPS[0])]
    merged = zeroshot.timeline(CLIPS[0], labels, model=model, stages=stages, window_seconds=0.5, merge=True)
    assert merged == expected.timeline(CLIPS[0], window_seconds=0.5, merge=True)
    zeroshot.embed(CLIPS[:1], tmp_path / "rows", model=model, drifts=True)
    assert zeroshot.VideoIndex(tmp_path / "rows").drifts.shape == (1, model.embedding_dim)
    chosen = {"world": "compositional", "combinations": "unseen"}
    paths = zeroshot.synthesize(tmp_path / "world", 2, num_frames=4, **chosen)
    assert len(paths) == 2
    table = (tmp_path / "world" / "videos.csv").read_text().splitlines()
    assert [line.rpartition(",")[2] for line in table] == ["combination", "unseen", "unseen"]
    with pytest.raises(OptionError, match="expected plain or compositional"):
        zeroshot.synthesize(tmp_path / "other", 2, world="flat")
    with pytest.raises(OptionError, match="of the compositional world"):
        zeroshot.synthesize(tmp_path / "other", 2, combinations="seen")
    assert not (tmp_path / "other").exists()
    with pytest.raises(OptionError, match=r"lies in .* already; expected"):
        zeroshot.download("puppet-tiny")


def test_embed_goes_on_where_it_ended(model, tmp_path):
    folder = tmp_path / "rows"
    first = zeroshot.embed(CLIPS[:1], folder, model=model)
    assert (first.num_videos, first.num_read, first.errors) == (1, 1, {})
    both = zeroshot.embed([*CLIPS[:2], "gone.mp4", str(tmp_path / "*.mp4")], folder, model=model)
    assert (both.num_videos, both.num_read) == (4, 2)
    assert {Path(name).name for name in both.errors} == {"gone.mp4", "*.mp4"}
    paths, vectors = zeroshot.read_embeddings(folder)
    assert set(paths) == {str(path) for path in CLIPS[:2]}
    order = [paths.index(str(path)) for path in CLIPS[:2]]
    np.testing.assert_allclose(vectors[order], model.embed_videos(CLIPS[:2]), atol=1e-5)
    again = zeroshot.embed([*CLIPS[:2], "gone.mp4"], folder, model=model)
    assert (again.num_read, list(again.errors)) == (0, ["gone.mp4"])
    assert zeroshot.embed("gone.mp4", folder, model=model, retry=True).num_read == 1


def test_home_is_home_everywhere(model, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "labels.txt").write_text("waving\njumping\n")
    (tmp_path / "one.mp4").write_bytes(CLIPS[0].read_bytes())
    (tmp_path / "split.csv").write_text("path,label\none.mp4,waving\n")
    zeroshot.embed("~/one.mp4", "~/rows", model=model)
    assert zeroshot.read_embeddings("~/rows")[0] == [str(tmp_path / "one.mp4")]
    assert zeroshot.search("waving", "~/rows", model=model)[0][0].path == str(tmp_path / "one.mp4")
    classifier = zeroshot.load(model, "~/labels.txt")
    classifier.index.save(tmp_path / "x.index")
    assert zeroshot.load(model, index="~/x.index").labels == classifier.labels == ("waving", "jumping")
    assert len(zeroshot.read_split("~/split.csv").videos) == 1


def test_embed_in_windows(model, tmp_path):
    zeroshot.embed(CLIPS[0], tmp_path / "rows", model=model, window_seconds=0.5)
    paths, _ = zeroshot.read_embeddings(tmp_path / "rows")
    assert len(paths) == len(zeroshot.timeline(CLIPS[0], "a,b", model=model, window_seconds=0.5))


def test_embed_refuses_in_one_line(model, tmp_path):
    with pytest.raises(OptionError, match="stride_seconds is given without window_seconds"):
        zeroshot.embed(CLIPS[0], tmp_path / "rows", model=model, stride_seconds=1.0)
    for source in (b"bytes", np.zeros((4, 8, 8, 3), np.uint8), "https://host/a.mp4"):
        with pytest.raises(VideoError, match="has no path, by which rows are kept"):
            zeroshot.embed(source, tmp_path / "rows", model=model)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "mine.txt").touch()
    with pytest.raises(OutputError):
        zeroshot.embed(CLIPS[0], tmp_path / "rows", model=model)


def test_synthesize(tmp_path):
    paths = zeroshot.synthesize(tmp_path, 2, num_frames=4, size=32, seed=3)
    assert len(paths) == 2
    assert all(path.is_file() for path in paths)
    assert (tmp_path / "videos.csv").is_file()
    assert len(zeroshot.read_split(tmp_path / "videos.csv").videos) == 2


def test_models_and_show():
    assert "puppet-tiny" in {row["model"] for row in zeroshot.models()}
    assert zeroshot.show("puppet-tiny")["config"]["format"] == 1
