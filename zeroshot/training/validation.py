"""A look at held-out videos: accuracies of the streams, their dependence, the best fused weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from zeroshot.losses.independence import dependence
from zeroshot.training.balance import balanced_weights
from zeroshot.waist.streams import read_streams

if TYPE_CHECKING:
    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.training.config import ChoiceConfig
    from zeroshot.training.label_targets import LabelTexts
    from zeroshot.types import Streams
    from zeroshot.waist.waist import Waist

_DEPENDENCE_ROWS = 512  # the estimate is then good to about 0.002, and its kernels are small
DEFAULT_FUSED_WEIGHT = 1.0


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Held-out videos, those of seen labels and those of labels kept out of training.

    Attributes:
        waist: the n videos.
        seen: rows of the waist with a seen label; may be empty.
        novel: rows of the waist with another label; may be empty.
        seen_targets: (len(seen),) rows of `seen_texts`.
        novel_targets: (len(novel),) rows of `novel_texts`.
        seen_texts: (K, D).
        novel_texts: (K', D).
        weights: (len(seen),) that make label and scene independent; ones without scenes.
        logit_scale: the backbone's own.
    """

    waist: Waist
    seen: Tensor
    novel: Tensor
    seen_targets: Tensor
    novel_targets: Tensor
    seen_texts: Tensor
    novel_texts: Tensor
    weights: Tensor
    logit_scale: float

    @classmethod
    def of(cls, waist: Waist, texts: LabelTexts, seen_rows: Tensor, scenes: Tensor | None) -> HeldOut:
        """The held-out videos told apart by whether training sees their label.

        Args:
            waist: the videos.
            texts: all labels.
            seen_rows: (K,) rows of `texts` that training sees.
            scenes: of the videos, hard or soft, or None.
        """
        labels = texts.rows(waist.labels)
        known = torch.isin(labels, seen_rows)
        seen, novel = known.nonzero()[:, 0], (~known).nonzero()[:, 0]
        novel_rows = torch.unique(labels[novel])
        weights = torch.ones(len(seen))
        if scenes is not None and len(seen) and _several(scenes[seen]):
            weights = balanced_weights(labels[seen], scenes[seen])
        embeddings = texts.embeddings.cpu()
        return cls(
            waist,
            seen,
            novel,
            torch.searchsorted(seen_rows, labels[seen]),
            torch.searchsorted(novel_rows, labels[novel]),
            embeddings[seen_rows],
            embeddings[novel_rows],
            weights,
            texts.logit_scale,
        )

    def figures(self, rows: Tensor) -> dict[str, float]:
        """Figures of rows (n, D): `accuracy`, `balanced` accuracy and balanced cross-entropy `loss`.

        With novel labels also the accuracy among them, `novel`, and its `harmonic` mean with the first.
        """
        result: dict[str, float] = {}
        if len(self.seen):
            scores = rows[self.seen] @ self.seen_texts.T
            right = scores.argmax(1) == self.seen_targets
            losses = F.cross_entropy(self.logit_scale * scores, self.seen_targets, reduction="none")
            total = self.weights.double().sum()
            result["accuracy"] = float(right.double().mean())
            result["balanced"] = float((right * self.weights).double().sum() / total)
            result["loss"] = float((losses * self.weights).double().sum() / total)
        if len(self.novel):
            right = (rows[self.novel] @ self.novel_texts.T).argmax(1) == self.novel_targets
            result["novel"] = float(right.double().mean())
        if len(self.seen) and len(self.novel):
            both = result["accuracy"] + result["novel"]
            result["harmonic"] = 2 * result["accuracy"] * result["novel"] / both if both else 0.0
        return result


@dataclass(frozen=True)
class Figures:
    """What a look finds.

    Attributes:
        value: the figure that chooses the epoch; None where nothing can be chosen by.
        loss: held-out loss of the same stream; of epochs of equal value the one with the lower is better.
        fused_weight: the best of those offered.
        metrics: `static_accuracy`, `dynamic_balanced`, …, `nhsic`.
    """

    value: float | None
    loss: float
    fused_weight: float
    metrics: dict[str, float]


def look(
    adapter: TwoStreamAdapter,
    held_out: HeldOut | None,
    choice: ChoiceConfig,
    device: torch.device | str = "cpu",
) -> Figures:
    """Figures of an adapter on held-out videos; of fused weights as good, the one with the lower loss.

    Args:
        adapter: as trained so far.
        held_out: the videos; None finds nothing.
        choice: names the criterion and the weights on offer.
        device: where the adapter is.
    """
    if held_out is None:
        return Figures(None, 0.0, DEFAULT_FUSED_WEIGHT, {})
    streams = read_streams(adapter, held_out.waist, device)
    anchor = streams.static if streams.anchor is None else streams.anchor
    correction = streams.dynamic if streams.correction is None else streams.correction
    criterion = "balanced" if choice.choose_by == "last" else choice.choose_by
    tried = {
        weight: held_out.figures(adapter.fuse(anchor, correction, weight)) for weight in choice.fused_weights
    }
    best = max(sorted(tried), key=lambda weight: _merit(tried[weight], criterion))
    found = {
        "static": held_out.figures(streams.static),
        "dynamic": held_out.figures(streams.dynamic),
        "fused": tried[best],
    }
    metrics = {f"{stream}_{name}": value for stream, each in found.items() for name, value in each.items()}
    dependent = _dependence(streams, held_out.seen)
    if dependent is not None:
        metrics["nhsic"] = dependent
    chosen = found[choice.choose_stream]
    value = None if choice.choose_by == "last" else chosen.get(criterion)
    return Figures(value, chosen.get("loss", 0.0), best, metrics)


def _merit(figures: dict[str, float], criterion: str) -> tuple[float, float]:
    """What is compared: the criterion, and where it is equal the loss, which is not as coarse."""
    return figures.get(criterion, 0.0), -figures.get("loss", 0.0)


def _dependence(streams: Streams, rows: Tensor) -> float | None:
    """Normalized HSIC between the streams' hidden features on these rows; None where they are too few."""
    rows = rows[:_DEPENDENCE_ROWS]
    if len(rows) < 4 or streams.static_hidden is None or streams.dynamic_hidden is None:
        return None
    return float(dependence(streams.dynamic_hidden[rows], streams.static_hidden[rows]))


def _several(scenes: Tensor) -> bool:
    """Whether two scenes or more occur."""
    return len(torch.unique(scenes)) > 1 if scenes.ndim == 1 else int((scenes.sum(0) > 0).sum()) > 1
