"""Charts as SVG, for a page that needs nothing else: shares with intervals, the plane of streams."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from zeroshot.reports.document import percent
from zeroshot.reports.names_beside_points import Box, Names, around

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zeroshot.reports.document import Bars, Plane, Point

COLOURS = ("#0b6fb8", "#d1590c", "#11835f", "#a8478c", "#8a6d00", "#4d4fc9")
"""One a model, told apart by people who see colours differently, on light and on dark ground."""

STYLE = """
:root { --ink: #1c2430; --quiet: #5d6875; --ground: #ffffff; --panel: #f5f7f9; --line: #d9dfe5;
  --warn: #8a3b00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7ebef; --quiet: #9aa6b2; --ground: #14181d; --panel: #1c2229; --line: #333c46;
    --warn: #ffb27a; }
}
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .tick, svg .axis { fill: var(--quiet); } svg .tick { font-size: 11px; } svg .small { font-size: 10.5px; }
svg .value { font-variant-numeric: tabular-nums; white-space: pre; } svg .grid { stroke: var(--line); }
svg .chance { stroke: var(--quiet); stroke-dasharray: 4 4; } svg .half { fill: var(--panel); }
svg .ground { fill: var(--panel); } svg .sheet { fill: var(--ground); }
svg .inside { fill: #ffffff; font-size: 10.5px; }
"""
"""Colours and letters of every chart; a page and a picture by itself hold it once."""

WIDTH = 860
"""Of every chart, in pixels."""
LETTER = 6.6
"""Width of a letter at 12 px, about."""


def intervals(chart: Bars) -> str:
    """A dot and its interval a row, in per cent, with a line at chance; cut off at the end of the axis."""
    rows, chance = chart.bars, chart.chance
    left = min(360.0, 24 + LETTER * max(len(row.name) for row in rows))
    right, step, top = 150.0, 30 if len(rows) <= 20 else 20, 14
    height = top + step * len(rows) + 34
    span = WIDTH - left - right
    limit = _ceiling([row.estimate.high for row in rows])

    def x(share: float) -> float:
        return left + span * min(share, limit) / limit

    parts = []
    for tick in _ticks(limit):
        parts.append(line(x(tick), top, x(tick), height - 28, "grid"))
        parts.append(text(x(tick), height - 12, f"{100 * tick:.0f} %", "tick", "middle"))
    if chance is not None:
        parts.append(line(x(chance), top - 6, x(chance), height - 28, "chance"))
        parts.append(text(x(chance) + 4, top + 2, "chance", "tick"))
    for place, row in enumerate(rows):
        estimate = row.estimate
        y = top + step * (place + 0.5)
        parts.append(text(left - 12, y + 4, short(row.name, left - 20), "name", "end"))
        if not math.isfinite(estimate.value):
            continue
        paint = COLOURS[row.colour % len(COLOURS)]
        parts.append(
            f'<line x1="{x(estimate.low):.1f}" y1="{y:.1f}" x2="{x(estimate.high):.1f}" y2="{y:.1f}" '
            f'stroke="{paint}" stroke-width="3" stroke-linecap="round" opacity="0.55"/>'
            f'<circle cx="{x(estimate.value):.1f}" cy="{y:.1f}" r="5.5" fill="{paint}"/>'
        )
        parts.append(text(WIDTH - right + 14, y + 4, percent(estimate).replace(" ", "  ", 1), "value"))
    return svg(WIDTH, height, parts, "shares with their 95 % intervals")


def plane(chart: Plane) -> str:
    """One point a model: what stands still across, what moves upwards, each with its interval."""
    side, left, top = 380, 64, 18
    limit = _ceiling([end.high for point in chart.points for end in (point.across, point.upwards)])

    def x(share: float) -> float:
        return left + side * share / limit

    def y(share: float) -> float:
        return top + side * (1 - share / limit)

    corner = f"{x(0):.1f},{y(0):.1f}"
    parts = [
        f'<polygon points="{corner} {x(0):.1f},{y(limit):.1f} {x(limit):.1f},{y(limit):.1f}" class="half"/>',
        line(x(0), y(0), x(limit), y(limit), "chance"),
        text(x(0) + 10, y(limit) + 18, "motion tells more", "tick"),
        text(x(limit) - 10, y(0) - 10, "looks tell more", "tick", "end"),
    ]
    for tick in _ticks(limit):
        parts.append(line(x(tick), y(0), x(tick), y(limit), "grid"))
        parts.append(line(x(0), y(tick), x(limit), y(tick), "grid"))
        parts.append(text(x(tick), y(0) + 18, f"{100 * tick:.0f}", "tick", "middle"))
        parts.append(text(x(0) - 8, y(tick) + 4, f"{100 * tick:.0f}", "tick", "end"))
    crosses = [_Cross.of(point, x, y) for point in chart.points]
    for cross, point in zip(crosses, chart.points, strict=True):
        parts.append(cross.drawn(COLOURS[point.colour % len(COLOURS)]))
    hints = [Box(x(0), y(limit), x(0) + 120, y(limit) + 24), Box(x(limit) - 120, y(0) - 24, x(limit), y(0))]
    names = Names(
        Box(x(0) + 2, y(limit), x(limit), y(0) - 2),
        [*hints, *(box for cross in crosses for box in cross.boxes)],
    )
    placed = []
    for cross, point in zip(crosses, chart.points, strict=True):
        name = _end_of(point.name, 240)
        place = names.place(cross.x, cross.y, LETTER * len(name))
        placed.append(place.box)
        if place.is_far:
            end = min(max(cross.x, place.box.left), place.box.right)
            middle = (place.box.top + place.box.bottom) / 2
            parts.append(
                f'<line x1="{cross.x:.1f}" y1="{cross.y:.1f}" x2="{end:.1f}" y2="{middle:.1f}" '
                f'stroke="{COLOURS[point.colour % len(COLOURS)]}" stroke-width="0.8" opacity="0.7"/>'
            )
        parts.append(text(place.x, place.y, name, "name"))
    parts.append(text(left + side / 2, top + side + 42, chart.axes[0], "axis", "middle"))
    parts.append(
        f'<text class="axis" text-anchor="middle" transform="translate(18 {top + side / 2:.0f}) rotate(-90)">'
        f"{escape(chart.axes[1])}</text>"
    )
    width = max([left + side + 30, *(box.right + 6 for box in placed)])
    height = max([top + side + 54, *(box.bottom + 6 for box in placed)])
    return svg(width, height, parts, "what stands still against what moves, a point a model")


class _Cross(NamedTuple):
    """A point with its two intervals, in pixels: its middle, and their ends."""

    x: float
    y: float
    left: float
    right: float
    top: float
    bottom: float

    @classmethod
    def of(cls, point: Point, x: Callable[[float], float], y: Callable[[float], float]) -> _Cross:
        """Where a point of the plane is drawn."""
        static, dynamic = point.across, point.upwards
        ends = x(static.low), x(static.high), y(dynamic.high), y(dynamic.low)
        return cls(x(static.value), y(dynamic.value), *ends)

    @property
    def boxes(self) -> tuple[Box, Box, Box]:
        """What it covers."""
        dot = Box(self.x - 8, self.y - 8, self.x + 8, self.y + 8)
        across = around(self.left, self.y, self.right, self.y)
        return dot, across, around(self.x, self.top, self.x, self.bottom)

    def drawn(self, paint: str) -> str:
        """As SVG."""
        return (
            f'<g stroke="{paint}" stroke-width="2" opacity="0.55">'
            f'<line x1="{self.left:.1f}" y1="{self.y:.1f}" x2="{self.right:.1f}" y2="{self.y:.1f}"/>'
            f'<line x1="{self.x:.1f}" y1="{self.bottom:.1f}" x2="{self.x:.1f}" y2="{self.top:.1f}"/>'
            "</g>"
            f'<circle cx="{self.x:.1f}" cy="{self.y:.1f}" r="6.5" fill="{paint}"/>'
        )


def _ceiling(shares: Sequence[float]) -> float:
    """End of an axis: a round share at or above all of these."""
    top = max((share for share in shares if math.isfinite(share)), default=1.0)
    return next((end for end in (0.1, 0.2, 0.4, 0.6, 0.8) if top <= end), 1.0)


def _ticks(limit: float) -> list[float]:
    step = limit / 4 if limit in {0.2, 0.4, 0.8} else limit / 5
    return [step * number for number in range(round(limit / step) + 1)]


def short(words: str, width: float) -> str:
    """The words, cut to a width in pixels."""
    room = max(4, int(width / LETTER))
    return words if len(words) <= room else words[: room - 1] + "…"


def _end_of(words: str, width: float) -> str:
    """The words, cut at their start: what tells streams of one model apart stands at the end."""
    room = max(4, int(width / LETTER))
    return words if len(words) <= room else f"…{words[1 - room :]}"


def text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    """Words at a point."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """From one point to another."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def svg(width: float, height: float, parts: Sequence[str], title: str) -> str:
    """A chart of its parts, and what it is for those who do not see it."""
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
