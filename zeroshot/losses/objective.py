"""What training minimizes: the weighted sum of the terms."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from zeroshot.errors import OptionError
from zeroshot.losses.adversary import (
    adversary,
    conditional_adversary,
    make_adversary,
    make_conditional_adversary,
)
from zeroshot.losses.classification import (
    classification,
    correction_size,
    fused_classification,
    static_classification,
)
from zeroshot.losses.contrastive import contrastive, make_contrast_memory
from zeroshot.losses.distillation import distillation
from zeroshot.losses.independence import IndependenceConfig, independence, make_memory, minimax
from zeroshot.losses.label_noise import noisy_classification, smoothed_classification
from zeroshot.losses.person_free import person_free_certainty
from zeroshot.losses.provenance import provenance
from zeroshot.losses.scene import make_scene_head, scene
from zeroshot.losses.sequence import (
    dynamic_prior,
    make_decoder,
    make_prior,
    reconstruction,
    static_prior,
)
from zeroshot.losses.static_dropout import make_factors, static_dropout
from zeroshot.losses.step import Step
from zeroshot.losses.still_clip import still_entropy, still_sensitivity, still_unlearning
from zeroshot.types import Losses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zeroshot.losses.step import Batch, Read, Sizes, Term

TERMS: Mapping[str, Term] = MappingProxyType(
    {
        "classification": classification,
        "static_classification": static_classification,
        "fused_classification": fused_classification,
        "correction_size": correction_size,
        "independence": independence,
        "minimax": minimax,
        "distillation": distillation,
        "scene": scene,
        "adversary": adversary,
        "conditional_adversary": conditional_adversary,
        "still_unlearning": still_unlearning,
        "still_entropy": still_entropy,
        "still_sensitivity": still_sensitivity,
        "contrastive": contrastive,
        "noisy_classification": noisy_classification,
        "smoothed_classification": smoothed_classification,
        "static_dropout": static_dropout,
        "person_free_certainty": person_free_certainty,
        "provenance": provenance,
        "reconstruction": reconstruction,
        "static_prior": static_prior,
        "dynamic_prior": dynamic_prior,
    }
)
"""Every loss by its name, which is also its weight's."""

PARTS: Mapping[str, Callable[[Sizes, IndependenceConfig], nn.Module]] = MappingProxyType(
    {
        "independence": make_memory,
        "minimax": make_memory,
        "scene": make_scene_head,
        "adversary": make_adversary,
        "conditional_adversary": make_conditional_adversary,
        "contrastive": make_contrast_memory,
        "static_dropout": make_factors,
        "reconstruction": make_decoder,
        "dynamic_prior": make_prior,
    }
)
"""What a term learns or remembers, where it has something; the term finds it in `Step.parts`."""

NEEDS_SCENES = frozenset({"scene", "adversary", "conditional_adversary"})

NEEDS_CODES = frozenset({"reconstruction", "static_prior", "dynamic_prior"})

DYNAMIC_ANSWERS = frozenset(
    {
        "classification",
        "fused_classification",
        "noisy_classification",
        "smoothed_classification",
        "static_dropout",
    }
)
"""Terms that teach the last layer of the dynamic stream to answer."""

BESIDE: Mapping[str, str] = MappingProxyType(
    {"static_dropout": "elsewhere", "person_free_certainty": "emptied", "provenance": "figures"}
)
"""What a term asks to be known beside the clips, by its name in `step.Beside`."""

LEAST_VIDEOS: Mapping[str, int] = MappingProxyType({"independence": 4, "minimax": 4, "distillation": 2})
"""How many videos a term must be able to compare."""

_FULL_PACE = frozenset({"adversary", "conditional_adversary"})  # they take their weight in by themselves
_RETIRED = {"experts": False, "confusion": 0.0}
_RETIRED_MEASURES = {"condition": "none", "momentum": 0.9, "normalized": True}


