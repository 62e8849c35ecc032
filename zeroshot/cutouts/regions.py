"""Connected regions of a mask: the large ones kept, their holes closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def solid(mask: NDArray[np.bool_], least: float = 0.25) -> NDArray[np.bool_]:
    """(H, W) the regions of a mask that have this share of the largest one's pixels, without holes.

    Args:
        mask: (H, W).
        least: share of the largest region.
    """
    regions, sizes = connected(mask)
    kept = np.concatenate([[False], sizes >= least * sizes.max(initial=0)])
    large: NDArray[np.bool_] = kept[regions]
    outside, counts = connected(~large)
    edges = np.concatenate([outside[0], outside[-1], outside[:, 0], outside[:, -1]])
    open_ = np.zeros(len(counts) + 1, bool)
    open_[edges] = True
    open_[0] = False
    return ~open_[outside]


def connected(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(H, W) number of each pixel's region, from 1 on, 0 outside; and how many pixels each region has.

    Pixels are neighbours along rows and columns. Runs along the rows are joined where they touch.

    Args:
        mask: (H, W).
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 2), np.int8)
    padded[:, 1:-1] = mask
    change = np.diff(padded, axis=1)
    rows, starts = np.nonzero(change == 1)
    _, ends = np.nonzero(change == -1)
    parent = list(range(len(rows)))
    first = np.searchsorted(rows, np.arange(height + 1)).tolist()
    begins, stops = starts.tolist(), ends.tolist()
    for row in range(1, height):
        _join(parent, begins, stops, (first[row - 1], first[row], first[row + 1]))
    roots = np.array([_root(parent, run) for run in range(len(parent))], np.int64)
    names, regions = np.unique(roots, return_inverse=True)
    result = np.zeros((height, width), np.int64)
    flat = np.repeat(regions + 1, ends - starts)
    result[mask] = flat
    sizes = np.bincount(regions, ends - starts, minlength=len(names)).astype(np.int64)
    return result, sizes


def _join(parent: list[int], starts: list[int], ends: list[int], runs: tuple[int, int, int]) -> None:
    """Join the runs of one row, numbers runs[1] to runs[2], with those of the row above that they touch."""
    above, here = runs[0], runs[1]
    while above < runs[1] and here < runs[2]:
        if starts[above] < ends[here] and starts[here] < ends[above]:
            one, other = _root(parent, above), _root(parent, here)
            parent[max(one, other)] = min(one, other)
        if ends[above] < ends[here]:
            above += 1
        else:
            here += 1


def _root(parent: list[int], run: int) -> int:
    """The first run of a run's region."""
    while parent[run] != run:
        parent[run] = parent[parent[run]]
        run = parent[run]
    return run
