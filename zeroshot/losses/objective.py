"""What training minimizes: the sum of all terms, each under its name."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zeroshot.errors import OptionError
from zeroshot.losses.distillation import distillation_loss
from zeroshot.losses.independence import IndependenceConfig, IndependenceLoss
from zeroshot.losses.scene import (
    SceneHead,
    check_scenes,
    confusion_loss,
    expert_logits,
    ramp,
    reverse_gradient,
    scene_loss,
)
from zeroshot.types import Losses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zeroshot.types import Streams


@dataclass(frozen=True)
class ObjectiveConfig:
    """Weights of the terms; a term of weight 0 is not computed.

    Attributes:
        classification: of the dynamic stream's cross-entropy.
        static_classification: λ_b, of the static stream's cross-entropy.
        independence: λ_ind, of the dependence of the dynamic stream on the static one.
        minimax: λ_g, of the static stream's part in ReBias's game: it seeks dependence; 0 leaves it in peace.
        adversary: α, how strongly the dynamic stream is pushed against a scene classifier; ramped up over
            training. 0.1 helps, 1 destroys training.
        confusion: the same by raising the classifier's entropy instead of reversing its gradient.
        scene: λ_scene, of the scene classifier on the static stream.
        distillation: of the dynamic stream's likeness to CLIP without its scene directions, the adapter's
            `anchor`, each relative to the batch; what carries over to labels never seen comes from there.
        experts: train the dynamic stream in a product with the static one, instead of alone.
        conditional_adversary: tell the adversary the label, so that the dynamic stream is pushed to hide what
            it knows of the scene beyond its label, not the label.
        measure: how dependence is measured.
    """

    classification: float = 1.0
    static_classification: float = 1.0
    independence: float = 1.0
    minimax: float = 0.0
    adversary: float = 0.1
    confusion: float = 0.0
    scene: float = 1.0
    distillation: float = 1.0
    experts: bool = False
    conditional_adversary: bool = False
    measure: IndependenceConfig = field(default_factory=IndependenceConfig)

    def __post_init__(self) -> None:
        """Refuse negative weights: each term's sign is its meaning."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, int | float) and not 0 <= value < float("inf"):
                raise OptionError(f"the weight {entry.name} is {value}; expected a number ≥ 0")

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ObjectiveConfig:
        """The config that `as_dict` wrote."""
        if unknown := sorted(set(values) - {entry.name for entry in fields(cls)}):
            raise OptionError(f"the objective has no weight called {', '.join(unknown)}")
        measure = IndependenceConfig(**values.get("measure", {}))
        return cls(**{**values, "measure": measure})

    @property
    def hides_scene(self) -> bool:
        """Whether a scene classifier reads the dynamic stream."""
        return self.adversary > 0 or self.confusion > 0

    @property
    def needs_scenes(self) -> bool:
        """Whether videos must come with a scene."""
        return self.scene > 0 or self.hides_scene


@dataclass(frozen=True, eq=False)
class Targets:
    """What B videos should be taken for.

    Attributes:
        labels: (B,) integers, rows of the text embeddings.
        scenes: (B,) integers or (B, S) shares; None where no term asks for them.
        weights: (B,) how much each video counts in the cross-entropies; None is once each.
    """

    labels: Tensor
    scenes: Tensor | None = None
    weights: Tensor | None = None


