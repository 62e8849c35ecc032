"""Hits over a total, of clips that may be several edits of one video."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError
from zeroshot.statistics.intervals import Count, Estimate, wilson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_LEVEL = 0.95


@dataclass(frozen=True)
class Ratio(Estimate):
    """Hits over a total, and how sure it is: one metric of one stream.

    Attributes:
        hits: clips answered so.
        total: clips asked; of bor and hor the hits on the same clips as they are.
    """

    hits: int
    total: int

    @classmethod
    def of(cls, outcomes: ArrayLike, videos: ArrayLike | None = None) -> Ratio:
        """The share of true values among (n,) booleans.

        Args:
            outcomes: a clip each.
            videos: (n,) names, equal where clips are edits of one video, thus no independent trials; None:
                each is of another.
        """
        count = Count.of(outcomes)
        one = count.estimate() if videos is None else _share_of_videos(outcomes, videos)
        return cls(one.value, one.low, one.high, one.n, count.hits, count.total)

    def as_dict(self) -> dict[str, float | int | None]:
        """Counts first."""
        return {"hits": self.hits, "total": self.total, **super().as_dict()}


def _share_of_videos(outcomes: ArrayLike, videos: ArrayLike) -> Estimate:
    """The share of true outcomes, and Wilson's interval of as many clips as tell something by themselves.

    The more the clips of a video agree, the fewer: so many independent clips as would show the variance that
    the videos show, at least the number of videos, at most that of all clips.

    Source: Kish 1965 (design effect) for their number; Wilson 1927.
    """
    right = np.asarray(outcomes, bool)
    names, member = np.unique(np.asarray(videos), return_inverse=True)
    if len(member) != len(right):
        raise OptionError(f"{len(member)} videos for {len(right)} clips; expected one each")
    if len(right) == 0:
        return Count(0, 0).estimate()
    hits = np.bincount(member, right, len(names))
    sizes = np.bincount(member, minlength=len(names))
    share, number = float(right.mean()), float(len(names))
    if 0 < share < 1 and len(names) > 1:
        spread = float(((hits - share * sizes) ** 2).sum()) * number / (number - 1) / len(right) ** 2
        clips = share * (1 - share) / spread if spread > 0 else math.inf
        number = min(max(clips, number), float(len(right)))
    z = NormalDist().inv_cdf((1 + _LEVEL) / 2)
    return Estimate(share, *wilson(share * number, number, z), len(names))
