"""What a way of training is: terms, draws, copies, where it comes from, what to expect of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from zeroshot.errors import OptionError, require_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class DrawConfig:
    """Which videos a batch is made of.

    Attributes:
        balance_labels: draw labels equally often, several videos of each a batch.
        balance_scenes: draw videos by p(y)p(s)/p(y,s), so that label and scene are independent in what the
            losses see; needs scenes.
        per_label: videos of one label in a batch, where labels are balanced.
        max_weight: the largest weight of a video when scenes are balanced; None does not limit.
        reverse: draw every other clip backwards, where its label has an opposite in time.
    """

    balance_labels: bool = True
    balance_scenes: bool = True
    per_label: int = 4
    max_weight: float | None = None
    reverse: bool = False

    def __post_init__(self) -> None:
        """Refuse no videos of a label."""
        require_kinds(self)
        if self.per_label < 1:
            raise OptionError(f"per_label is {self.per_label}; expected 1 or more")


@dataclass(frozen=True)
class Method:
    """A way of training.

    Attributes:
        name: that it is asked for by.
        citation: where it comes from.
        expect: the figure to expect, and where it was measured.
        ours: what of it is reconstruction or new here; empty where nothing is.
        weights: term → weight; `TERMS` of `losses/objective.py` has their names.
        draws: which videos a batch is made of.
        mirrored: train on mirrored copies as well.
        swapped: train on copies as well in which persons stand before other videos' places.
        required: refuse videos of which no such copies can be made, which it could not do without.
        mixed: train on copies as well that are mixed with a still frame of another video.
        emptied: write copies without their persons, which its terms ask for.
        adapter: fields of `AdapterConfig` that are not to have their default.
        choice: fields of `ChoiceConfig` that are not to.
        optimizer: fields of `OptimizerConfig` that are not to.
        epochs: passes over as many videos, copies included, as there are.
    """

    name: str
    citation: str
    expect: str
    weights: Mapping[str, float]
    ours: str = ""
    draws: DrawConfig = field(default_factory=DrawConfig)
    mirrored: bool = False
    swapped: bool = False
    required: bool = False
    mixed: bool = False
    emptied: bool = False
    adapter: Mapping[str, Any] = field(default_factory=dict)
    choice: Mapping[str, Any] = field(default_factory=dict)
    optimizer: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 15

    def settings(self) -> dict[str, Any]:
        """What it says of `TrainingConfig`, by the names that JSON and `--set` have."""
        return {
            "method": self.name,
            **asdict(self.draws),
            **self.choice,
            **self.optimizer,
            "epochs": self.epochs,
            "objective": dict(self.weights),
            "adapter": dict(self.adapter),
        }
