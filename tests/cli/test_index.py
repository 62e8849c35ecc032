"""An index knows its model and serves it, says how it is searched, and opens nothing because a file says so.

Covers: cli/index, cli/inputs.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_world import write_checkpoint

import zeroshot
from zeroshot.batch.table import EmbeddingRow, EmbeddingTable
from zeroshot.errors import ModelError
from zeroshot.index.index import LabelIndex

CLIP = sorted((Path(__file__).parents[2] / "examples" / "clips").glob("*.mp4"))[0]
CPU = ("--device", "cpu")
EXACTLY = "zeroshot: 2 labels of {}, by puppet-tiny: searched exactly, each is compared\n"


@pytest.fixture
def saved(run, tmp_path) -> Path:
    path = tmp_path / "x.index"
    assert run("index", "waving,jumping", "-o", path, "--model", "puppet-tiny", *CPU)[0] == 0
    return path


@pytest.mark.parametrize("verb", ["classify", "timeline"])
def test_without_a_model_the_index_brings_its_own(run, saved, verb):
    status, out, err = run(verb, CLIP, "--index", saved, "--json", *CPU)
    assert (status, err) == (0, EXACTLY.format(saved))
    named = run(verb, CLIP, "--labels", "waving,jumping", "--json", "--model", "puppet-tiny", *CPU)
    assert (out, named[2]) == (named[1], "")


def test_so_it_does_in_python(saved):
    classifier = zeroshot.load(index=saved, device="cpu")
    assert classifier.model.name == "puppet-tiny"
    assert classifier.labels == ("waving", "jumping")


def test_another_model_is_told_by_names(run, saved, tmp_path):
    other = write_checkpoint(tmp_path / "tiny")
    status, out, err = run("classify", CLIP, "--index", saved, "--model", other, *CPU)
    assert (status, out) == (1, "")
    assert f"was made by puppet-tiny, not by {other}, which is asked" in err
    assert err.count("\n") == 1


def test_a_folder_is_not_opened_because_an_index_names_it(run, tmp_path):
    tiny = write_checkpoint(tmp_path / "tiny")
    path = tmp_path / "tiny.index"
    assert run("index", "waving,jumping", "-o", path, "--model", tiny, *CPU)[0] == 0
    status, out, err = run("classify", CLIP, "--index", path, *CPU)
    assert (status, out) == (1, "")
    assert "name it yourself with --model" in err
    assert err.count("\n") == 1
    with pytest.raises(ModelError, match="neither bundled nor published"):
        zeroshot.load(index=path)
    assert run("classify", CLIP, "--index", path, "--model", tiny, *CPU)[0] == 0


@pytest.mark.parametrize("verb", ["classify", "search"])
def test_nothing_is_fetched_because_a_file_names_a_published_model(run, saved, tmp_path, monkeypatch, verb):
    monkeypatch.setattr("zeroshot.model.networks.published.is_cached", lambda _: False)
    monkeypatch.setattr("zeroshot.model.backbone.load_backbone", None)
    index = LabelIndex.load(saved)
    made_by = {**index.fingerprint, "model_name": "ViT-B-32/openai"}
    LabelIndex(index.labels, index.embeddings, fingerprint=made_by).save(saved)
    settings = {"model": "ViT-B-32/openai", "fingerprint": "0" * 64}
    with EmbeddingTable(tmp_path / "rows", settings) as table:
        table.add(EmbeddingRow("a.mp4", index.embeddings[0]))
    words = {"classify": (CLIP, "--index", saved), "search": ("waving", "--in", tmp_path / "rows")}[verb]
    status, out, err = run(verb, *words, *CPU)
    assert (status, out) == (1, "")
    assert "is not in the cache, and nothing is fetched because a file says so" in err
    assert "--model ViT-B-32/openai" in err
    assert err.count("\n") == 1


def test_beyond_what_cells_give_the_search_is_exact_and_says_so():
    vectors = np.eye(200, 16, dtype=np.float32) + 0.1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = LabelIndex([f"label {row}" for row in range(200)], vectors, fingerprint={})
    assert index.is_exact_for(5)
    index._cells, index._recall = object(), object()  # whatever they are
    assert not index.is_exact_for(128)
    assert index.is_exact_for(129)


def test_an_index_of_before_it_knew_its_model_wants_to_be_told(run, saved):
    index = LabelIndex.load(saved)
    fingerprint = {name: text for name, text in index.fingerprint.items() if name != "model_name"}
    LabelIndex(index.labels, index.embeddings, fingerprint=fingerprint).save(saved)
    assert "--model" in run("classify", CLIP, "--index", saved, *CPU)[2]
    status, out, _ = run("classify", CLIP, "--index", saved, "--model", "puppet-tiny", "--json", *CPU)
    assert status == 0
    assert len(json.loads(out)["predictions"]) == 2
