"""What a run tells while it goes and what it gives in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zeroshot.adapter.adapter import TwoStreamAdapter


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch brought.

    Attributes:
        epoch: counted from 1.
        step: steps done since the start.
        learning_rate: at its end.
        losses: mean of each term over the epoch's steps, `total` first.
        metrics: on held-out videos; empty where nobody looked.
        fused_weight: that served best there.
        value: the figure that chooses the epoch, or None.
    """

    epoch: int
    step: int
    learning_rate: float
    losses: Mapping[str, float]
    metrics: Mapping[str, float]
    fused_weight: float
    value: float | None

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return {**self.__dict__, "losses": dict(self.losses), "metrics": dict(self.metrics)}


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained adapter and how it came about.

    Attributes:
        adapter: of the best epoch, on the CPU, in evaluation mode, its fused weight chosen.
        history: one record an epoch.
        best_epoch: whose weights these are.
        notes: what a user should know, a line each.
        failures: (name, reason) of training videos that could not be read.
    """

    adapter: TwoStreamAdapter
    history: tuple[EpochRecord, ...]
    best_epoch: int
    notes: tuple[str, ...]
    failures: tuple[tuple[str, str], ...] = ()


class Watcher:
    """Is told how training goes; this one keeps it to itself."""

    def note(self, text: str) -> None:
        """One line that a user should read."""

    def prepared(self, done: int, total: int) -> None:
        """A video's tokens are there."""

    def begin(self, done: int, total: int, history: Sequence[EpochRecord]) -> None:
        """Training begins, or goes on after `done` steps and these epochs."""

    def step(self, done: int, total: int) -> None:
        """A step is over."""

    def epoch(self, record: EpochRecord) -> None:
        """An epoch is over."""
