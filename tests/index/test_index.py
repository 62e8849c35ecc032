"""LabelIndex: exact against numpy, the same in any batch, safe on disk, refusing what is not its own.

Covers: index/file.
"""

from __future__ import annotations

import json
import os
import pickle

import faiss
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from zeroshot.errors import IndexFileError, LabelError, OptionError, OutputError, ZeroshotError
from zeroshot.index.exact import probabilities
from zeroshot.index.index import LabelIndex
from zeroshot.index.ivf import Cells
from zeroshot.index.recall import Recall

untimed = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])

FINGERPRINT = {"model": "ViT-B-32/openai#1234", "prompts": "89abcdef"}


def unit_rows(count, width, seed=0) -> np.ndarray:
    """(count, width) float32 rows of length 1."""
    rows = np.random.default_rng(seed).standard_normal((count, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def make_index(count=40, width=64, seed=0) -> LabelIndex:
    """An index of made labels."""
    labels = [f"動作 {i} 🏹" for i in range(count)]
    return LabelIndex(labels, unit_rows(count, width, seed), fingerprint=FINGERPRINT)


def refusal(error, function, *arguments, **options) -> str:
    """The one line with which a call is refused."""
    with pytest.raises(error) as caught:
        function(*arguments, **options)
    assert isinstance(caught.value, ZeroshotError)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Search


@pytest.mark.parametrize("width", [1, 3, 8, 64, 512])
@pytest.mark.parametrize("batch", [1, 7, 40])
@pytest.mark.parametrize("k", [1, 5, 130])
def test_search_agrees_with_numpy(width, batch, k):
    index = make_index(130, width)
    queries = unit_rows(batch, width, seed=1)
    exact = queries.astype(np.float64) @ index.embeddings.astype(np.float64).T
    best = np.argsort(-exact, axis=1, kind="stable")[:, :k]
    scores, rows = index.search(queries, k)
    assert scores.dtype == np.float32
    assert rows.dtype == np.int64
    assert scores.shape == rows.shape == (batch, k)
    np.testing.assert_allclose(scores, np.take_along_axis(exact, best, axis=1), atol=1e-6)
    np.testing.assert_allclose(index.scores(queries), exact, atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()
    if width > 1:  # in one dimension all scores are 1 or -1
        np.testing.assert_array_equal(rows, best)


def test_large_list():
    index = make_index(10_000, 32)
    queries = index.embeddings[::97]
    scores, rows = index.search(queries, 3)
    np.testing.assert_array_equal(rows[:, 0], np.arange(10_000)[::97])
    np.testing.assert_allclose(scores[:, 0], 1, atol=1e-6)
    exact = queries @ index.embeddings.T
    np.testing.assert_array_equal(rows, np.argsort(-exact, axis=1)[:, :3])


@untimed
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 40), st.integers(1, 24))
def test_scores_of_a_row_do_not_depend_on_the_batch(seed, count, batch, width):
    index = make_index(count, width, seed)
    queries = unit_rows(batch, width, seed + 1)
    together = index.scores(queries)
    for row, query in enumerate(queries):
        np.testing.assert_array_equal(index.scores(query[None]), together[row : row + 1])


@pytest.mark.parametrize("k", [1, 2, 99, 100, 101, 250])
def test_equal_scores_are_ordered_by_row(k):
    rows = np.repeat(unit_rows(2, 16), 125, axis=0)
    index = LabelIndex([str(i) for i in range(250)], rows, fingerprint={})
    for batch in (1, 32):
        _, found = index.search(np.repeat(rows[:1], batch, axis=0), k)
        np.testing.assert_array_equal(found, np.tile(np.arange(k), (batch, 1)))


def test_k_beyond_the_list_gives_the_list():
    index = make_index(3)
    scores, rows = index.search(unit_rows(2, 64, 1), 5000)
    assert scores.shape == (2, 3)
    assert sorted(rows[0]) == [0, 1, 2]
    assert index.search(index.embeddings[:1], np.int64(2))[1].shape == (1, 2)


def test_list_of_one():
    index = make_index(1)
    assert index.search(unit_rows(1, 64, 1), 1)[1].tolist() == [[0]]
    assert probabilities(index.scores(unit_rows(1, 64, 1)), 100.0).tolist() == [[1.0]]


def test_no_queries():
    index = make_index(5)
    empty = np.empty((0, 64), np.float32)
    assert index.search(empty, 2)[0].shape == (0, 2)
    assert index.scores(empty).shape == (0, 5)


def test_a_query_of_zeros_scores_zero():
    index = make_index(5)
    still = np.zeros((1, 64), np.float32)
    assert (index.scores(still) == 0).all()
    assert index.search(still, 5)[1].tolist() == [[0, 1, 2, 3, 4]]


def test_scores_stay_within_cosines():
    rows = unit_rows(50, 512) * np.float32(1.0005)
    index = LabelIndex([str(i) for i in range(50)], rows, fingerprint={})
    assert index.scores(rows).max() == index.search(rows, 1)[0].max() == 1.0
    assert index.scores(-rows).min() == -1.0


def test_other_floating_types_and_layouts_are_taken():
    index = make_index(20)
    queries = unit_rows(4, 64, 1)
    expected = index.search(queries, 3)[1]
    for same in (queries.astype(np.float64), np.asfortranarray(queries), queries.repeat(2, axis=0)[::2]):
        np.testing.assert_array_equal(index.search(same, 3)[1], expected)
    half = index.scores(queries.astype(np.float16))
    np.testing.assert_allclose(half, index.scores(queries), atol=2e-3)


@pytest.mark.parametrize("count", [10, 40_000])
def test_number_of_threads_is_given_back(count):
    index = make_index(count, 16)
    before = faiss.omp_get_max_threads()
    try:
        faiss.omp_set_num_threads(2)
        index.search(unit_rows(64, 16, 1), 1)
        with pytest.raises(OptionError):
            index.search(unit_rows(1, 15), 1)
        assert faiss.omp_get_max_threads() == 2
    finally:
        faiss.omp_set_num_threads(before)


@pytest.mark.parametrize("k", [0, -1, 1.5, "3", None, True])
def test_refused_k(k):
    assert "k is" in refusal(OptionError, make_index(3).search, unit_rows(1, 64), k)


def spoiled(value) -> np.ndarray:
    """Two unit rows, the second with one value replaced."""
    rows = unit_rows(2, 64)
    rows[1, 5] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (unit_rows(1, 64)[0], "shape (64,)"),
        (unit_rows(1, 64)[None], "shape (1, 1, 64)"),
        (np.empty((2, 0), np.float32), "shape (2, 0)"),
        (np.eye(64, dtype=np.int64), "int64"),
        (np.array([["a"]]), "expected float32"),
        (2 * unit_rows(2, 64), "row 0 has length 2"),
        (spoiled(np.nan), "row 1 has length nan"),
        (spoiled(np.inf), "row 1 has length inf"),
        (spoiled(-np.inf), "row 1"),
        (spoiled(1e30), "row 1"),
        (unit_rows(2, 64).astype(np.float64) * 1e300, "row 0"),
    ],
)
def test_refused_rows(rows, what):
    index = make_index(2)
    assert what in refusal(OptionError, index.search, rows, 1)
    assert what in refusal(OptionError, index.scores, rows)
    assert what in refusal(OptionError, LabelIndex, ["a", "b"], rows, fingerprint={})


