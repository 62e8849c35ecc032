"""Curves of one share over another as a chart: accuracy over how many videos are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.reports.colours import paint
from zeroshot.reports.svg import line, short, svg, text

if TYPE_CHECKING:
    from zeroshot.reports.document import Curves

_LEFT, _TOP, _WIDE, _HIGH = 64, 16, 420, 280
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def share_curves(chart: Curves) -> str:
    """A line a curve on two axes from 0 to 100 %, its name on the right in its colour."""

    def x(share: float) -> float:
        return _LEFT + _WIDE * share

    def y(share: float) -> float:
        return _TOP + _HIGH * (1 - share)

    parts = []
    for tick in _TICKS:
        parts += [line(x(tick), y(0), x(tick), y(1), "grid"), line(x(0), y(tick), x(1), y(tick), "grid")]
        parts.append(text(x(tick), y(0) + 18, f"{100 * tick:.0f}", "tick", "middle"))
        parts.append(text(x(0) - 8, y(tick) + 4, f"{100 * tick:.0f}", "tick", "end"))
    for place, curve in enumerate(chart.curves):
        colour = paint(curve.colour)
        points = " ".join(f"{x(across):.1f},{y(upwards):.1f}" for across, upwards in curve.points)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        middle = _TOP + 14 + 22 * place
        parts.append(f'<circle cx="{x(1) + 18:.1f}" cy="{middle - 4:.1f}" r="5" fill="{colour}"/>')
        parts.append(text(x(1) + 30, middle, short(curve.name, 320), "name"))
    parts.append(text(x(0.5), y(0) + 40, chart.axes[0], "axis", "middle"))
    parts.append(text(x(0), _TOP - 4, chart.axes[1], "axis"))
    height = max(y(0) + 52, _TOP + 14 + 22 * len(chart.curves))
    return svg(x(1) + 360, height, parts, f"{chart.axes[1]} over {chart.axes[0]}")
