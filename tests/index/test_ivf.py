"""Labels by the million, on a small scale: cells, recall on video-like queries, files, near duplicates."""

from __future__ import annotations

import faiss
import numpy as np
import pytest
from safetensors import safe_open

from zeroshot.errors import IndexFileError, OptionError
from zeroshot.index import index as index_module
from zeroshot.index.duplicates import duplicate_steps, near_duplicates
from zeroshot.index.exact import all_scores, nearest_rows
from zeroshot.index.index import LabelIndex, uses_cells
from zeroshot.index.ivf import SHORTLIST, Cells, Reach, build_steps, num_cells
from zeroshot.index.recall import found_shares, video_like_queries

COUNT, WIDTH = 3000, 32
SCALE = 60.0


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def tree(count: int, width: int, seed: int = 0) -> np.ndarray:
    """(count, width) labels in clusters, in a narrow cone."""
    draw = np.random.default_rng(seed)
    tops = draw.standard_normal((30, width))
    middles = tops[draw.integers(0, 30, 200)] + draw.standard_normal((200, width))
    leaves = middles[draw.integers(0, 200, count)] + draw.standard_normal((count, width))
    return unit(leaves + 3 * np.eye(width)[0])


@pytest.fixture(scope="module")
def exact() -> LabelIndex:
    return LabelIndex([f"label {i}" for i in range(COUNT)], tree(COUNT, WIDTH), fingerprint={"model": "m"})


@pytest.fixture(scope="module")
def in_cells(exact) -> LabelIndex:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "_CELLS_FROM", 100)
        return exact.with_cells(0.95)


@pytest.fixture(scope="module")
def queries(exact) -> np.ndarray:
    return video_like_queries(exact.embeddings, 120, seed=5)


