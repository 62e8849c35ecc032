"""Events as tools of annotation read them: FiftyOne, Label Studio, ELAN."""

from __future__ import annotations

import hashlib
import json
import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.errors import printable
from zeroshot.resources import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.types import Event

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_EAF_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_ROUNDING = 1e-6  # frames: so much behind the start of one is its start
_SEAM_SECONDS = 0.05  # between two events: less is no time without any


@dataclass(frozen=True)
class VideoEvents:
    """The events of one video.

    Attributes:
        path: as it was named.
        events: in the order in which they begin.
        duration_seconds: how long the video is, as far as it was read.
        fps: frames a second on average; 0 where it is not known.
        error: what ended it before its end; or None.
    """

    path: str
    events: tuple[Event, ...]
    duration_seconds: float = 0.0
    fps: float = 0.0
    error: str | None = None

    def gaps(self) -> list[tuple[float, float]]:
        """Stretches, in seconds, in which no label is on."""
        gaps, reached = [], 0.0
        for event in self.events:
            if event.start_seconds > reached + _SEAM_SECONDS:
                gaps.append((reached, event.start_seconds))
            reached = max(reached, event.end_seconds)
        return (
            [*gaps, (reached, self.duration_seconds)]
            if self.duration_seconds > reached + _SEAM_SECONDS
            else gaps
        )

    def frames(self, event: Event) -> tuple[int, int]:
        """First and last frame of an event, counted from 1, both inside: at least one frame."""
        fps = self.fps or 25.0
        most = max(1, math.ceil(self.duration_seconds * fps - _ROUNDING))
        return frames_within(event.start_seconds, event.end_seconds, fps, most)


def frames_within(start_seconds: float, end_seconds: float, fps: float, most: int) -> tuple[int, int]:
    """First and last frame of a stretch, counted from 1, both inside: at least one frame.

    Args:
        start_seconds: where it begins.
        end_seconds: where it ends.
        fps: frames a second.
        most: frames of the video.
    """
    first = min(most, math.floor(start_seconds * fps + _ROUNDING) + 1)
    return first, min(most, max(first, math.ceil(end_seconds * fps - _ROUNDING)))


def as_fiftyone(videos: Sequence[VideoEvents], labels: Sequence[str]) -> str:
    """`labels.json` of a FiftyOneTemporalDetectionDataset: videos by full path, targets by their class."""
    classes = list(dict.fromkeys([*labels, *(event.label for video in videos for event in video.events)]))
    number = {label: place for place, label in enumerate(classes)}
    found = {
        str(Path(video.path).absolute()): [
            {
                "label": number[event.label],
                "support": list(video.frames(event)),
                "confidence": event.probability,
            }
            for event in video.events
        ]
        for video in videos
        if video.error is None or video.events
    }
    return json.dumps({"classes": classes, "labels": found}, indent=1) + "\n"


def as_label_studio(videos: Sequence[VideoEvents], _labels: Sequence[str] = ()) -> str:
    """Tasks with predictions for a project of `<TimelineLabels name="events" toName="video">`."""
    tasks = [
        {
            "data": {"video": video.path},
            "predictions": [
                {
                    "model_version": f"zeroshot {VERSION}",
                    "score": _mean([event.probability for event in video.events]),
                    "result": [_region(video, event) for event in video.events],
                }
            ],
        }
        for video in videos
        if video.error is None or video.events
    ]
    return json.dumps(tasks, indent=1) + "\n"


def _region(video: VideoEvents, event: Event) -> dict[str, Any]:
    first, last = video.frames(event)
    words = f"{video.path} {event.label} {event.start_seconds!r}"
    return {
        "id": hashlib.blake2b(words.encode("utf-8", "backslashreplace"), digest_size=5).hexdigest(),
        "type": "timelinelabels",
        "from_name": "events",
        "to_name": "video",
        "score": event.probability,
        "value": {"ranges": [{"start": first, "end": last}], "timelinelabels": [event.label]},
    }


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def as_elan(videos: Sequence[VideoEvents], _labels: Sequence[str] = ()) -> str:
    """An ELAN document of one video, a tier a label."""
    (video,) = videos
    document = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "zeroshot",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{{{_XSI}}}noNamespaceSchemaLocation": _EAF_SCHEMA,
        },
    )
    header = ET.SubElement(document, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    place = Path(video.path)
    media = {"MEDIA_URL": place.absolute().as_uri(), "MIME_TYPE": "video/*"}
    media["RELATIVE_MEDIA_URL"] = "./" + place.as_posix().rpartition("/")[2]
    ET.SubElement(header, "MEDIA_DESCRIPTOR", {name: printable(text) for name, text in media.items()})
    order = ET.SubElement(document, "TIME_ORDER")
    moments = [time for event in video.events for time in (event.start_seconds, event.end_seconds)]
    for number, moment in enumerate(moments, start=1):
        slot = {"TIME_SLOT_ID": f"ts{number}", "TIME_VALUE": str(round(1000 * moment))}
        ET.SubElement(order, "TIME_SLOT", slot)
    for tier, label in enumerate(dict.fromkeys(event.label for event in video.events), start=1):
        name = f"{tier} {printable(label)}"  # names of tiers differ, whatever the labels' odd letters become
        element = ET.SubElement(document, "TIER", {"LINGUISTIC_TYPE_REF": "default-lt", "TIER_ID": name})
        for number, event in enumerate(video.events, start=1):
            if event.label == label:
                _annotate(element, number, label)
    kind = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": "default-lt", "TIME_ALIGNABLE": "true"}
    ET.SubElement(document, "LINGUISTIC_TYPE", kind)
    ET.register_namespace("xsi", _XSI)
    ET.indent(document)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(document, encoding="unicode") + "\n"


def _annotate(tier: ET.Element, number: int, label: str) -> None:
    """The event of that number on its tier."""
    slots = {"TIME_SLOT_REF1": f"ts{2 * number - 1}", "TIME_SLOT_REF2": f"ts{2 * number}"}
    annotation = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION")
    annotation.attrib.update({"ANNOTATION_ID": f"a{number}", **slots})
    ET.SubElement(annotation, "ANNOTATION_VALUE").text = printable(label)
