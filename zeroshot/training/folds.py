"""The fused stream's weight, chosen for labels that are never trained on by leaving known ones out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from zeroshot.adapter.streams import unit_rows
from zeroshot.errors import OptionError
from zeroshot.losses.classification import corrected
from zeroshot.training.batches import generator_for
from zeroshot.waist.streams import read_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.training.label_targets import LabelTexts
    from zeroshot.waist.waist import Waist

_JUDGED_SHARE = 0.12  # of each label's videos, not trained on in a fold: some ten where there are eighty


@dataclass(frozen=True)
class Fold:
    """Rows of a waist.

    Attributes:
        train: videos and copies to train on.
        seen: other videos of the labels that are trained on.
        novel: videos of the labels that are left out.
    """

    train: tuple[int, ...]
    seen: tuple[int, ...]
    novel: tuple[int, ...]


def class_folds(waist: Waist, num_folds: int, seed: int) -> list[Fold]:
    """Folds in each of which other labels are left out, so that each label is left out once.

    Judged are copies before other places alone, where there are such: what is at home in its scene would
    choose by the scene. A video's copies stay on the side of the video.

    Args:
        waist: training videos of K labels.
        num_folds: F.
        seed: of what is drawn.

    Raises:
        OptionError: fewer than 2·F labels, so that nothing would have to be told apart in a fold; or so few
            videos that none is left to judge by.
    """
    names = waist.labels
    labels = sorted(set(names))
    if len(labels) < 2 * num_folds:
        raise OptionError(f"{len(labels)} labels are too few for {num_folds} folds; expected {2 * num_folds}")
    generator = generator_for(seed, "folds", 0)
    order = [labels[place] for place in torch.randperm(len(labels), generator=generator).tolist()]
    judged = _some_of_each(waist, generator)
    copies = any(row.is_copy for row in waist.rows)
    folds = []
    for number in range(num_folds):
        left_out = set(order[number::num_folds])
        parts: dict[str, list[int]] = {"train": [], "seen": [], "novel": []}
        for place, row in enumerate(waist.rows):
            part = "novel" if row.label in left_out else "seen" if row.video in judged else "train"
            if part == "train" or row.is_copy == copies:
                parts[part].append(place)
        folds.append(Fold(tuple(parts["train"]), tuple(parts["seen"]), tuple(parts["novel"])))
        if len({names[row] for row in parts["train"]}) < 2 or not (parts["seen"] and parts["novel"]):
            raise OptionError(f"{len(waist)} training videos are too few for {num_folds} folds to judge by")
    return folds


def harmonic_by_weight(
    adapter: TwoStreamAdapter,
    waist: Waist,
    fold: Fold,
    texts: LabelTexts,
    weights: Sequence[float],
    device: torch.device | str = "cpu",
) -> list[float]:
    """For each fused weight H = 2SU/(S + U): the shares of seen and of novel videos right among all labels.

    Args:
        adapter: trained on the fold's labels.
        waist: of which the fold tells the rows.
        fold: the videos.
        texts: all K labels.
        weights: on offer.
        device: where the adapter is.
    """
    found = []
    for rows in (fold.seen, fold.novel):
        part = waist.subset(rows)
        streams = read_streams(adapter, part, device)
        anchor, correction = corrected(streams)
        targets, embeddings = texts.rows(part.labels), texts.embeddings.cpu()
        right = [
            (unit_rows(anchor + weight * correction) @ embeddings.T).argmax(1) == targets
            for weight in weights
        ]
        found.append([float(each.double().mean()) for each in right])
    return [2 * s * u / (s + u) if s + u else 0.0 for s, u in zip(*found, strict=True)]


def weight_by_folds(
    waist: Waist,
    texts: LabelTexts,
    weights: Sequence[float],
    folds: Sequence[Fold],
    learn: Callable[[Sequence[int]], TwoStreamAdapter],
) -> tuple[float, float]:
    """The fused weight with the greatest mean H over the folds, the smallest of equal ones; and that H.

    Args:
        waist: training videos.
        texts: their K labels.
        weights: on offer.
        folds: of `class_folds`.
        learn: rows of the waist → an adapter trained on them.
    """
    offered = sorted(weights)
    sums = [0.0] * len(offered)
    for fold in folds:
        adapter = learn(fold.train)
        device = next(adapter.parameters()).device
        for place, value in enumerate(harmonic_by_weight(adapter, waist, fold, texts, offered, device)):
            sums[place] += value
    best = max(range(len(offered)), key=lambda place: (sums[place], -offered[place]))
    return offered[best], sums[best] / len(folds)


def _some_of_each(waist: Waist, generator: torch.Generator) -> set[str]:
    """A share of each label's videos, by what `WaistRow.video` calls them; one at least, and never all."""
    chosen: set[str] = set()
    for mine in waist.videos_by_label.values():
        count = min(math.ceil(_JUDGED_SHARE * len(mine)), len(mine) - 1)
        chosen |= {mine[place] for place in torch.randperm(len(mine), generator=generator)[:count].tolist()}
    return chosen
