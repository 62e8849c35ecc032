"""The rows of the debiasing benchmark: what each is trained with, and how."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from zeroshot.adapter.adapter import mean_embedding, unit_rows
from zeroshot.losses.scene import pseudo_scenes, scene_directions
from zeroshot.training.config import TrainingConfig
from zeroshot.training.label_targets import LabelTexts, Scenes
from zeroshot.training.loop import fit
from zeroshot.training.methods.table import DEFAULT_METHOD, METHODS
from zeroshot.waist.settings import WaistSettings
from zeroshot.waist.shards import Shard
from zeroshot.waist.waist import EMPTIED, MIXED, SWAPPED, Waist, WaistRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from debias_copies import Changed
    from debias_world import Sample, Tokens, World
    from numpy.typing import NDArray

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.training.methods.method import Method


GRID = (4, 4)


@dataclass(frozen=True)
class Row:
    """One way of training.

    Attributes:
        changes: settings of `TrainingConfig`, by the names that `--set` has, in which it departs from its
            method.
        method: key of `METHODS`.
        mirrored: whether mirrored copies are trained on; None as the method has it.
        swapped: whether copies before other places are; None as the method has it.
        true_scenes: take the scenes from the renderer instead of CLIP's own guesses.
        steps: of training; None as many epochs as the settings say.
        couplings: ρ it is trained at; None is every one asked for.
        trained: or else CLIP without its scene directions, as row `all` begins with it.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    method: str = DEFAULT_METHOD
    mirrored: bool | None = None
    swapped: bool | None = None
    true_scenes: bool = False
    steps: int | None = None
    couplings: tuple[float, ...] | None = None
    trained: bool = True

    @property
    def way(self) -> Method:
        """The method, with the copies of this row."""
        method = METHODS[self.method]
        mirrored = method.mirrored if self.mirrored is None else self.mirrored
        swapped = method.swapped if self.swapped is None else self.swapped
        return replace(method, mirrored=mirrored, swapped=swapped)

    def without(self, *terms: str) -> Row:
        """The same row without these terms of its loss, and nothing else changed."""
        objective = {**self.changes.get("objective", {}), **dict.fromkeys(terms, 0.0)}
        return replace(self, changes={**self.changes, "objective": objective})

    def at(self, couplings: tuple[float, ...]) -> tuple[float, ...]:
        """Those of the couplings asked for that it is trained at; unbiased rows always."""
        if self.couplings == (0.0,):
            return (0.0,)
        return tuple(rho for rho in couplings if self.couplings is None or rho in self.couplings)


@dataclass(frozen=True, eq=False)
class Words:
    """What the text encoder knows.

    Attributes:
        world: whose labels they are.
        labels: (number of its labels, D).
        changes: (number of its labels, D) from how each starts to how it ends; zeros where nobody says.
        scene_names: S of them, of the whole puppet world.
        scenes: (S, D).
        logit_scale: the backbone's own.
    """

    world: World
    labels: Tensor
    changes: Tensor
    scene_names: tuple[str, ...]
    scenes: Tensor
    logit_scale: float


@dataclass(frozen=True, eq=False)
class TrainingData:
    """One sample with its changed copies."""

    sample: Sample
    changed: Changed

    def version(self, kind: str, coupling: float) -> Tokens:
        """The copies of one kind of the training videos at a coupling."""
        home, elsewhere = self.changed.copies[kind]
        return home.where(self.sample.luck[: self.sample.num_train] < coupling, elsewhere)

    def figures(self, coupling: float) -> Tensor:
        """(n, T, N) uint8 share of each patch of the training videos that is the person's."""
        home, elsewhere = self.changed.figures
        at_home = self.sample.luck[: self.sample.num_train] < coupling
        return torch.where(at_home[:, None, None], home, elsewhere)


COPIES = {"swap": SWAPPED, "mixed": MIXED, "emptied": EMPTIED}
"""Kind of a copy → what its key ends in."""


