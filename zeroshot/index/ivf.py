"""Cells: vectors in short codes, grouped around centres, so that a query meets those near it alone."""

from __future__ import annotations

import contextlib
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zeroshot.index.centres import ROUNDS, even_directions, nearest_centres, spherical_centres
from zeroshot.index.exact import all_scores, nearest_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

SHORTLIST = 512  # what the codes leave of a search, to be scored exactly, where recall needs no more
_POINTS_PER_CENTRE = 32  # of the vectors that a round of finding centres takes
_POINTS_FOR_CODES = 16_384
_VECTORS_AT_ONCE = 4096
_LONGEST_GROUP = 4  # directions that one half byte stands for
_SHARED_FROM = 8  # queries, from which two threads pay
_TOGETHER = 32  # queries that read the codes of a cell once for all of them
_ONE_BY_ONE, _USUAL = 11, 0  # ways of faiss: cell after cell, a fifth faster for one query; or its own choice
_PER_ROW = 16  # dimensions, below which faiss sums products of a block of rows otherwise than those of one


NEAREST = 5  # recall is of the five best, which is what people read


@dataclass(frozen=True)
class Reach:
    """How far a search in cells looks.

    A query may lie to all labels otherwise than videos do: then its nearest stand further out of their cells,
    and in more of them. How far out the fifth of those found stands, above the greatest inner product with a
    centre, in standard deviations of the labels' differences from their centres along the query, tells such
    queries from others; they are searched again in more cells.

    Attributes:
        num_probed: cells that a search looks into.
        shortlist: how many labels the codes leave, to be scored exactly.
        num_far: cells for queries whose nearest lie far out; up to `num_probed`: no query is searched again.
        shortlist_far: labels that the codes leave of such a search.
        far_from: how far out that is.
    """

    num_probed: int
    shortlist: int = SHORTLIST
    num_far: int = 0
    shortlist_far: int = SHORTLIST
    far_from: float = 0.0


