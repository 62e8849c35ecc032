"""What training is told, and nothing that it finds out itself."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from zeroshot.adapter.config import AdapterConfig
from zeroshot.errors import OptionError, require_kinds, require_whole
from zeroshot.losses.objective import ObjectiveConfig, drop_retired
from zeroshot.training.methods.method import DrawConfig
from zeroshot.training.methods.streams import STREAMS
from zeroshot.training.methods.table import METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zeroshot.training.methods.method import Method
    from zeroshot.waist.settings import WaistSettings

PRECISIONS = ("no", "bf16", "fp16")
STREAM_NAMES = ("static", "dynamic", "fused")
CRITERIA = ("balanced", "accuracy", "novel", "harmonic", "last")


@dataclass(frozen=True)
class OptimizerConfig:
    """How the weights move.

    Attributes:
        learning_rate: AdamW's, at its height.
        weight_decay: AdamW's, on matrices alone.
        warmup_share: share of the steps in which the rate rises; after it the rate falls along a cosine to 0.
        max_norm: the gradient is cut to this length; 0 leaves it.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_share: float = 0.1
    max_norm: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what nothing can be learned with."""
        require_kinds(self)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise OptionError(f"learning_rate is {self.learning_rate}; expected a number above 0")
        _refuse_below(self, 0, "weight_decay", "max_norm")
        if not 0 <= self.warmup_share <= 1:
            raise OptionError(f"warmup_share is {self.warmup_share}; expected a share in [0, 1]")


@dataclass(frozen=True)
class ChoiceConfig:
    """What is held out, and what is chosen by it.

    Attributes:
        held_out_share: share of each label's videos kept for choosing epoch and fused weight.
        held_out_labels: training labels kept out altogether, to see what unseen ones would do.
        choose_by: figure on held-out videos that chooses the epoch: `balanced` accuracy (label and scene made
            independent by weights; plain accuracy without scenes), `accuracy`, `novel` (accuracy on the
            held-out labels), `harmonic` mean of accuracy and novel, or the `last` epoch.
        choose_stream: the stream whose figure that is.
        fused_weights: from which the fused stream's weight is chosen.
        fused_excesses: from which folds choose how much more than the least weight is taken, where the fused
            stream knows the labels trained on (`careful_rows`).
        num_folds: choose the fused weight as it serves labels that were never trained on, in so many more
            trainings, each without other labels; 0 chooses it on held-out videos of seen labels.
        evaluate_each: epochs between two looks at the held-out videos.
    """

    held_out_share: float = 0.1
    held_out_labels: int = 0
    choose_by: str = "balanced"
    choose_stream: str = "fused"
    fused_weights: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
    fused_excesses: tuple[float, ...] = (0.02, 0.05)
    num_folds: int = 0
    evaluate_each: int = 1

    def __post_init__(self) -> None:
        """Refuse what nothing can be chosen by."""
        require_kinds(self)
        object.__setattr__(self, "fused_weights", tuple(self.fused_weights))
        object.__setattr__(self, "fused_excesses", tuple(self.fused_excesses))
        _refuse_below(self, 0, "held_out_labels", "num_folds")
        if self.num_folds == 1:
            raise OptionError("num_folds is 1; expected 0, or 2 and more, since each leaves other labels out")
        _refuse_below(self, 1, "evaluate_each")
        if not 0 <= self.held_out_share < 1:
            raise OptionError(f"held_out_share is {self.held_out_share}; expected a share in [0, 1)")
        if not self.fused_weights or min(self.fused_weights) < 0:
            raise OptionError(f"fused_weights are {self.fused_weights}; expected one number ≥ 0 or more")
        if not self.fused_excesses or not all(0 <= one <= 1 for one in self.fused_excesses):
            raise OptionError(f"fused_excesses are {self.fused_excesses}; expected one share or more")
        _refuse_unknown(self, "choose_stream", STREAM_NAMES)
        _refuse_unknown(self, "choose_by", CRITERIA)
        if self.choose_by in {"novel", "harmonic"} and self.held_out_labels < 2:
            raise OptionError(f"choose_by {self.choose_by!r} needs held_out_labels of 2 or more")


@dataclass(frozen=True)
class TrainingConfig:
    """Every setting of a run; the same config, data and machine give the same weights bit for bit.

    JSON, `--set` and `from_dict` name the settings of `optimizer`, `draws` and `choice` without their group.

    Attributes:
        seed: of first weights, draws, dropout, and of which videos are held out.
        epochs: passes over as many videos as there are.
        batch_size: videos a step; over all processes together.
        precision: no (float32), bf16 or fp16.
        optimizer: how the weights move.
        draws: which videos a batch is made of.
        choice: what is held out, and what is chosen by it.
        objective: the losses.
        adapter: fields of `AdapterConfig` that are not to have their default.
        method: with whose settings these began, one of `METHODS`, as a checkpoint tells.
    """

    seed: int = 0
    epochs: int = STREAMS.epochs
    batch_size: int = 64
    precision: str = "no"
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(**STREAMS.optimizer))
    draws: DrawConfig = STREAMS.draws
    choice: ChoiceConfig = field(default_factory=lambda: ChoiceConfig(**STREAMS.choice))
    objective: ObjectiveConfig = field(default_factory=lambda: ObjectiveConfig(dict(STREAMS.weights)))
    adapter: Mapping[str, Any] = field(default_factory=lambda: dict(STREAMS.adapter))
    method: str = STREAMS.name

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        require_kinds(self)
        # What the default method changes and another leaves as it is goes without saying; see `as_dict`.
        usual = {name: getattr(AdapterConfig, name) for name in STREAMS.adapter}
        told = {name: value for name, value in self.adapter.items() if usual.get(name) != value}
        object.__setattr__(self, "adapter", told)
        _refuse_below(self, 1, "epochs", "batch_size")
        _refuse_below(self, 0, "seed")
        require_whole("seed", self.seed, 0, 2**63 - 1)
        _refuse_unknown(self, "precision", PRECISIONS)
        _refuse_unknown(self, "method", tuple(METHODS))
        self.objective.refuse_fewer(self.batch_size, f"batch_size is {self.batch_size}")

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them, those of the groups side by side with the others."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        for name in _GROUPS:
            values |= asdict(values.pop(name))
        values["fused_weights"] = list(self.choice.fused_weights)
        values["fused_excesses"] = list(self.choice.fused_excesses)
        for name, off in _ADDED.items():  # as before there was such a setting, so that earlier runs go on
            if values[name] == off:
                del values[name]
        # What the default method would choose otherwise is told, so that the same comes back.
        usual = {name: getattr(AdapterConfig, name) for name in STREAMS.adapter}
        return {**values, "objective": self.objective.as_dict(), "adapter": {**usual, **self.adapter}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], method: Method = STREAMS) -> TrainingConfig:
        """The config that `as_dict` wrote, or that these settings make of a method.

        Args:
            values: settings; unknown names are refused, missing ones are the method's.
            method: one of `METHODS`.
        """
        values = drop_retired(values, _RETIRED)
        ours = method.settings()
        objective = {**ours.pop("objective"), **values.pop("objective", {})}
        values = {**ours, **values, "adapter": {**ours["adapter"], **values.get("adapter", {})}}
        grouped: dict[str, Any] = {"objective": ObjectiveConfig.from_dict(objective)}
        for name, group in _GROUPS.items():
            mine = {entry.name for entry in fields(group)} & set(values)
            grouped[name] = group(**{setting: values.pop(setting) for setting in mine})
        if unknown := sorted(
            set(values) - {entry.name for entry in fields(cls)} | set(_GROUPS) & set(values)
        ):
            raise OptionError(f"training has no setting called {', '.join(unknown)}")
        return cls(**values, **grouped)


_GROUPS: dict[str, type] = {"optimizer": OptimizerConfig, "draws": DrawConfig, "choice": ChoiceConfig}
_RETIRED = {"stillmix": 0.0, "swap": 0.0}
_ADDED = {"reverse": False, "method": STREAMS.name}


def _refuse_below(config: object, least: int, *names: str) -> None:
    for name in names:
        if getattr(config, name) < least:
            raise OptionError(f"{name} is {getattr(config, name)}; expected {least} or more")


def _refuse_unknown(config: object, name: str, known: tuple[str, ...]) -> None:
    if getattr(config, name) not in known:
        raise OptionError(f"{name} is {getattr(config, name)!r}; expected one of {', '.join(known)}")


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
