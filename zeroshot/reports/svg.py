"""Charts as SVG, for a page that needs nothing else: shares with intervals, the plane of streams."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import east_asian_width

from zeroshot.reports.colours import paint
from zeroshot.reports.document import percent
from zeroshot.reports.names_beside_points import Box, Names, around

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zeroshot.reports.document import Bar, Bars, Differences, Plane, Point
    from zeroshot.statistics.intervals import Estimate

STYLE = """
:root { --ink: #1c2430; --quiet: #5d6875; --ground: #ffffff; --panel: #f5f7f9; --line: #d9dfe5;
  --warn: #8a3b00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7ebef; --quiet: #9aa6b2; --ground: #14181d; --panel: #1c2229; --line: #333c46;
    --warn: #ffb27a; }
}
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .name, svg .tick { paint-order: stroke; stroke: var(--ground); stroke-width: 3px; }
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
_NAMES, _FIGURES, _TOP = 360.0, 164.0, 14  # pixels left of an axis at most, on its right, above it


class _Axis(NamedTuple):
    """Where shares stand in a chart of rows, in pixels; nothing is drawn beyond its ends.

    Attributes:
        left: where its lower end is.
        span: from there to its upper end.
        low: the share at the lower end.
        high: the share at the upper end.
        step: from tick to tick.
    """

    left: float
    span: float
    low: float
    high: float
    step: float

    @classmethod
    def beside(cls, rows: Sequence[Bar], low: float, high: float) -> _Axis:
        """The axis on the right of the names of rows, left of their figures."""
        left = min(_NAMES, 24 + max((text_width(row.name) for row in rows), default=0.0))
        step = high / 2 if low < 0 else _ticks(high)[1]
        return cls(left, WIDTH - left - _FIGURES, low, high, step)

    def x(self, share: float) -> float:
        """Where a share stands."""
        inside = min(max(share, self.low), self.high)
        return self.left + self.span * (inside - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Shares that are marked."""
        return [self.low + self.step * row for row in range(round((self.high - self.low) / self.step) + 1)]


def intervals(chart: Bars) -> str:
    """A dot and its interval a row, in per cent, with a line at chance; cut off at the end of the axis."""
    chance = chart.chance
    ends = [row.estimate.high for row in chart.bars] + [row.estimate.value for row in chart.bars]
    axis = _Axis.beside(chart.bars, 0.0, _ceiling([*ends, chance or 0.0]))
    parts = []
    if chance is not None:
        bottom = _TOP + _row_height(chart.bars) * len(chart.bars)
        parts.append(line(axis.x(chance), _TOP - 6, axis.x(chance), bottom + 6, "chance"))
        parts.append(text(axis.x(chance) + 4, _TOP + 2, "chance", "tick"))
    return _rows(chart.bars, axis, parts, "{:.0f} %", "shares with their 95 % intervals")


def differences(chart: Differences) -> str:
    """A dot and its interval a row, in points, on both sides of a line at 0."""
    ends = [abs(end) for row in chart.bars for end in (row.estimate.low, row.estimate.high)]
    limit = _ceiling([end for end in ends if math.isfinite(end)])
    axis = _Axis.beside(chart.bars, -limit, limit)
    bottom = _TOP + _row_height(chart.bars) * len(chart.bars)
    parts = [line(axis.x(0), _TOP - 6, axis.x(0), bottom + 6, "chance")]
    return _rows(chart.bars, axis, parts, "{:+.0f}", "differences with their 95 % intervals")


def _row_height(rows: Sequence[Bar]) -> int:
    """Pixels of a row: many stand closer."""
    return 30 if len(rows) <= 20 else 20


def _rows(rows: Sequence[Bar], axis: _Axis, parts: list[str], tick: str, title: str) -> str:
    """The chart of rows on an axis, over what is drawn already."""
    step = _row_height(rows)
    height = _TOP + step * len(rows) + 34
    grid = []
    for share in axis.ticks():
        grid.append(line(axis.x(share), _TOP, axis.x(share), height - 28, "grid"))
        words = tick.format(100 * share).replace("+0", "0").replace("-0", "0")
        grid.append(text(axis.x(share), height - 12, words, "tick", "middle"))
    parts = grid + parts
    for place, row in enumerate(rows):
        y = _TOP + step * (place + 0.5)
        parts.append(text(axis.left - 12, y + 4, short(row.name, axis.left - 20), "name", "end"))
        if math.isfinite(row.estimate.value):
            parts.append(_dot(row.estimate, axis, y, paint(row.colour)))
            figure = percent(row.estimate).replace(" ", "  ", 1)
            parts.append(text(WIDTH - _FIGURES + 14, y + 4, figure, "value"))
    return svg(WIDTH, height, parts, title)


def _dot(estimate: Estimate, axis: _Axis, y: float, colour: str) -> str:
    """An estimate and its interval; an end beyond the axis has an arrow in place of a round end."""
    low, high = axis.x(estimate.low), axis.x(estimate.high)
    drawn = (
        f'<line x1="{low:.1f}" y1="{y:.1f}" x2="{high:.1f}" y2="{y:.1f}" '
        f'stroke="{colour}" stroke-width="3" stroke-linecap="round" opacity="0.75"/>'
        f'<circle cx="{axis.x(estimate.value):.1f}" cy="{y:.1f}" r="5.5" fill="{colour}"/>'
    )
    for end, beyond, sign in ((low, estimate.low < axis.low, 1), (high, estimate.high > axis.high, -1)):
        if beyond:
            corner = f"{end:.1f},{y:.1f} {end + 7 * sign:.1f}"
            drawn += (
                f'<polygon points="{corner},{y - 5:.1f} {end + 7 * sign:.1f},{y + 5:.1f}" fill="{colour}"/>'
            )
    return drawn


def plane(chart: Plane) -> str:
    """One point a model: what stands still across, what moves upwards, each with its interval."""
    side, left, top = 380, 64, 18
    limit = _ceiling([end.high for point in chart.points for end in (point.across, point.upwards)])

    def x(share: float) -> float:
        return left + side * min(max(share, 0.0), limit) / limit

    def y(share: float) -> float:
        return top + side * (1 - min(max(share, 0.0), limit) / limit)

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
        parts.append(cross.drawn(paint(point.colour)))
    hints = [Box(x(0), y(limit), x(0) + 120, y(limit) + 24), Box(x(limit) - 120, y(0) - 24, x(limit), y(0))]
    names = Names(
        Box(x(0) + 2, y(limit), x(limit), y(0) - 2),
        [*hints, *(box for cross in crosses for box in cross.boxes)],
    )
    placed = []
    for cross, point in zip(crosses, chart.points, strict=True):
        if not point.name:
            continue
        name = _end_of(point.name, 240)
        place = names.place(cross.x, cross.y, text_width(name))
        placed.append(place.box)
        if place.is_far:
            end = min(max(cross.x, place.box.left), place.box.right)
            middle = (place.box.top + place.box.bottom) / 2
            parts.append(
                f'<line x1="{cross.x:.1f}" y1="{cross.y:.1f}" x2="{end:.1f}" y2="{middle:.1f}" '
                f'stroke="{paint(point.colour)}" stroke-width="0.8" opacity="0.7"/>'
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
            f'<g stroke="{paint}" stroke-width="2" opacity="0.75">'
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


def text_width(words: str) -> float:
    """Pixels that words take at 12 px, about: Chinese ones twice as many, capitals some more."""
    return sum(
        12.5 if east_asian_width(c) in "WF" else 8.6 if c.isupper() or c in "mw%@" else LETTER for c in words
    )


def short(words: str, width: float) -> str:
    """The words, cut to a width in pixels."""
    return words if text_width(words) <= width else f"{words[: _fitting(words, width)]}…"


def _end_of(words: str, width: float) -> str:
    """The words, cut at their start: what tells streams of one model apart stands at the end."""
    return words if text_width(words) <= width else f"…{words[::-1][: _fitting(words[::-1], width)][::-1]}"


def _fitting(words: str, width: float) -> int:
    """How many of the first letters fit beside an ellipsis; 3 at least."""
    room = width - LETTER
    fit = next((n for n in range(len(words), 0, -1) if text_width(words[:n]) <= room), 0)
    return max(3, fit)


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
