"""How far the fused stream goes, chosen for labels that are never trained on by leaving known ones out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from zeroshot.errors import OptionError
from zeroshot.losses.classification import corrected
from zeroshot.training.batches import generator_for
from zeroshot.waist.streams import read_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.training.config import ChoiceConfig
    from zeroshot.training.label_targets import LabelTexts
    from zeroshot.waist.waist import Waist

_JUDGED_SHARE = 0.12  # of each label's videos, not trained on in a fold: some ten where there are eighty
_ALLOWED = 0.005  # of novel videos that a fold may get wrong beside the anchor: less than it can tell apart


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


class Fusing(NamedTuple):
    """How far the fused stream goes from its anchor.

    Attributes:
        weight: the adapter's `fused_weight`.
        excess: its `fused_excess`; None where it knows no labels.
    """

    weight: float
    excess: float | None = None


class Openness(NamedTuple):
    """What a fold says of one way of fusing, in shares.

    Attributes:
        harmonic: 2SU/(S + U) of the shares of seen and of novel videos that are right among all labels.
        novel: the share of novel videos that are right among the novel labels.
    """

    harmonic: float
    novel: float


def fusings(choice: ChoiceConfig, *, has_excess: bool) -> list[Fusing]:
    """All that a choice offers, those that change least first."""
    excesses: tuple[float | None, ...] = tuple(sorted(choice.fused_excesses)) if has_excess else (None,)
    return [Fusing(weight, excess) for weight in sorted(choice.fused_weights) for excess in excesses]


def openness(
    adapter: TwoStreamAdapter,
    waist: Waist,
    fold: Fold,
    texts: LabelTexts,
    offered: Sequence[Fusing],
    device: torch.device | str = "cpu",
) -> list[Openness]:
    """What each way of fusing is worth in a fold.

    Args:
        adapter: trained on the fold's labels.
        waist: of which the fold tells the rows.
        fold: the videos.
        texts: all K labels.
        offered: the ways.
        device: where the adapter is.
    """
    embeddings, parts = texts.embeddings.cpu(), []
    for rows in (fold.seen, fold.novel):
        part = waist.subset(rows)
        parts.append((*corrected(read_streams(adapter, part, device)), texts.rows(part.labels)))
    left_out = torch.zeros(len(texts.labels), dtype=torch.bool)
    left_out[parts[1][2]] = True
    found = []
    for way in offered:
        scores = [adapter.fuse(one, two, way.weight, way.excess) @ embeddings.T for one, two, _ in parts]
        scores.append(scores[1].masked_fill(~left_out, -math.inf))
        targets = (parts[0][2], parts[1][2], parts[1][2])
        right = [
            float((each.argmax(1) == rows).double().mean())
            for each, rows in zip(scores, targets, strict=True)
        ]
        found.append(Openness(_harmonic(*right[:2]), right[2]))
    return found


def fusing_by_folds(
    waist: Waist,
    texts: LabelTexts,
    offered: Sequence[Fusing],
    folds: Sequence[Fold],
    learn: Callable[[Sequence[int]], TwoStreamAdapter],
) -> tuple[Fusing, float]:
    """The way of fusing with the greatest mean H over the folds, the first of equal ones; and that H.

    Of those that keep novel labels, ranked among themselves, as right as the anchor has them; where none
    does, of those that come nearest.

    Args:
        waist: training videos.
        texts: their K labels.
        offered: ways of fusing, those that change least first.
        folds: of `class_folds`.
        learn: rows of the waist → an adapter trained on them.
    """
    tried = [Fusing(0.0, offered[0].excess), *offered]
    sums = [(0.0, 0.0)] * len(tried)
    for fold in folds:
        adapter = learn(fold.train)
        device = next(adapter.parameters()).device
        found = openness(adapter, waist, fold, texts, tried, device)
        sums = [(h + one.harmonic, n + one.novel) for (h, n), one in zip(sums, found, strict=True)]
    wanted = min(sums[0][1], max(novel for _, novel in sums[1:])) - _ALLOWED * len(folds)
    places = [place for place in range(1, len(tried)) if sums[place][1] >= wanted]
    best = max(places, key=lambda place: (sums[place][0], -place))
    return tried[best], sums[best][0] / len(folds)


def _harmonic(seen: float, novel: float) -> float:
    """Their harmonic mean; 0 where both are."""
    return 2 * seen * novel / (seen + novel) if seen + novel else 0.0


def _some_of_each(waist: Waist, generator: torch.Generator) -> set[str]:
    """A share of each label's videos, by what `WaistRow.video` calls them; one at least, and never all."""
    chosen: set[str] = set()
    for mine in waist.videos_by_label.values():
        count = min(math.ceil(_JUDGED_SHARE * len(mine)), len(mine) - 1)
        chosen |= {mine[place] for place in torch.randperm(len(mine), generator=generator)[:count].tolist()}
    return chosen
