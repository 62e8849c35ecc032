"""Names of points stand beside them: over no other name, no dot and no interval, however many there are."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zeroshot.reports.document import Plane, Point
from zeroshot.reports.names_beside_points import HEIGHT, Box, Names, around
from zeroshot.reports.svg import plane
from zeroshot.statistics.intervals import Estimate

GROUND = Box(0, 0, 300, 200)
shares = st.floats(0, 1).map(lambda share: round(share, 3))
points = st.lists(st.tuples(shares, shares, st.sampled_from([0.0, 0.03, 0.1])), min_size=1, max_size=12)


def test_a_lone_name_stands_close_on_the_right():
    place = Names(GROUND, []).place(100, 100, 60)
    assert 100 < place.x <= 112
    assert not place.is_far
    assert abs(place.y - 100) < HEIGHT


def test_at_the_right_end_it_stands_on_the_left():
    assert Names(GROUND, []).place(295, 100, 60).box.right < 295


def test_where_there_is_no_room_names_stand_in_the_margin_below_each_other():
    names = Names(GROUND, [GROUND])
    places = [names.place(100, 100, 60) for _ in range(3)]
    assert all(place.is_far and place.box.left >= GROUND.right for place in places)
    assert not any(a.box.meets(b.box) for a, b in itertools.combinations(places, 2))


@given(points)
@example([(0.0, 0.0, 0.0)] * 6 + [(1.0, 0.0, 0.0)])  # no room, and an interval in the margin
@settings(max_examples=40)
def test_whatever_the_points_nothing_is_hidden(found):
    taken = [around(300 * x - 9, 200 * y, 300 * x + 9, 200 * y) for x, y, _ in found]
    names = Names(GROUND, taken)
    boxes = [names.place(300 * x, 200 * y, 90).box for x, y, _ in found]
    for box, other in itertools.combinations([*boxes, *taken], 2):
        if box in boxes or other in boxes:
            assert not box.meets(other)


@given(points)
@settings(max_examples=40)
def test_in_the_picture_no_name_lies_on_another_or_on_an_interval(found):
    drawn = [
        Point(f"model {row}, static", around_share(x, half), around_share(y, half))
        for row, (x, y, half) in enumerate(found)
    ]
    picture = plane(Plane(tuple(drawn)))
    names = [
        Box(float(x), float(y) - 9, float(x) + 5.5 * len(text), float(y))
        for x, y, text in re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="name"[^>]*>([^<]*)<', picture)
    ]
    lines = [
        box_of(*map(float, ends))
        for group in re.findall(r"<g stroke.*?</g>", picture)
        for ends in re.findall(r'x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"', group)
    ]
    assert len(names) == len(found)
    for name, other in itertools.combinations(names, 2):
        assert not name.meets(other)
    for name, line in itertools.product(names, lines):
        assert not name.meets(line)
    width, height = re.findall(r'viewBox="0 0 (\d+) (\d+)"', picture)[0]
    assert all(name.within(Box(0, 0, float(width), float(height))) for name in names)


def around_share(share: float, half: float) -> Estimate:
    return Estimate(share, max(0.0, share - half), min(1.0, share + half), 9)


def box_of(x1: float, y1: float, x2: float, y2: float) -> Box:
    return Box(min(x1, x2), min(y1, y2), max(x1, x2) + 0.1, max(y1, y2) + 0.1)


@pytest.mark.parametrize("name", ["benchmarks/backbones/a/very/long/way/to/a/model, dynamic"])
def test_a_long_name_keeps_what_tells_it_apart(name):
    share = Estimate(0.5, 0.4, 0.6, 9)
    shown = re.findall(r'class="name"[^>]*>([^<]*)<', plane(Plane((Point(name, share, share),))))
    assert shown[0].startswith("…")
    assert shown[0].endswith("model, dynamic")
