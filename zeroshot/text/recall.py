"""How many of the nearest labels a search in cells finds: measured on queries that resemble videos."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import OptionError
from zeroshot.text.cells import rescored
from zeroshot.text.products import nearest_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.text.cells import Cells

NEAREST = 5  # recall is of the five best, which is what people read
_NUM_QUERIES = 1000
_NUM_GAPS = 16
_LABELS_FOR_CENTRE = 20_000


@dataclass(frozen=True)
class Recall:
    """What was asked of a search in cells, and what was measured.

    Attributes:
        asked: share of the five nearest labels that a search is to find, 0 to 1.
        measured: the share it found, on queries held back when `num_probed` was chosen; where those found
            less than was asked, it was raised until they did.
        num_probed: cells that a search looks into.
        num_cells: cells there are.
        num_queries: queries that `measured` was taken on.
        queries: "made" or "given": whether they were made from the labels or are vectors of real videos.
    """

    asked: float
    measured: float
    num_probed: int
    num_cells: int
    num_queries: int
    queries: str

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return dict(vars(self))


def check_recall(recall: float) -> None:
    """Refuse a share that no search can find.

    Raises:
        OptionError: it is not above 0 and at most 1.
    """
    if not 0 < recall <= 1:
        raise OptionError(f"recall is {recall}; expected a share above 0, up to 1 for an exact search")


def video_like_queries(
    vectors: NDArray[np.float32], number: int = _NUM_QUERIES, seed: int = 0
) -> NDArray[np.float32]:
    """(number, D) float32 unit rows that lie to label vectors as the vectors of videos do.

    CLIP's images and texts lie in two narrow cones with a gap between them, and an image is far from its own
    text (cosines of 0.2 to 0.4) though nearer than to others. So each query is the sum of: a direction that
    stands for the gap (0.7), one of 16 in turn, since it is not known which is a backbone's own; what sets one label apart from the mean of all (0.45) and
    less of a second label, since a video shows more than one thing (0.2); the difference of two further
    labels, which is noise along the directions in which labels vary (0.2); noise in all directions (0.45);
    and a little of the labels' mean (0.15). Text queries, which lie in the labels' own cone, would promise
    too much.

    Args:
        vectors: (K, D) unit rows of the labels.
        number: of queries.
        seed: of the draw.
    """
    draw = np.random.default_rng(seed)
    width = vectors.shape[1]
    mean = vectors[:: max(1, len(vectors) // _LABELS_FOR_CENTRE)].mean(axis=0)
    gaps = draw.standard_normal((_NUM_GAPS, width))
    gaps /= np.linalg.norm(gaps, axis=1, keepdims=True)
    first, second, third, fourth = (vectors[draw.integers(0, len(vectors), number)] for _ in range(4))
    noise = draw.standard_normal((number, width)) / math.sqrt(width)
    rows = 0.45 * (first - mean) + 0.2 * (second - mean) + 0.2 * (third - fourth) + 0.45 * noise
    rows += 0.7 * gaps[np.arange(number) // 2 % _NUM_GAPS] + 0.15 * mean
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def reach_recall(
    cells: Cells, vectors: NDArray[np.float32], asked: float, given: NDArray[np.float32] | None = None
) -> Recall:
    """How many cells a search must look into, chosen on half of the queries and measured on the other.

    Args:
        cells: of the vectors.
        vectors: (K, D) unit rows.
        asked: the share of the five nearest that is to be found, above 0 and below 1.
        given: (n, D) vectors of real videos, n at least 2; None makes queries from the labels.
    """
    queries = video_like_queries(vectors) if given is None else given[:_NUM_QUERIES]
    truth = nearest_rows(queries, vectors, min(NEAREST, len(vectors))).rows
    choosing, measuring = slice(0, None, 2), slice(1, None, 2)
    ranks = np.sort(cells.ranks(queries[choosing], vectors[truth[choosing]]), axis=None)
    num_probed = int(ranks[math.ceil(asked * len(ranks)) - 1]) + 1
    while True:
        measured = measured_recall(cells, vectors, queries[measuring], truth[measuring], num_probed)
        if measured >= asked or num_probed >= len(cells):
            break
        num_probed = min(len(cells), num_probed + max(1, num_probed // 8))
    made = "made" if given is None else "given"
    return Recall(asked, measured, num_probed, len(cells), len(queries[measuring]), made)


def measured_recall(
    cells: Cells,
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    truth: NDArray[np.int64],
    num_probed: int,
) -> float:
    """The share of the true nearest rows that a search of so many cells finds, 0 to 1.

    Args:
        cells: of the vectors.
        vectors: (K, D) unit rows.
        queries: (B, D) unit rows.
        truth: (B, n) their nearest rows.
        num_probed: cells to look into.
    """
    shortlists = cells.shortlist(queries, num_probed)
    found = rescored(queries, vectors, shortlists)
    hits = sum(
        len(np.intersect1d(rows[: truth.shape[1]], right))
        for (_, rows), right in zip(found, truth, strict=True)
    )
    return hits / truth.size