def test_refused_width():
    message = refusal(OptionError, make_index(2).search, unit_rows(1, 63), 1)
    assert "63" in message
    assert "64" in message


def test_refused_labels():
    assert "3 labels but 2" in refusal(
        LabelError, LabelIndex, ["a", "b", "c"], unit_rows(2, 4), fingerprint={}
    )
    assert "0 labels" in refusal(LabelError, LabelIndex, [], np.empty((0, 4), np.float32), fingerprint={})
    assert "'b'" in refusal(LabelError, LabelIndex, ["a", "b", "b"], unit_rows(3, 4), fingerprint={})
    zeros = unit_rows(2, 4) * np.array([[1], [0]], np.float32)
    assert "'b'" in refusal(OptionError, LabelIndex, ["a", "b"], zeros, fingerprint={})
    assert "words" in refusal(OptionError, LabelIndex, ["a"], unit_rows(1, 4), fingerprint={"model": 3})


def test_what_is_handed_out_cannot_change_the_index():
    rows = unit_rows(3, 4)
    index = LabelIndex(["a", "b", "c"], rows, fingerprint=FINGERPRINT)
    before = index.scores(unit_rows(1, 4, 1))
    rows[:] = 0
    index.fingerprint["model"] = "other"
    with pytest.raises(ValueError, match="read-only"):
        index.embeddings[0] = 0
    np.testing.assert_array_equal(index.scores(unit_rows(1, 4, 1)), before)
    assert index.fingerprint == FINGERPRINT
    assert len(index) == len(index.labels) == 3
    assert "3 labels" in repr(index)


