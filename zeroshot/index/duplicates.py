"""Labels of one list that mean the same to a model: by their names, and by their vectors."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.index.exact import nearest_rows
from zeroshot.index.ivf import Cells

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

NEAR = 0.99  # cosine from which no video can tell two texts apart in practice
_CELLS_FROM = 5000  # labels, below which comparing all with all takes a second or less
_PROBED = 8  # a label's twin lies in its own cell or beside it
_AT_ONCE = 512
_CANDIDATES = 16  # by their codes, to be compared exactly


@dataclass(frozen=True)
class Twins:
    """Two labels that a model can hardly tell apart.

    Attributes:
        first: the one that stands earlier in the list.
        second: the other.
        cosine: of their vectors.
        same_name: whether they differ in case, spaces and punctuation alone.
    """

    first: str
    second: str
    cosine: float
    same_name: bool


def near_duplicates(
    labels: Sequence[str],
    vectors: NDArray[np.float32],
    cells: Cells | None = None,
    advance: Callable[[], None] | None = None,
) -> list[Twins]:
    """For each label that has one its nearest twin, each pair once, the most alike first.

    Twins have names that differ in case, spaces and punctuation alone, or vectors with a cosine of 0.99 or
    more. Vectors are compared within cells, so that a million labels take minutes, not days; a twin in a cell
    far away may be missed.

    Args:
        labels: K names.
        vectors: (K, D) float32 unit rows.
        cells: of the vectors, where there are some already.
        advance: called after each of `duplicate_steps(K)` steps, for progress.
    """
    pairs = _by_name(labels)
    named = set(pairs)
    pairs += _by_vector(vectors, cells, advance or (lambda: None))
    twins = [
        Twins(labels[one], labels[other], float(np.dot(vectors[one], vectors[other])), (one, other) in named)
        for one, other in dict.fromkeys(pairs)
    ]
    return sorted(twins, key=lambda pair: -pair.cosine)


def duplicate_steps(number: int) -> int:
    """How many steps `near_duplicates` takes for so many labels."""
    return -(-number // _AT_ONCE)


def _by_name(labels: Sequence[str]) -> list[tuple[int, int]]:
    """Rows of each label and of the first before it with the same name."""
    first: dict[str, int] = {}
    pairs = []
    for row, label in enumerate(labels):
        before = first.setdefault(_plain(label), row)
        if before != row:
            pairs.append((before, row))
    return pairs


def _plain(label: str) -> str:
    """Letters and digits alone; a label without any stays as it is."""
    folded = unicodedata.normalize("NFKC", label).casefold()
    return "".join(letter for letter in folded if letter.isalnum()) or label


def _by_vector(
    vectors: NDArray[np.float32], cells: Cells | None, step: Callable[[], None]
) -> list[tuple[int, int]]:
    """Rows of each label and of the one whose vector is nearest, where that is near."""
    if cells is None and len(vectors) >= _CELLS_FROM:
        cells = Cells.build(vectors)
    pairs = []
    for start in range(0, len(vectors), _AT_ONCE):
        part = np.ascontiguousarray(vectors[start : start + _AT_ONCE])
        if cells is None:
            rows = nearest_rows(part, vectors, min(2, len(vectors))).rows
        else:
            rows = cells.near(part, min(_PROBED, len(cells)), _CANDIDATES)
        cosines = np.einsum("nd,nkd->nk", part, vectors[rows])
        cosines[(rows < 0) | (rows == np.arange(start, start + len(part))[:, None])] = -1
        for place in np.flatnonzero(cosines.max(axis=1) >= NEAR).tolist():
            row, other = start + place, int(rows[place, cosines[place].argmax()])
            pairs.append((min(row, other), max(row, other)))
        step()
    return pairs
