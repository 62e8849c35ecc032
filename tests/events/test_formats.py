"""Events as files: each is what its readers expect, and text of labels stays text.

Covers: events/annotation_tools.
"""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from zeroshot.errors import OptionError
from zeroshot.events.annotation_tools import VideoEvents, frames_within
from zeroshot.events.formats import COLUMNS, FORMATS, format_named, format_of
from zeroshot.types import Event

HOSTILE = '<b>\n\n00:00 --> "x" & {\\an8}</b>\x1b[2J\ud800'
FORMULA = "=1+1"
VIDEO = VideoEvents(
    "a b.mp4",
    (Event(HOSTILE, 0.0, 1.5, 0.9), Event(FORMULA, 1.0, 3723.4567, 0.8), Event(HOSTILE, 4000.0, 4001.0, 0.7)),
    duration_seconds=4002.0,
    fps=10.0,
)
LABELS = (FORMULA, HOSTILE, "waving")


def written(name: str, *videos: VideoEvents) -> str:
    text = FORMATS[name].write(videos or (VIDEO,), LABELS)
    text.encode("utf-8")  # what is alone in a surrogate is escaped
    assert "\x1b" not in text
    return text


def test_subtitles_are_cues_whose_text_is_no_markup():
    blocks = written("srt").strip("\n").split("\n\n")
    assert [block.split("\n")[:2] for block in blocks] == [
        ["1", "00:00:00,000 --> 00:00:01,500"],
        ["2", "00:00:01,000 --> 01:02:03,457"],
        ["3", "01:06:40,000 --> 01:06:41,000"],
    ]
    assert all(len(block.split("\n")) == 3 for block in blocks)
    assert not set("<>{}") & set(blocks[0].split("\n")[2])


def test_webvtt_escapes_by_entities():
    head, *cues = written("vtt").strip("\n").split("\n\n")
    assert head == "WEBVTT"
    assert cues[1] == "00:00:01.000 --> 01:02:03.457\n=1+1"
    assert len(cues) == 3
    assert re.search(r"[<>]", cues[0].split("\n")[1]) is None
    assert "&lt;b&gt; 00:00 --&gt; " in cues[0]
    assert "&amp;" in cues[0]


def test_a_table_has_a_row_an_event_and_no_formula():
    failed = VideoEvents("@b.mp4", (), error="cannot decode @b.mp4: empty")
    rows = list(csv.reader(io.StringIO(written("csv", VIDEO, failed))))
    assert rows[0] == list(COLUMNS)
    assert rows[2] == ["a b.mp4", "'=1+1", "1.000", "3723.457", "0.8", ""]
    assert rows[4] == ["'@b.mp4", "", "", "", "", "cannot decode @b.mp4: empty"]
    assert len(rows) == 5
    assert "\n" not in rows[1][1]


def test_json_has_the_labels_as_they_are_and_where_none_is_on():
    found = json.loads(written("json"))
    assert found["labels"] == list(LABELS)
    (video,) = found["videos"]
    assert video["events"][0] == {
        "label": HOSTILE,
        "start_seconds": 0.0,
        "end_seconds": 1.5,
        "probability": 0.9,
    }
    assert [(each["start_seconds"], each["end_seconds"]) for each in video["none"]] == [
        (3723.4567, 4000.0),
        (4001.0, 4002.0),
    ]


def test_fiftyone_reads_classes_and_frames_from_1():
    found = json.loads(written("fiftyone"))
    (path,) = found["labels"]
    assert Path(path) == Path("a b.mp4").absolute()
    detections = found["labels"][path]
    assert [found["classes"][each["label"]] for each in detections] == [HOSTILE, FORMULA, HOSTILE]
    assert detections[0]["support"] == [1, 15]
    assert detections[1]["support"] == [11, 37235]
    assert detections[0]["confidence"] == 0.9
    assert set(found["classes"]) == set(LABELS)


def test_the_frame_that_begins_with_an_event_is_its_first():
    assert frames_within(0.29, 0.31, 100.0, 200) == (30, 31), "0.29 × 100 is a little less than 29"
    assert frames_within(0.0, 0.29, 100.0, 200) == (1, 29)


def test_frames_of_an_event_lie_in_the_video_and_are_one_at_least():
    video = VideoEvents("a.mp4", (), duration_seconds=2.0, fps=12.0)
    for start, end, frames in (
        (0.0, 2.0, (1, 24)),
        (0.5, 0.5, (7, 7)),
        (1.99, 9.0, (24, 24)),
        (2.0, 2.0, (24, 24)),
        (1 / 12, 2 / 12, (2, 2)),
    ):
        assert video.frames(Event("x", start, end, 1.0)) == frames


def test_label_studio_has_a_task_a_video():
    (task,) = json.loads(written("label-studio"))
    assert task["data"] == {"video": "a b.mp4"}
    (prediction,) = task["predictions"]
    assert prediction["score"] == pytest.approx(0.8)
    region = prediction["result"][1]
    assert (region["type"], region["from_name"], region["to_name"]) == ("timelinelabels", "events", "video")
    assert region["value"] == {"ranges": [{"start": 11, "end": 37235}], "timelinelabels": [FORMULA]}
    assert len({each["id"] for each in prediction["result"]}) == 3


def test_elan_has_a_tier_a_label_whose_times_are_slots():
    document = ET.fromstring(written("elan"))
    assert [child.tag for child in document] == [
        "HEADER",
        "TIME_ORDER",
        "TIER",
        "TIER",
        "LINGUISTIC_TYPE",
    ]
    slots = {each.get("TIME_SLOT_ID"): int(each.get("TIME_VALUE")) for each in document.iter("TIME_SLOT")}
    tiers = {}
    for tier in document.iter("TIER"):
        tiers[tier.get("TIER_ID")] = [
            (slots[each.get("TIME_SLOT_REF1")], slots[each.get("TIME_SLOT_REF2")])
            for each in tier.iter("ALIGNABLE_ANNOTATION")
        ]
    assert list(tiers.values()) == [[(0, 1500), (4_000_000, 4_001_000)], [(1000, 3_723_457)]]
    values = [each.text for each in document.iter("ANNOTATION_VALUE")]
    assert values[2] == FORMULA
    assert "<b>" in values[0]
    assert document.find("HEADER/MEDIA_DESCRIPTOR").get("MEDIA_URL").endswith("/a%20b.mp4")
    assert len({each.get("ANNOTATION_ID") for each in document.iter("ALIGNABLE_ANNOTATION")}) == 3


def test_kinds_are_found_by_name_and_by_the_end_of_a_name():
    assert format_of("x/Y.SRT") is format_named("srt")
    assert format_of("a.json") is FORMATS["json"]
    assert format_of("a.eaf") is FORMATS["elan"]
    with pytest.raises(
        OptionError, match=r"a\.doc; expected a name that ends in one of \.html, \.svg, \.srt"
    ):
        format_of("a.doc")
    with pytest.raises(OptionError, match="--format is doc; expected one of srt, vtt, csv, json, fiftyone"):
        format_named("doc")
