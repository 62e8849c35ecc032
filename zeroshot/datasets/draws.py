"""Draws as papers make them, by their own generators: which half of the labels; and which few videos."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeVar

    Row = TypeVar("Row")

NUM_DRAWS = 10
OPEN_VCLIP_SEED = 2023


def numpy_halves(num_labels: int) -> list[list[int]]:
    """Ten draws of half of K rows of labels, as BIKE and Text4Vis make them, in the order of the rows.

    Draw i is the first half of numpy's old permutation of K after `numpy.random.seed(i)`.

    Args:
        num_labels: K, of labels in the order of the data set's own names.
    """
    half = num_labels // 2
    # The old generator is meant: another gives other halves.
    drawn = [np.random.RandomState(seed).permutation(num_labels)[:half] for seed in range(NUM_DRAWS)]
    return [sorted(rows.tolist()) for rows in drawn]


def open_vclip_halves(num_labels: int) -> list[list[int]]:
    """Ten draws of half of K rows of labels, as Open-VCLIP makes them: one generator of Python's for all ten.

    Args:
        num_labels: K, of labels in the order of the data set's own names.
    """
    generator = random.Random(OPEN_VCLIP_SEED)  # noqa: S311 - no secret, and the draws are to be theirs
    halves = []
    for _ in range(NUM_DRAWS):
        rows = list(range(num_labels))
        generator.shuffle(rows)
        halves.append(sorted(rows[: num_labels // 2]))
    return halves


def few_of_each(rows: Mapping[str, Sequence[Row]], shots: int, seed: int = 0) -> dict[str, list[Row]]:
    """K rows of each label, or all where it has fewer; those of a smaller K are among those of a larger.

    Args:
        rows: of each label; their order counts.
        shots: K.
        seed: of the draw, the same for all labels.
    """
    generator = np.random.default_rng(seed)
    return {
        label: [some[place] for place in generator.permutation(len(some))[:shots]]
        for label, some in rows.items()
    }
