"""How much the two streams of a model say of each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from zeroshot.errors import OptionError
from zeroshot.losses.independence import KERNELS, center, dependence
from zeroshot.probes.probe import Finding
from zeroshot.probes.subject import checked_rows
from zeroshot.statistics.jackknife import NUM_GROUPS, groups_of, jackknife

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from torch import Tensor

    from zeroshot.probes.subject import Clips, Subject
    from zeroshot.statistics.intervals import Estimate

ENOUGH = 2 * NUM_GROUPS
"""Videos that the jackknife needs."""


def dependence_of_streams(subject: Subject, clips: Clips) -> Finding:
    """Normalized HSIC of the layers `static` and `dynamic`; nothing without them, or of too few clips."""
    title = "Dependence between the streams"
    rows = clips.ask(subject.units)
    if not {"static", "dynamic"} <= set(rows) or len(clips.targets) < ENOUGH:
        return Finding(title)
    found = stream_dependence(rows["static"], rows["dynamic"], seed=clips.seed)
    return Finding(title, lines=(in_words(found),), by_stream={"static and dynamic": found})


def in_words(found: Estimate) -> str:
    """The dependence in a sentence."""
    return f"Normalized HSIC of static and dynamic: {found.value:.3f} ({found.low:.3f} to {found.high:.3f})."


def stream_dependence(
    static: ArrayLike, dynamic: ArrayLike, *, kernel: str = "rbf", seed: int = 0, max_rows: int = 2048
) -> Estimate:
    """NHSIC between two streams of the same videos: about 0 if independent, 1 if each follows from the other.

    The interval is a jackknife over ten random groups of videos.

    Args:
        static: (n, D) rows.
        dynamic: (n, E) rows of the same videos.
        kernel: `rbf`, or `linear` for unbiased CKA.
        seed: of the groups, and of the choice of rows where there are more than max_rows.
        max_rows: the kernels take the square of it; 2048 rows are 32 MiB each.

    Raises:
        OptionError: shapes that do not fit, an unknown kernel, or fewer than 20 videos.
    """
    x, y = checked_rows(static), checked_rows(dynamic)
    if len(x) != len(y):
        raise OptionError(f"the streams have {len(x)} and {len(y)} rows; expected the same videos")
    if kernel not in KERNELS:
        raise OptionError(f"kernel is {kernel!r}; expected one of {', '.join(KERNELS)}")
    if min(len(x), max_rows) < ENOUGH:
        raise OptionError(f"{min(len(x), max_rows)} videos to compare; expected {ENOUGH} or more")
    chosen = torch.from_numpy(np.random.default_rng(seed).permutation(len(x))[:max_rows])
    x, y = x[chosen], y[chosen]
    kernels = KERNELS[kernel](x), KERNELS[kernel](y)

    def of(kept: NDArray[np.bool_]) -> float:
        return (
            float(dependence(x, y, kernel)) if kept.all() else _normalized(*kernels, torch.from_numpy(kept))
        )

    return jackknife(of, groups_of(len(x)))


def _normalized(kernel_x: Tensor, kernel_y: Tensor, keep: Tensor) -> float:
    """NHSIC of the rows to keep, with the kernels of all rows; 0 where a side does not vary."""
    a, b = (center(kernel[keep][:, keep]) for kernel in (kernel_x, kernel_y))
    own = float(a.square().sum() * b.square().sum())
    return float((a * b).sum()) / math.sqrt(own) if own > 0 else 0.0
