"""Which units of an adapter carry the wrong answers: ranked by gradients, so that the worst can be zeroed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zeroshot.errors import OptionError
from zeroshot.probes.layers import by_unit, watching
from zeroshot.probes.probe import Finding
from zeroshot.probes.subject import ModelSubject
from zeroshot.reports.document import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from torch import Tensor, nn

    from zeroshot.probes.subject import Clips, Subject

    Logits = Callable[[Tensor], Tensor]

_CLIPS_AT_ONCE = 64
_MOST_SHOWN = 8
_TITLE = "Units that carry wrong answers"
_MEANINGS = {
    "carries": "how much the unit adds to the likeliest wrong answer and not to the right one, in "
    "probability, mean over the clips weighted by how likely that answer is",
}


@dataclass(frozen=True)
class BiasedUnit:
    """One unit.

    Attributes:
        layer: its layer's name.
        unit: its number there.
        score: how much it adds to wrong answers.
    """

    layer: str
    unit: int
    score: float

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dict(vars(self))


def neurons(subject: Subject, clips: Clips) -> Finding:
    """The units of the adapter that add most to wrong answers, on swapped clips where there are some."""
    if not isinstance(subject, ModelSubject) or subject.model.adapter is None:
        note = f"no ranking of units: {subject.name} has no adapter of which units could be zeroed"
        return Finding(_TITLE, notes=(note,), meanings=_MEANINGS)
    ranked = rank_adapter_units(subject, clips)
    rows = [(unit.layer, str(unit.unit), f"{unit.score:.4f}") for unit in ranked[:_MOST_SHOWN]]
    found = {f"{unit.layer}, {unit.unit}": unit for unit in ranked[:_MOST_SHOWN]}
    return Finding(_TITLE, Table(("layer", "unit", "carries"), rows), meanings=_MEANINGS, by_stream=found)


def rank_adapter_units(
    subject: ModelSubject, clips: Clips, rows: Sequence[int] | None = None
) -> list[BiasedUnit]:
    """Every unit of the adapter's linear layers, the worst first.

    Args:
        subject: a model with an adapter.
        clips: whose labels are known; their swapped copies are looked at where there are some, since the
            likeliest wrong answer is then the place's.
        rows: of the clips, or of the swapped ones; None: all.
    """
    batch, targets = clips.batch, clips.targets
    if clips.swaps is not None:
        batch, targets = clips.swaps.batch, targets[clips.swaps.persons]
    chosen = np.arange(len(targets)) if rows is None else np.asarray(rows)
    parts = [chosen[start : start + _CLIPS_AT_ONCE] for start in range(0, len(chosen), _CLIPS_AT_ONCE)]
    instances = [(batch(part.tolist()), torch.from_numpy(targets[part])) for part in parts]
    phrasings = subject.phrasings or (subject.texts,)
    ways = [lambda frames, texts=texts: subject.logits(frames, texts) for texts in phrasings]
    return rank_units(ways, subject.adapter_layers(), instances)


def rank_units(
    ways: Sequence[Logits], layers: Mapping[str, nn.Module], instances: Iterable[tuple[Tensor, Tensor]]
) -> list[BiasedUnit]:
    """Units of some layers by how much they add to the likeliest wrong answer, the worst first.

    B_i = A_i(ŷ) − max(0, A_i(y)) with A_i(c) = h_i · ∂P(c)/∂h_i and ŷ the likeliest wrong label: the greatest
    over tokens, the mean over instances weighted by P(ŷ), the mean over phrasings.

    Args:
        ways: frames → logits (B, K), one for each phrasing of the labels.
        layers: name → the layer whose outputs are units.
        instances: frames and targets (B,); in what batches does not matter.

    Source: Yang et al., "CRISPR", ACL 2024. Its code takes gradients of log P and cuts at 0 after the sum
        over the batch, so that the batch size matters; here each instance is cut by itself.
    """
    sums: dict[str, Tensor] = {}
    weight = 0.0
    for frames, targets in instances:
        for way in ways:
            scores, weights = _carried(way, layers, frames, targets)
            weight += float(weights.sum())
            for name, each in scores.items():
                sums[name] = sums.get(name, 0) + (weights[:, None] * each).sum(0)
    if not sums:
        raise OptionError("no layer takes part in the answer; expected layers whose units can be ranked")
    units = [
        BiasedUnit(name, unit, score / max(weight, 1e-12))
        for name, total in sums.items()
        for unit, score in enumerate(total.tolist())
    ]
    return sorted(units, key=lambda unit: -unit.score)


def _carried(
    way: Logits, layers: Mapping[str, nn.Module], frames: Tensor, targets: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """Layer → (B, U) float64 what each unit carries, and (B,) probabilities of the likeliest wrong label."""
    with watching(layers) as seen, torch.enable_grad():
        chances = way(frames).double().softmax(1)
    outputs = {name: each[0] for name, each in seen.items() if each and each[0].requires_grad}
    others = chances.detach().clone()
    rows = torch.arange(len(targets))
    others[rows, targets] = -1.0
    wrong = others.argmax(1)
    hidden = list(outputs.values())
    if not hidden:
        return {}, others[rows, wrong]
    towards = [
        torch.autograd.grad(chances[rows, label].sum(), hidden, retain_graph=True, allow_unused=True)
        for label in (wrong, targets)
    ]
    scores = {}
    for (name, output), up, right in zip(outputs.items(), *towards, strict=True):
        if up is None or right is None:
            continue
        layer = layers[name]
        shown = by_unit([output.detach()], len(targets), layer).double()
        to_wrong, to_right = (shown * by_unit([each], len(targets), layer) for each in (up, right))
        scores[name] = (to_wrong - to_right.clamp(min=0)).amax(1)
    return scores, others[rows, wrong]


@contextmanager
def zeroed(layers: Mapping[str, nn.Module], units: Iterable[BiasedUnit]) -> Iterator[None]:
    """While this is open the units give exactly 0; afterwards every weight is what it was, to the bit.

    Args:
        layers: name → a linear layer.
        units: of them.
    """
    wanted = list(units)
    kept = {
        name: [value.detach().clone() for value in layers[name].parameters()]
        for name in {unit.layer for unit in wanted}
    }
    try:
        _zero(layers, wanted)
        yield
    finally:
        for name, values in kept.items():
            _put(layers[name], values)


@torch.no_grad()
def _zero(layers: Mapping[str, nn.Module], units: Iterable[BiasedUnit]) -> None:
    """Set all that leads to the units to 0."""
    for unit in units:
        for value in layers[unit.layer].parameters():
            value[unit.unit] = 0


@torch.no_grad()
def _put(layer: nn.Module, values: Sequence[Tensor]) -> None:
    """Give a layer these weights."""
    for value, before in zip(layer.parameters(), values, strict=True):
        value.copy_(before)
