"""Centres of many unit vectors by k-means, and the directions along which vectors differ from them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ROUNDS = 6
_VECTORS_AT_ONCE = 4096


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
    at_once: int | None = None,
) -> NDArray[np.float32]:
    """(C, D) unit centres by spherical k-means; a centre that nothing is near to starts again at a point.

    By numpy's matrix product: faiss's own k-means was many times slower beside other busy processes.

    Source of rounds by other points each: Sculley, "Web-scale k-means clustering", 2010; here what a round
    finds counts half in the next.

    Args:
        points: (n, D) unit rows, n ≥ C.
        number: C.
        draw: of the points that centres start at.
        step: is called after each round.
        starts: (C, D) that centres start at; None: some of the points.
        at_once: how many points a round takes, drawn anew; None: all points in each.
    """
    fresh = at_once is not None and at_once < len(points)
    centres = points[draw.permutation(len(points))[:number]].copy() if starts is None else starts
    sums = np.zeros_like(centres)
    for _ in range(ROUNDS):
        some = points[np.sort(draw.permutation(len(points))[:at_once])] if fresh else points
        homes = nearest_centres(some, centres)
        order = np.argsort(homes, kind="stable")
        there, first = np.unique(homes[order], return_index=True)
        centres = points[draw.permutation(len(points))[:number]].copy()
        sums *= 0.5 if fresh else 0.0
        sums[there] += np.add.reduceat(some[order], first, axis=0)
        lengths = np.linalg.norm(sums, axis=1)
        centres[lengths > 0] = sums[lengths > 0] / lengths[lengths > 0, None]
        if step is not None:
            step()
    return centres


def even_directions(sample: NDArray[np.float32], num_groups: int) -> NDArray[np.float32]:
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
