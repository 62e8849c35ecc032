"""What is asked is found: on kinds of queries that had no part in choosing, and by files of before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zeroshot.errors import IndexFileError, OptionError
from zeroshot.index import file as index_file
from zeroshot.index import index as index_module
from zeroshot.index.index import LabelIndex
from zeroshot.index.recall import Recall, random_directions, word_like_queries
from zeroshot.store.arrays import read_arrays, write_arrays

COUNT, WIDTH, ASKED = 4000, 64, 0.95
NEW = ("shortlist", "shortlist_far", "num_far", "far_from", "measured_far")  # since format 4


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def labels(draw: np.random.Generator) -> np.ndarray:
    """(COUNT, WIDTH) unit rows in clusters of clusters, in a cone."""
    tops = draw.standard_normal((40, WIDTH))
    middles = tops[draw.integers(0, 40, 300)] + draw.standard_normal((300, WIDTH))
    leaves = middles[draw.integers(0, 300, COUNT)] + draw.standard_normal((COUNT, WIDTH))
    return unit(leaves + 8 * unit(draw.standard_normal((1, WIDTH))))


@pytest.fixture(scope="module")
def index() -> LabelIndex:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "_CELLS_FROM", 100)
        rows = labels(np.random.default_rng(0))
        return LabelIndex([str(i) for i in range(COUNT)], rows, fingerprint={}).with_cells(ASKED)


def asked_of(index: LabelIndex, kind: str, seed: int, number: int = 300) -> np.ndarray:
    """(number, WIDTH) queries of a kind."""
    draw = np.random.default_rng((seed, 11))
    rows = index.embeddings[draw.integers(0, COUNT, number)]
    other = index.embeddings[draw.integers(0, COUNT, number)]
    noise = draw.standard_normal((number, WIDTH)) / WIDTH**0.5
    gap = unit(draw.standard_normal((1, WIDTH)))
    mean = index.embeddings.mean(axis=0)
    return unit({
        "videos": 0.4 * (rows - mean) + 0.2 * (other - mean) + 0.8 * gap + 0.5 * noise,
        "videos without a gap": 0.4 * (rows - mean) + 0.5 * noise,
        "labels, a little apart": rows + 0.2 * noise,
        "labels, far apart": rows + noise,
        "between two labels": rows + other,
        "away from labels": noise - 0.5 * rows,
        "any direction": noise,
    }[kind])  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [
        "videos", "videos without a gap", "labels, a little apart", "labels, far apart", "between two labels",
        "away from labels", "any direction",
    ],
)  # fmt: skip
def test_what_is_asked_is_found_on_other_kinds_of_queries(index, kind):
    """Over five seeds; each seed of its own (300 queries, one gap) within what chance allows."""
    shares = []
    for seed in range(5):
        queries = asked_of(index, kind, seed)
        right = np.argsort(-(queries.astype(np.float64) @ index.embeddings.T.astype(np.float64)), axis=1)
        found = index.search(queries, 5)[1]
        pairs = zip(right[:, :5], found, strict=True)
        shares.append(np.mean([len(np.intersect1d(*pair)) / 5 for pair in pairs]))
    assert np.mean(shares) >= ASKED
    assert min(shares) >= ASKED - 0.02
    assert index.recall.num_probed < index.recall.num_cells  # and not for all labels being looked at


def test_directions_reach_it_too_and_are_told(index):
    said = index.recall
    assert said.measured_far >= ASKED - 0.01
    assert said.num_probed < said.num_far <= said.num_cells
    assert f"{said.num_far} for queries far from all" in index.about_search
    assert said.longest >= said.shortlist
    out = index.cells.outlying(random_directions(WIDTH, 200, seed=4), index.embeddings, said.reach)
    words = index.cells.outlying(word_like_queries(index.embeddings, 200, 4), index.embeddings, said.reach)
    assert (out > said.far_from).mean() > 0.8
    assert (words > said.far_from).mean() < 0.2


def test_a_query_far_from_all_is_looked_for_further(index):
    """So that its answers are those of a search in as many cells from the start."""
    cells, reach = index.cells, index.recall.reach
    queries = random_directions(WIDTH, 60, seed=9)
    far = cells.outlying(queries, index.embeddings, reach) > reach.far_from
    wide = replace(reach, num_probed=reach.num_far, shortlist=reach.shortlist_far, num_far=0)
    usual = replace(reach, num_far=0)
    for answers, chosen in ((wide, far), (usual, ~far)):
        alone = cells.search(queries, index.embeddings, answers)
        for place in np.flatnonzero(chosen):
            found = cells.search(queries[place : place + 1], index.embeddings, reach)[0]
            np.testing.assert_array_equal(found[1], alone[place][1])


def test_a_file_of_the_format_before_is_read_and_searched_as_before(index, tmp_path, monkeypatch):
    path = tmp_path / "labels.index"
    index.save(path)
    arrays, contents = read_arrays(path, index_file.FORMAT, lambda _: True)
    old = {name: value for name, value in contents["recall"].items() if name not in NEW}
    before = replace(index_file.FORMAT, version=3, older=())
    write_arrays(tmp_path / "old.index", before, arrays, {**contents, "recall": old})
    loaded = LabelIndex.load(tmp_path / "old.index")
    assert loaded.recall.reach == replace(index.recall.reach, shortlist=512, num_far=0, shortlist_far=512,
                                          far_from=0.0)  # fmt: skip
    queries = asked_of(index, "labels, far apart", 0, 40)
    near = index.cells.shortlist(queries, index.recall.num_probed)
    scores = index.scores(queries)
    for place, rows in enumerate(loaded.search(queries, 5)[1]):
        best = near[place][np.lexsort((near[place], -scores[place, near[place]]))][:5]
        np.testing.assert_array_equal(rows, best)
    monkeypatch.setattr(index_file, "FORMAT", before)
    with pytest.raises(IndexFileError, match="format 4; this version reads 3; rebuild it"):
        LabelIndex.load(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_far": 10**6}, {"num_far": -1}, {"shortlist": 0}, {"shortlist_far": "512"},
        {"measured_far": 1.5}, {"far_from": float("nan")}, {"far_from": "0"}, {"num_probed": 10**6},
    ],
)  # fmt: skip
def test_what_no_search_was_measured_to_be_is_refused(index, wrong):
    with pytest.raises(OptionError, match="is no recall"):
        Recall(**{**index.recall.as_dict(), **wrong})
