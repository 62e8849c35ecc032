"""What training is told, and nothing that it finds out itself."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from zeroshot.adapter.config import AdapterConfig
from zeroshot.errors import OptionError
from zeroshot.losses.objective import ObjectiveConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zeroshot.waist.waist import WaistSettings

PRECISIONS = ("no", "bf16", "fp16")
STREAMS = ("static", "dynamic", "fused")
CRITERIA = ("balanced", "accuracy", "novel", "harmonic", "last")


@dataclass(frozen=True)
class TrainingConfig:
    """Every setting of a run; the same config, data and machine give the same weights bit for bit.

    Attributes:
        seed: of first weights, draws, dropout, and of which videos are held out.
        epochs: passes over as many videos as there are.
        batch_size: videos a step; over all processes together.
        learning_rate: AdamW's, at its height.
        weight_decay: AdamW's, on matrices alone.
        warmup_share: share of the steps in which the rate rises; after it the rate falls along a cosine to 0.
        max_norm: the gradient is cut to this length; 0 leaves it.
        precision: no (float32), bf16 or fp16.
        balance_labels: draw labels equally often, several videos of each a batch.
        balance_scenes: draw videos by p(y)p(s)/p(y,s), so that label and scene are independent in what the
            losses see; needs scenes.
        per_label: videos of one label in a batch; conditional independence needs 4 or more.
        max_weight: the largest weight of a video when scenes are balanced; None does not limit.
        held_out_share: share of each label's videos kept for choosing epoch and fused weight.
        held_out_labels: training labels kept out altogether, to see what unseen ones would do.
        choose_by: figure on held-out videos that chooses the epoch: `balanced` accuracy (label and scene made
            independent by weights; plain accuracy without scenes), `accuracy`, `novel` (accuracy on the
            held-out labels), `harmonic` mean of accuracy and novel, or the `last` epoch.
        choose_stream: the stream whose figure that is.
        fused_weights: from which the fused stream's weight is chosen.
        evaluate_each: epochs between two looks at the held-out videos.
        objective: the losses.
        adapter: fields of `AdapterConfig` that are not to have their default.
    """

    seed: int = 0
    epochs: int = 15
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_share: float = 0.1
    max_norm: float = 1.0
    precision: str = "no"
    balance_labels: bool = True
    balance_scenes: bool = True
    per_label: int = 4
    max_weight: float | None = None
    held_out_share: float = 0.1
    held_out_labels: int = 0
    choose_by: str = "balanced"
    choose_stream: str = "fused"
    fused_weights: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
    evaluate_each: int = 1
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    adapter: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        object.__setattr__(self, "fused_weights", tuple(self.fused_weights))
        self._refuse_numbers()
        self._refuse_words()
        if self.objective.independence > 0 or self.objective.minimax > 0:
            self._refuse_small_batches()
        if self.choose_by in {"novel", "harmonic"} and self.held_out_labels < 2:
            raise OptionError(f"choose_by {self.choose_by!r} needs held_out_labels of 2 or more")

    def _refuse_numbers(self) -> None:
        for name in ("epochs", "batch_size", "per_label", "evaluate_each"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is {getattr(self, name)}; expected 1 or more")
        for name in ("seed", "held_out_labels", "weight_decay", "max_norm"):
            if getattr(self, name) < 0:
                raise OptionError(f"{name} is {getattr(self, name)}; expected 0 or more")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise OptionError(f"learning_rate is {self.learning_rate}; expected a number above 0")
        if not 0 <= self.warmup_share <= 1:
            raise OptionError(f"warmup_share is {self.warmup_share}; expected a share in [0, 1]")
        if not 0 <= self.held_out_share < 1:
            raise OptionError(f"held_out_share is {self.held_out_share}; expected a share in [0, 1)")
        if not self.fused_weights or min(self.fused_weights) < 0:
            raise OptionError(f"fused_weights are {self.fused_weights}; expected one number ≥ 0 or more")

    def _refuse_words(self) -> None:
        for name, known in (("precision", PRECISIONS), ("choose_stream", STREAMS), ("choose_by", CRITERIA)):
            if getattr(self, name) not in known:
                raise OptionError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}")

    def _refuse_small_batches(self) -> None:
        if self.batch_size < 4:
            raise OptionError(
                f"batch_size is {self.batch_size}; independence needs 4 videos or more to compare: take "
                "larger batches, or set the objective's independence to 0"
            )
        within = self.objective.measure.condition == "within"
        if within and (not self.balance_labels or min(self.per_label, self.batch_size) < 4):
            raise OptionError(
                "independence within labels needs balance_labels and a per_label of 4 or more, which fill "
                f"the batch with videos that can be compared; per_label is {self.per_label}"
            )

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return {
            **asdict(self),
            "fused_weights": list(self.fused_weights),
            "objective": self.objective.as_dict(),
            "adapter": dict(self.adapter),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """The config that `as_dict` wrote; unknown names are refused, missing ones have their default."""
        if unknown := sorted(set(values) - {entry.name for entry in fields(cls)}):
            raise OptionError(f"training has no setting called {', '.join(unknown)}")
        objective = values.get("objective", {})
        if not isinstance(objective, ObjectiveConfig):
            objective = ObjectiveConfig.from_dict(objective)
        return cls(**{**values, "objective": objective})


def adapter_config(settings: WaistSettings, choices: Mapping[str, Any]) -> AdapterConfig:
    """The config of an adapter for tokens of these settings.

    Args:
        settings: of the waist; they say the widths, the grid and the number of frames.
        choices: other fields of AdapterConfig.

    Raises:
        OptionError: a choice is none, or contradicts the tokens.
    """
    given = {
        "token_dim": settings.token_dim,
        "embedding_dim": settings.embedding_dim,
        "num_frames": settings.num_frames,
        "grid": settings.grid,
    }
    for name, value in given.items():
        chosen = choices.get(name, value)
        chosen = tuple(chosen) if name == "grid" else chosen
        if chosen != value:
            raise OptionError(
                f"the adapter is for {name} {chosen!r}, the tokens of {settings.backbone} have {value!r}; "
                "take the tokens it is made for"
            )
    if "num_bases" not in choices:
        given["num_bases"] = min(AdapterConfig.num_bases, settings.num_frames)
    return AdapterConfig.from_dict({**choices, **given})
