"""A timeline as a chart: every label that leads has a lane, nothing overlaps, nothing leaves the picture."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from zeroshot.reports.document import Document, Section
from zeroshot.reports.html import page
from zeroshot.reports.lanes import lanes, lanes_of, sheet, strip_width
from zeroshot.reports.thumbnails import frame_strip
from zeroshot.types import Prediction, Segment


def segment(start: float, end: float, *shares: tuple[str, float]) -> Segment:
    return Segment(start, end, tuple(Prediction(label, share, share) for label, share in shares))


DAY = [
    segment(0, 2, ("serve & volley", 0.9), ("rally", 0.1)),
    segment(2, 4, ("rally", 0.6), ("serve & volley", 0.4)),
    segment(4, 6, ("serve & volley", 0.7), ("applause", 0.2)),
]


def test_a_lane_is_a_label_that_leads_somewhere():
    chart = lanes_of(DAY)
    assert [lane.name for lane in chart.lanes] == ["serve & volley", "rally"]
    assert [each.leads for each in chart.lanes[0].stretches] == [True, False, True]
    assert chart.end_seconds == 6
    drawn = lanes(chart)
    assert drawn.count("<rect") == 5
    assert ">4.0 s<" in drawn
    assert "<title>2 s – 4 s  rally 60.0%</title>" in drawn
    assert "serve &amp; volley" in drawn


def test_windows_that_overlap_share_the_time_between_them():
    overlapping = [segment(start, start + 4, ("a" if start % 4 else "b", 1.0)) for start in (0, 2, 4)]
    stretches = [each for lane in lanes_of(overlapping).lanes for each in lane.stretches]
    edges = sorted((each.start_seconds, each.end_seconds) for each in stretches)
    assert edges == [(0, 3), (3, 5), (5, 8)]


def test_of_many_labels_those_are_drawn_that_lead_longest():
    rare = [segment(10 * row, 10 * row + 1 + row % 2, (f"label {row}", 1.0)) for row in range(20)]
    chart = lanes_of(rare, caption="film.mp4")
    assert len(chart.lanes) == 16
    assert {f"label {row}" for row in range(1, 20, 2)} < {lane.name for lane in chart.lanes}
    assert chart.caption == "film.mp4 (16 of 20 labels that lead somewhere)"


@pytest.mark.parametrize("end", [0.0, 0.04, 1.5, 59.0, 60.0, 7300.0, 90_000.0])
def test_nothing_leaves_the_picture(end):
    drawn = lanes(lanes_of([segment(0, end, ("a label of a good many words, more than fit" * 2, 0.5))]))
    assert all(0 <= float(x) <= 860 for x in re.findall(r' x[12]?="([^"]+)"', drawn))
    assert 1 <= drawn.count('class="tick"') <= 11


def test_frames_stand_above_the_lanes():
    frames = np.zeros((3, 3, 8, 16), np.uint8)
    frames[1] = 255
    strip, width = frame_strip(frames, height=4)
    assert width == 24
    picture = Image.open(io.BytesIO(strip))
    assert picture.size == (24, 4)
    assert picture.getpixel((12, 2)) == (255, 255, 255)
    fitted = frame_strip(frames, 4, strip_width(["a"]))[0]
    drawn = page(Document("Timeline", [Section("", [lanes_of(DAY, fitted, "film <1>.mp4")])]))
    assert "film &lt;1&gt;.mp4" in drawn
    assert drawn.count("data:image/png;base64,") == 1


def test_a_sheet_is_one_picture_of_all_videos():
    root = ET.fromstring(sheet([lanes_of(DAY, caption="a.mp4"), lanes_of(DAY[:1], caption="b.mp4")]))
    inner = [each for each in root if each.tag.endswith("svg")]
    tops = [float(each.get("y")) for each in inner]
    ends = [top + float(each.get("height")) for top, each in zip(tops, inner, strict=True)]
    assert ends[0] < tops[1]
    assert ends[1] <= float(root.get("viewBox").split()[3])
    assert {"a.mp4", "b.mp4"} <= {each.text for each in root}