def test_pickle():
    index = make_index()
    again = pickle.loads(pickle.dumps(index))
    np.testing.assert_array_equal(again.scores(index.embeddings), index.scores(index.embeddings))


# Files


@pytest.mark.parametrize("count", [1, 40, 10_000])
def test_saved_index_is_the_same(tmp_path, count):
    index = make_index(count, 16)
    path = tmp_path / "my 'own' 🏹 labels.index"
    index.save(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    again = LabelIndex.load(str(path), fingerprint=FINGERPRINT)
    assert again.labels == index.labels
    assert again.fingerprint == FINGERPRINT
    np.testing.assert_array_equal(again.embeddings, index.embeddings)
    queries = unit_rows(3, 16, 1)
    np.testing.assert_array_equal(again.search(queries, 5)[1], index.search(queries, 5)[1])


def test_same_index_same_bytes(tmp_path):
    make_index().save(tmp_path / "a")
    make_index().save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_saved_index_replaces_the_one_before(tmp_path):
    path = tmp_path / "labels.index"
    make_index(3).save(path)
    make_index(7).save(path)
    assert len(LabelIndex.load(path)) == 7


def test_stale_index(tmp_path):
    path = tmp_path / "labels.index"
    make_index().save(path)
    message = refusal(
        IndexFileError, LabelIndex.load, path, fingerprint={**FINGERPRINT, "model": "PE-Core-B-16/meta"}
    )
    assert "model" in message
    assert FINGERPRINT["model"] in message
    assert "PE-Core-B-16/meta" in message
    assert "prompts" not in message
    assert "zeroshot index" in message
    both = refusal(IndexFileError, LabelIndex.load, path, fingerprint={"model": "m", "prompts": "p"})
    assert "model" in both
    assert "prompts" in both
    assert "None" in refusal(IndexFileError, LabelIndex.load, path, fingerprint={"adapter": "x"})
    assert len(LabelIndex.load(path, fingerprint={"prompts": FINGERPRINT["prompts"]})) == 40
    assert len(LabelIndex.load(path)) == 40


def test_foreign_files(tmp_path):
    path = tmp_path / "labels.index"
    assert "No such file" in refusal(IndexFileError, LabelIndex.load, path)
    assert "directory" in refusal(IndexFileError, LabelIndex.load, tmp_path)
    for content in (b"", b"archery\nbowling\n", pickle.dumps(["archery"]), b"\xff" * 4096, b"\0" * 4096):
        path.write_bytes(content)
        assert str(path) in refusal(IndexFileError, LabelIndex.load, path)
    save_file({"embeddings": unit_rows(2, 4)}, path)
    assert "not a label index" in refusal(IndexFileError, LabelIndex.load, path)


def rewrite(path, change) -> None:
    """Passes the metadata of an index file through `change`."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = change(header["__metadata__"])
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"version": 2}, "has format 2; this version reads 4"),
        ({"version": 3}, "checksum"),
        ({"version": None}, "has format None"),
        ({"fingerprint": {"model": "other"}}, "checksum"),
        ({"crc32": None}, "checksum"),
        ({"crc32_of_this": None}, "damaged"),
        ({"crc32_of_this": "0"}, "checksum"),
    ],
)
def test_changed_contents(tmp_path, changes, what):
    path = tmp_path / "labels.index"
    make_index(2).save(path)

    def change(metadata):
        ((name, text),) = metadata.items()
        contents = {**json.loads(text), **changes}
        return {name: json.dumps({key: value for key, value in contents.items() if value is not None})}

    rewrite(path, change)
    message = refusal(IndexFileError, LabelIndex.load, path)
    assert what in message
    assert "zeroshot index" in message


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "{}"])
def test_contents_that_are_none(tmp_path, text):
    path = tmp_path / "labels.index"
    make_index(2).save(path)
    rewrite(path, lambda metadata: dict.fromkeys(metadata, text))
    assert "zeroshot index" in refusal(IndexFileError, LabelIndex.load, path)


def test_damaged_file(tmp_path):
    path = tmp_path / "labels.index"
    make_index(4, 8).save(path)
    data = path.read_bytes()
    random = np.random.default_rng(0)
    for size in {0, 1, 7, 8, 9, *random.integers(0, len(data), 40).tolist(), len(data) - 1}:
        path.write_bytes(data[:size])
        refusal(IndexFileError, LabelIndex.load, path)
    for place in random.integers(0, len(data), 300):
        damaged = bytearray(data)
        damaged[place] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        try:
            loaded = LabelIndex.load(path)
        except IndexFileError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either outcome is right, if it is the right one
        else:  # the byte was padding
            np.testing.assert_array_equal(loaded.embeddings, make_index(4, 8).embeddings)
            assert loaded.labels == make_index(4, 8).labels


def test_save_makes_the_folder(tmp_path):
    make_index().save(tmp_path / "new" / "labels.index")
    assert LabelIndex.load(tmp_path / "new" / "labels.index").labels == make_index().labels


def test_failed_save_leaves_nothing(tmp_path):
    index = make_index()
    (tmp_path / "file").write_text("in the way")
    assert "file" in refusal(OutputError, index.save, tmp_path / "file" / "labels.index")
    (tmp_path / "file").unlink()
    folder = tmp_path / "folder"
    folder.mkdir()
    refusal(OutputError, index.save, folder)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
    assert list(folder.iterdir()) == []


# Probabilities


@untimed
@given(
    st.lists(st.lists(st.floats(-1, 1), min_size=3, max_size=3), min_size=1, max_size=5),
    st.sampled_from([1e-3, 1.0, 14.3, 100.0, 117.3, 1e6]),
)
def test_probabilities(scores, scale):
    result = probabilities(scores, scale)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result.sum(axis=-1), 1, atol=1e-12)
    assert (result >= 0).all()
    shifted = probabilities(np.array(scores) + 0.5, scale)  # a bias cancels
    np.testing.assert_allclose(shifted, result, atol=1e-9 * max(1, scale))
    for row, given_scores in zip(result, np.array(scores), strict=True):
        best = given_scores.argmax()
        assert row[best] == row.max()


def test_probabilities_against_the_definition():
    scores = np.array([[0.31, 0.29, -0.2], [0.1, 0.1, 0.1]])
    powers = np.exp(scores * 100)
    np.testing.assert_allclose(probabilities(scores, 100), powers / powers.sum(1, keepdims=True), rtol=1e-12)
    ratio = probabilities(scores, 100)[0]
    assert np.log(ratio[0] / ratio[1]) == pytest.approx(2.0)


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_refused_scale(scale):
    assert "logit scale" in refusal(OptionError, probabilities, [[0.1, 0.2]], scale)


@pytest.mark.parametrize("scores", [0.5, [], [[]], [[np.nan]], [[np.inf, 0]]])
def test_refused_scores(scores):
    assert "scores" in refusal(OptionError, probabilities, scores, 100)


@pytest.mark.parametrize("field", ["num_probed", "measured", "num_cells"])
@pytest.mark.parametrize("value", ["x", None, -1, float("nan"), [1]])
def test_a_file_with_right_checksums_and_wrong_fields_is_damaged(field, value, tmp_path):
    rows = np.eye(64, dtype=np.float32)[:40]
    index = LabelIndex([f"label {row}" for row in range(40)], rows, fingerprint={"model": "x"})
    recall = Recall(0.9, 0.9, 0.8, 1.0, 2, 4, 10, "made")
    object.__setattr__(recall, field, value)
    index._cells, index._recall = Cells.build(rows), recall
    index.save(tmp_path / "x.index")
    with pytest.raises(IndexFileError, match="is damaged"):
        LabelIndex.load(tmp_path / "x.index")


def test_a_file_whose_embeddings_are_not_finite_is_damaged(tmp_path):
    index = LabelIndex(["a", "b"], np.eye(8, dtype=np.float32)[:2], fingerprint={"model": "x"})
    index._embeddings = np.full((2, 8), np.nan, np.float32)
    index.save(tmp_path / "x.index")
    with pytest.raises(IndexFileError, match="not finite"):
        LabelIndex.load(tmp_path / "x.index")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_is_no_index_and_no_place_for_one(tmp_path):
    from zeroshot.verbs import build_index

    os.mkfifo(tmp_path / "x.index")
    with pytest.raises(IndexFileError, match=r"x\.index is no plain file"):
        LabelIndex.load(tmp_path / "x.index")
    with pytest.raises(OutputError, match=r"x\.index is no plain file; choose another --output"):
        build_index("a,b", output=tmp_path / "x.index", model="puppet-tiny")
    with pytest.raises(OutputError, match="is a folder"):
        build_index("a,b", output=tmp_path, model="puppet-tiny")