def waists(data: TrainingData, method: Method, words: Words, coupling: float) -> tuple[Waist, Waist]:
    """Training and held-out videos at a coupling as `zeroshot train` has them: copies and all.

    A video's mirrored copy is another clip of its row, its copy before another place or mixed with a still
    frame a row of its own; what is left without its person is no row.
    """
    sample, names = data.sample, words.world.labels
    tokens, _ = sample.coupled(coupling)
    count, labels = sample.num_train, [names[int(label)] for label in sample.people.labels]
    wanted = {"swap": method.swapped, "mixed": method.mixed, "emptied": method.emptied}
    kinds = [kind for kind in COPIES if wanted[kind]]
    sides = [(tokens.pick(torch.arange(count)), "mirror")]
    sides += [(data.version(kind, coupling), f"{kind}_mirror") for kind in kinds]
    parts = [(plain, data.version(kind, coupling)) if method.mirrored else (plain,) for plain, kind in sides]
    endings = ("", *(COPIES[kind] for kind in kinds))
    keys = [f"row {row}{ending}" for ending in endings for row in range(count)]
    shape = parts[0][0].tokens.shape
    settings = WaistSettings(
        backbone="benchmark",
        fingerprint="",
        token_dim=shape[-1],
        embedding_dim=parts[0][0].embeddings.shape[-1],
        num_frames=shape[1],
        num_samplings=1,
        grid=GRID,
        mirrored=method.mirrored,
        swapped=method.swapped,
        mixed=method.mixed,
        emptied=method.emptied,
    )
    numbers = [
        np.concatenate([torch.stack([getattr(clip, name) for clip in part], 1).numpy() for part in parts])
        for name in ("tokens", "embeddings")
    ]
    shard = Shard(tuple(keys), *numbers, figures_of(data, method, coupling, endings))
    rows = [
        WaistRow(key, label, None, key)
        for key, label in zip(keys, labels[:count] * len(parts), strict=True)
        if not key.endswith(EMPTIED)
    ]
    kept = tokens.pick(torch.arange(count, len(labels)))
    held_out = Waist.from_tensors(
        kept.tokens, kept.embeddings, labels[count:], grid=GRID, backbone="benchmark"
    )
    return Waist(settings, tuple(rows), (shard,)), held_out


def figures_of(
    data: TrainingData, method: Method, coupling: float, endings: tuple[str, ...]
) -> NDArray[np.uint8] | None:
    """(n, 1, T, N) share of each patch that is the person's, for each ending in turn; None: nobody looked.

    As in `zeroshot train` persons are looked for where copies ask for them; of mirrored clips no term asks.
    """
    if method.mirrored or not (method.swapped or method.emptied):
        return None
    own = data.figures(coupling)[:, None].numpy()
    return np.concatenate([own if ending in {"", SWAPPED} else np.full_like(own, 255) for ending in endings])


