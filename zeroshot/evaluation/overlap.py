"""Labels that another list has too: accuracy with and without them, and labels that may be the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zeroshot.datasets.seen_labels import namesakes, possible
from zeroshot.evaluation.scoring import mean_over_rounds
from zeroshot.statistics.metrics import target_ranks

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from zeroshot.datasets.evaluation_plan import EvaluationPlan
    from zeroshot.datasets.seen_labels import Namesake
    from zeroshot.evaluation.scoring import Outcome, StreamFigures
    from zeroshot.statistics.intervals import Estimate

NEAR = 0.95
"""Share of a list's labels that are less near to any other label of their own list than a neighbour is.

Labels of one list are different actions, so their nearness says, for each model anew, which nearness is none.
"""


@dataclass(frozen=True)
class Overlap:
    """What a list has in common with the labels that are evaluated.

    Attributes:
        name: of the list, as it was given.
        listed: its labels.
        same: labels that it has too, and as what.
        possible: labels that may be a kind of some of its labels, or the other way round, by their words.
    """

    name: str
    listed: tuple[str, ...]
    same: tuple[Namesake, ...]
    possible: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def of(cls, name: str, labels: Sequence[str], listed: Sequence[str]) -> Overlap:
        """What a list has in common with labels."""
        same = tuple(namesakes(labels, listed))
        shared = {pair.label for pair in same}
        kinds = possible([label for label in labels if label not in shared], listed)
        return cls(name, tuple(listed), same, tuple(kinds))

    @property
    def shared(self) -> frozenset[str]:
        """Labels that the list has too."""
        return frozenset(pair.label for pair in self.same)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "list": self.name,
            "labels": len(self.listed),
            "same": [
                {"label": pair.label, "listed": pair.trained, "similarity": pair.similarity}
                for pair in self.same
            ],
            "possible": [{"label": label, "listed": list(others)} for label, others in self.possible],
        }


class Neighbour(NamedTuple):
    """A label, the label of another list whose text is nearest to its own, and their cosine."""

    label: str
    listed: str
    cosine: float


@dataclass(frozen=True)
class Neighbours:
    """Labels whose texts a model puts as near to another list's as it puts few of their own list.

    Attributes:
        least: the cosine from which on they are listed; nan of a list of one label.
        found: the nearest first.
    """

    least: float
    found: tuple[Neighbour, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        least = None if np.isnan(self.least) else self.least
        return {"least_cosine": least, "neighbours": [one._asdict() for one in self.found]}


def text_neighbours(
    own: NDArray[np.float32],
    labels: Sequence[str],
    theirs: NDArray[np.float32],
    listed: Sequence[str],
    known: Collection[str],
) -> Neighbours:
    """Labels that a model's text encoder finds as near to one of another list as `NEAR` tells.

    Args:
        own: (K, D) unit rows of the labels.
        labels: K of them.
        theirs: (L, D) unit rows of the list.
        listed: L labels of it.
        known: labels that are left out, since they are known to be the same.
    """
    if len(labels) < 2:
        return Neighbours(float("nan"), ())
    within = own @ own.T
    np.fill_diagonal(within, -np.inf)
    least = float(np.quantile(within.max(1), NEAR))
    across = own @ theirs.T
    best = across.argmax(1)
    found = [
        Neighbour(label, listed[best[row]], float(across[row, best[row]]))
        for row, label in enumerate(labels)
        if label not in known and across[row, best[row]] >= least
    ]
    return Neighbours(least, tuple(sorted(found, key=lambda one: -one.cosine)))


@dataclass(frozen=True)
class Parts:
    """Top-1 of a round, or of all rounds, by whether another list has the label.

    Attributes:
        name: of the round; empty for all of them.
        every: of all labels.
        shared: of labels that the list has too, ranked among all; None where there are none.
        others: of the other labels, ranked among all.
        alone: of the other labels, ranked among themselves.
    """

    name: str
    every: Estimate
    shared: Estimate | None
    others: Estimate | None
    alone: Estimate | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        figures = {
            "all": self.every,
            "shared": self.shared,
            "others": self.others,
            "others_alone": self.alone,
        }
        return {
            "round": self.name,
            **{name: None if figure is None else figure.as_dict() for name, figure in figures.items()},
        }


def parts_of(figures: StreamFigures, plan: EvaluationPlan, shared: AbstractSet[str]) -> tuple[Parts, ...]:
    """Top-1 with and without shared labels: over all rounds where a mean tells something, else of each."""
    groups = [("", [*range(len(plan.rounds))][: figures.num_counted])]
    if plan.shape != "mean":
        groups = [(one.name, [place]) for place, one in enumerate(plan.rounds)]
    found = []
    for name, places in groups:
        apart = Apart(
            [figures.outcomes[place] for place in places], [plan.rounds[place].labels for place in places]
        )
        rest = {label for labels in apart.labels for label in labels} - shared
        values = [apart.top1(shared), apart.top1(rest), apart.top1(rest, alone=True)]
        found.append(Parts(name, mean_over_rounds(apart.outcomes, len(plan.videos), 1), *values))
    return tuple(found)


class Apart(NamedTuple):
    """Outcomes of rounds, and the labels of each, from which some labels are taken apart.

    A video with several labels goes with some of them where all of its labels are among those: which of them
    a model ranks best must not decide by which figure it counts.
    """

    outcomes: Sequence[Outcome]
    labels: Sequence[Sequence[str]]

    def top1(self, chosen: AbstractSet[str], *, alone: bool = False) -> Estimate | None:
        """Top-1 over the videos of some labels, averaged over rounds; None where a round has none of them.

        Args:
            chosen: whose videos count.
            alone: rank them among themselves instead of among all.
        """
        kept = []
        for outcome, labels in zip(self.outcomes, self.labels, strict=True):
            of_these = np.array([label in chosen for label in labels])
            rows = of_these[outcome.targets]
            if outcome.truth is not None:
                rows = ~np.any(outcome.truth & ~of_these, axis=1)
            if not rows.any():
                return None
            ranks = outcome.ranks[rows]
            if alone:
                places = np.cumsum(of_these) - 1
                ranks = target_ranks(outcome.scores[rows][:, of_these], places[outcome.targets[rows]])
            kept.append(replace(outcome, rows=outcome.rows[rows], ranks=ranks))
        return mean_over_rounds(kept, 1 + max(int(one.rows.max()) for one in kept), 1)
