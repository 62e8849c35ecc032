"""Moments that fit a text: windows of one file that touch are one, and copies of a file count once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_TOUCHING_SECONDS = 1e-6  # less between two windows is no gap but rounding
_SHARE = 0.7  # from what most windows score to what the best one does: what a moment must not fall below


class Moment(NamedTuple):
    """Rows `first` to `last` of a table, which follow each other in one file, and the best one's score."""

    first: int
    last: int
    score: float


class Moments:
    """Which rows of a table belong together.

    Attributes:
        is_plain: whether each row stands for itself: there are neither windows nor copies.
    """

    def __init__(
        self, paths: Sequence[str], spans: NDArray[np.float64], contents: Mapping[str, str] | None = None
    ) -> None:
        """Look for windows and copies.

        Args:
            paths: n, sorted.
            spans: (n, 2) start and end in seconds, sorted within a path; NaN for whole videos.
            contents: path → digest of its file. Of several with one content the first path is kept.
        """
        self._starts, self._ends = spans[:, 0], spans[:, 1]
        changes = [place for place in range(1, len(paths)) if paths[place] != paths[place - 1]]
        bounds = np.array([0, *changes, len(paths)])
        self._of_file = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        alike: dict[str, list[str]] = defaultdict(list)
        for first in bounds[:-1].tolist():
            if digest := (contents or {}).get(paths[first]):
                alike[digest].append(paths[first])
        self._copies = {some[0]: tuple(some[1:]) for some in alike.values() if len(some) > 1}
        left_out = {path for some in self._copies.values() for path in some}
        self._left_out = np.array([path in left_out for path in paths], np.bool_)
        self.is_plain = not self._copies and bool(np.isnan(self._starts).all())

    def copies_of(self, path: str) -> tuple[str, ...]:
        """Other paths with the content of this one, which are left out."""
        return self._copies.get(path, ())

    def best(self, scores: NDArray[np.float32], k: int) -> list[Moment]:
        """The k best moments of n scored rows, best first; none overlaps another.

        A moment is a best window and its neighbours as long as they touch and score at least seven tenths of
        the way from the median to the best of all.

        Args:
            scores: (n,).
            k: how many.
        """
        kept = scores[~self._left_out]
        middle = float(np.median(kept))
        low = middle + _SHARE * (float(kept.max()) - middle)
        taken = self._left_out.copy()
        found: list[Moment] = []
        for row in np.argsort(-scores, kind="stable").tolist():
            if taken[row]:
                continue
            first, last = self._grown(row, scores, low, taken)
            self._take(first, last, taken)
            found.append(Moment(first, last, float(scores[row])))
            if len(found) == k:
                break
        return found

    def _grown(
        self, row: int, scores: NDArray[np.float32], low: float, taken: NDArray[np.bool_]
    ) -> tuple[int, int]:
        """The first and the last row of the moment around a row."""

        def joins(one: int, other: int, fresh: int) -> bool:
            return self._touch(one, other) and not taken[fresh] and bool(scores[fresh] >= low)

        first = last = row
        if scores[row] < low:
            return first, last
        while first > 0 and joins(first - 1, first, first - 1):
            first -= 1
        while last + 1 < len(scores) and joins(last, last + 1, last + 1):
            last += 1
        return first, last

    def _touch(self, one: int, other: int) -> bool:
        """Whether a row and the next are windows of one file without a gap between them."""
        gap = self._starts[other] - self._ends[one]  # NaN of whole videos, for which no comparison holds
        return bool(self._of_file[one] == self._of_file[other] and gap <= _TOUCHING_SECONDS)

    def _take(self, first: int, last: int, taken: NDArray[np.bool_]) -> None:
        """Let no other moment begin in these rows, or in windows that overlap them."""
        taken[first : last + 1] = True
        file = self._of_file[first]
        begin, end = np.searchsorted(self._of_file, [file, file + 1])
        starts, ends = self._starts[begin:end], self._ends[begin:end]
        inside = starts < self._ends[last] - _TOUCHING_SECONDS
        taken[begin:end] |= inside & (ends > self._starts[first] + _TOUCHING_SECONDS)
