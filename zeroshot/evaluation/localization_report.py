"""What was found in long videos, as a record that lets another repeat it, and as a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zeroshot.errors import counted
from zeroshot.reports.document import Bar, Bars, Card, Cards, Document, List, Note, Section, Table, percent
from zeroshot.reports.environment import environment_lines
from zeroshot.reports.schema import head

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zeroshot.datasets.seen_labels import Namesake
    from zeroshot.datasets.untrimmed import LocalizationProtocol, Untrimmed
    from zeroshot.evaluation.report import Videos
    from zeroshot.statistics.average_precision import Localized

_NAMED = 50  # videos left out that are named; report.json has all


@dataclass(frozen=True, eq=False)
class LocalizedModel:
    """One model.

    Attributes:
        name: as the user called it.
        facts: fingerprints, sampling, stream, how many windows and events: what the figures depend on.
        figures: mAP averaged over thresholds, and at each.
        namesakes: labels of the data set that it was trained on.
    """

    name: str
    facts: Mapping[str, Any]
    figures: Localized
    namesakes: tuple[Namesake, ...]


@dataclass(frozen=True, eq=False)
class LocalizationReport:
    """Models side by side on the events of one data set.

    Attributes:
        protocol: its name.
        untrimmed: the data set.
        task: thresholds, and what others reached.
        settings: templates, windows and the rule that joins them, as JSON holds them.
        videos: how many there were.
        models: in the order given.
        allow_seen: whether labels that a model was trained on were let pass.
        run: seconds and the machine.
    """

    protocol: str
    untrimmed: Untrimmed
    task: LocalizationProtocol
    settings: Mapping[str, Any]
    videos: Videos
    models: tuple[LocalizedModel, ...]
    allow_seen: bool
    run: Mapping[str, Any]

    @property
    def num_events(self) -> int:
        """Annotated events, those of videos that cannot be read included."""
        return sum(len(video.happenings) for video in self.untrimmed.videos)

    @property
    def seen_labels(self) -> tuple[str, ...]:
        """Labels that some model was trained on."""
        return tuple(sorted({pair.label for model in self.models for pair in model.namesakes}))

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            **head("localization"),
            "protocol": self.protocol,
            "data": self.untrimmed.name,
            "sources": list(self.untrimmed.sources),
            "notes": [*self.untrimmed.notes, *self.task.published],
            "allow_seen": self.allow_seen,
            "seen_labels": list(self.seen_labels),
            "settings": {**self.settings, "thresholds": list(self.task.thresholds)},
            "labels": list(self.untrimmed.labels),
            "events": self.num_events,
            "videos": self.videos.as_dict(),
            "models": [
                {
                    "name": model.name,
                    **model.facts,
                    "average_map": model.figures.average.as_dict(),
                    "map": {
                        f"{threshold:.2f}": estimate.as_dict()
                        for threshold, estimate in zip(self.task.thresholds, model.figures.at, strict=True)
                    },
                }
                for model in self.models
            ],
            "run": dict(self.run),
        }

    def document(self) -> Document:
        """The whole report; a terminal shows each model's figure and the notes."""
        rows = [(model.name, model.facts["stream"], percent(model.figures.average)) for model in self.models]
        brief = Table(("model", "stream", "average mAP, % with 95 % interval"), rows)
        notes = [Note(f"note: {note}") for note in (*self.untrimmed.notes, *self.task.published)]
        cards = [
            Card(model.name, model.figures.average, (f"average mAP at tIoU {self._range()}", "all labels"))
            for model in self.models
        ]
        sections = [
            Section("", [*self._warnings(), Note(self._counts(), "quiet"), Cards(cards)]),
            Section("Mean average precision", [self._bars(), self._table()]),
            Section("How it was measured", [List([*self._how()])]),
            Section("Videos left out", self._left_out()),
            Section("To repeat it", [Note("; ".join(environment_lines(self.run)), "quiet")]),
        ]
        return Document(f"{self.protocol}: events in long videos", sections, [brief, *notes])

    def _range(self) -> str:
        return f"{self.task.thresholds[0]:.2f} to {self.task.thresholds[-1]:.2f}"

    def _counts(self) -> str:
        videos = self.videos
        line = f"{videos.evaluated:,} of {videos.listed:,} listed videos evaluated"
        if videos.evaluated < videos.listed:
            line += f": {len(videos.missing):,} missing, {len(videos.unreadable):,} unreadable"
        labels = counted(len(self.untrimmed.labels), "label")
        return f"{line}. {counted(self.num_events, 'annotated event')} of {labels}."

    def _warnings(self) -> Iterator[Note]:
        if self.allow_seen:
            words = f"{counted(len(self.seen_labels), 'label')} trained on (allowed by --allow-seen)."
            yield Note(words, "warn", "Not a figure on unseen classes:")
        for model in self.models:
            if model.facts["untrained"]:
                yield Note(f"{model.name} is untrained: its figures should be chance.", "warn")

    def _bars(self) -> Bars:
        bars = [Bar(model.name, model.figures.average, row) for row, model in enumerate(self.models)]
        return Bars(bars, None, f"Average mAP at tIoU {self._range()}.")

    def _table(self) -> Table:
        header = ["model", *(f"{threshold:.2f}" for threshold in self.task.thresholds), "average", "found"]
        rows = [
            [
                model.name,
                *map(percent, model.figures.at),
                percent(model.figures.average),
                f"{model.facts['events_found']:,}",
            ]
            for model in self.models
        ]
        return Table(header, rows)

    def _how(self) -> Iterator[str]:
        window, rule = self.settings["window"], self.settings["rule"]
        first = self.settings["example_prompts"][0]
        yield f"templates: {self.settings['templates']}; first text: {first!r}"
        yield f"windows of {window['length_seconds']:g} s, {window['stride_seconds']:g} s apart"
        most, of_range = rule["labels_per_video"], rule["level"] == "range"
        labels = "any label" if most is None else f"the {counted(most, 'label')} whose mean score is best"
        level = "the label's range in the video" if of_range else "probability among all labels"
        yield (
            f"events of a video are of {labels}; an event is a run of windows at {rule['low']:g} or more of "
            f"{level}, one of them at {rule['high']:g} or more; its score is the label's mean probability "
            "there"
        )
        yield "precision is interpolated; mAP is over labels with events; intervals: bootstrap over videos"
        yield from (f"list: {source}" for source in self.untrimmed.sources)
        yield from self.untrimmed.notes
        yield from self.task.published

    def _left_out(self) -> list[List]:
        lines = [f"missing: {path}" for path in self.videos.missing[:_NAMED]]
        lines += [f"unreadable: {error}" for _, error in self.videos.unreadable[:_NAMED]]
        rest = self.videos.listed - self.videos.evaluated - len(lines)
        lines += [f"{rest} more, in report.json"] if rest else []
        return [List(lines)] if lines else []
