"""How many of the nearest labels a search in cells finds: measured on queries that resemble videos."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zeroshot.errors import OptionError, require_number
from zeroshot.index.exact import nearest_rows
from zeroshot.index.ivf import NEAREST, SHORTLIST, Reach, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.index.ivf import Cells

_NUM_QUERIES = 2000  # made ones; half to choose by, half to measure on
_NUM_WORDS = 128  # beside them, to choose by
_NUM_DIRECTIONS = 1000
_SEED = 0x766964656F  # labels that somebody drew from a small seed are not to meet the same numbers here
_MOST_GIVEN = 4000
_NUM_GAPS = 64  # an even number, so that the halves have none in common
_WORDS_ALIKE = 32  # as many as there are made queries of a gap
_LABELS_FOR_CENTRE = 20_000
_ERRORS = 2.04  # standard errors to either side: 95 % by Student's t for 32 groups
_SHORTLISTS = (SHORTLIST, 1024, 2048)  # the last is what a GPU gives at most
_LOST_BY_CODES = 1 / 8  # of what may be missed: more cells cost more than a longer shortlist
_FAR_VIDEOS = 0.1  # share of videos that may be taken for far ones and searched again
_NEAR_DIRECTIONS = 0.05  # share of directions that may not
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
        shortlist: labels that the codes leave, to be scored exactly.
        num_far: cells that a search looks into where the nearest lie far out; see `Reach`.
        shortlist_far: labels that the codes leave then.
        far_from: how far out that is.
        measured_far: the share found on directions drawn at random, which lie to labels as no video does;
            None in files of earlier versions.
    """

    asked: float
    measured: float
    low: float
    high: float
    num_probed: int
    num_cells: int
    num_queries: int
    queries: str
    shortlist: int = SHORTLIST
    num_far: int = 0
    shortlist_far: int = SHORTLIST
    far_from: float = 0.0
    measured_far: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no search was measured to be, such as words where a file should have numbers."""
        far = 0.0 if self.measured_far is None else self.measured_far
        shares = (self.asked, self.measured, self.low, self.high, far)
        counts = [self.num_probed, self.num_cells, self.num_queries]
        counts += [self.shortlist, self.shortlist_far, self.num_far + 1]
        right = all(isinstance(share, float | int) and 0 <= share <= 1 for share in shares)
        right = right and isinstance(self.far_from, float | int) and math.isfinite(self.far_from)
        right = right and max(self.num_probed, self.num_far) <= self.num_cells
        if not right or not all(isinstance(count, int) and count > 0 for count in counts):
            raise OptionError(f"{vars(self)} is no recall; expected shares from 0 to 1 and counts above 0")

    @property
    def reach(self) -> Reach:
        """How far a search looks."""
        return Reach(self.num_probed, self.shortlist, self.num_far, self.shortlist_far, self.far_from)

    @property
    def longest(self) -> int:
        """How many labels a search scores exactly at most."""
        return max(self.shortlist, self.shortlist_far)

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


def word_like_queries(
    vectors: NDArray[np.float32], number: int = _NUM_WORDS, seed: int = 0
) -> NDArray[np.float32]:
    """(number, D) float32 unit rows among the labels themselves, halfway between two, as other words may be.

    Args:
        vectors: (K, D) unit rows of the labels.
        number: of queries.
        seed: of the draw.
    """
    draw = np.random.default_rng((seed, _SEED, 2))
    first, second = (vectors[draw.integers(0, len(vectors), number)] for _ in range(2))
    rows = first + second + 0.1 * draw.standard_normal(first.shape) / math.sqrt(vectors.shape[1])
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def random_directions(width: int, number: int = _NUM_DIRECTIONS, seed: int = 0) -> NDArray[np.float32]:
    """(number, D) float32 unit rows, every direction as likely: queries that know nothing of the labels.

    No video lies so, but whatever lies to the labels otherwise than videos of CLIP do, lies between.

    Args:
        width: D.
        number: of queries.
        seed: of the draw.
    """
    rows = np.random.default_rng((seed, _SEED, 1)).standard_normal((number, width))
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def reach_recall(
    cells: Cells, vectors: NDArray[np.float32], asked: float, given: NDArray[np.float32] | None = None
) -> Recall:
    """How far a search must look, chosen on half of the queries and measured on the other.

    What is asked must lie below what a backbone to come finds with 97.5 % certainty, judged by the first
    half: its videos lie to its labels in a way of their own (one gap), so the recall of each gap counts, and
    not their mean alone. Some made queries are like words. Directions drawn at random must reach it
    too; as they lie farther from labels, a search knows them by what it found, and looks further for them.

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
    choosing, measuring = _halves(queries, groups, vectors)
    if given is None:
        choosing = _with_words(choosing, vectors)
    directions = random_directions(vectors.shape[1])
    far, other_far = _halves(directions, np.arange(len(directions)), vectors)
    reach = _near_reach(cells, vectors, choosing, asked)
    reach = _far_reach(cells, vectors, choosing, far, replace(reach, num_far=reach.num_probed), asked)
    shares = found_shares(cells, vectors, measuring.queries, measuring.truth, reach)
    measured, margin = float(shares.mean()), _ERRORS * _error_of_mean(shares, measuring.groups)
    return Recall(
        asked=asked,
        measured=measured,
        low=max(0.0, measured - margin),
        high=min(1.0, measured + margin),
        num_probed=reach.num_probed,
        num_cells=len(cells),
        num_queries=len(shares),
        queries="made" if given is None else "given",
        shortlist=reach.shortlist,
        num_far=reach.num_far,
        shortlist_far=reach.shortlist_far,
        far_from=reach.far_from,
        measured_far=float(found_shares(cells, vectors, other_far.queries, other_far.truth, reach).mean()),
    )


