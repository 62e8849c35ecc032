"""Pieces of the page: what they say, and that foreign words in them are obeyed by no browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from zeroshot.app import page_html
from zeroshot.app.page_html import Found, Seen
from zeroshot.reports.lanes import lanes_of
from zeroshot.types import Prediction, Segment

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'` ${7*7} {{7*7}}\x1b[2J"


class Tags(HTMLParser):
    """Which elements and attributes a browser would see, and which words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words += data


def seen(label: str = "waving", **more) -> Seen:
    best = (Prediction(label, 0.3, 0.75), Prediction("kicking", 0.2, 0.25))
    other = (Prediction("kicking", 0.3, 0.6), Prediction(label, 0.2, 0.4))
    segments = [Segment(0.0, 2.0, best), Segment(2.0, 4.0, other)]
    shown = {
        "name": "clip.mp4", "address": "/clips/k", "frames": ((0.5, b"jpeg"), (3.5, b"jpeg")), "seconds": 4.0,
        "answers": {"static": other, "dynamic": best, "fused": best, "clip": other}, "stream": "fused",
        "num_labels": 2, "lanes": lanes_of(segments),
    }  # fmt: skip
    return Seen(**{**shown, **more})


def test_an_answer_has_its_ranking_lanes_frames_and_streams():
    page = page_html.result(seen())
    found = Tags(page)
    assert "75.0 % among 2 labels" in found.words
    assert found.tags.count("img") == 2
    assert found.tags.count("article") == 4
    assert "The look of the frames says kicking, the motion says waving." in found.words
    told = {value for name, value in found.attributes if name == "aria-label"}
    assert {"waving, 75.0 %, 0:00 to 0:02", "kicking, 60.0 %, 0:02 to 0:04", "Moment of the video"} <= told
    assert [value for name, value in found.attributes if name == "data-seconds"].count("2.000") == 2


def test_a_press_is_possible_where_a_label_leads_and_nowhere_twice():
    leads = re.findall(
        r'<button type="button" class="z-leads"[^>]*data-seconds="([\d.]+)"', page_html.result(seen())
    )
    assert leads == ["0.000", "2.000"]


@pytest.mark.parametrize(
    "page",
    [
        page_html.result(seen(EVIL, name=EVIL, notes=(EVIL,), error=EVIL)),
        page_html.matches(EVIL, [Found(EVIL, "", 0.3), Found(EVIL, "/clips/k", 0.2, 1.0, 2.0)]),
        page_html.alert(EVIL),
        page_html.head(EVIL, EVIL),
        page_html.examples([(EVIL, "/clips/k")]),
        page_html.framed("/report", EVIL),
    ],
)
def test_foreign_words_are_shown_and_never_obeyed(page):
    found = Tags(page)
    assert "script" not in found.tags
    assert "onerror" not in dict(found.attributes)
    assert not [value for name, value in found.attributes if name == "src" and value == "x"]
    assert "\x1b" not in page
    shown = found.words + " ".join(value or "" for _, value in found.attributes)
    assert "<script>alert(1)</script>" in shown


def test_what_is_not_there_yet_keeps_its_place_and_says_that_it_comes():
    page = page_html.result(Seen("clip.mp4", "/clips/k", reading=True))
    assert 'aria-busy="true"' in page
    assert "Reading" in page
    assert page.count("<section") == 3
    assert "Drop a video" in page_html.result(Seen())


def test_streams_that_agree_and_one_that_has_no_answer():
    same = (Prediction("waving", 0.3, 0.75),)
    agree = page_html.result(seen(answers={"clip": same, "static": same, "dynamic": same, "fused": same}))
    assert "say the same: <b>waving</b>" in agree
    still = page_html.result(seen(answers={"clip": same, "static": same, "dynamic": (), "fused": same}))
    assert "Nothing moves" in still
    alone = page_html.result(seen(answers={"clip": same}, stream="clip"))
    assert "z-card" not in alone


def test_a_stretch_that_was_found_plays_from_its_start_to_its_end():
    page = page_html.matches("waving", [Found("a.mp4", "/clips/k", 0.31, 2.0, 4.0), Found("b.mp4", "", 0.2)])
    assert 'src="/clips/k#t=2.000,4.000"' in page
    assert "no video there any more" in page
    assert "whole video, score 0.200" in page


def test_a_report_is_framed_without_the_right_to_touch_the_page():
    (sandbox,) = re.findall(r'sandbox="([^"]*)"', page_html.framed("/report", "Audit"))
    assert sandbox == "allow-scripts"
