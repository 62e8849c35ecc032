"""How much the order of frames matters: accuracy as filmed, in another order, and of one frame alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch

from zeroshot.errors import OptionError
from zeroshot.probes.probe import Finding
from zeroshot.reports.document import Bar, Bars, Table, percent
from zeroshot.statistics.intervals import Count, Estimate, paired_difference, paired_table
from zeroshot.statistics.metrics import correct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike
    from torch import Tensor

    from zeroshot.probes.subject import Clips, Subject

_MEANINGS = {
    "as filmed": "right with the frames in their order",
    "shuffled": "right with the frames in another order, the same for all videos",
    "reversed": "right with the last frame first",
    "frozen": "right with the middle frame alone, repeated",
    "lost": "accuracy as filmed minus accuracy so, on the same videos: how much order matters",
}


@dataclass(frozen=True)
class OrderDrop:
    """Accuracy with the frames in another order.

    Attributes:
        count: hits of all videos.
        drop: accuracy as filmed minus accuracy so, on the same videos, with its 95 % interval.
    """

    count: Count
    drop: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Counts first."""
        accuracy = self.count.estimate()
        return {
            "hits": self.count.hits,
            "videos": self.count.total,
            "accuracy": accuracy.as_dict(),
            "drop": self.drop.as_dict(),
        }


@dataclass(frozen=True)
class Orders:
    """Accuracy of one stream.

    Attributes:
        intact: hits with the frames as filmed.
        orders: shuffled, reversed, frozen → what is left.
    """

    intact: Count
    orders: Mapping[str, OrderDrop]

    def as_dict(self) -> dict[str, Any]:
        """Counts first."""
        intact = {"hits": self.intact.hits, "videos": self.intact.total}
        return {"intact": intact, "orders": {name: order.as_dict() for name, order in self.orders.items()}}


def frame_order(subject: Subject, clips: Clips) -> Finding:
    """Accuracy with the frames shuffled and reversed."""
    return _rearranged(subject, clips, "Right, with the frames in another order", ("shuffled", "reversed"))


def still_frames(subject: Subject, clips: Clips) -> Finding:
    """Accuracy with the middle frame alone, repeated."""
    return _rearranged(subject, clips, "Right, with one frame alone", ("frozen",))


def _rearranged(subject: Subject, clips: Clips, title: str, orders: tuple[str, ...]) -> Finding:
    """Accuracy of each stream as filmed and in these orders."""
    right = {name: correct(scores, clips.targets) for name, scores in clips.ask(subject.answer).items()}
    drops: dict[str, dict[str, OrderDrop]] = {name: {} for name in right}
    for order in orders:
        edited = clips.ask(subject.answer, partial(rearrange, order=order, seed=clips.seed))
        for name, scores in edited.items():
            outcomes = correct(scores, clips.targets)
            drops[name][order] = OrderDrop(Count.of(outcomes), accuracy_drop(right[name], outcomes))
    found = {name: Orders(Count.of(outcomes), drops[name]) for name, outcomes in right.items()}
    rows = {"as filmed": [each.intact.estimate() for each in found.values()]}
    for order in orders:
        rows[order] = [each.orders[order].count.estimate() for each in found.values()]
        rows[f"lost {order}"] = [each.orders[order].drop for each in found.values()]
    bars = [
        Bar(f"{name}, {stream}", share, stream)
        for name, shares in rows.items()
        if not name.startswith("lost")
        for stream, share in zip(found, shares, strict=True)
    ]
    cells = [(name, *map(percent, shares)) for name, shares in rows.items()]
    table = Table(("%, with 95 % intervals", *found), cells)
    meanings = {name: _MEANINGS[name] for name in ("as filmed", *orders, "lost")}
    return Finding(title, table, Bars(bars, 1 / len(clips.labels)), meanings=meanings, by_stream=found)


def _shuffled(x: Tensor, seed: int) -> Tensor:
    places = torch.arange(x.shape[1])
    generator = torch.Generator().manual_seed(seed)
    order = places
    while x.shape[1] > 1 and bool((order == places).all()):
        order = torch.randperm(x.shape[1], generator=generator)
    return x[:, order]


def _reversed(x: Tensor, _: int) -> Tensor:
    return x.flip(1)


def _frozen(x: Tensor, _: int) -> Tensor:
    middle = x.shape[1] // 2
    return x[:, middle : middle + 1].expand_as(x)


REARRANGEMENTS: Mapping[str, Callable[[Tensor, int], Tensor]] = MappingProxyType(
    {"shuffled": _shuffled, "reversed": _reversed, "frozen": _frozen}
)


def rearrange(x: Tensor, order: str, seed: int = 0) -> Tensor:
    """Frames or tokens x (B, T, …) with the frames `shuffled`, `reversed` or `frozen` at the middle one.

    Args:
        x: (B, T, …).
        order: which.
        seed: of the one permutation that all videos share, so that batches do not matter.
    """
    if order not in REARRANGEMENTS:
        raise OptionError(f"order is {order!r}; expected one of {', '.join(REARRANGEMENTS)}")
    if x.ndim < 2:
        raise OptionError(f"frames have shape {tuple(x.shape)}; expected (B, T, …)")
    return REARRANGEMENTS[order](x, seed)


def accuracy_drop(intact: ArrayLike, rearranged: ArrayLike) -> Estimate:
    """Accuracy lost on the same videos by an edit: how much the order of frames matters to a model.

    Args:
        intact: (n,) booleans.
        rearranged: (n,) booleans of the same videos, edited.
    """
    return paired_difference(paired_table(intact, rearranged))
