"""Charts: nothing hides anything, nothing leaves the picture."""

from __future__ import annotations

import itertools
import math
import re

from zeroshot.reports.document import Bar, Bars, Plane, Point
from zeroshot.reports.svg import intervals, plane
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
