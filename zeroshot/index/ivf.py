"""Cells: vectors in short codes, grouped around centres, so that a query meets those near it alone."""

from __future__ import annotations

import contextlib
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.index.exact import all_scores, nearest_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

SHORTLIST = 512  # what the codes leave of a search, to be scored exactly
_POINTS_PER_CENTRE = 32  # of the vectors that the centres are found from
_ROUNDS = 6
_POINTS_FOR_CODES = 16_384
_VECTORS_AT_ONCE = 4096
_LONGEST_GROUP = 4  # directions that one half byte stands for
_SHARED_FROM = 8  # queries, from which two threads pay


class Cells:
    """(K, D) unit vectors in C cells.

    A search looks at the cells whose centres have the greatest inner product with the query, scores their
    vectors by codes of one bit a dimension, and gives the best 512 of those, to be scored again exactly.

    A code stands for how a vector differs from its centre: half a byte for each group of four directions.
    The directions are those along which labels vary, dealt out so that each group has as much to say as the
    others; with directions as they come, eight times as many had to be scored exactly.

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
        self._device: Any = None

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
        chosen = np.sort(draw.permutation(len(vectors))[: number * _POINTS_PER_CENTRE])
        groups = width // next(size for size in range(_LONGEST_GROUP, 0, -1) if width % size == 0)
        turn = _turn(vectors[chosen[:: max(1, len(chosen) // _POINTS_FOR_CODES)]], groups)
        sample = vectors[chosen] @ turn.T
        centres = spherical_centres(sample, number, draw, step)
        quantizer = kernels.IndexFlatIP(width)
        quantizer.add(centres)
        index = kernels.IndexIVFPQ(quantizer, width, number, groups, 4, kernels.METRIC_INNER_PRODUCT)
        index.by_residual = True
        index.pq.cp.niter, index.pq.cp.min_points_per_centroid = 10, 1
        index.train(sample[:: max(1, len(sample) // _POINTS_FOR_CODES)])
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
        self._device = resources, index

    def shortlist(self, queries: NDArray[np.float32], num_probed: int) -> NDArray[np.int64]:
        """(B, 512) rows near each query, best first by their codes; -1 where there are fewer.

        The same in any batch: each query is searched by itself, on one thread.

        Args:
            queries: (B, D), contiguous.
            num_probed: cells to look into, 1 to C.
        """
        if self._device is not None:
            near: NDArray[np.int64] = self._device[1].search(queries, SHORTLIST)[1]
            return near
        self._index.nprobe = num_probed
        rows = np.empty((len(queries), SHORTLIST), np.int64)
        if len(queries) < _SHARED_FROM:
            self._look(queries, rows)
            return rows
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._look, np.array_split(queries, 2), np.array_split(rows, 2)))
        return rows

    def near(self, vectors: NDArray[np.float32], num_probed: int, number: int) -> NDArray[np.int64]:
        """(B, number) rows near each of many vectors by their codes, -1 where there are fewer.

        Faster than `shortlist`, but what is last in a row may depend on the batch.
        """
        self._index.nprobe = num_probed
        rows: NDArray[np.int64] = self._index.search(vectors @ self._turn.T, number)[1]
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

    def _look(self, queries: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
        """Fill (B, 512) rows of B queries, one by one, on the thread that calls."""
        with one_thread():
            for query, place in zip(queries, rows, strict=True):
                place[:] = self._index.search(all_scores(query[None], self._turn), SHORTLIST)[1][0]


def num_cells(number: int) -> int:
    """How many cells for so many vectors: the power of two next to twice the root."""
    return min(number, 1 << round(math.log2(2 * math.sqrt(number))))


def has_gpu() -> bool:
    """Whether faiss finds a GPU that it can use."""
    import faiss

    return bool(faiss.get_num_gpus() > 0)


def build_steps(number: int) -> int:
    """How many steps `Cells.build` takes for so many vectors."""
    return _ROUNDS + -(-number // _VECTORS_AT_ONCE)


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
    """For each query its shortlist, scored exactly: scores (n,), best first, and rows (n,); equal by row."""
    for query, near in zip(queries, rows, strict=True):
        found = np.sort(near[near >= 0])
        scores = all_scores(query[None], np.ascontiguousarray(vectors[found]))[0]
        order = np.lexsort((found, -scores))
        yield scores[order], found[order]


def nearest_centres(vectors: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    """(n,) the centre with the greatest inner product for each vector."""
    homes = np.empty(len(vectors), np.int64)
    for start in range(0, len(vectors), _VECTORS_AT_ONCE):
        part = slice(start, start + _VECTORS_AT_ONCE)
        homes[part] = (vectors[part] @ centres.T).argmax(axis=1)
    return homes


def spherical_centres(
    points: NDArray[np.float32],
    number: int,
    draw: np.random.Generator,
    step: Callable[[], None] | None = None,
    starts: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """(C, D) unit centres by spherical k-means; a centre that nothing is near to starts again at a point.

    By numpy's matrix product: faiss's own k-means was many times slower beside other busy processes.

    Args:
        points: (n, D) unit rows, n ≥ C.
        number: C.
        draw: of the points that centres start at.
        step: is called after each round.
        starts: (C, D) that centres start at; None: some of the points.
    """
    centres = points[draw.permutation(len(points))[:number]].copy() if starts is None else starts
    for _ in range(_ROUNDS):
        homes = nearest_centres(points, centres)
        order = np.argsort(homes, kind="stable")
        there, first = np.unique(homes[order], return_index=True)
        centres = points[draw.permutation(len(points))[:number]].copy()
        sums = np.add.reduceat(points[order], first, axis=0)
        lengths = np.linalg.norm(sums, axis=1)
        centres[there[lengths > 0]] = sums[lengths > 0] / lengths[lengths > 0, None]
        if step is not None:
            step()
    return centres


def _turn(sample: NDArray[np.float32], num_groups: int) -> NDArray[np.float32]:
    """(D, D) rows: the directions along which vectors vary, dealt into groups that vary alike in all.

    Each direction, from the greatest variance down, goes where the product of variances is least so far.
    """
    values, vectors = np.linalg.eigh(np.cov(sample.T, dtype=np.float64))
    weights = np.log(np.maximum(values, 1e-9)) - math.log(1e-9)
    size = len(values) // num_groups
    loads = np.zeros(num_groups)
    groups: list[list[int]] = [[] for _ in range(num_groups)]
    for direction in np.argsort(-weights, kind="stable").tolist():
        least = int(np.argmin(loads))
        groups[least].append(direction)
        loads[least] = loads[least] + weights[direction] if len(groups[least]) < size else math.inf
    order = [direction for group in groups for direction in group]
    return np.ascontiguousarray(vectors[:, order].T, dtype=np.float32)
