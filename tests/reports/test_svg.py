"""Charts: nothing hides anything, nothing leaves the picture, and a colour means one thing.

Covers: reports/colours.
"""

from __future__ import annotations

import itertools
import math
import re

import pytest

from zeroshot.reports.colours import LABELS, MODELS, STREAMS, paint
from zeroshot.reports.document import Bar, Bars, Differences, Plane, Point
from zeroshot.reports.svg import differences, intervals, plane, short, text_width
from zeroshot.statistics.intervals import Count, Estimate


def test_names_in_the_plane_do_not_hide_each_other():
    """Models that stand in one place, and one beside them."""
    same = Count(10, 20).estimate()
    points = [Point(f"model {row}", same, same, row) for row in range(3)]
    points.append(Point("model 9", Count(1, 20).estimate(), same, 3))
    found = re.findall(r'x="([\d.]+)" y="([\d.]+)"[^>]*>model \d<', plane(Plane(tuple(points))))
    places = [(float(x), float(y)) for x, y in found]
    assert len(places) == 4
    for (x, y), (other_x, other_y) in itertools.combinations(places, 2):
        assert abs(y - other_y) >= 14 or abs(x - other_x) >= 7 * 6.6


def test_an_interval_without_an_end_is_cut_off_and_said():
    picture = intervals(Bars((Bar("ratio", Estimate(0.5, 0.2, math.inf, 4)),)))
    assert "50.0  [20.0, ∞]" in picture
    ends = re.findall(r' (?:x[12]|cx)="([^"]+)"', picture)
    assert ends
    assert all(0 <= float(x) <= 860 for x in ends)


def lines(picture: str) -> list[tuple[float, float]]:
    """(from, to) across of the intervals of a chart."""
    found = re.findall(r'<line x1="([\d.-]+)" [^>]*x2="([\d.-]+)" [^>]*stroke-width="3"', picture)
    return [(float(start), float(end)) for start, end in found]


def ticks(picture: str) -> dict[str, float]:
    """Words below an axis → where they stand."""
    found = re.findall(r'<text x="([\d.-]+)" [^>]*class="tick" text-anchor="middle">([^<]+)<', picture)
    return {words: float(x) for x, words in found}


def test_intervals_are_drawn_within_what_is_possible():
    bars = [Bar("low", Estimate(0.02, -0.3, 0.5, 4)), Bar("high", Estimate(0.9, 0.4, 1.4, 4))]
    picture = intervals(Bars(bars))
    ends = ticks(picture)
    assert list(ends) == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
    assert lines(picture)[0][0] == ends["0 %"]
    assert lines(picture)[1][1] == ends["100 %"]
    assert picture.count("<polygon") == 2  # each cut end says that it is one
    point = Point("p", Estimate(0.5, -0.2, 1.3, 4), Estimate(0.5, -0.2, math.inf, 4))
    numbers = re.findall(r' (?:[xy][12]|c[xy])="([^"]+)"', plane(Plane([point])))
    assert all(0 <= float(number) <= 480 for number in numbers)


def test_chance_is_where_it_is_or_nowhere():
    bars = [Bar("a", Estimate(0.05, 0.02, 0.09, 90))]
    picture = intervals(Bars(bars, 0.5))
    (x,) = re.findall(r'<line x1="([\d.]+)"[^>]*class="chance"', picture)
    ends = ticks(picture)
    low, high = ends["0 %"], ends["60 %"]  # the axis goes as far as chance
    assert float(x) == pytest.approx(low + (high - low) * 0.5 / 0.6, abs=0.2)
    assert "chance" not in intervals(Bars(bars))


def test_differences_stand_on_both_sides_of_nothing():
    bars = [Bar("worse", Estimate(-0.3, -0.5, -0.1, 9)), Bar("better", Estimate(0.1, -0.1, 0.3, 9))]
    picture = differences(Differences(bars))
    ends = ticks(picture)
    assert list(ends) == ["-60", "-30", "0", "+30", "+60"]
    (worse, better), span = lines(picture), ends["+60"] - ends["0"]
    assert worse[1] == pytest.approx(ends["0"] - span / 6, abs=0.2)
    assert better == pytest.approx((ends["0"] - span / 6, ends["0"] + span / 2), abs=0.2)
    assert f'<line x1="{ends["0"]:.1f}"' in picture


def test_a_long_name_ends_before_the_axis():
    for name in ("w" * 200, "长" * 90, "a model called MiXeD " * 9, "short"):
        shown = re.findall(
            r'class="name"[^>]*>([^<]*)<', intervals(Bars([Bar(name, Estimate(0.5, 0.4, 0.6, 9))]))
        )
        assert text_width(shown[0]) <= 340
        assert shown[0] == name or shown[0].endswith("…")
    assert short("abc", 100) == "abc"


def test_a_colour_means_one_stream_or_one_model():
    assert set(STREAMS) == {"clip", "static", "dynamic", "fused"}
    assert len({*STREAMS.values(), *MODELS}) == len(STREAMS) + len(MODELS)
    assert [paint(name) for name in STREAMS] == list(STREAMS.values())
    assert paint(len(MODELS)) == paint(0) == MODELS[0]
    assert len(set(LABELS)) == len(LABELS)
    for ground in ("#ffffff", "#14181d"):
        for colour in (*STREAMS.values(), *MODELS):
            bright, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
            assert (bright + 0.05) / (dark + 0.05) >= 3  # what WCAG asks of graphics


def luminance(colour: str) -> float:
    """As WCAG 2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
