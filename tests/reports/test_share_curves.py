"""The chart of curves: where points lie, what names say, and that nothing of them is markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from zeroshot.reports.document import Curve, Curves
from zeroshot.reports.share_curves import share_curves


def test_points_lie_where_their_shares_are_and_names_are_escaped():
    curves = [Curve("a <b> & c", [(0.0, 0.0), (0.5, 1.0), (1.0, 0.5)]), Curve("other", [(0.0, 1.0)], 1)]
    drawn = share_curves(Curves(curves, axes=("answered, %", "right, %")))
    picture = ET.fromstring(drawn)
    assert "a <b> & c" in "".join(picture.itertext())
    (first, _) = re.findall(r'points="([^"]*)"', drawn)
    points = [tuple(map(float, pair.split(","))) for pair in first.split()]
    (left, bottom), (middle, top), (right, half) = points
    assert left < middle < right
    assert middle - left == right - middle
    assert bottom > half > top
    assert picture.get("aria-label") == "right, % over answered, %"
