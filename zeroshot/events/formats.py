"""Events as files that other programs read: subtitles, tables, JSON.

Labels are anybody's text. Each format writes them so that they stay text: no markup of a subtitle, no formula
of a spreadsheet, no end of a line.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from zeroshot.errors import OptionError, printable
from zeroshot.events.annotation_tools import as_elan, as_fiftyone, as_label_studio

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from zeroshot.events.annotation_tools import VideoEvents

COLUMNS = ("path", "label", "start_seconds", "end_seconds", "probability", "error")

# Subtitles in SRT know a few tags and no way to escape them; these look the same and are none.
_LOOK_ALIKES = str.maketrans({"<": "‹", ">": "›", "{": "❴", "}": "❵"})
_FORMULAS = ("=", "+", "-", "@")


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        suffix: of such files; a name that ends so asks for the first of the table with it.
        write: the file's text, from videos and all labels that were asked for.
        one_video: whether a file holds one video alone.
    """

    suffix: str
    write: Callable[[Sequence[VideoEvents], Sequence[str]], str]
    one_video: bool = False


def as_srt(videos: Sequence[VideoEvents], _labels: Sequence[str] = ()) -> str:
    """SubRip subtitles, a cue an event."""
    cues = []
    for number, event in enumerate(_events(videos), start=1):
        times = f"{_time(event.start_seconds, ',')} --> {_time(event.end_seconds, ',')}"
        cues.append(f"{number}\n{times}\n{_line(event.label).translate(_LOOK_ALIKES)}\n")
    return "\n".join(cues)


def as_vtt(videos: Sequence[VideoEvents], _labels: Sequence[str] = ()) -> str:
    """WebVTT subtitles, a cue an event."""
    cues = ["WEBVTT\n"]
    for event in _events(videos):
        times = f"{_time(event.start_seconds, '.')} --> {_time(event.end_seconds, '.')}"
        words = _line(event.label).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        cues.append(f"{times}\n{words}\n")
    return "\n".join(cues)


def as_csv(videos: Sequence[VideoEvents], _labels: Sequence[str] = ()) -> str:
    """A row an event, and one for each video that failed."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(row for video in videos for row in csv_rows(video))
    return text.getvalue()


def csv_rows(video: VideoEvents) -> list[tuple[object, ...]]:
    """The rows of one video, as `COLUMNS` has them; no text in them is a spreadsheet's formula."""
    name = _no_formula(printable(video.path))
    rows: list[tuple[object, ...]] = [
        (
            name,
            _no_formula(_line(event.label)),
            f"{event.start_seconds:.3f}",
            f"{event.end_seconds:.3f}",
            event.probability,
            "",
        )
        for event in video.events
    ]
    return rows if video.error is None else [*rows, (name, "", "", "", "", _no_formula(video.error))]


def as_json(videos: Sequence[VideoEvents], labels: Sequence[str]) -> str:
    """All that is known."""
    rows = [json_row(video) for video in videos]
    return json.dumps({"labels": list(labels), "videos": rows}, indent=1) + "\n"


def json_row(video: VideoEvents) -> dict[str, Any]:
    """What JSON says of one video: its events, and where no label is on."""
    return {
        "path": video.path,
        "events": [event.as_dict() for event in video.events],
        "none": [{"start_seconds": start, "end_seconds": end} for start, end in video.gaps()],
        "error": video.error,
    }


FORMATS: Mapping[str, Format] = {
    "srt": Format(".srt", as_srt, one_video=True),
    "vtt": Format(".vtt", as_vtt, one_video=True),
    "csv": Format(".csv", as_csv),
    "json": Format(".json", as_json),
    "fiftyone": Format(".json", as_fiftyone),
    "label-studio": Format(".json", as_label_studio),
    "elan": Format(".eaf", as_elan, one_video=True),
}
"""Kinds of files by name."""


def format_named(name: str) -> Format:
    """The kind of file of that name.

    Raises:
        OptionError: there is none.
    """
    if name not in FORMATS:
        raise OptionError(f"--format is {printable(name)}; expected one of {', '.join(FORMATS)}")
    return FORMATS[name]


def format_of(path: str) -> Format:
    """The kind of file that a name asks for by its end.

    Raises:
        OptionError: none ends so.
    """
    suffix = PurePath(path).suffix.lower()
    found = next((each for each in FORMATS.values() if each.suffix == suffix), None)
    if found is None:
        ends = ", ".join(dict.fromkeys([".html", ".svg", *(each.suffix for each in FORMATS.values())]))
        raise OptionError(f"--output is {printable(path)}; expected a name that ends in one of {ends}")
    return found


def _events(videos: Sequence[VideoEvents]) -> list[Any]:
    return [event for video in videos for event in video.events]


def _line(label: str) -> str:
    """A label on one line that holds something."""
    return printable(" ".join(label.split())) or "–"


def _no_formula(text: str) -> str:
    """The text, as text: spreadsheets run what begins like a formula."""
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _time(seconds: float, point: str) -> str:
    """As subtitles have it: `01:02:03,456`."""
    milliseconds = max(0, round(1000 * seconds))
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"