def truth(queries: np.ndarray, vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows of the k nearest, in float64."""
    scores = queries.astype(np.float64) @ vectors.astype(np.float64).T
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, rows, axis=1), rows


# Products


@pytest.mark.parametrize(("count", "width"), [(5, 16), (700, 64), (20_000, 24)])
@pytest.mark.parametrize("k", [1, 5, 60])
def test_nearest_rows_are_the_same_in_any_batch(count, width, k):
    vectors = tree(count, width)
    vectors[count // 2 :: 7] = vectors[0]  # many equal scores
    asked = unit(np.random.default_rng(1).standard_normal((40, width)))
    asked[3] = vectors[0]
    k = min(k, count)
    whole = nearest_rows(asked, vectors, k, SCALE)
    exact = all_scores(asked, vectors)
    order = np.argsort(-exact, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(whole.rows, order)
    np.testing.assert_array_equal(whole.scores, np.take_along_axis(exact, order, axis=1))
    for part in (slice(3, 4), slice(0, 9), slice(20, 40)):
        some = nearest_rows(np.ascontiguousarray(asked[part]), vectors, k, SCALE)
        np.testing.assert_array_equal(some.rows, whole.rows[part])
        np.testing.assert_array_equal(some.scores, whole.scores[part])
        np.testing.assert_allclose(some.log_sums, whole.log_sums[part], atol=1e-5)


@pytest.mark.parametrize("batch", [2, 30])
@pytest.mark.parametrize("scale", [1.0, 100.0, 1e5])
def test_log_sums_are_those_of_float64(batch, scale):
    vectors = tree(20_000, 24)
    asked = unit(np.random.default_rng(2).standard_normal((batch, 24)))
    logits = asked.astype(np.float64) @ vectors.astype(np.float64).T * scale
    peak = logits.max(axis=1)
    expected = peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1))
    found = nearest_rows(asked, vectors, 1, scale).log_sums
    np.testing.assert_allclose(found, expected, atol=3e-7 * max(1, scale))


# Cells


def test_every_label_is_in_the_cell_that_is_nearest(exact):
    cells = Cells.build(exact.embeddings)
    assert len(cells) == num_cells(COUNT) == 128
    rows = cells.shortlist(exact.embeddings[:200], len(cells))  # all cells: the best of all by their codes
    assert (rows[:, 0] == np.arange(200)).mean() > 0.9
    assert all(len(set(row)) == SHORTLIST for row in rows.tolist())
    same = cells.near(exact.embeddings[:200], 8, 1)[:, 0] == rows[:, 0]
    assert same.mean() >= 0.98  # scores by codes are rounded by their range, which fewer cells make smaller
    assert (cells.ranks(exact.embeddings[:200], exact.embeddings[:200, None]) == 0).all()


def test_the_same_vectors_give_the_same_cells(exact):
    assert np.array_equal(Cells.build(exact.embeddings).to_bytes(), Cells.build(exact.embeddings).to_bytes())


def test_steps_are_told(exact):
    steps = []
    Cells.build(exact.embeddings, lambda: steps.append(1))
    assert len(steps) == build_steps(COUNT)


@pytest.mark.parametrize("width", [32, 128])
@pytest.mark.parametrize("asked", [0.8, 0.95, 0.99])
def test_what_is_asked_is_found_for_queries_to_come(width, asked, monkeypatch):
    """On queries it has never seen, of other seeds, compared with every label in float64.

    Half a point is what 1,280 queries are apart from all by chance.
    """
    monkeypatch.setattr(index_module, "_CELLS_FROM", 100)
    vectors = tree(COUNT, width, seed=1)
    index = LabelIndex([str(i) for i in range(COUNT)], vectors, fingerprint={}).with_cells(asked)
    fresh = np.concatenate([video_like_queries(vectors, 640, seed=seed) for seed in (77, 78)])
    _, right = truth(fresh, vectors, 5)
    _, found = index.search(fresh, 5)
    recall = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(right, found, strict=True)])
    said = index.recall
    assert said.asked == asked
    assert recall >= asked - 0.005
    assert said.low - 0.01 < recall < said.high + 0.01
    assert said.low < said.measured < said.high
    assert said.num_queries == 1000
    assert said.num_probed < said.num_cells


def test_few_queries_promise_little(exact, monkeypatch):
    """Twenty that found everything are no proof of 0.95."""
    monkeypatch.setattr(index_module, "_CELLS_FROM", 100)
    few = exact.with_cells(0.95, video_like_queries(exact.embeddings, 40, seed=9)).recall
    many = exact.with_cells(0.95, video_like_queries(exact.embeddings, 4000, seed=9)).recall
    assert (few.num_queries, many.num_queries) == (20, 2000)
    assert few.num_probed > many.num_probed
    two = exact.with_cells(0.95, video_like_queries(exact.embeddings, 2, seed=9)).recall
    assert (two.low, two.high, two.num_probed) == (0, 1, two.num_cells)


def test_more_recall_takes_more_cells(exact, monkeypatch):
    monkeypatch.setattr(index_module, "_CELLS_FROM", 100)
    probed = [exact.with_cells(recall).recall.num_probed for recall in (0.5, 0.8, 0.99)]
    assert probed == sorted(probed)
    assert probed[0] < probed[-1]


def test_found_shares_are_counts(exact):
    cells = Cells.build(exact.embeddings)
    asked = video_like_queries(exact.embeddings, 40, seed=3)
    _, right = truth(asked, exact.embeddings, 5)
    assert (found_shares(cells, exact.embeddings, asked, right, Reach(len(cells))) == 1).all()
    assert found_shares(cells, exact.embeddings, asked, (right + 1) % COUNT, Reach(1)).mean() < 0.2


def test_scores_in_cells_are_exact_and_the_same_in_any_batch(in_cells, exact, queries):
    scores, rows = in_cells.search(queries, 5)
    everything = exact.scores(queries)
    np.testing.assert_array_equal(scores, np.take_along_axis(everything, rows, axis=1))
    for i in (0, 17, 119):
        alone = in_cells.search(queries[i : i + 1], 5)
        np.testing.assert_array_equal(alone[0][0], scores[i])
        np.testing.assert_array_equal(alone[1][0], rows[i])


def test_equal_codes_are_met_in_one_order_in_any_batch():
    """Where hundreds of labels are the same, which of them are left must not depend on the batch."""
    vectors = tree(COUNT, WIDTH)
    vectors[100:1500] = vectors[::30].repeat(14, axis=0)
    cells = Cells.build(vectors)
    asked = video_like_queries(vectors, 70, seed=2)
    reach = Reach(num_probed=20, shortlist=150, num_far=60, shortlist_far=300, far_from=1.0)
    together = cells.search(asked, vectors, reach)
    np.testing.assert_array_equal(
        np.concatenate([cells.shortlist(query[None], 20, 150) for query in asked]),
        cells.shortlist(asked, 20, 150),
    )
    for start, size in ((0, 1), (3, 2), (10, 9), (20, 50)):
        for mine, theirs in zip(
            cells.search(asked[start : start + size], vectors, reach), together[start:], strict=False
        ):
            np.testing.assert_array_equal(mine[0], theirs[0])
            np.testing.assert_array_equal(mine[1], theirs[1])
    scores = all_scores(asked, vectors)
    for query, (own, rows) in enumerate(together):
        np.testing.assert_array_equal(own, scores[query, rows])


def test_what_cells_cannot_answer_is_searched_exactly(in_cells, exact, queries):
    still = np.zeros((1, WIDTH), np.float32)
    assert in_cells.search(still, 5)[1].tolist() == [[0, 1, 2, 3, 4]]
    np.testing.assert_array_equal(in_cells.search(queries, 500)[1], exact.search(queries, 500)[1])
    assert (in_cells.ranked(queries, 500, SCALE).compared == COUNT).all()
    both = np.concatenate([queries[:2], still])
    assert in_cells.ranked(both, 5, SCALE).compared.tolist()[2] == COUNT
    np.testing.assert_array_equal(in_cells.search(both, 5)[1][:2], in_cells.search(queries[:2], 5)[1])


def test_queries_that_are_given_are_used(exact, monkeypatch):
    monkeypatch.setattr(index_module, "_CELLS_FROM", 100)
    texts = unit(exact.embeddings[:300] + 0.05 * np.random.default_rng(0).standard_normal((300, WIDTH)))
    given = exact.with_cells(0.95, texts).recall
    assert (given.queries, given.num_queries) == ("given", 150)
    assert given.num_probed < exact.with_cells(0.95).recall.num_probed  # texts promise too much
    with pytest.raises(OptionError, match="1 queries"):
        exact.with_cells(0.95, texts[:1])
    with pytest.raises(OptionError, match="7 dimensions"):
        exact.with_cells(0.95, np.eye(7, dtype=np.float32))


def test_size_and_recall_choose_the_search(exact):
    assert [uses_cells(n, None) for n in (10, 250_000, 250_001)] == [False, False, True]
    assert [uses_cells(n, 0.9) for n in (19_999, 20_000)] == [False, True]
    assert not uses_cells(10**7, 1.0)
    assert exact.with_cells(0.9).recall is None
    assert "exact" in repr(exact.with_cells(0.9))
    for wrong in (0, -1, 1.5, float("nan")):
        with pytest.raises(OptionError, match="recall is"):
            exact.with_cells(wrong)
    with pytest.raises(OptionError, match="has no cells"):
        exact.to_gpu()


def test_made_queries_lie_as_videos_do():
    """Far from every label, nearest to their own; in a cone of their own."""
    vectors = unit(tree(5000, 256) + 0.8 * np.eye(256)[0])
    made = video_like_queries(vectors, 640)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-6)
    assert 0.4 < np.median(vectors[:300] @ vectors[300:600].T) < 0.6  # as class names in CLIP
    among_videos = np.median(made[::64] @ made[::64].T)
    across, best = np.median(made @ vectors.T), np.median((made @ vectors.T).max(axis=1))
    assert across < best - 0.1
    assert across < among_videos
    assert 0.2 < best < 0.4
    assert np.array_equal(made, video_like_queries(vectors, 640))


# Probabilities


def test_probabilities_of_an_exact_index_are_over_all(exact, queries):
    found = exact.ranked(queries, 5, SCALE)
    logits = queries.astype(np.float64) @ exact.embeddings.astype(np.float64).T * SCALE
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    assert (found.compared == COUNT).all()
    np.testing.assert_allclose(
        found.probabilities, np.take_along_axis(shares, found.rows, axis=1), rtol=1e-4, atol=1e-9
    )


def test_probabilities_in_cells_are_over_the_shortlist_and_never_too_small(in_cells, exact, queries):
    found = in_cells.ranked(queries, 5, SCALE)
    assert ((found.compared > 20) & (found.compared <= SHORTLIST)).all()
    assert (found.probabilities.sum(axis=1) <= 1 + 1e-9).all()
    for query, rows, shares in zip(queries, found.rows, found.probabilities, strict=True):
        near = np.sort(in_cells.cells.shortlist(query[None], in_cells.recall.num_probed)[0])
        near = near[near >= 0]
        logits = exact.embeddings[near].astype(np.float64) @ query.astype(np.float64) * SCALE
        expected = {row: np.exp(logits[i] - logits.max()) for i, row in enumerate(near)}
        total = sum(expected.values())
        np.testing.assert_allclose(shares, [expected[row] / total for row in rows], rtol=1e-4)
    over_all = exact.ranked(queries, 5, SCALE)
    same = found.rows[:, 0] == over_all.rows[:, 0]
    assert (found.probabilities[same, 0] >= over_all.probabilities[same, 0] - 1e-5).all()


# Files


def test_cells_are_saved_and_mapped(tmp_path, in_cells, queries):
    path = tmp_path / "labels.index"
    in_cells.save(path)
    again = LabelIndex.load(path)
    assert isinstance(again.embeddings.base, np.ndarray)
    assert again.recall == in_cells.recall
    for mine, theirs in zip(again.search(queries, 5), in_cells.search(queries, 5), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    again.save(tmp_path / "again.index")
    assert (tmp_path / "again.index").read_bytes() == path.read_bytes()
    assert LabelIndex.load(path, exact=True).recall is None
    with safe_open(path, framework="numpy") as file:  # a second reader of the same layout
        np.testing.assert_array_equal(file.get_tensor("embeddings"), in_cells.embeddings)


def test_a_file_is_written_over_while_it_is_mapped(tmp_path, in_cells, exact, queries):
    path = tmp_path / "labels.index"
    in_cells.save(path)
    loaded = LabelIndex.load(path)
    before = loaded.search(queries, 5)
    LabelIndex(["one"], exact.embeddings[:1], fingerprint={}).save(path)
    np.testing.assert_array_equal(loaded.search(queries, 5)[1], before[1])
    assert len(LabelIndex.load(path)) == 1


def test_vectors_are_checked_unless_that_is_left_out(tmp_path, in_cells):
    path = tmp_path / "labels.index"
    in_cells.save(path)
    data = bytearray(path.read_bytes())
    place = int.from_bytes(data[:8], "little") + 8 + 1000  # among the vectors, which stand first
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(IndexFileError, match="checksum of its embeddings"):
        LabelIndex.load(path)
    assert len(LabelIndex.load(path, check=False)) == COUNT


def test_cut_and_damaged_files_with_cells_are_refused(tmp_path, in_cells):
    path = tmp_path / "labels.index"
    in_cells.save(path)
    data = path.read_bytes()
    for size in (len(data) - 1, len(data) // 2, 100):
        path.write_bytes(data[:size])
        with pytest.raises(IndexFileError, match="zeroshot index"):
            LabelIndex.load(path)
    path.write_bytes(data + b"\0")
    with pytest.raises(IndexFileError, match="bytes"):
        LabelIndex.load(path)


# Near duplicates


@pytest.mark.parametrize("count", [300, 6000])
def test_near_duplicates_are_found(count):
    vectors = tree(count, 64)
    labels = [f"label number {i}" for i in range(count)]
    vectors[17] = unit((vectors[250] + 1e-3)[None])[0]
    labels[200] = "Label-Number 100!"
    steps: list[int] = []
    twins = near_duplicates(labels, vectors, advance=lambda: steps.append(1))
    assert len(steps) == duplicate_steps(count)
    assert twins[0].first == "label number 17"
    assert twins[0].second == "label number 250"
    assert twins[0].cosine == pytest.approx(vectors[17] @ vectors[250], abs=1e-6)
    (named,) = [pair for pair in twins if pair.same_name]
    assert (named.first, named.second) == ("label number 100", "Label-Number 100!")
    scores = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    np.fill_diagonal(scores, -1)
    right = {tuple(sorted((i, int(scores[i].argmax())))) for i in np.flatnonzero(scores.max(axis=1) >= 0.99)}
    found = {(labels.index(p.first), labels.index(p.second)) for p in twins if not p.same_name}
    assert found == right
    assert [pair.cosine for pair in twins] == sorted((pair.cosine for pair in twins), reverse=True)


def test_no_duplicates_and_one_label():
    assert near_duplicates(["one"], tree(1, 16)) == []
    assert near_duplicates(["!", "?"], np.eye(2, dtype=np.float32)) == []


# GPU


@pytest.mark.gpu
def test_a_gpu_finds_the_nearest_and_scores_them_as_here(exact, queries, monkeypatch):
    if not faiss.get_num_gpus():
        pytest.skip("faiss finds no GPU")
    monkeypatch.setattr(index_module, "_CELLS_FROM", 100)
    there = exact.with_cells(0.95)
    there.to_gpu()
    assert "GPU" in there.about_search
    for mine, theirs in zip(exact.search(queries, 5), there.search(queries, 5), strict=True):
        np.testing.assert_array_equal(mine, theirs)
