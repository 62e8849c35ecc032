"""Which units of a layer show what stands still and which what moves: by pairs that share one alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import counted
from zeroshot.model.model import STREAMS
from zeroshot.probes.frame_order import rearrange
from zeroshot.probes.probe import ANSWER, Finding, spoken
from zeroshot.reports.document import Plane, Point, Table, within
from zeroshot.statistics.jackknife import NUM_GROUPS, groups_of, jackknife

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from zeroshot.probes.subject import Clips, Rows, Subject
    from zeroshot.statistics.intervals import Estimate

ENOUGH = 2 * NUM_GROUPS
"""Pairs that the figures need."""

AXES = ("S static, % of the variance", "S dynamic, % of the variance")
"""Of a plane of layers, or of streams."""

_BLOCK = "block "
_MOST_NAMED = 8
_SHARED = 0.5  # a unit shows a factor where its correlation over the pairs that share it is above this
_TITLE = "What stands still and what moves, layer by layer"
_MEANINGS = {
    "S static": "share of a layer's variance that two clips have in common which look alike and move "
    "differently (the same frames in another order): 1 is a layer blind to order",
    "S dynamic": "share that two clips have in common which move alike and look different (the same person "
    "before another place)",
    "units": f"a unit is static or dynamic where its own correlation over such pairs is above {_SHARED}, "
    "joint where both are, residual where neither is",
}


@dataclass(frozen=True)
class LayerFactors:
    """How much of a layer is looks and how much is motion.

    Attributes:
        static: S of looks; 0 of a stream that shows nothing.
        dynamic: S of motion; None where there are no pairs that share motion alone.
        static_units: correlation of each of U units over pairs that share looks.
        dynamic_units: the same over pairs that share motion, or None.
    """

    static: Estimate
    dynamic: Estimate | None
    static_units: tuple[float, ...]
    dynamic_units: tuple[float, ...] | None

    def unit_counts(self) -> dict[str, int]:
        """`static`, `dynamic`, `joint`, `residual` → how many units are so."""
        static = np.array(self.static_units) > _SHARED
        dynamic = (
            np.zeros_like(static) if self.dynamic_units is None else np.array(self.dynamic_units) > _SHARED
        )
        return {
            "static": int((static & ~dynamic).sum()),
            "dynamic": int((dynamic & ~static).sum()),
            "joint": int((static & dynamic).sum()),
            "residual": int((~static & ~dynamic).sum()),
        }

    def shares(self) -> dict[str, float]:
        """`static`, `dynamic`, `residual` → the share that papers print: softmax of both S and 1.

        Source: Kowal et al., CVPR 2022.
        """
        given = {"static": self.static.value, "dynamic": 0.0 if self.dynamic is None else self.dynamic.value}
        powers = {name: float(np.exp(value)) for name, value in {**given, "residual": 1.0}.items()}
        return {name: power / sum(powers.values()) for name, power in powers.items()}

    def as_dict(self) -> dict[str, Any]:
        """The figures, and how many units are what."""
        dynamic = None if self.dynamic is None else self.dynamic.as_dict()
        figures = {"static": self.static.as_dict(), "dynamic": dynamic, "shares": self.shares()}
        return {**figures, "units": self.unit_counts()}


def static_units(subject: Subject, clips: Clips) -> Finding:
    """S of looks and S of motion of each layer, and how many of its units show what."""
    if len(clips.targets) < ENOUGH:
        note = f"no probe of units: {counted(len(clips.targets), 'clip')}, expected {ENOUGH} or more"
        return Finding(_TITLE, notes=(note,), meanings=_MEANINGS)
    filmed = clips.ask(subject.layers)
    shuffled = clips.ask(subject.layers, partial(rearrange, order="shuffled", seed=clips.seed))
    swaps = clips.swaps
    notes: tuple[str, ...] = ()
    moved: Rows = {}
    if swaps is None or len(swaps.persons) < ENOUGH:
        notes = (f"no S dynamic: it needs {ENOUGH} or more clips of the same persons before other places",)
    else:
        moved = clips.ask_swaps(subject.layers)
    found = {}
    for layer, rows in filmed.items():
        pairs = (rows[swaps.persons], moved[layer]) if swaps is not None and moved else None
        found[layer] = layer_factors((rows, shuffled[layer]), pairs)
    return Finding(
        _TITLE,
        _table(found),
        notes=notes,
        meanings=_MEANINGS,
        by_stream=found,
        charts=_plane(found, subject.stream),
        verdict=_verdict(subject.stream, found),
    )


def layer_factors(
    static_pairs: tuple[ArrayLike, ArrayLike], dynamic_pairs: tuple[ArrayLike, ArrayLike] | None = None
) -> LayerFactors:
    """What a layer's rows have in common over pairs that share one factor alone.

    ρ_i = Cov(z_i, z_i') / Var(z_i) of unit i over the pairs of one factor; S = Σ_i Cov_i / Σ_i Var_i, where
    the variances are those over the pairs of all factors.

    Args:
        static_pairs: rows (n, U) and rows (n, U) of clips that look alike.
        dynamic_pairs: rows (m, U) and rows (m, U) of clips that move alike.

    Source: Kowal et al., CVPR 2022 (formula); intervals by a jackknife over pairs are ours.
    """
    static = tuple(np.asarray(rows, np.float64) for rows in static_pairs)
    dynamic = None if dynamic_pairs is None else tuple(np.asarray(rows, np.float64) for rows in dynamic_pairs)
    everything = [*static, *(dynamic or ())]

    def share(pairs: tuple[NDArray[np.float64], ...]) -> Estimate:
        def of(kept: NDArray[np.bool_]) -> float:
            shared = _covariance(pairs[0][kept], pairs[1][kept]).sum()
            whole = [rows[kept] if len(rows) == len(kept) else rows for rows in everything]
            return float(shared / max(_variance(whole).sum(), 1e-300))

        return jackknife(of, groups_of(len(pairs[0])))

    return LayerFactors(
        share(static),
        None if dynamic is None else share(dynamic),
        tuple(unit_correlations(*static).tolist()),
        None if dynamic is None else tuple(unit_correlations(*dynamic).tolist()),
    )


def unit_correlations(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """(U,) correlation of each unit between rows (n, U) and rows (n, U); 0 of a unit that never changes."""
    variance = _variance([first, second])
    scale = np.abs(first).max(0, initial=0.0) ** 2
    alive = variance > 1e-14 * np.maximum(scale, 1e-300)
    shared = _covariance(first, second)
    correlations: NDArray[np.float64] = np.where(alive, shared / np.where(alive, variance, 1.0), 0.0)
    return correlations


def _covariance(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """(U,) about the mean of both, so that equal rows have their variance."""
    mean = (first.mean(0) + second.mean(0)) / 2
    shared: NDArray[np.float64] = ((first - mean) * (second - mean)).mean(0)
    return shared


def _variance(rows: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(U,) of all rows together."""
    variance: NDArray[np.float64] = np.concatenate(rows).var(0)
    return variance


def _table(found: dict[str, LayerFactors]) -> Table:
    """A row a layer."""
    rows = []
    for layer, each in found.items():
        counts = each.unit_counts()
        shown = [_figure(each.static), _figure(each.dynamic)]
        units = " / ".join(str(counts[kind]) for kind in ("static", "dynamic", "joint", "residual"))
        rows.append((layer, *shown, units))
    return Table(("layer", "S static", "S dynamic", "units static / dynamic / joint / residual"), rows)


def _figure(estimate: Estimate | None) -> str:
    """`0.63 [0.60, 0.66]`; a dash where there is none."""
    return "–" if estimate is None else f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _plane(found: dict[str, LayerFactors], stream: str) -> tuple[Plane, ...]:
    """A point a layer, if motion was asked; of many layers those are named that a reader looks for."""
    shown = {layer: (each.static, each.dynamic) for layer, each in found.items() if each.dynamic is not None}
    named = _named(shown, stream)
    points = [
        Point(layer if layer in named else "", within(looks), within(motion), _colour(layer, stream))
        for layer, (looks, motion) in shown.items()
    ]
    caption = "Each layer: what it shows of looks, across, and of motion, upwards."
    if len(named) < len(shown):
        caption += (
            " Named are the streams, the first and the last block, and the layers that show most of either; "
            "the table below has all."
        )
    return (Plane(points, caption, AXES),) if points else ()


def _colour(layer: str, stream: str) -> int | str:
    """Streams have their own, an only one that of an answer; blocks are grey, other layers not."""
    if is_stream(layer, stream):
        return "fused" if layer == ANSWER else layer
    return layer if layer.startswith(_BLOCK) else 0


def is_stream(layer: str, stream: str) -> bool:
    """Whether a row of `layers` is a stream of the model, and no layer inside.

    Args:
        layer: its name.
        stream: that is the model's answer.
    """
    return layer in {*STREAMS, stream}


def _named(found: dict[str, tuple[Estimate, Estimate]], stream: str) -> set[str]:
    """The layers whose names are written into the plane: all of a few, else streams, ends and extremes.

    Args:
        found: layer → what it shows of looks, and of motion.
        stream: that is the model's answer.
    """
    if len(found) <= _MOST_NAMED:
        return set(found)
    inner = [layer for layer in found if not is_stream(layer, stream)]
    blocks = [layer for layer in inner if layer.startswith(_BLOCK)]
    ends = {*blocks[:1], *blocks[-1:]}
    most = [
        max(inner, key=lambda layer: found[layer][0].value),
        max(inner, key=lambda layer: found[layer][1].value),
    ]
    return {*ends, *most, *(layer for layer in found if is_stream(layer, stream))}


def _verdict(stream: str, found: dict[str, LayerFactors]) -> str:
    """Of the units of the stream that answers."""
    if (own := found.get(stream)) is None:
        return ""
    counts, total = own.unit_counts(), len(own.static_units)
    moving = counts["dynamic"] + counts["joint"]
    return f"{counts['static'] / total:.0%} of the units of {spoken(stream)} show looks alone" + (
        "." if own.dynamic is None else f"; {moving / total:.0%} show motion, wherever it is."
    )
