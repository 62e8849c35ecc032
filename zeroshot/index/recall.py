"""How many of the nearest labels a search in cells finds: measured on queries that resemble videos."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zeroshot.errors import OptionError, require_number
from zeroshot.index.exact import nearest_rows
from zeroshot.index.ivf import rescored

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.index.ivf import Cells

NEAREST = 5  # recall is of the five best, which is what people read
_NUM_QUERIES = 2000  # made ones; half to choose by, half to measure on
_SEED = 0x766964656F  # labels that somebody drew from a small seed are not to meet the same numbers here
_MOST_GIVEN = 4000
_NUM_GAPS = 64  # an even number, so that the halves have none in common
_LABELS_FOR_CENTRE = 20_000
_ERRORS = 2.04  # standard errors to either side: 95 % by Student's t for 32 groups
_AT_ONCE = 512  # queries: more bring little, fewer read all labels more often


@dataclass(frozen=True)
class Recall:
    """What was asked of a search in cells, and what was measured.

    Attributes:
        asked: share of the five nearest labels that a search is to find, 0 to 1.
        measured: the share it found, on queries that had no part in choosing `num_probed`.
        low: lower end of the 95 % interval of `measured`.
        high: its upper end.
        num_probed: cells that a search looks into.
        num_cells: cells there are.
        num_queries: queries that `measured` was taken on.
        queries: "made" or "given": whether they were made from the labels or are vectors of real videos.
    """

    asked: float
    measured: float
    low: float
    high: float
    num_probed: int
    num_cells: int
    num_queries: int
    queries: str

    def __post_init__(self) -> None:
        """Refuse what no search was measured to be, such as words where a file should have numbers."""
        shares = (self.asked, self.measured, self.low, self.high)
        counts = (self.num_probed, self.num_cells, self.num_queries)
        right = all(isinstance(share, float | int) and 0 <= share <= 1 for share in shares)
        if not right or not all(isinstance(count, int) and count > 0 for count in counts):
            raise OptionError(f"{vars(self)} is no recall; expected shares from 0 to 1 and counts above 0")

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return dict(vars(self))


def check_recall(recall: float) -> None:
    """Refuse a share that no search can find.

    Raises:
        OptionError: it is not above 0 and at most 1.
    """
    require_number("recall", recall)
    if not 0 < recall <= 1:
        raise OptionError(f"recall is {recall}; expected a share above 0, up to 1 for an exact search")


def video_like_queries(
    vectors: NDArray[np.float32], number: int = _NUM_QUERIES, seed: int = 0
) -> NDArray[np.float32]:
    """(number, D) float32 unit rows that lie to label vectors as the vectors of videos do.

    CLIP's images and texts lie in two narrow cones with a gap between them, and an image is far from its own
    text (a cosine near 0.3) though nearer than to others. So each query is the sum of: a direction that
    stands for the gap (0.75), one of 64 in turn, since it is not known which is a backbone's own; what sets
    one label apart from the mean of all (0.3) and less of a second label, since a video shows more than one
    thing (0.15); the difference of two further labels, which is noise along the directions in which labels
    vary (0.15); noise in all directions (0.5); and a little of the labels' mean (0.2). Text queries, which
    lie in the labels' own cone, would promise too much.

    Args:
        vectors: (K, D) unit rows of the labels.
        number: of queries.
        seed: of the draw.
    """
    draw = np.random.default_rng((seed, _SEED))
    width = vectors.shape[1]
    some = vectors[:: max(1, len(vectors) // _LABELS_FOR_CENTRE)]
    mean = some.mean(axis=0)
    apart = math.sqrt(max(1e-6, 1 - float(mean @ mean)))  # how far a label is from the mean, typically
    gaps = draw.standard_normal((_NUM_GAPS, width))
    gaps /= np.linalg.norm(gaps, axis=1, keepdims=True)
    first, second, third, fourth = (vectors[draw.integers(0, len(vectors), number)] for _ in range(4))
    noise = draw.standard_normal((number, width)) / math.sqrt(width)
    shown = 0.3 * (first - mean) + 0.15 * (second - mean) + 0.15 * (third - fourth)
    rows = shown / apart + 0.5 * noise + 0.75 * gaps[np.arange(number) % _NUM_GAPS] + 0.2 * mean
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def reach_recall(
    cells: Cells, vectors: NDArray[np.float32], asked: float, given: NDArray[np.float32] | None = None
) -> Recall:
    """How many cells a search must look into, chosen on half of the queries and measured on the other.

    It is the least number for which what is asked lies below the 95 % interval of what the first half finds:
    queries to come differ from those by chance. The halves of made queries have no gap in common, and the
    interval is that of the gaps, not of the queries, which are alike within each.

    Args:
        cells: of the vectors.
        vectors: (K, D) unit rows.
        asked: the share of the five nearest that is to be found, above 0 and below 1.
        given: (n, D) vectors of real videos, n at least 2; None makes queries from the labels.
    """
    if given is None:
        queries, groups = video_like_queries(vectors), np.arange(_NUM_QUERIES) % _NUM_GAPS
    else:
        some = np.random.default_rng(0).permutation(len(given))[:_MOST_GIVEN]
        queries, groups = given[some], np.arange(len(some))
    truth = true_nearest(queries, vectors)
    (choosing, own), (measuring, others) = (
        (_Sample(queries[half], truth[half]), groups[half]) for half in (slice(0, None, 2), slice(1, None, 2))
    )
    num_probed = _fewest(cells.ranks(choosing.queries, vectors[choosing.truth]), own, asked)
    while num_probed < len(cells):  # codes may have lost one more
        if _low(found_shares(cells, vectors, *choosing, num_probed), own) >= asked:
            break
        num_probed = min(len(cells), num_probed + max(1, num_probed // 16))
    shares = found_shares(cells, vectors, *measuring, num_probed)
    measured, margin = float(shares.mean()), _ERRORS * _error_of_mean(shares, others)
    low, high = max(0.0, measured - margin), min(1.0, measured + margin)
    made = "made" if given is None else "given"
    return Recall(asked, measured, low, high, num_probed, len(cells), len(shares), made)


def true_nearest(queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """(B, 5) rows of the nearest vectors, or all where there are fewer; compared with every one."""
    k = min(NEAREST, len(vectors))
    groups = (queries[start : start + _AT_ONCE] for start in range(0, len(queries), _AT_ONCE))
    return np.concatenate([nearest_rows(group, vectors, k).rows for group in groups])


def found_shares(
    cells: Cells,
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    truth: NDArray[np.int64],
    num_probed: int,
) -> NDArray[np.float64]:
    """(B,) the share of each query's true nearest rows that a search of so many cells finds, 0 to 1.

    Args:
        cells: of the vectors.
        vectors: (K, D) unit rows.
        queries: (B, D) unit rows.
        truth: (B, n) their nearest rows.
        num_probed: cells to look into.
    """
    found = rescored(queries, vectors, cells.shortlist(queries, num_probed))
    shares = np.empty(len(queries))
    for place, ((_, rows), right) in enumerate(zip(found, truth, strict=True)):
        shares[place] = len(np.intersect1d(rows[: len(right)], right)) / len(right)
    return shares


class _Sample(NamedTuple):
    """Queries (B, D), and their true nearest rows (B, n)."""

    queries: NDArray[np.float32]
    truth: NDArray[np.int64]


def _fewest(ranks: NDArray[np.int64], groups: NDArray[np.int64], asked: float) -> int:
    """The least number of cells that reaches what is asked, where (B, n) ranks are those of the nearest."""
    least, most = 1, int(ranks.max()) + 1
    while least < most:
        middle = (least + most) // 2
        if _low((ranks < middle).mean(axis=1), groups) >= asked:
            most = middle
        else:
            least = middle + 1
    return least


def _low(shares: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    """What the mean of all queries to come is hardly below, judged by (B,) shares of some.

    As if one query more had found nothing: a few queries that all found everything promise little.
    """
    more = np.append(shares, 0.0)
    return float(more.mean() - _ERRORS * _error_of_mean(more, np.append(groups, groups.max() + 1)))


def _error_of_mean(shares: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    """Standard error of the mean of shares that are alike within groups.

    Source: Liang and Zeger, "Longitudinal data analysis using generalized linear models", 1986.
    """
    sums = np.bincount(groups, weights=shares - shares.mean())
    sums = sums[np.bincount(groups) > 0]
    if len(sums) < 2:
        return math.inf
    return float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)) / len(shares))
