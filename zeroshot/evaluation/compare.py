"""Two models on the same videos: how much they differ, and whether that is chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from zeroshot.evaluation.scoring import round_columns
from zeroshot.statistics.intervals import Count, Estimate
from zeroshot.statistics.means import difference_over_rounds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.evaluation.scoring import StreamFigures


class Alone(NamedTuple):
    """Videos of one round that one of two models alone got right, and McNemar's p."""

    only_first: int
    only_second: int
    p: float

    def as_dict(self) -> dict[str, float]:
        """The fields as JSON holds them."""
        return {"only_first_right": self.only_first, "only_second_right": self.only_second, "p": self.p}


@dataclass(frozen=True)
class Comparison:
    """One model against another.

    Attributes:
        first: name of the model whose top-1 is taken.
        second: name of the one that is subtracted.
        difference: of top-1, averaged over rounds, see `difference_over_rounds`.
        rounds: who alone was right, in each round.
    """

    first: str
    second: str
    difference: Estimate
    rounds: tuple[Alone, ...]

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return {
            "first": self.first,
            "second": self.second,
            "top1_difference": self.difference.as_dict(),
            "mcnemar": [alone.as_dict() for alone in self.rounds],
        }


def compare(
    name: str, other: str, first: StreamFigures, second: StreamFigures, num_videos: int
) -> Comparison:
    """How a stream of one model differs from one of another on the same rounds of the same n videos."""
    own, theirs = (
        round_columns(each.outcomes[: each.num_counted], num_videos, 1) for each in (first, second)
    )
    return compare_columns(name, other, own, theirs)


def compare_columns(name: str, other: str, own: NDArray[np.int64], theirs: NDArray[np.int64]) -> Comparison:
    """The same, of (n, 2 R) columns: for each video and round whether it was right, and whether it took part.

    Args:
        name: of the first model.
        other: of the second one.
        own: columns of the first.
        theirs: of the second; the same videos take part in the same rounds.
    """
    difference = difference_over_rounds(own, theirs)
    rounds = []
    for place in range(0, own.shape[1], 2):
        right, wrong = own[:, place] > theirs[:, place], own[:, place] < theirs[:, place]
        alone, their_alone = Count.of(right).hits, Count.of(wrong).hits
        rounds.append(Alone(alone, their_alone, mcnemar(alone, their_alone)))
    return Comparison(name, other, difference, tuple(rounds))


def mcnemar(first_alone: int, second_alone: int) -> float:
    """The two-sided p that one model alone is right as often as the other alone.

    Args:
        first_alone: videos that only the first model got right.
        second_alone: videos that only the second got right.

    Source: McNemar 1947, the exact binomial form.
    """
    n, few = first_alone + second_alone, min(first_alone, second_alone)
    if n == 0:
        return 1.0
    logs = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2)
        for k in range(few + 1)
    ]
    return min(1.0, 2 * math.fsum(math.exp(value) for value in logs))
