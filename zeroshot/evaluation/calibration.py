"""Calibrated stacking: how much to take from the scores of seen labels, by seen data alone."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError, require_number
from zeroshot.video.source import name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zeroshot.datasets.splits import LabeledVideo

SEEN_COST = 0.05
"""Share of the right answers on seen data that calibration may cost.

What a user of both kinds of labels would give for the unseen ones, said beforehand, since seen data alone
cannot say how much is won.
"""


def calibration_rows(
    videos: Sequence[LabeledVideo], rows: NDArray[np.int64], seen: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(m,) about half of the videos of seen labels, told by a digest of their names: for calibration alone.

    Args:
        videos: the pool.
        rows: (m,) rows of it.
        seen: (m,) whether the video's label is seen.
    """
    names = (name_of(videos[row].path).rpartition("/")[2] for row in rows)
    odd = [hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[0] % 2 == 1 for name in names]
    return np.array(odd, dtype=np.bool_) & seen


def calibrate(
    scores: NDArray[np.float32],
    targets: NDArray[np.int64],
    seen: NDArray[np.bool_],
    seen_cost: float = SEEN_COST,
) -> float:
    """γ: the largest number that costs at most `seen_cost` of the right answers on seen videos.

    A seen video that is answered rightly stays right until γ reaches the margin of its label before the best
    unseen one; so the margins, in order, say what each γ costs.

    Args:
        scores: (m, K) of videos of seen labels.
        targets: (m,) rows of seen labels.
        seen: (K,) seen labels.
        seen_cost: share, from 0 to below 1.

    Raises:
        OptionError: another share, or a video of an unseen label.
    """
    require_cost(seen_cost)
    if not seen[targets].all():
        raise OptionError("calibration was given videos of unseen labels; expected seen ones alone")
    if len(targets) == 0 or seen.all():
        return 0.0
    own = scores[np.arange(len(targets)), targets].astype(np.float64)
    right = scores.argmax(1) == targets
    margins = np.sort((own - scores[:, ~seen].max(1))[right])
    if len(margins) == 0:
        return 0.0
    kept_from = math.floor(seen_cost * len(margins))
    # Just below the margin, so that this video stays right.
    return max(0.0, float(margins[kept_from]) * (1 - 1e-6))


def require_cost(seen_cost: float) -> None:
    """Refuse what calibration cannot cost.

    Raises:
        OptionError: it is no share.
    """
    require_number("seen_cost", seen_cost)
    if not 0 <= seen_cost < 1:
        raise OptionError(f"the cost on seen data is {seen_cost}; expected a share from 0 to below 1")
