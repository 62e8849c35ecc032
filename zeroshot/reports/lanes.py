"""A timeline as a chart: a lane a label along a video's time, under a strip of its frames."""

from __future__ import annotations

import base64
import math
from html import escape
from typing import TYPE_CHECKING

from zeroshot.reports.colours import LABELS
from zeroshot.reports.document import Lane, Lanes, Stretch
from zeroshot.reports.svg import LETTER, STYLE, WIDTH, line, short, svg, text
from zeroshot.reports.thumbnails import STRIP_HEIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.types import Segment

_RIGHT = 74.0  # pixels beside the lanes, for how long each leads
_LANE = 25.0
_MOST_LANES = 16  # of a video: more are no picture any more
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)  # seconds


def lanes_of(segments: Sequence[Segment], strip: bytes | None = None, caption: str = "") -> Lanes:
    """Lanes of the labels that lead somewhere; where windows overlap, each keeps what lies nearest to it.

    Of more than 16 labels those are shown that lead longest, and the caption says how many are not.

    Args:
        segments: of one video, in time order, at least one.
        strip: see `Lanes`.
        caption: words above it.
    """
    starts, ends = _without_overlap(segments)
    lanes: dict[str, list[Stretch]] = {segment.predictions[0].label: [] for segment in segments}
    for segment, start, end in zip(segments, starts, ends, strict=True):
        for place, prediction in enumerate(segment.predictions):
            if prediction.label in lanes:
                lanes[prediction.label].append(Stretch(start, end, prediction.probability, place == 0))
    longest = sorted(lanes, key=lambda name: -_led(lanes[name]))[:_MOST_LANES]
    if len(lanes) > _MOST_LANES:
        caption += f" ({_MOST_LANES} of {len(lanes)} labels that lead somewhere)"
    shown = [Lane(name, stretches) for name, stretches in lanes.items() if name in longest]
    return Lanes(shown, segments[-1].end_seconds, strip, caption)


def _without_overlap(segments: Sequence[Segment]) -> tuple[list[float], list[float]]:
    """Starts and ends, in seconds, of what each segment stands for alone."""
    starts = [segment.start_seconds for segment in segments]
    ends = [segment.end_seconds for segment in segments]
    for place in range(len(segments) - 1):
        if ends[place] > starts[place + 1]:
            ends[place] = starts[place + 1] = (ends[place] + starts[place + 1]) / 2
    return starts, ends


def _led(stretches: Sequence[Stretch]) -> float:
    """Seconds in which a label leads."""
    return sum(each.end_seconds - each.start_seconds for each in stretches if each.leads)


def left_of(names: Sequence[str]) -> float:
    """Pixels left of the lanes of these labels."""
    return min(240.0, 24 + LETTER * max(map(len, names)))


def strip_width(names: Sequence[str]) -> int:
    """Pixels of the time axis beside the names of these labels."""
    return round(WIDTH - left_of(names) - _RIGHT)


def lanes(chart: Lanes) -> str:
    """The chart as SVG: a block a stretch, the darker the more probable, thin where another label leads."""
    names = [lane.name for lane in chart.lanes]
    left, span = left_of(names), strip_width(names)
    top, height = _top(chart), _height(chart)
    scale = span / max(chart.end_seconds, 1e-9)
    parts = []
    for tick in _ticks(chart.end_seconds):
        parts.append(line(left + scale * tick, top, left + scale * tick, height - 22, "grid"))
        parts.append(text(left + scale * tick, height - 8, _clock(tick), "tick", "middle"))
    if chart.strip:
        content = base64.b64encode(chart.strip).decode("ascii")
        parts.append(
            f'<image x="{left:.1f}" y="8" width="{span}" height="{STRIP_HEIGHT}" preserveAspectRatio="none" '
            f'href="data:image/png;base64,{content}"/>'
        )
    for place, lane in enumerate(chart.lanes):
        y = top + _LANE * place + 3
        parts.append(text(left - 12, y + 14, short(lane.name, left - 20), "name", "end"))
        parts.append(text(WIDTH - _RIGHT + 12, y + 14, f"{_led(lane.stretches):.1f} s", "value"))
        paint = LABELS[place % len(LABELS)]
        for each in lane.stretches:
            edges = left + scale * each.start_seconds, left + scale * each.end_seconds
            parts.append(_block(each, edges, y, paint, lane.name))
    return svg(WIDTH, height, parts, "labels along the time of a video")


def _top(chart: Lanes) -> float:
    """Pixels above the lanes."""
    return 8 + (STRIP_HEIGHT + 10 if chart.strip else 0)


def _height(chart: Lanes) -> float:
    """Pixels of the whole chart."""
    return _top(chart) + _LANE * len(chart.lanes) + 28


def _block(stretch: Stretch, edges: tuple[float, float], y: float, paint: str, name: str) -> str:
    """One stretch, with its share inside where there is room."""
    width = max(1.0, edges[1] - edges[0] - 1)
    rest, tall = (0, 19) if stretch.leads else (13, 6)
    words = f"{_clock(stretch.start_seconds)} – {_clock(stretch.end_seconds)}  {name} {stretch.share:.1%}"
    block = (
        f'<rect x="{edges[0]:.1f}" y="{y + rest:.1f}" width="{width:.1f}" height="{tall}" rx="3" '
        f'fill="{paint}" opacity="{0.2 + 0.8 * stretch.share:.2f}"><title>{escape(words)}</title></rect>'
    )
    if stretch.leads and width >= 34:
        kind = "inside" if stretch.share > 0.5 else "small"
        block += text(sum(edges) / 2, y + 13.5, f"{stretch.share:.0%}", kind, "middle")
    return block


def _ticks(end_seconds: float) -> list[float]:
    """Moments from 0 on, at most ten of them."""
    step = next((step for step in _STEPS if end_seconds / step <= 10), end_seconds / 10)
    return [step * number for number in range(math.floor(end_seconds / step + 1e-6) + 1)]


def _clock(seconds: float) -> str:
    """As short as it can be read: `3.5`, `1:05`, `2:00:10`."""
    if seconds < 60:
        return f"{seconds:.4g} s" if seconds % 1 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def sheet(charts: Sequence[Lanes]) -> str:
    """An SVG file of charts below each other, each under its caption, that needs no other file."""
    parts, y = [], 10.0
    for chart in charts:
        if chart.caption:
            y += 14
            parts.append(text(12, y, short(chart.caption, WIDTH - 24), "name"))
            y += 4
        height = _height(chart)
        parts.append(lanes(chart).replace("<svg ", f'<svg y="{y:.0f}" height="{height:.0f}" ', 1))
        y += height + 10
    ground = f'<rect class="sheet" width="{WIDTH}" height="{y:.0f}"/>'
    whole = svg(WIDTH, y, [f"<style>{STYLE}</style>", ground, *parts], "labels along the time of videos")
    return whole.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"
