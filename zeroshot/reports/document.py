"""A report as what it says, before it is a page, a Markdown file or lines on a terminal."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.statistics.intervals import Estimate


@dataclass(frozen=True)
class Note:
    """A paragraph of plain text.

    Attributes:
        text: what it says.
        kind: empty; `quiet`: stands beside; `warn`: must not be missed; `code`: what is typed.
        lead: its first words, which stand out.
    """

    text: str
    kind: str = ""
    lead: str = ""


@dataclass(frozen=True)
class List:
    """Lines of plain text, each by itself."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Table:
    """A header of C plain texts and rows of as many each; on a page its reader sorts a sortable one."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    sortable: bool = False


@dataclass(frozen=True)
class Card:
    """The one number that stands for a model, and what it is in a line or two; colour as for `Bar`."""

    name: str
    estimate: Estimate
    lines: Sequence[str]
    colour: int | str = 0


@dataclass(frozen=True)
class Cards:
    """Large numbers, one a model."""

    cards: Sequence[Card]


@dataclass(frozen=True)
class Bar:
    """A named share and how sure it is.

    Attributes:
        name: of the row.
        estimate: the share.
        colour: name of a stream, which has one colour in all pictures; or place of a model, from 0.
    """

    name: str
    estimate: Estimate
    colour: int | str = 0


@dataclass(frozen=True)
class Bars:
    """Shares with their intervals below each other on one axis, where chance is marked; words above them."""

    bars: Sequence[Bar]
    chance: float | None = None
    caption: str = ""


@dataclass(frozen=True)
class Differences:
    """Differences of shares with their intervals, on an axis with 0 in its middle; words above them."""

    bars: Sequence[Bar]
    caption: str = ""


@dataclass(frozen=True)
class Point:
    """A model between two shares: of what stands still, across, and of what moves, upwards; maybe unnamed."""

    name: str
    across: Estimate
    upwards: Estimate
    colour: int | str = 0


@dataclass(frozen=True)
class Plane:
    """Points with their intervals; words above them, and what is told across and upwards."""

    points: Sequence[Point]
    caption: str = ""
    axes: tuple[str, str] = ("static stream, % right", "dynamic stream, % right")


@dataclass(frozen=True)
class Matrix:
    """A square for each label and answer, the darker the more of the label's videos were answered so.

    Attributes:
        labels: R labels and how many videos each has in all.
        answers: C labels.
        counts: (R, C) videos.
        caption: words above it.
        colour: as for `Bar`.
    """

    labels: Sequence[tuple[str, int]]
    answers: Sequence[str]
    counts: Sequence[Sequence[int]]
    caption: str = ""
    colour: int | str = 0


@dataclass(frozen=True)
class Picture:
    """A PNG file of (width, height) pixels, what it is, and more words."""

    png: bytes
    size: tuple[int, int]
    title: str
    caption: str


@dataclass(frozen=True)
class Pictures:
    """Pictures beside each other."""

    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Stretch:
    """From when to when a label is how probable, in seconds and as a share; `leads`: no label is more so."""

    start_seconds: float
    end_seconds: float
    share: float
    leads: bool


@dataclass(frozen=True)
class Lane:
    """A label and the stretches of a video that it is told of, in time order."""

    name: str
    stretches: Sequence[Stretch]


@dataclass(frozen=True)
class Lanes:
    """Labels below each other along a video's time, under a strip of its frames.

    Attributes:
        lanes: in the order in which they come to lead.
        end_seconds: of the time axis, which begins at 0.
        strip: frames beside each other from the video's start to its end, as a PNG file; None: none.
        caption: words above it.
    """

    lanes: Sequence[Lane]
    end_seconds: float
    strip: bytes | None = None
    caption: str = ""


@dataclass(frozen=True)
class Curve:
    """A share over another: points from left to right, both from 0 to 1; colour as for `Bar`."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int | str = 0


@dataclass(frozen=True)
class Curves:
    """Curves on the same two axes; words above them, and what is told across and upwards."""

    curves: Sequence[Curve]
    caption: str = ""
    axes: tuple[str, str] = ("%", "%")


Part = Note | List | Table | Cards | Bars | Differences | Plane | Matrix | Lanes | Curves | Pictures
"""What a section is made of. Cards, charts and pictures stand on a page alone; tables have their numbers."""


@dataclass(frozen=True)
class Section:
    """Parts under a heading, which is empty where they open the document."""

    heading: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Document:
    """What a verb found, said once.

    Attributes:
        title: of the whole.
        sections: in order; one without parts is left out.
        brief: what of it a terminal shows.
    """

    title: str
    sections: Sequence[Section]
    brief: Sequence[Part] = ()


def percent(estimate: Estimate) -> str:
    """`63.1 [60.0, 66.2]`, in per cent."""
    if not math.isfinite(estimate.value):
        return "–"
    end = f"{100 * estimate.high:.1f}" if math.isfinite(estimate.high) else "∞"
    return f"{100 * estimate.value:.1f} [{100 * estimate.low:.1f}, {end}]"


def within(estimate: Estimate, low: float = 0.0, high: float = 1.0) -> Estimate:
    """The estimate as a chart draws it whose axis ends at `low` and `high`."""
    value, first, last = (min(max(end, low), high) for end in (estimate.value, estimate.low, estimate.high))
    return replace(estimate, value=value, low=first, high=last)
