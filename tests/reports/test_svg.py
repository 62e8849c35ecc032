"""Charts: nothing hides anything, nothing leaves the picture."""

from __future__ import annotations

import math
import re

import numpy as np

from zeroshot.reports.document import Bar, Bars, Plane, Point
from zeroshot.reports.svg import intervals, plane
from zeroshot.statistics.intervals import Count, Estimate


def test_names_in_the_plane_do_not_hide_each_other():
    """Models that stand in one place, and one beside them."""
    same = Count(10, 20).estimate()
    points = [Point(f"model {row}", same, same, row) for row in range(3)]
    points.append(Point("model 9", Count(1, 20).estimate(), same, 3))
    found = re.findall(r'y="([\d.]+)"[^>]*>model \d<', plane(Plane(tuple(points))))
    rows = sorted(float(row) for row in found)
    assert len(rows) == 4
    assert min(np.diff(rows)) >= 14


def test_an_interval_without_an_end_is_cut_off_and_said():
    picture = intervals(Bars((Bar("ratio", Estimate(0.5, 0.2, math.inf, 4)),)))
    assert "50.0  [20.0, ∞]" in picture
    ends = re.findall(r' (?:x[12]|cx)="([^"]+)"', picture)
    assert ends
    assert all(0 <= float(x) <= 860 for x in ends)
