"""Cells: vectors grouped around centres, so that a query meets those near it alone; each held in 8 bits."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.text.products import all_scores, nearest_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

_POINTS_PER_CENTRE = 32  # of the vectors that the centres are found from
_ROUNDS = 6
_VECTORS_AT_ONCE = 4096
_SHORTLIST = 128  # what the 8 bits leave of a search, to be scored exactly
_QUERIES_AT_ONCE = 64
_SMALL_SEARCH = 1 << 24  # numbers met, about 2 ms: below it, a second thread costs more than it saves


class Cells:
    """(K, D) unit vectors in C cells.

    A search looks at the cells whose centres have the greatest inner product with the query, scores their
    vectors by 8-bit copies and gives the best of those, to be scored again exactly.
    """

    def __init__(self, index: Any, memory: NDArray[np.uint8] | None = None) -> None:  # noqa: ANN401 - faiss's
        """Wrap what `build` made, or `from_bytes` found in `memory`, which has to stay."""
        self._memory = memory
        self._index = self._saved = index
        self._device: Any = None
        self._centres: NDArray[np.float32] = _centres_of(index)

    @classmethod
    def build(cls, vectors: NDArray[np.float32], advance: Callable[[], None] | None = None) -> Cells:
        """Group vectors; the same vectors give the same cells.

        Args:
            vectors: (K, D) float32 unit rows; may be mapped from a file.
            advance: called after each of `build_steps(K)` steps, for progress.
        """
        import faiss

        step = advance or (lambda: None)
        number, width = num_cells(len(vectors)), vectors.shape[1]
        draw = np.random.default_rng(0)
        chosen = np.sort(draw.permutation(len(vectors))[: number * _POINTS_PER_CENTRE])
        sample = np.ascontiguousarray(vectors[chosen])
        centres = _centres(sample, number, draw, step)
        quantizer = faiss.IndexFlatIP(width)
        quantizer.add(centres)
        kind, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        index: Any = faiss.IndexIVFScalarQuantizer(quantizer, width, number, kind, metric)
        index.by_residual = False
        index.train(sample)
        del sample
        for start in range(0, len(vectors), _VECTORS_AT_ONCE):
            part = np.ascontiguousarray(vectors[start : start + _VECTORS_AT_ONCE])
            homes = _homes(part, centres)
            index.add_core(len(part), faiss.swig_ptr(part), None, faiss.swig_ptr(homes))
            step()
        return cls(index)

    @classmethod
    def from_bytes(cls, data: NDArray[np.uint8]) -> Cells:
        """The cells that `to_bytes` gave; `data` is not copied and may be mapped from a file.

        Raises:
            ValueError: these are no cells.
        """
        import faiss

        kernels: Any = faiss
        try:
            reader = kernels.ZeroCopyIOReader(kernels.swig_ptr(data), len(data))
            index = kernels.read_index(reader, kernels.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise ValueError(f"no cells: {str(error).splitlines()[0]}") from None
        return cls(index, data)

    def to_bytes(self) -> NDArray[np.uint8]:
        """Everything, as one run of bytes; the same cells give the same."""
        import faiss

        data: NDArray[np.uint8] = faiss.serialize_index(self._saved)
        return data

    def __len__(self) -> int:
        """C."""
        return len(self._centres)

    def to_gpu(self) -> None:
        """Search on the first GPU from now on; centres are still compared here, so the answers are the same.

        Not yet run: no machine with a GPU was at hand.
        """
        import faiss

        kernels: Any = faiss
        self._device = kernels.StandardGpuResources()
        self._index = kernels.index_cpu_to_gpu(self._device, 0, self._saved)

    def shortlist(self, queries: NDArray[np.float32], num_probed: int) -> NDArray[np.int64]:
        """(B, 128) rows near each query, as `look` finds them, in no order that means anything."""
        return self.look(queries, num_probed)[1]

    def look(
        self, queries: NDArray[np.float32], num_probed: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores of 8 bits (B, 128), best first, and rows (B, 128); -1 where there are fewer.

        The same in any batch.

        Args:
            queries: (B, D), contiguous.
            num_probed: cells to look into, 1 to C.
        """
        scores = np.empty((len(queries), _SHORTLIST), np.float32)
        rows = np.empty((len(queries), _SHORTLIST), np.int64)
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            group = slice(start, start + _QUERIES_AT_ONCE)
            part = queries[group]
            near = nearest_rows(part, self._centres, num_probed)
            self._index.nprobe = num_probed
            met = part.size * self._index.ntotal // len(self) * num_probed
            with few_threads(met, _SMALL_SEARCH):
                found = self._index.search_preassigned(part, _SHORTLIST, near.rows, near.scores)
            scores[group], rows[group] = found
        return scores, rows

    def ranks(self, queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """(B, n): how many cells are nearer to a query than the cell of each of its n vectors.

        So a search of m cells meets the vectors whose rank is below m.

        Args:
            queries: (B, D).
            vectors: (B, n, D), each with its cell found anew, as `build` found it.
        """
        homes = _homes(vectors.reshape(-1, vectors.shape[2]), self._centres).reshape(vectors.shape[:2])
        order = nearest_rows(queries, self._centres, len(self)).rows
        places = np.empty_like(order)
        np.put_along_axis(places, order, np.arange(len(self))[None], axis=1)
        return np.take_along_axis(places, homes, axis=1)


def num_cells(number: int) -> int:
    """How many cells for so many vectors: the power of two next to four times the root."""
    return min(number, 1 << round(math.log2(4 * math.sqrt(number))))


def build_steps(number: int) -> int:
    """How many steps `Cells.build` takes for so many vectors."""
    return _ROUNDS + -(-number // _VECTORS_AT_ONCE)


@contextlib.contextmanager
def few_threads(work: int, small: int) -> Iterator[None]:
    """Hold faiss to one thread within a small task, and give it back its number of threads afterwards."""
    import faiss

    if work > small:
        yield
        return
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


def _homes(vectors: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    """(n,) the centre with the greatest inner product for each vector."""
    homes = np.empty(len(vectors), np.int64)
    for start in range(0, len(vectors), _VECTORS_AT_ONCE):
        part = slice(start, start + _VECTORS_AT_ONCE)
        homes[part] = (vectors[part] @ centres.T).argmax(axis=1)
    return homes


def _centres(
    points: NDArray[np.float32], number: int, draw: np.random.Generator, step: Callable[[], None]
) -> NDArray[np.float32]:
    """(C, D) unit centres by spherical k-means; a centre that nothing is near to starts again at a point.

    By numpy's matrix product: faiss's own k-means was many times slower beside other busy processes.
    """
    centres = points[draw.permutation(len(points))[:number]].copy()
    for _ in range(_ROUNDS):
        homes = _homes(points, centres)
        order = np.argsort(homes, kind="stable")
        there, starts = np.unique(homes[order], return_index=True)
        centres = points[draw.permutation(len(points))[:number]].copy()
        sums = np.add.reduceat(points[order], starts, axis=0)
        lengths = np.linalg.norm(sums, axis=1)
        centres[there[lengths > 0]] = sums[lengths > 0] / lengths[lengths > 0, None]
        step()
    return centres


def _centres_of(index: Any) -> NDArray[np.float32]:  # noqa: ANN401 - faiss gives no types
    """(C, D), a copy of the centres within."""
    import faiss

    kernels: Any = faiss
    flat = kernels.downcast_index(index.quantizer)
    centres: NDArray[np.float32] = flat.reconstruct_n(0, index.nlist)
    return centres
