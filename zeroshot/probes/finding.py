"""What a probe is asked, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zeroshot.probes.subject import Clips, Subject
    from zeroshot.reports.document import Bars, Table

    Probe = Callable[[Subject, Clips], "Finding"]


@dataclass(frozen=True)
class Finding:
    """What one probe found out about a subject.

    Attributes:
        title: what was asked.
        table: the numbers; the tables of probes with the same header are shown as one.
        bars: a chart of them.
        lines: what was found, in sentences.
        notes: what was not probed, and why.
        meanings: name of a row → what it counts.
        by_stream: stream → the record that the numbers are made of, with its counts.
    """

    title: str
    table: Table | None = None
    bars: Bars | None = None
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)
    by_stream: Mapping[str, Any] = field(default_factory=dict)