class Objective(nn.Module):
    """The loss of a batch, with what it learns itself (scene classifiers) and remembers (past features).

    Its parameters belong in the optimizer, its state in what is saved.

    Args:
        config: the weights.
        dynamic_dim: hidden width of the dynamic stream.
        static_dim: hidden width of the static stream.
        num_labels: K.
        num_scenes: S; 0 where no term asks for scenes.
        embedding_dim: D, for a conditional adversary, which reads the label's text embedding.
        seed: of the classifiers' first weights; the global generator is left as it was.
    """

    def __init__(
        self,
        config: ObjectiveConfig,
        dynamic_dim: int,
        static_dim: int,
        num_labels: int,
        num_scenes: int = 0,
        embedding_dim: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if num_labels < 2:
            raise OptionError(f"there is {num_labels} label; training needs 2 or more to tell apart")
        if config.needs_scenes and num_scenes < 2:
            raise OptionError(
                f"there are {num_scenes} scenes and the scene losses need 2 or more; give scenes, or set the "
                "weights scene, adversary and confusion to 0"
            )
        self.config, self.num_labels, self.num_scenes = config, num_labels, num_scenes
        context = embedding_dim if config.conditional_adversary else 0
        if config.hides_scene and config.conditional_adversary and context < 1:
            raise OptionError(
                "a conditional adversary reads label embeddings; give their width as embedding_dim"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.scene_head = SceneHead(static_dim, num_scenes) if config.scene > 0 else None
            self.adversary = (
                SceneHead(dynamic_dim, num_scenes, context_dim=context) if config.hides_scene else None
            )
        uses_dependence = config.independence > 0 or config.minimax > 0
        self.independence = (
            IndependenceLoss(config.measure, num_labels, dynamic_dim, static_dim) if uses_dependence else None
        )

    def forward(
        self,
        streams: Streams,
        targets: Targets,
        text_embeddings: Tensor,
        logit_scale: float,
        progress: float = 1.0,
    ) -> Losses:
        """The total to minimize and each term before its weight.

        One backward pass serves both streams, since they share no weights: each term stops the gradient of
        the stream that is not to learn from it.

        Args:
            streams: of B videos, with both hidden features.
            targets: labels and scenes of the same videos.
            text_embeddings: (K, D) unit rows of the seen labels.
            logit_scale: the backbone's own.
            progress: share of training that is done, for the adversary's ramp.

        Raises:
            OptionError: shapes do not fit, scenes are missing, or a term is not a number (it is named).
        """
        static_hidden, dynamic_hidden = self._check(streams, targets, text_embeddings)
        terms, weights = self._classify(streams, targets, logit_scale * text_embeddings)
        if self.independence is not None:
            self._separate(terms, weights, dynamic_hidden, static_hidden, targets.labels)
        if self.config.distillation > 0 and streams.anchor is not None:
            terms["distillation"] = distillation_loss(streams.dynamic, streams.anchor)
            weights["distillation"] = self.config.distillation
        if self.scene_head is not None and targets.scenes is not None:
            terms["scene"] = scene_loss(self.scene_head(static_hidden), targets.scenes, targets.weights)
            weights["scene"] = self.config.scene
        if self.adversary is not None and targets.scenes is not None:
            context = text_embeddings[targets.labels] if self.config.conditional_adversary else None
            self._hide(terms, weights, (dynamic_hidden, context), targets, ramp(progress))
        total = torch.stack([weights[name] * value for name, value in terms.items()]).sum()
        _refuse_nan(terms)
        return Losses(total, {name: value.detach() for name, value in terms.items()})

    def _classify(
        self, streams: Streams, targets: Targets, scaled_texts: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Cross-entropies of both streams; the dynamic one alone or in a product with the static one."""
        dynamic, static = streams.dynamic @ scaled_texts.T, streams.static @ scaled_texts.T
        logits = expert_logits(dynamic, static) if self.config.experts else dynamic
        terms = {"classification": _cross_entropy(logits, targets)}
        weights = {"classification": self.config.classification}
        if self.config.static_classification > 0:
            terms["static_classification"] = _cross_entropy(static, targets)
            weights["static_classification"] = self.config.static_classification
        return terms, weights

    def _separate(
        self,
        terms: dict[str, Tensor],
        weights: dict[str, float],
        dynamic: Tensor,
        static: Tensor,
        labels: Tensor,
    ) -> None:
        """Dependence, which the dynamic stream lowers and, in the minimax game, the static stream raises."""
        if self.independence is None:
            return
        if self.config.independence > 0:
            terms["independence"] = self.independence(dynamic, static.detach(), labels)
            weights["independence"] = self.config.independence
        if self.config.minimax > 0:
            terms["minimax"] = self.independence(dynamic.detach(), static, labels)
            weights["minimax"] = -self.config.minimax
        if self.training:
            self.independence.remember(dynamic, static, labels)

    def _hide(
        self,
        terms: dict[str, Tensor],
        weights: dict[str, float],
        read: tuple[Tensor, Tensor | None],
        targets: Targets,
        strength: float,
    ) -> None:
        """A scene classifier that learns to read the dynamic stream, which learns to hide from it."""
        if self.adversary is None or targets.scenes is None:
            return
        hidden, context = read
        reversed_hidden = reverse_gradient(hidden, self.config.adversary * strength)
        terms["adversary"] = scene_loss(
            self.adversary(reversed_hidden, context), targets.scenes, targets.weights
        )
        weights["adversary"] = (
            1.0  # the strength α acts on the stream alone: the classifier learns at full pace
        )
        if self.config.confusion > 0:
            fixed = {name: value.detach() for name, value in self.adversary.named_parameters()}
            logits = torch.func.functional_call(self.adversary, fixed, (hidden, context))
            terms["confusion"] = confusion_loss(logits)
            weights["confusion"] = self.config.confusion * strength

    def _check(self, streams: Streams, targets: Targets, text_embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Both hidden features, once everything fits."""
        rows = len(streams.dynamic)
        wanted = (self.num_labels, streams.dynamic.shape[1])
        if tuple(text_embeddings.shape) != wanted:
            raise OptionError(f"text embeddings have shape {tuple(text_embeddings.shape)}; expected {wanted}")
        if streams.static_hidden is None or streams.dynamic_hidden is None:
            raise OptionError(
                "the streams come without hidden features; take them from the adapter's forward"
            )
        if self.config.distillation > 0 and streams.anchor is None:
            raise OptionError("the streams come without their anchor, which distillation needs")
        if targets.labels.shape != (rows,):
            raise OptionError(f"labels have shape {tuple(targets.labels.shape)}; expected ({rows},)")
        if not 0 <= int(targets.labels.min()) <= int(targets.labels.max()) < self.num_labels:
            raise OptionError(
                f"labels run from {int(targets.labels.min())} to {int(targets.labels.max())}; "
                f"expected 0..{self.num_labels - 1}"
            )
        if self.config.needs_scenes:
            if targets.scenes is None:
                raise OptionError("the videos come without scenes; give them, or set the scene weights to 0")
            check_scenes(targets.scenes, rows, self.num_scenes)
        return streams.static_hidden, streams.dynamic_hidden


def _cross_entropy(logits: Tensor, targets: Targets) -> Tensor:
    losses = F.cross_entropy(logits, targets.labels, reduction="none")
    return (
        losses.mean() if targets.weights is None else (losses * targets.weights).sum() / targets.weights.sum()
    )


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
