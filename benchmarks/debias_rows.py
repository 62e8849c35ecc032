"""The rows of the debiasing benchmark: what each is trained with, and how."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from debias_world import LABELS, OTHER_SIDE, SEEN
from torch import Tensor

from zeroshot.losses.independence import IndependenceConfig
from zeroshot.losses.objective import ObjectiveConfig
from zeroshot.losses.scene import pseudo_scenes
from zeroshot.training.config import TrainingConfig
from zeroshot.training.label_targets import LabelTexts, Scenes
from zeroshot.training.loop import fit
from zeroshot.waist.waist import Waist

if TYPE_CHECKING:
    from collections.abc import Mapping

    from debias_world import Sample, Tokens

    from zeroshot.adapter.adapter import TwoStreamAdapter


@dataclass(frozen=True)
class Row:
    """One way of training.

    Attributes:
        reads: what the dynamic stream takes from the tokens' change.
        reference: what is subtracted; `none` is the plain temporal adapter.
        static_input: what the biased stream sees.
        independence: weight of the independence loss.
        measure: how dependence is measured.
        adversary: strength of the scene adversary on the dynamic stream.
        scene: weight of the scene loss on the static stream.
        distillation: weight of the likeness to CLIP without its scene directions.
        balanced: draw videos so that label and scene are independent.
        changed: kinds of changed copies of the training videos that are trained on as well.
        true_scenes: take the scenes from the renderer instead of CLIP's own guesses.
        steps: of training.
        rate: of learning, at its height.
        batch: videos a step.
        more: other settings of the objective.
        adapter: other settings of the adapter.
        unbiased: trained at ρ = 0 whatever the coupling.
    """

    reads: str = "content"
    reference: str = "mean"
    static_input: str = "frame"
    independence: float = 0.0
    measure: IndependenceConfig = field(default_factory=IndependenceConfig)
    adversary: float = 0.0
    scene: float = 0.0
    distillation: float = 0.0
    balanced: bool = False
    changed: tuple[str, ...] = ()
    true_scenes: bool = False
    steps: int = 100
    rate: float = 2e-3
    batch: int = 64
    more: Mapping[str, Any] = field(default_factory=dict)
    adapter: Mapping[str, Any] = field(default_factory=dict)
    unbiased: bool = False

    @property
    def needs_scenes(self) -> bool:
        """Whether scenes, guessed or true, are made use of; distillation takes CLIP without them."""
        return self.balanced or max(self.adversary, self.scene, self.distillation) > 0


@dataclass(frozen=True, eq=False)
class Words:
    """What the text encoder knows.

    Attributes:
        labels: (number of LABELS, D).
        scene_names: S of them, of the whole puppet world.
        scenes: (S, D).
        logit_scale: the backbone's own.
    """

    labels: Tensor
    scene_names: tuple[str, ...]
    scenes: Tensor
    logit_scale: float


@dataclass(frozen=True, eq=False)
class TrainingData:
    """One sample with its changed copies: kind → versions at home and elsewhere."""

    sample: Sample
    changed: Mapping[str, tuple[Tokens, Tokens]]


def train(
    row: Row, data: TrainingData, words: Words, coupling: float, seed: int, steps: int | None = None
) -> TwoStreamAdapter:
    """The adapter of a row, trained on a sample at a coupling.

    Args:
        row: how.
        data: the sample.
        words: labels and scenes as the text encoder knows them.
        coupling: ρ.
        seed: of first weights and draws.
        steps: instead of the row's own number.
    """
    sample = data.sample
    row = row if steps is None else replace(row, steps=steps)
    tokens, scenes = sample.coupled(coupling)
    count, labels = sample.num_train, sample.people.labels
    kept = tokens.pick(torch.arange(count, len(labels)))
    parts, targets = [tokens.pick(torch.arange(count))], [labels[:count]]
    for kind in row.changed:
        home, elsewhere = data.changed[kind]
        parts.append(home.where(sample.luck[:count] < coupling, elsewhere))
        other = OTHER_SIDE[targets[0]]
        targets.append(torch.where(other >= 0, other, targets[0]) if "mirror" in kind else targets[0])
    places = None
    if row.needs_scenes and row.true_scenes:
        looks = 1 + int(scenes.max()) // len(words.scene_names)
        names = tuple(f"{name} {look}" for look in range(looks) for name in words.scene_names)
        places = Scenes(names, scenes[:count].repeat(len(parts)), scenes[count:])
    elif row.needs_scenes:
        places = Scenes(words.scene_names, guess(parts, words), guess([kept], words))
    training = joined(parts, torch.cat(targets))
    texts = LabelTexts(SEEN, words.labels[: len(SEEN)], words.logit_scale)
    chosen = settings(row, len(training), seed)
    return fit(training, joined([kept], labels[count:]), texts, chosen, scenes=places, device="cpu").adapter


def joined(parts: list[Tokens], labels: Tensor) -> Waist:
    """A waist in memory of several sets of tokens."""
    tokens = torch.cat([part.tokens for part in parts]) if len(parts) > 1 else parts[0].tokens
    embeddings = torch.cat([part.embeddings for part in parts])
    return Waist.from_tensors(tokens, embeddings, [LABELS[int(label)] for label in labels])


def guess(parts: list[Tokens], words: Words) -> Tensor:
    """(n, S) shares: CLIP's own guess of each video's scene."""
    return torch.cat([pseudo_scenes(part.embeddings, words.scenes, words.logit_scale) for part in parts])


def settings(row: Row, count: int, seed: int) -> TrainingConfig:
    """A row's settings as training knows them; as many steps however many videos there are."""
    batch = row.batch
    return TrainingConfig(
        seed=seed,
        epochs=max(1, round(row.steps / -(-count // batch))),
        batch_size=batch,
        learning_rate=row.rate,
        balance_scenes=row.balanced,
        max_weight=10.0,
        choose_by="last",
        evaluate_each=10_000,
        objective=ObjectiveConfig(
            independence=row.independence,
            adversary=row.adversary,
            scene=row.scene,
            distillation=row.distillation,
            measure=row.measure,
            **row.more,
        ),
        adapter={
            "hidden_dim": 128,
            "num_components": 0,
            "num_layers": 1,
            "reads": row.reads,
            "reference": row.reference,
            "static_input": row.static_input,
            **row.adapter,
        },
    )


SUBTRACT = Row()
FULLER = Row(
    reads="both",
    distillation=1.0,
    adapter={"num_components": 64},
    changed=("swap", "mirror", "swap_mirror"),
    steps=240,
)
ROWS: Mapping[str, Row] = {
    "plain": replace(SUBTRACT, reference="none", steps=150),
    "subtract": SUBTRACT,
    "independence": replace(SUBTRACT, independence=5.0),
    "scene": replace(SUBTRACT, adversary=0.3, scene=1.0),
    "both": replace(SUBTRACT, independence=5.0, adversary=0.3, scene=1.0),
    "balanced": replace(SUBTRACT, balanced=True),
    "stillmix": replace(SUBTRACT, changed=("stillmix",), steps=150),
    "all": replace(FULLER, independence=0.3, adversary=0.03, scene=1.0),
    "oracle": replace(FULLER, unbiased=True),
}
"""Settings were chosen on the validation world; what was tried stands in LOG.md."""

COUPLED = (0.95,)
"""The ablation's couplings."""

BIASED_STREAMS: Mapping[str, Row] = {
    "both, mean": replace(ROWS["both"], static_input="mean"),
    "both, shuffled": replace(ROWS["both"], static_input="shuffled"),
    "both, network": replace(ROWS["both"], static_input="network"),
}
"""What the static stream sees; `both` itself takes `frame`."""

ABLATION: Mapping[str, Row] = {
    **BIASED_STREAMS,
    "all, balanced": replace(ROWS["all"], balanced=True),
    "all, true scenes": replace(ROWS["all"], true_scenes=True),
    "all, no losses": replace(FULLER, distillation=0.0),
    "all, no swapped copies": replace(ROWS["all"], changed=("mirror",)),
    "all, no mirrored copies": replace(ROWS["all"], changed=("swap",)),
    "all, no detectors": replace(ROWS["all"], adapter={}),
    "all, no distillation": replace(ROWS["all"], distillation=0.0),
    "oracle, no copies": replace(ROWS["oracle"], changed=()),
    "swap": replace(ROWS["stillmix"], changed=("swap",)),
    "both, no subtraction": replace(ROWS["plain"], independence=5.0, adversary=0.3, scene=1.0),
    "independence, no subtraction": replace(ROWS["plain"], independence=5.0),
    "scene, no subtraction": replace(ROWS["plain"], adversary=0.3, scene=1.0),
}
"""Rows beside the main ones."""
