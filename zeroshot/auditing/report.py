"""What an audit found: a verdict in words, a plane of streams, then each probe, model beside model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zeroshot.errors import counted
from zeroshot.probes.static_units import AXES, LayerFactors, is_stream
from zeroshot.reports.document import Document, List, Note, Plane, Point, Section, within
from zeroshot.reports.environment import environment_lines
from zeroshot.reports.schema import head

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zeroshot.auditing.repair import Repair
    from zeroshot.probes.probe import Finding
    from zeroshot.reports.document import Part


@dataclass(frozen=True)
class SubjectReport:
    """What was found out about one model.

    Attributes:
        name: of the model.
        stream: that is its answer.
        findings: probe → what it found.
        record: what another needs to ask it again.
        repair: what zeroing units did, where it was asked for.
    """

    name: str
    stream: str
    findings: Mapping[str, Finding]
    record: Mapping[str, Any] = field(default_factory=dict)
    repair: Repair | None = None

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What it leans on, a sentence each with its evidence."""
        found = [finding.verdict for finding in self.findings.values() if finding.verdict]
        return (*found, self.repair.verdict) if self.repair is not None else tuple(found)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was not asked, and why."""
        return tuple(note for finding in self.findings.values() for note in finding.notes)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "model": self.name,
            "stream": self.stream,
            "verdicts": list(self.verdicts),
            "left_out": list(self.notes),
            "findings": {name: _finding(finding) for name, finding in self.findings.items()},
            "repair": None if self.repair is None else self.repair.as_dict(),
            **self.record,
        }


@dataclass(frozen=True)
class AuditReport:
    """What an audit found.

    Attributes:
        videos: what they are called.
        labels: K that were ranked.
        num_clips: n.
        models: what was found out about each.
        notes: what was guessed, or missing.
        failures: (video, reason) of those that could not be read.
        record: seed, machine and versions.
    """

    videos: str
    labels: tuple[str, ...]
    num_clips: int
    models: tuple[SubjectReport, ...]
    notes: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            **head("audit"),
            "videos": self.videos,
            "labels": list(self.labels),
            "num_clips": self.num_clips,
            "models": [model.as_dict() for model in self.models],
            "notes": list(self.notes),
            "failures": [list(each) for each in self.failures],
            "record": dict(self.record),
        }


def document(report: AuditReport) -> Document:
    """The audit as one document: the verdict first."""
    names = ", ".join(model.name for model in report.models)
    asked = Note(
        f"{names} on {report.videos}: {counted(report.num_clips, 'clip')}, "
        f"{counted(len(report.labels), 'label')}, chance {1 / len(report.labels):.1%}.",
        "quiet",
    )
    verdict = [part for model in report.models for part in _verdict(model, len(report.models) > 1)]
    notes = [Note(f"Note: {note}.") for note in _notes(report)]
    notes += [Note(f"Left out: {reason}") for _, reason in report.failures]
    meanings = {
        name: words
        for model in report.models
        for finding in model.findings.values()
        for name, words in finding.meanings.items()
    }
    plane = _plane(report)
    sections = [
        Section("", [asked]),
        Section("What the answers lean on", verdict),
        Section("Streams between what stands still and what moves", [] if plane is None else [plane]),
        *_probe_sections(report),
        Section("What was guessed or left out", notes),
        Section("What the figures count", [List([f"{name}: {words}" for name, words in meanings.items()])]),
        Section("To repeat it", [List([f"seed {report.record['seed']}", *environment_lines(report.record)])]),
    ]
    return Document(f"Audit of {names}", sections, [asked, *verdict, *_tables(report), *notes])


def _verdict(model: SubjectReport, several: bool) -> list[Part]:
    """The sentences of one model, which is named where there are several."""
    lines = list(model.verdicts) or ["No probe found anything to tell."]
    return [Note(model.stream, lead=f"{model.name}:"), List(lines)] if several else [List(lines)]


def _notes(report: AuditReport) -> list[str]:
    """What was guessed or not asked, each once."""
    return list(dict.fromkeys([*report.notes, *(note for model in report.models for note in model.notes)]))


def _plane(report: AuditReport) -> Plane | None:
    """A point a stream of each model, where the units were asked."""
    points: list[Point] = []
    for model in report.models:
        found = model.findings["units"].by_stream if "units" in model.findings else {}
        for layer, each in found.items():
            shown = is_stream(layer, model.stream) and isinstance(each, LayerFactors)
            if shown and each.dynamic is not None:
                name = f"{layer}, {model.name}" if len(report.models) > 1 else layer
                points.append(Point(name, within(each.static), within(each.dynamic), len(points)))
    caption = "What two clips that look alike have in common, across; what two that move alike have, upwards."
    return Plane(points, caption, AXES) if points else None


def _probe_sections(report: AuditReport) -> Iterator[Section]:
    """A section a probe, model below model."""
    for name in dict.fromkeys(name for model in report.models for name in model.findings):
        parts: list[Part] = []
        title = ""
        for model in report.models:
            finding = model.findings[name]
            title = finding.title
            shown: tuple[Part | None, ...] = (finding.bars, *finding.charts, finding.table)
            own = [part for part in shown if part is not None] + [Note(line) for line in finding.lines]
            if own and len(report.models) > 1:
                parts.append(Note(model.stream, lead=f"{model.name}:"))
            parts += own
        yield Section(title, parts)


def _tables(report: AuditReport) -> list[Part]:
    """What a terminal shows of the numbers: tables of no more than a screen's lines."""
    tables = [
        finding.table
        for model in report.models
        for finding in model.findings.values()
        if finding.table is not None and len(finding.table.rows) <= 8 and len(finding.table.header) <= 5
    ]
    return list(tables)


def _finding(finding: Finding) -> dict[str, Any]:
    """One finding as JSON holds it."""
    table = finding.table
    rows = None if table is None else [list(row) for row in (table.header, *table.rows)]
    return {
        "title": finding.title,
        "verdict": finding.verdict,
        "table": rows,
        "lines": list(finding.lines),
        "notes": list(finding.notes),
        "by_stream": {name: found.as_dict() for name, found in finding.by_stream.items()},
    }