def scenes_of(
    row: Row, data: TrainingData, train: Waist, held_out: Waist, words: Words, coupling: float
) -> Scenes:
    """Where the videos happen: as CLIP guesses among the world's scenes, or as they were rendered."""
    if not row.true_scenes:
        shares = [
            pseudo_scenes(waist.batch(range(len(waist)))[1], words.scenes, words.logit_scale)
            for waist in (train, held_out)
        ]
        return Scenes(words.scene_names, *shares)
    _, scenes = data.sample.coupled(coupling)
    count = data.sample.num_train
    looks = 1 + int(scenes.max()) // len(words.scene_names)
    names = tuple(f"{name} {look}" for look in range(looks) for name in words.scene_names)
    return Scenes(names, scenes[:count].repeat(len(train) // count), scenes[count:])


def train(
    row: Row, data: TrainingData, words: Words, coupling: float, seed: int, steps: int | None = None
) -> TwoStreamAdapter | Tensor:
    """The adapter of a row, trained on a sample at a coupling; of an untrained one its scene directions.

    Args:
        row: how.
        data: the sample.
        words: labels and scenes as the text encoder knows them.
        coupling: ρ.
        seed: of first weights and draws.
        steps: instead of the row's own number.
    """
    training, held_out = waists(data, row.way, words, coupling)
    scenes = scenes_of(row, data, training, held_out, words, coupling)
    if not row.trained:
        return scene_directions(mean_embedding(training.batch(range(len(training)))[1]), scenes.train)
    seen = words.world.seen
    texts = LabelTexts(seen, words.labels[: len(seen)], words.logit_scale)
    chosen = settings(row, len(training), seed, steps)
    return fit(training, held_out, texts, chosen, scenes=scenes, device="cpu").adapter


def settings(row: Row, count: int, seed: int, steps: int | None = None) -> TrainingConfig:
    """A row's settings as training knows them; of a method alone just those that `zeroshot train` has.

    Args:
        row: whose.
        count: rows of the waist.
        seed: of first weights and draws.
        steps: about how many, instead of the row's own.
    """
    config = TrainingConfig.from_dict({**row.changes, "seed": seed}, row.way)
    wanted = row.steps if steps is None else steps
    if wanted is None:
        return config
    return replace(config, epochs=max(1, round(wanted / -(-count // config.batch_size))))


def without_scene(embeddings: Tensor, directions: Tensor) -> Tensor:
    """(n, D) unit rows: CLIP averaged over frames (n, T, D) without these directions (R, D)."""
    base = unit_rows(embeddings.float()).mean(1)
    return unit_rows(base - (base @ directions.T) @ directions)


SMALL: Mapping[str, Any] = {
    "learning_rate": 2e-3,
    "choose_by": "last",
    "evaluate_each": 10_000,
    "num_folds": 0,
    "balance_scenes": False,
    "max_weight": 10.0,
}
"""Settings of the rows that are no method."""

_SMALL_ADAPTER = {"hidden_dim": 128, "num_components": 0, "num_layers": 1, "fusion": "unit"}
_CLASSIFY = {"classification": 1.0, "static_classification": 1.0}
INDEPENDENCE, SCENE = {"independence": 5.0}, {"adversary": 0.3, "scene": 1.0}


def content(objective: Mapping[str, float], **adapter: str) -> Row:
    """A row that reads the content of the change alone, without copies: the losses alone are against bias.

    Scene directions are taken out of its anchor like in every other row.
    """
    terms = dict.fromkeys(METHODS[DEFAULT_METHOD].weights, 0.0)
    changes = {
        **SMALL,
        "objective": {**terms, **_CLASSIFY, **objective},
        "adapter": {**_SMALL_ADAPTER, "reads": "content", **adapter},
    }
    return Row(changes, mirrored=False, swapped=False, steps=100)


ALL = Row()
PLAIN = replace(content({}, reference="none"), steps=150)
HIGH = (0.95,)
"""Where the bias is strongest: the couplings of what is not asked for at every one."""

ROWS: Mapping[str, Row] = {
    "anchor": Row(trained=False),
    "plain": PLAIN,
    "subtract": content({}),
    "independence": content(INDEPENDENCE),
    "scene": content(SCENE),
    "both": content(INDEPENDENCE | SCENE),
    "all": ALL,
    "oracle": replace(ALL, couplings=(0.0,)),
    "all, no independence": replace(ALL.without("independence"), couplings=HIGH),
    "all, no scene loss": replace(ALL.without("scene", "adversary"), couplings=HIGH),
    "all, neither": replace(ALL.without("independence", "scene", "adversary"), couplings=HIGH),
}
"""Settings were chosen on the validation worlds; what was tried stands in LOG.md."""

MAIN = ("anchor", "all", "oracle")
"""What the claims of the README rest on; `clip` needs no row."""

_BESIDE: Mapping[str, Row] = {
    **{
        f"both, {seen}": content(INDEPENDENCE | SCENE, static_input=seen)
        for seen in ("mean", "shuffled", "network")
    },
    "both, no subtraction": replace(content(INDEPENDENCE | SCENE, reference="none"), steps=150),
    "independence, no subtraction": replace(content(INDEPENDENCE, reference="none"), steps=150),
    "scene, no subtraction": replace(content(SCENE, reference="none"), steps=150),
    "all, balanced": Row({"balance_scenes": True}),
    "all, true scenes": Row(true_scenes=True),
    "all, no swapped copies": Row(swapped=False),
    "all, no mirrored copies": Row(mirrored=False),
    "all, no detectors": Row({"adapter": {"num_components": 0}}),
    **{name: Row(method=name) for name in METHODS if name != DEFAULT_METHOD},
}
ABLATION: Mapping[str, Row] = {name: replace(row, couplings=HIGH) for name, row in _BESIDE.items()}
"""Rows beside the main ones; the last are the other methods of `zeroshot train`."""