@dataclass(frozen=True)
class ObjectiveConfig:
    """Weights of the terms.

    Attributes:
        weights: term → how much it counts, ≥ 0; a term of weight 0, or without one, is not computed.
        measure: how dependence is measured.
    """

    weights: dict[str, float]
    measure: IndependenceConfig = field(default_factory=IndependenceConfig)

    def __post_init__(self) -> None:
        """Refuse negative weights, each term's sign being its meaning, unknown terms, and none at all."""
        if unknown := sorted(set(self.weights) - set(TERMS)):
            raise OptionError(
                f"the objective has no weight called {', '.join(unknown)}; its terms are {', '.join(TERMS)}"
            )
        for name, value in self.weights.items():
            if value is True or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise OptionError(f"the weight {name} is {value!r}; expected a number ≥ 0")
        object.__setattr__(self, "weights", {name: float(self.weights.get(name, 0)) for name in TERMS})
        if not self.computed:
            raise OptionError(f"no term has a weight above 0; give one of {', '.join(TERMS)}")

    @property
    def computed(self) -> tuple[str, ...]:
        """The terms that count."""
        return tuple(name for name, weight in self.weights.items() if weight > 0)

    @property
    def needs_scenes(self) -> bool:
        """Whether videos must come with a scene."""
        return not NEEDS_SCENES.isdisjoint(self.computed)

    def without(self, names: frozenset[str]) -> ObjectiveConfig:
        """The same with the weights of these terms at 0."""
        kept = {name: weight for name, weight in self.weights.items() if name not in names}
        return ObjectiveConfig(kept, self.measure)

    def refuse_fewer(self, videos: int, found: str) -> None:
        """Refuse batches in which a term has too little to compare.

        Args:
            videos: that are compared with each other in one step.
            found: what has so few, as the message is to say it.
        """
        for name in self.computed:
            if videos < LEAST_VIDEOS.get(name, 1):
                raise OptionError(
                    f"{found}; {name} needs {LEAST_VIDEOS[name]} videos or more to compare: take larger "
                    f"batches, or set the objective's {name} to 0"
                )

    def as_dict(self) -> dict[str, Any]:
        """Weights and `measure` side by side, as JSON holds them."""
        return {**self.weights, "measure": asdict(self.measure)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ObjectiveConfig:
        """The config that `as_dict` wrote, also before terms were removed, if it did not use them."""
        weights = drop_retired(values, _RETIRED)
        measure = drop_retired(weights.pop("measure", {}), _RETIRED_MEASURES)
        if unknown := sorted(set(measure) - {entry.name for entry in fields(IndependenceConfig)}):
            raise OptionError(f"objective.measure has no setting called {', '.join(unknown)}")
        return cls(weights, IndependenceConfig(**measure))


def drop_retired(values: Mapping[str, Any], retired: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without those that earlier versions had, which must have been off.

    Args:
        values: settings by name.
        retired: name → value that changed nothing.
    """
    for name, off in retired.items():
        if values.get(name, off) != off:
            raise OptionError(
                f"{name} is {values[name]!r}, but it is no setting any more: leave it out, or {off!r}"
            )
    return {name: value for name, value in values.items() if name not in retired}


class Objective(nn.Module):
    """The loss of a batch, with what its terms learn themselves (scene classifiers) and remember.

    Its parameters belong in the optimizer, its state in what is saved.

    Args:
        config: the weights.
        sizes: of streams, labels and scenes.
        seed: of the classifiers' first weights; the global generator is left as it was.
    """

    def __init__(self, config: ObjectiveConfig, sizes: Sizes, seed: int = 0) -> None:
        super().__init__()
        if sizes.num_labels < 2:
            raise OptionError(f"there is {sizes.num_labels} label; training needs 2 or more to tell apart")
        if config.needs_scenes and sizes.num_scenes < 2:
            raise OptionError(
                f"there are {sizes.num_scenes} scenes and the scene losses need 2 or more; give scenes, or "
                f"set the weights {', '.join(sorted(NEEDS_SCENES))} to 0"
            )
        if not (sizes.code_dim or NEEDS_CODES.isdisjoint(config.computed)):
            raise OptionError(
                f"{', '.join(sorted(NEEDS_CODES))} are of codes of frame embeddings, which this adapter has "
                "not; take one that reads embeddings"
            )
        self.config, self.sizes = config, sizes
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.parts = nn.ModuleDict(
                {name: PARTS[name](sizes, config.measure) for name in config.computed if name in PARTS}
            )

    def forward(
        self,
        batch: Batch,
        texts: Tensor,
        scale: float,
        progress: float,
        read: Read,
        head: Callable[[Tensor], Tensor] | None = None,
    ) -> Losses:
        """The total to minimize and each term before its weight.

        One backward pass serves both streams, since they share no weights: each term stops the gradient of
        the stream that is not to learn from it.

        Args:
            batch: B videos.
            texts: (K, D) unit rows of the seen labels.
            scale: the backbone's own factor on cosines.
            progress: share of training that is done, for the adversary's ramp.
            read: tokens and frame embeddings → streams, with both hidden features.
            head: last layer of the dynamic stream, for terms that change what comes before it.

        Raises:
            OptionError: shapes do not fit, scenes are missing, or a term is not a number (it is named).
        """
        step = Step(batch, texts, scale, progress, read, self.config.weights, self.parts, head)
        self._check(step)
        terms = {name: TERMS[name](step) for name in self.config.computed}
        weights = {**self.config.weights, **dict.fromkeys(_FULL_PACE, 1.0)}
        total = torch.stack([weights[name] * value for name, value in terms.items()]).sum()
        _refuse_nan(terms)
        return Losses(total, {name: value.detach() for name, value in terms.items()})

    def _check(self, step: Step) -> None:
        """Whether texts and labels fit the streams."""
        rows, width = step.streams().dynamic.shape
        wanted = (self.sizes.num_labels, width)
        if tuple(step.texts.shape) != wanted:
            raise OptionError(f"text embeddings have shape {tuple(step.texts.shape)}; expected {wanted}")
        labels = step.targets.labels
        if labels.shape != (rows,):
            raise OptionError(f"labels have shape {tuple(labels.shape)}; expected ({rows},)")
        first, last = (int(label) for label in labels.aminmax())
        if not 0 <= first <= last < self.sizes.num_labels:
            raise OptionError(f"labels run from {first} to {last}; expected 0..{self.sizes.num_labels - 1}")


def _refuse_nan(terms: Mapping[str, Tensor]) -> None:
    """One look at all terms together: asking each would stop a GPU as many times."""
    values = torch.stack([value.detach().float() for value in terms.values()])
    if bool(values.isfinite().all()):
        return
    wrong = ", ".join(
        f"{name} = {float(value):g}"
        for name, value in zip(terms, values, strict=True)
        if not value.isfinite()
    )
    raise OptionError(f"training went astray: {wrong}; lower the learning rate or that term's weight")