class Cells:
    """(K, D) unit vectors in C cells.

    A search looks at the cells whose centres have the greatest inner product with the query, scores their
    vectors by codes of one bit a dimension, and scores the best of those again exactly.

    A code stands for how a vector differs from its centre: half a byte for each group of four directions.
    The directions are those along which labels differ from their centres, dealt out so that each group has
    as much to say as the others; with directions as they come, eight times as many had to be scored exactly.

    Source: Jégou et al., "Product quantization for nearest neighbor search", 2011; the directions: Ge et al.,
    "Optimized product quantization", 2013, section 3.2.
    """

    def __init__(self, index: Any) -> None:  # noqa: ANN401 - faiss's
        """Wrap what `build` made, or `from_bytes` read."""
        import faiss

        kernels: Any = faiss
        self._saved = index
        self._index = kernels.downcast_index(index.index)
        turn = kernels.vector_to_array(kernels.downcast_VectorTransform(index.chain.at(0)).A)
        self._turn: NDArray[np.float32] = turn.reshape(index.d, index.d)
        centres = kernels.downcast_index(self._index.quantizer).reconstruct_n(0, self._index.nlist)
        self._centres: NDArray[np.float32] = centres
        codes = kernels.vector_to_array(self._index.pq.centroids).reshape(
            self._index.pq.M, -1, self._index.pq.dsub
        )
        self._spreads: NDArray[np.float32] = (
            np.square(codes).mean(axis=1).ravel()
        )  # of differences from centres
        self._device: _Device | None = None

    @classmethod
    def build(cls, vectors: NDArray[np.float32], advance: Callable[[], None] | None = None) -> Cells:
        """Group vectors; the same vectors give the same cells.

        Args:
            vectors: (K, D) float32 unit rows; may be mapped from a file.
            advance: called after each of `build_steps(K)` steps, for progress.
        """
        import faiss

        kernels: Any = faiss
        step = advance or (lambda: None)
        number, width = num_cells(len(vectors)), vectors.shape[1]
        draw = np.random.default_rng(0)
        centres = spherical_centres(vectors, number, draw, step, at_once=number * _POINTS_PER_CENTRE)
        sample = vectors[np.sort(draw.permutation(len(vectors))[:_POINTS_FOR_CODES])]
        groups = width // next(size for size in range(_LONGEST_GROUP, 0, -1) if width % size == 0)
        turn = even_directions(sample - centres[nearest_centres(sample, centres)], groups)
        centres = centres @ turn.T
        quantizer = kernels.IndexFlatIP(width)
        quantizer.add(centres)
        index = kernels.IndexIVFPQ(quantizer, width, number, groups, 4, kernels.METRIC_INNER_PRODUCT)
        index.by_residual = True
        index.pq.cp.niter, index.pq.cp.min_points_per_centroid = 10, 1
        index.train(sample @ turn.T)
        del sample
        for start in range(0, len(vectors), _VECTORS_AT_ONCE):
            part = vectors[start : start + _VECTORS_AT_ONCE] @ turn.T
            homes = nearest_centres(part, centres)
            index.add_core(len(part), kernels.swig_ptr(part), None, kernels.swig_ptr(homes))
            step()
        packed = kernels.IndexIVFPQFastScan(index)
        linear = kernels.LinearTransform(width, width)
        kernels.copy_array_to_vector(turn.ravel(), linear.A)
        linear.is_trained = True
        return cls.from_bytes(kernels.serialize_index(kernels.IndexPreTransform(linear, packed)))

    @classmethod
    def from_bytes(cls, data: NDArray[np.uint8]) -> Cells:
        """The cells that `to_bytes` gave.

        Raises:
            ValueError: these are no cells.
        """
        import faiss

        kernels: Any = faiss
        try:
            return cls(kernels.deserialize_index(np.asarray(data)))
        except (RuntimeError, AttributeError) as error:
            raise ValueError(f"no cells: {str(error).splitlines()[0]}") from None

    def to_bytes(self) -> NDArray[np.uint8]:
        """Everything, as one run of bytes; the same cells give the same."""
        import faiss

        self._index.implem = _USUAL
        data: NDArray[np.uint8] = faiss.serialize_index(self._saved)
        return data

    def __len__(self) -> int:
        """C."""
        return len(self._centres)

    def to_gpu(self, vectors: NDArray[np.float32]) -> None:
        """Score all (K, D) vectors on the first GPU from now on, in 16 bits, whatever their cell.

        Not yet run: no machine with a GPU was at hand.
        """
        import faiss

        kernels: Any = faiss
        config = kernels.GpuIndexFlatConfig()
        config.useFloat16 = True
        resources = kernels.StandardGpuResources()
        index = kernels.GpuIndexFlatIP(resources, vectors.shape[1], config)
        for start in range(0, len(vectors), _VECTORS_AT_ONCE):
            index.add(np.ascontiguousarray(vectors[start : start + _VECTORS_AT_ONCE]))
        self._device = _Device(resources, index, Lock())

    def shortlist(
        self, queries: NDArray[np.float32], num_probed: int, number: int = SHORTLIST
    ) -> NDArray[np.int64]:
        """(B, number) rows near each query, best first by their codes; -1 where there are fewer.

        The same in any batch: codes are read once for 32 queries, but scored for each by itself.

        Args:
            queries: (B, D), contiguous.
            num_probed: cells to look into, 1 to C.
            number: of rows.
        """
        rows = np.empty((len(queries), number), np.int64)
        for part in parts_of(len(queries), _TOGETHER):
            with one_thread():
                rows[part] = self._look(self._placed(queries[part]), num_probed, number)
        return rows

    def search(
        self, queries: NDArray[np.float32], vectors: NDArray[np.float32], reach: Reach
    ) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """For each query the exact scores (n,) of what the codes leave, best first, and rows (n,).

        Equal scores are in the order of the rows. The answers are the same in any batch: each query is scored
        by itself, on one thread; two threads share the queries where there are many.

        Args:
            queries: (B, D), contiguous.
            vectors: (K, D) that the cells were built of.
            reach: how far to look.
        """
        if len(queries) < _SHARED_FROM or self._device is not None:
            return self._searched(queries, vectors, reach)
        parts = parts_of(len(queries), min(_TOGETHER, -(-len(queries) // 2)))
        with ThreadPoolExecutor(2) as pool:
            found = pool.map(lambda part: self._searched(queries[part], vectors, reach), parts)
            return [one for part in found for one in part]

    def outlying(
        self, queries: NDArray[np.float32], vectors: NDArray[np.float32], reach: Reach
    ) -> NDArray[np.float64]:
        """(B,) how far above every centre the best that a search finds lie, see `Reach`."""
        placed = self._placed(queries)
        with one_thread():
            near = self._look(placed, reach.num_probed, reach.shortlist)
            found = list(rescored(queries, vectors, near))
        return self._outlying(placed, found)

    def near(self, vectors: NDArray[np.float32], num_probed: int, number: int) -> NDArray[np.int64]:
        """(B, number) rows near each of many vectors by their codes, -1 where there are fewer.

        Faster than `shortlist`, but what is last in a row may depend on the batch.
        """
        import faiss

        kernels: Any = faiss
        probed = kernels.SearchParametersIVF(nprobe=num_probed)
        rows: NDArray[np.int64] = self._index.search(vectors @ self._turn.T, number, params=probed)[1]
        return rows

    def ranks(self, queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """(B, n): how many cells are nearer to a query than the cell of each of its n vectors.

        So a search of m cells meets the vectors whose rank is below m.

        Args:
            queries: (B, D).
            vectors: (B, n, D), each with its cell found anew, as `build` found it.
        """
        flat = vectors.reshape(-1, vectors.shape[2]) @ self._turn.T
        homes = nearest_centres(flat, self._centres).reshape(vectors.shape[:2])
        order = nearest_rows(queries @ self._turn.T, self._centres, len(self)).rows
        places = np.empty_like(order)
        np.put_along_axis(places, order, np.arange(len(self))[None], axis=1)
        return np.take_along_axis(places, homes, axis=1)

    def _searched(
        self, queries: NDArray[np.float32], vectors: NDArray[np.float32], reach: Reach
    ) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """As `search`, on the thread that calls."""
        with one_thread():
            if self._device is not None:
                with self._device.turn:
                    near = self._device.index.search(queries, max(reach.shortlist, reach.shortlist_far))[1]
                return list(rescored(queries, vectors, near))
            placed = self._placed(queries)
            found = list(rescored(queries, vectors, self._look(placed, reach.num_probed, reach.shortlist)))
            if reach.num_far <= reach.num_probed:
                return found
            far = np.flatnonzero(self._outlying(placed, found) > reach.far_from)
            if len(far):
                near = self._look(placed.some(far), reach.num_far, reach.shortlist_far)
                for query, again in zip(far.tolist(), rescored(queries[far], vectors, near), strict=True):
                    found[query] = again
        return found

    def _placed(self, queries: NDArray[np.float32]) -> _Placed:
        """Queries along the cells' directions, and their products with all centres, each by itself."""
        turned = all_scores(queries, self._turn)
        return _Placed(turned, all_scores(turned, self._centres))

    def _look(self, placed: _Placed, num_probed: int, number: int) -> NDArray[np.int64]:
        """(B, number) rows of so many cells, best first by their codes; -1 where there are fewer."""
        import faiss

        kernels: Any = faiss
        point = kernels.swig_ptr
        queries, centres = placed
        cells = np.argpartition(-centres, num_probed - 1, axis=1)[:, :num_probed]
        cells = np.sort(cells, axis=1)  # so that codes are met in one order, and of equals the same are kept
        near = np.take_along_axis(centres, cells, axis=1)
        scores, rows = (
            np.empty((len(queries), number), np.float32),
            np.empty((len(queries), number), np.int64),
        )
        self._index.implem = _ONE_BY_ONE if len(queries) == 1 else _USUAL  # either way gives the same
        probed, as_pairs = kernels.SearchParametersIVF(nprobe=num_probed), False
        self._index.search_preassigned_c(
            len(queries),
            point(queries),
            number,
            point(cells),
            point(near),
            point(scores),
            point(rows),
            as_pairs,
            probed,
        )
        return rows

    def _outlying(
        self, placed: _Placed, found: list[tuple[NDArray[np.float32], NDArray[np.int64]]]
    ) -> NDArray[np.float64]:
        """(B,) as `outlying`, of queries that have been searched."""
        far = np.empty(len(found))
        for place, ((scores, _), query, centres) in enumerate(zip(found, *placed, strict=True)):
            spread = math.sqrt(float(np.dot(query * query, self._spreads))) or 1.0
            far[place] = (float(scores[:NEAREST][-1]) - float(centres.max())) / spread if len(scores) else 0.0
        return far


class _Device(NamedTuple):
    """faiss's memory on a GPU, its index there, and whose turn it is: two searches at once would mix."""

    resources: Any
    index: Any
    turn: Lock


class _Placed(NamedTuple):
    """Queries (B, D) along the cells' directions, and their inner products (B, C) with the centres."""

    queries: NDArray[np.float32]
    centres: NDArray[np.float32]

    def some(self, places: NDArray[np.int64]) -> _Placed:
        """Those of some queries."""
        return _Placed(*(np.ascontiguousarray(part[places]) for part in self))


def num_cells(number: int) -> int:
    """How many cells for so many vectors: the power of two next to twice the root."""
    return min(number, 1 << round(math.log2(2 * math.sqrt(number))))


def has_gpu() -> bool:
    """Whether faiss finds a GPU that it can use."""
    import faiss

    return bool(faiss.get_num_gpus() > 0)


def build_steps(number: int) -> int:
    """How many steps `Cells.build` takes for so many vectors."""
    return ROUNDS + -(-number // _VECTORS_AT_ONCE)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Hold faiss to one thread, and give it back its number of threads afterwards."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def rescored(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], rows: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """For each query its shortlist, scored exactly: scores (n,), best first, and rows (n,); equal by row.

    On the thread that calls, where `one_thread` holds.
    """
    for query, near in zip(queries, rows, strict=True):
        found = np.sort(near[near >= 0])
        scores = _scores_of(query, vectors, found)
        order = np.argsort(-scores, kind="stable")  # rows ascend
        yield scores[order], found[order]


def _scores_of(
    query: NDArray[np.float32], vectors: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(n,) scores of a query with some rows, equal to those of `all_scores`; rows are read where they lie."""
    import faiss

    if len(query) < _PER_ROW or not vectors.flags.c_contiguous:
        same: NDArray[np.float32] = all_scores(query[None], np.ascontiguousarray(vectors[rows]))[0]
        return same
    kernels: Any = faiss
    point = kernels.swig_ptr
    scores = np.empty(len(rows), np.float32)
    kernels.fvec_inner_products_by_idx(
        point(scores), point(query), point(vectors), point(rows), len(query), 1, len(rows)
    )
    np.clip(scores, -1.0, 1.0, out=scores)
    return scores


def parts_of(number: int, at_once: int) -> list[slice]:
    """So many, in parts."""
    return [slice(start, start + at_once) for start in range(0, number, at_once)]
