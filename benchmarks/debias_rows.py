"""The rows of the debiasing benchmark: what each is trained with, and how."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from zeroshot.losses.objective import ObjectiveConfig
from zeroshot.losses.scene import pseudo_scenes
from zeroshot.training.config import ChoiceConfig, OptimizerConfig, TrainingConfig
from zeroshot.training.label_targets import LabelTexts, Scenes
from zeroshot.training.loop import fit
from zeroshot.training.methods.method import DrawConfig
from zeroshot.training.methods.table import METHODS
from zeroshot.waist.waist import SWAPPED, Waist

if TYPE_CHECKING:
    from collections.abc import Mapping

    from debias_world import Sample, Tokens, World

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.training.methods.method import Method


CLASSIFY = {"classification": 1.0, "static_classification": 1.0}
"""Every row's terms; the others stand beside them."""


@dataclass(frozen=True)
class Row:
    """One way of training.

    Attributes:
        weights: of the terms, beside those of CLASSIFY.
        adapter: its settings; without them it reads content, and the temporal mean is subtracted.
        balanced: draw videos so that label and scene are independent.
        changed: kinds of changed copies of the training videos that are trained on as well.
        true_scenes: take the scenes from the renderer instead of CLIP's own guesses.
        steps: of training; None: as many epochs as the recipe has.
        unbiased: trained at ρ = 0 whatever the coupling.
        recipe: settings of `zeroshot train`, in place of weights, adapter, balanced and steps.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    adapter: Mapping[str, Any] = field(default_factory=lambda: {"reads": "content"})
    balanced: bool = False
    changed: tuple[str, ...] = ()
    true_scenes: bool = False
    steps: int | None = 100
    unbiased: bool = False
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def objective(self) -> ObjectiveConfig:
        """The losses."""
        return ObjectiveConfig({**CLASSIFY, **self.weights})

    @property
    def needs_scenes(self) -> bool:
        """Whether scenes, guessed or true, are made use of; distillation takes CLIP without them."""
        if self.recipe:
            return True
        objective = self.objective
        return self.balanced or objective.needs_scenes or "distillation" in objective.computed


@dataclass(frozen=True, eq=False)
class Words:
    """What the text encoder knows.

    Attributes:
        world: whose labels they are.
        labels: (number of its labels, D).
        scene_names: S of them, of the whole puppet world.
        scenes: (S, D).
        logit_scale: the backbone's own.
    """

    world: World
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
        other = words.world.other_side[targets[0]]
        targets.append(torch.where(other >= 0, other, targets[0]) if "mirror" in kind else targets[0])
    places = None
    if row.needs_scenes and row.true_scenes:
        looks = 1 + int(scenes.max()) // len(words.scene_names)
        names = tuple(f"{name} {look}" for look in range(looks) for name in words.scene_names)
        places = Scenes(names, scenes[:count].repeat(len(parts)), scenes[count:])
    elif row.needs_scenes:
        places = Scenes(words.scene_names, guess(parts, words), guess([kept], words))
    names = words.world.labels
    if row.recipe:
        kinds = dict(zip(("", *row.changed), parts, strict=True))
        training = as_written(kinds, [names[int(label)] for label in targets[0]])
        places = places and replace(places, train=places.train[: len(training)])
    else:
        training = joined(parts, torch.cat(targets), names)
    seen = words.world.seen
    texts = LabelTexts(seen, words.labels[: len(seen)], words.logit_scale)
    chosen = settings(row, len(training), seed)
    return fit(
        training, joined([kept], labels[count:], names), texts, chosen, scenes=places, device="cpu"
    ).adapter


def joined(parts: list[Tokens], labels: Tensor, names: tuple[str, ...]) -> Waist:
    """A waist in memory of several sets of tokens."""
    tokens = torch.cat([part.tokens for part in parts]) if len(parts) > 1 else parts[0].tokens
    embeddings = torch.cat([part.embeddings for part in parts])
    return Waist.from_tensors(tokens, embeddings, [names[int(label)] for label in labels])


def as_written(kinds: Mapping[str, Tokens], labels: list[str]) -> Waist:
    """A waist as `zeroshot train` writes it: mirrored clips beside their video's, swapped copies after all.

    Args:
        kinds: "" is the videos, the others are kinds of `changed_copies`.
        labels: of the videos.
    """
    rows = [name for name in ("", "swap") if name in kinds]
    mirrored = "mirror" in kinds
    clips = [[name, f"{name}_mirror".removeprefix("_")] if mirrored else [name] for name in rows]
    waist = Waist.from_tensors(
        torch.cat([torch.stack([kinds[kind].tokens for kind in each], 1) for each in clips]),
        torch.cat([torch.stack([kinds[kind].embeddings for kind in each], 1) for each in clips]),
        labels * len(rows),
        mirrored=mirrored,
    )
    count = len(labels)
    keys = [f"row {place % count}" + SWAPPED * (place >= count) for place in range(len(waist))]
    named = tuple(replace(row, key=key) for row, key in zip(waist.rows, keys, strict=True))
    return replace(waist, rows=named, shards=(replace(waist.shards[0], keys=tuple(keys)),))


def guess(parts: list[Tokens], words: Words) -> Tensor:
    """(n, S) shares: CLIP's own guess of each video's scene."""
    return torch.cat([pseudo_scenes(part.embeddings, words.scenes, words.logit_scale) for part in parts])


def settings(row: Row, count: int, seed: int) -> TrainingConfig:
    """A row's settings as training knows them; as many steps however many videos there are."""
    batch = 64
    if row.recipe:
        steps = {} if row.steps is None else {"epochs": max(1, round(row.steps / -(-count // batch)))}
        return TrainingConfig.from_dict({**row.recipe, **steps, "seed": seed})
    return TrainingConfig(
        seed=seed,
        epochs=max(1, round(row.steps / -(-count // batch))),
        batch_size=batch,
        optimizer=OptimizerConfig(learning_rate=2e-3),
        draws=DrawConfig(balance_scenes=row.balanced, max_weight=10.0),
        choice=ChoiceConfig(choose_by="last", evaluate_each=10_000),
        objective=row.objective,
        adapter={"hidden_dim": 128, "num_components": 0, "num_layers": 1, **row.adapter},
    )


def of(method: Method) -> Row:
    """The row of a method of `zeroshot train`: all its settings, and its copies."""
    swapped, mirrored = ("swap",) * method.swapped, ("mirror",) * method.mirrored
    both = ("swap_mirror",) * (method.swapped and method.mirrored)
    recipe = TrainingConfig.from_dict({}, method).as_dict()
    return Row(changed=swapped + mirrored + both, recipe=recipe, steps=None)


def but(row: Row, objective: Mapping[str, float] | None = None, **settings: object) -> Row:
    """A row with other settings of its recipe."""
    recipe = {**row.recipe, **settings}
    recipe["objective"] = {**recipe["objective"], **(objective or {})}
    return replace(row, recipe=recipe)


SUBTRACT = Row()
INDEPENDENCE, SCENE = {"independence": 5.0}, {"adversary": 0.3, "scene": 1.0}
PLAIN = Row(adapter={"reads": "content", "reference": "none"}, steps=150)
NO_LOSSES = {"independence": 0.0, "scene": 0.0, "adversary": 0.0}
ALL = of(METHODS["streams"])
ORACLE = replace(but(ALL, NO_LOSSES), unbiased=True)
ROWS: Mapping[str, Row] = {
    "plain": PLAIN,
    "subtract": SUBTRACT,
    "independence": replace(SUBTRACT, weights=INDEPENDENCE),
    "scene": replace(SUBTRACT, weights=SCENE),
    "both": replace(SUBTRACT, weights=INDEPENDENCE | SCENE),
    "balanced": replace(SUBTRACT, balanced=True),
    "stillmix": replace(SUBTRACT, changed=("stillmix",), steps=150),
    "all": ALL,
    "oracle": ORACLE,
}
"""Settings were chosen on the validation world; what was tried stands in LOG.md."""

COUPLED = (0.95,)
"""The ablation's couplings."""

BIASED_STREAMS: Mapping[str, Row] = {
    f"both, {seen}": replace(ROWS["both"], adapter={"reads": "content", "static_input": seen})
    for seen in ("mean", "shuffled", "network")
}
"""What the static stream sees; `both` itself takes `frame`."""

ABLATION: Mapping[str, Row] = {
    **BIASED_STREAMS,
    "all, balanced": but(ALL, balance_scenes=True),
    "all, true scenes": replace(ALL, true_scenes=True),
    "all, no losses": but(ALL, NO_LOSSES),
    "all, no swapped copies": replace(ALL, changed=("mirror",)),
    "all, no mirrored copies": replace(ALL, changed=("swap",)),
    "all, no detectors": but(ALL, adapter={**ALL.recipe["adapter"], "num_components": 0}),
    "oracle, no copies": replace(ORACLE, changed=()),
    "swap": replace(ROWS["stillmix"], changed=("swap",)),
    "both, no subtraction": replace(PLAIN, weights=INDEPENDENCE | SCENE),
    "independence, no subtraction": replace(PLAIN, weights=INDEPENDENCE),
    "scene, no subtraction": replace(PLAIN, weights=SCENE),
    **{name: of(METHODS[name]) for name in ("independent", "rebias", "seo")},
}
"""Rows beside the main ones; the last are methods of `zeroshot train` that are no main row."""