def true_nearest(queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """(B, 5) rows of the nearest vectors, or all where there are fewer; compared with every one."""
    k = min(NEAREST, len(vectors))
    parts = parts_of(len(queries), _AT_ONCE)
    return np.concatenate([nearest_rows(queries[part], vectors, k).rows for part in parts])


def found_shares(
    cells: Cells,
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    truth: NDArray[np.int64],
    reach: Reach,
) -> NDArray[np.float64]:
    """(B,) the share of each query's true nearest rows that a search finds, 0 to 1.

    Args:
        cells: of the vectors.
        vectors: (K, D) unit rows.
        queries: (B, D) unit rows.
        truth: (B, n) their nearest rows.
        reach: how far to look.
    """
    shares = np.empty(len(queries))
    found = cells.search(queries, vectors, reach)
    for place, ((_, rows), right) in enumerate(zip(found, truth, strict=True)):
        shares[place] = len(np.intersect1d(rows[: len(right)], right)) / len(right)
    return shares


class _Sample(NamedTuple):
    """Queries (B, D), their true nearest rows (B, n), and (B,) which of them are alike."""

    queries: NDArray[np.float32]
    truth: NDArray[np.int64]
    groups: NDArray[np.int64]


def _halves(
    queries: NDArray[np.float32], groups: NDArray[np.int64], vectors: NDArray[np.float32]
) -> tuple[_Sample, _Sample]:
    """Every other query, and the rest; where groups alternate, the halves have none in common."""
    truth = true_nearest(queries, vectors)
    first, second = (
        _Sample(np.ascontiguousarray(queries[half]), truth[half], groups[half])
        for half in (slice(0, None, 2), slice(1, None, 2))
    )
    return first, second


def _with_words(sample: _Sample, vectors: NDArray[np.float32]) -> _Sample:
    """A sample, and queries like words, in groups of their own."""
    words = word_like_queries(vectors)
    kinds = sample.groups.max() + 1 + np.arange(len(words)) // _WORDS_ALIKE
    queries, truth, groups = sample
    more = true_nearest(words, vectors)
    return _Sample(
        np.concatenate([queries, words]), np.concatenate([truth, more]), np.concatenate([groups, kinds])
    )


def _near_reach(cells: Cells, vectors: NDArray[np.float32], sample: _Sample, asked: float) -> Reach:
    """The fewest cells that reach what is asked on queries like a sample."""
    queries, truth, groups = sample
    num_probed = _fewest(cells.ranks(queries, vectors[truth]), groups, asked)
    reach = Reach(num_probed, _shortlist(cells, sample, num_probed, asked))
    while reach.num_probed < len(cells):  # codes may have lost one more
        if _low(found_shares(cells, vectors, queries, truth, reach), groups) >= asked:
            break
        reach = replace(reach, num_probed=_more(reach.num_probed, 16, cells))
    return reach


def _shortlist(cells: Cells, sample: _Sample, num_probed: int, asked: float) -> int:
    """How many labels the codes must leave so that they lose little of what may be missed."""
    longest = _SHORTLISTS[-1]
    near = cells.shortlist(sample.queries, num_probed, longest)
    places = [np.flatnonzero(np.isin(rows, right)) for rows, right in zip(near, sample.truth, strict=True)]
    found = np.concatenate(places)
    most = _LOST_BY_CODES * (1 - asked) * sample.truth.size
    return next(length for length in _SHORTLISTS if np.count_nonzero(found >= length) <= most)


def _far_reach(
    cells: Cells, vectors: NDArray[np.float32], near: _Sample, far: _Sample, reach: Reach, asked: float
) -> Reach:
    """The reach with as many cells for far queries as reach what is asked on them.

    Args:
        cells: of the vectors.
        vectors: (K, D) unit rows.
        near: videos; few of them are to be taken for far ones.
        far: directions; nearly all of them are.
        reach: for videos.
        asked: the share that is to be found.
    """
    usual, out = (cells.outlying(sample.queries, vectors, reach) for sample in (near, far))
    far_from = min(np.quantile(usual, 1 - _FAR_VIDEOS), np.quantile(out, _NEAR_DIRECTIONS))
    num_far = max(reach.num_probed, _fewest(cells.ranks(far.queries, vectors[far.truth]), far.groups, asked))
    length = max(reach.shortlist, _shortlist(cells, far, num_far, asked))
    reach = replace(reach, num_far=num_far, shortlist_far=length, far_from=float(far_from))
    while reach.num_far < len(cells):
        if _low(found_shares(cells, vectors, far.queries, far.truth, reach), far.groups) >= asked:
            break
        reach = replace(reach, num_far=_more(reach.num_far, 8, cells))
    return reach


def _more(number: int, parts: int, cells: Cells) -> int:
    """One more cell for each so many, as far as there are more."""
    return min(len(cells), number + max(1, number // parts))


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
    """What the mean of a group to come is hardly below, judged by (B,) shares of some groups.

    As if one query more had found nothing: a few queries that all found everything promise little.
    """
    more = np.append(shares, 0.0)
    error = _error_of_mean(more, np.append(groups, groups.max() + 1))
    return float(more.mean() - _ERRORS * math.sqrt(error**2 + _variance_between(shares, groups)))


def _variance_between(shares: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    """Variance of what groups' own means are, beyond that of few queries; 0 where each group is one query.

    Source: Searle, Casella and McCulloch, "Variance components", 1992, section 3.6: the analysis of variance
    of unbalanced data.
    """
    _, own, counts = np.unique(groups, return_inverse=True, return_counts=True)
    number, alone = len(shares), len(shares) - len(counts)
    if len(counts) < 2 or not alone:
        return 0.0
    means = np.bincount(own, weights=shares) / counts
    within = float(np.square(shares - means[own]).sum()) / alone
    between = float((counts * np.square(means - shares.mean())).sum()) / (len(counts) - 1)
    usual = (number - float(np.square(counts).sum()) / number) / (len(counts) - 1)
    return max(0.0, (between - within) / usual)


def _error_of_mean(shares: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    """Standard error of the mean of shares that are alike within groups.

    Source: Liang and Zeger, "Longitudinal data analysis using generalized linear models", 1986.
    """
    sums = np.bincount(groups, weights=shares - shares.mean())
    sums = sums[np.bincount(groups) > 0]
    if len(sums) < 2:
        return math.inf
    return float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)) / len(shares))
