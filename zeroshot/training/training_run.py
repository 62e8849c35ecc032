"""A run before its first step: what data and settings ask for, held against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from zeroshot.errors import LabelError, OptionError
from zeroshot.losses.objective import NEEDS_SCENES
from zeroshot.training.batches import Draws
from zeroshot.training.label_targets import mirrored_label
from zeroshot.training.opposite_labels import opposite_labels
from zeroshot.training.validation import HeldOut

if TYPE_CHECKING:
    from collections.abc import Collection

    from torch import Tensor

    from zeroshot.training.config import TrainingConfig
    from zeroshot.training.label_targets import LabelTexts, Scenes
    from zeroshot.waist.waist import Waist


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """A run as it follows from data and settings, before its first step.

    Attributes:
        config: with losses switched off that the data cannot feed.
        train: training videos.
        labels: (n,) rows of the seen labels.
        texts: the K labels that are trained on: those with videos of their own, then the derived ones.
        scenes: (n,) rows or (n, S) shares; None where nobody knows where the videos happen.
        num_scenes: S; 0 without scenes.
        held_out: the videos that choose the epoch; None takes the last one.
        draws: which videos each step sees.
        notes: what a user should know.
    """

    config: TrainingConfig
    train: Waist
    labels: Tensor
    texts: LabelTexts
    scenes: Tensor | None
    num_scenes: int
    held_out: HeldOut | None
    draws: Draws
    notes: tuple[str, ...]


def plan_run(
    train: Waist, held_out: Waist | None, texts: LabelTexts, config: TrainingConfig, scenes: Scenes | None
) -> TrainingRun:
    """What `fit` is going to do; refuses what cannot be done."""
    turned = opposite_labels(train, held_out, config, known=texts.labels)
    labels, seen_rows = _seen(train, held_out, texts, turned.derived)
    notes = []
    if scenes is not None and len(scenes.train) != len(train):
        raise OptionError(f"scenes are given for {len(scenes.train)} videos; training has {len(train)}")
    # What CLIP would teach as long as its scene directions are not known, is the scene as well.
    idle = NEEDS_SCENES | {"distillation"}
    if scenes is None and (config.draws.balance_scenes or not idle.isdisjoint(config.objective.computed)):
        notes.append("there are no scenes: training goes without scene losses, scene balance, distillation")
        unbalanced = replace(config.draws, balance_scenes=False)
        config = replace(config, objective=config.objective.without(idle), draws=unbalanced)
    watched = None
    if held_out is not None and len(held_out):
        # Nothing is chosen by copies.
        theirs = held_out.settings
        settings = replace(
            train.settings,
            mirrored=theirs.mirrored,
            swapped=theirs.swapped,
            mixed=theirs.mixed,
            emptied=theirs.emptied,
            masks=theirs.masks,
        )
        if difference := settings.difference(theirs):
            raise OptionError(
                f"training videos are {difference}, as the held-out ones are; write both the same way"
            )
        watched = HeldOut.of(held_out, texts, seen_rows, None if scenes is None else scenes.held_out)
    if watched is None or not len(watched.seen):
        notes.append("no video of a seen label is held out: the last epoch is taken, and a fused weight of 1")
        watched = None
    train_scenes = None if scenes is None else scenes.train
    texts = texts.only(texts.rows(turned.labels))
    notes += turned.notes
    mirrored = None
    if turned.mirrored is not None:
        notes += _one_sided_notes(texts, turned.mirrored[: len(seen_rows)])
        mirrored = turned.mirrored[labels]
    draws = Draws.of(config, labels, train_scenes, train.settings.num_samplings, mirrored, turned.reversed)
    num_scenes = 0 if scenes is None else len(scenes.names)
    return TrainingRun(config, train, labels, texts, train_scenes, num_scenes, watched, draws, tuple(notes))


def _seen(
    train: Waist, held_out: Waist | None, texts: LabelTexts, derived: Collection[str]
) -> tuple[Tensor, Tensor]:
    """Label of each training video among the seen ones (n,), and the seen labels' rows (K,) of `texts`."""
    if not len(train):
        raise LabelError("there are no training videos")
    rows = texts.rows(train.labels)
    seen_rows = torch.unique(rows)
    if len(seen_rows) < 2:
        raise LabelError(
            f"all training videos have the label {train.labels[0]!r}; training needs 2 labels or more"
        )
    elsewhere = {*train.labels, *derived, *(() if held_out is None else held_out.labels)}
    empty = [label for label in texts.labels if label not in elsewhere]
    if empty:
        more = f" and {len(empty) - 1} more" if len(empty) > 1 else ""
        raise LabelError(f"label {empty[0]!r}{more} has no training video; leave it out or add videos")
    if texts.embeddings.shape[1] != train.settings.embedding_dim:
        raise OptionError(
            f"text embeddings have width {texts.embeddings.shape[1]}, the frames' "
            f"{train.settings.embedding_dim}; encode the labels with {train.settings.backbone}"
        )
    return torch.searchsorted(seen_rows, rows), seen_rows


def _one_sided_notes(texts: LabelTexts, mirrored: Tensor) -> list[str]:
    """One line on labels whose videos cannot be mirrored, since nobody trains the other side."""
    lonely = [texts.labels[int(row)] for row in (mirrored < 0).nonzero()[:, 0]]
    if not lonely:
        return []
    first = f"{lonely[0]!r} would be {mirrored_label(lonely[0])!r}"
    count = f"{len(lonely)} of {len(mirrored)} labels are not mirrored"
    return [f"{count}: no training label is the other side (first: {first})"]
