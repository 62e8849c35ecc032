"""What probes found out about a model on one data set, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zeroshot.errors import counted
from zeroshot.reports.document import Document, List, Note, Section, Table
from zeroshot.reports.environment import environment_lines
from zeroshot.reports.schema import head

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zeroshot.probes.frame_order import OrderDrop
    from zeroshot.probes.linear_scene import SceneProbe
    from zeroshot.probes.probe import Finding
    from zeroshot.reports.document import Part
    from zeroshot.statistics.intervals import Count, Estimate


@dataclass(frozen=True)
class StreamProbe:
    """What one stream knows.

    Attributes:
        intact: hits with the frames as filmed; None where no probe asked.
        orders: shuffled, reversed, frozen → what is left.
        scene: how well a linear classifier reads the scene from it; None where too few are known.
    """

    intact: Count | None
    orders: Mapping[str, OrderDrop]
    scene: SceneProbe | None

    def as_dict(self) -> dict[str, Any]:
        """Counts first."""
        intact = None
        if self.intact is not None:
            hits, videos = self.intact.hits, self.intact.total
            intact = {"hits": hits, "videos": videos, "accuracy": self.intact.estimate().as_dict()}
        return {
            "intact": intact,
            "orders": {name: order.as_dict() for name, order in self.orders.items()},
            "scene": None if self.scene is None else self.scene.as_dict(),
        }


@dataclass(frozen=True)
class ProbeReport:
    """What probes found out about one model on one split.

    Attributes:
        split: its name.
        model: its name.
        labels: K labels that were ranked.
        num_frames: T; with one frame no order can matter.
        num_videos: n that were read.
        findings: name of the probe → what it found.
        failures: (video, reason) of those that could not be read.
        record: digests, templates, seed, machine and versions: what another needs to repeat it.
    """

    split: str
    model: str
    labels: tuple[str, ...]
    num_frames: int
    num_videos: int
    findings: Mapping[str, Finding]
    failures: tuple[tuple[str, str], ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def streams(self) -> dict[str, StreamProbe]:
        """Stream → what the probes of order, still frames and scene found."""
        order, still, scene = (self._by_stream(name) for name in ("order", "still", "scene"))
        streams = {}
        for name in {**order, **still, **scene}:
            asked = [found[name] for found in (order, still) if name in found]
            drops = {order: drop for each in asked for order, drop in each.orders.items()}
            streams[name] = StreamProbe(asked[0].intact if asked else None, drops, scene.get(name))
        return streams

    @property
    def dependence(self) -> Estimate | None:
        """Normalized HSIC of static and dynamic; None without an adapter or of fewer than 20 videos."""
        return self._by_stream("dependence").get("static and dynamic")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was not probed, and why."""
        return tuple(note for finding in self.findings.values() for note in finding.notes)

    def _by_stream(self, probe: str) -> Mapping[str, Any]:
        return self.findings[probe].by_stream if probe in self.findings else {}

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it; of probes that have no record of their own, the table."""
        tables = {
            name: [list(row) for row in (finding.table.header, *finding.table.rows)]
            for name, finding in self.findings.items()
            if finding.table is not None and not finding.by_stream
        }
        return {
            **head("probe"),
            "split": self.split,
            "model": self.model,
            "labels": list(self.labels),
            "chance": 1 / len(self.labels),
            "num_frames": self.num_frames,
            "streams": {name: stream.as_dict() for name, stream in self.streams.items()},
            "dependence": None if self.dependence is None else self.dependence.as_dict(),
            **({"tables": tables} if tables else {}),
            "failures": [list(failure) for failure in self.failures],
            "notes": list(self.notes),
            "record": dict(self.record),
        }


def document(report: ProbeReport) -> Document:
    """The whole report; a terminal shows the tables and what was found in sentences."""
    asked = ", ".join(
        [
            f"{report.model} on {report.split}: {counted(report.num_videos, 'video')}",
            f"{counted(report.num_frames, 'frame')} each",
            f"{counted(len(report.labels), 'label')}",
            f"chance {1 / len(report.labels):.1%}.",
        ]
    )
    findings = list(report.findings.values())
    meanings = {name: words for finding in findings for name, words in finding.meanings.items()}
    notes = [f"Note: {note}." for note in report.notes]
    notes += [f"Left out: {reason}" for _, reason in report.failures]
    facts = {name: value for name, value in report.record.items() if name not in {"machine", "versions"}}
    repeat = [*(f"{name}: {value}" for name, value in facts.items()), *environment_lines(report.record)]
    opening, numbers = Note(asked, "quiet"), _numbers(findings)
    sections = [
        Section("", [opening]),
        *(Section(finding.title, [finding.bars]) for finding in findings if finding.bars is not None),
        Section("The numbers", [*numbers, *map(Note, notes)]),
        Section("What the figures count", [List([f"{name}: {words}" for name, words in meanings.items()])]),
        Section("To repeat it", [List(repeat)]),
    ]
    return Document(f"What the streams of {report.model} know", sections, [opening, *numbers])


def _numbers(findings: Sequence[Finding]) -> list[Part]:
    """The tables of findings, those with one header as one, and what was found in sentences."""
    tables: dict[tuple[str, ...], dict[tuple[str, ...], None]] = {}  # a row that two have stands once
    for finding in findings:
        if finding.table is not None:
            rows = tables.setdefault(tuple(finding.table.header), {})
            rows.update(dict.fromkeys(map(tuple, finding.table.rows)))
    lines = [Note(line) for finding in findings for line in finding.lines]
    return [*(Table(header, list(rows)) for header, rows in tables.items()), *lines]
