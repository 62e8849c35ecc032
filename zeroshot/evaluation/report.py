"""What an evaluation found, as a record that lets another repeat it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zeroshot.evaluation.answers import answers, label_rows
from zeroshot.reports.schema import head

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zeroshot.datasets.evaluation_plan import EvaluationPlan
    from zeroshot.datasets.seen_labels import Namesake
    from zeroshot.evaluation.compare import Comparison
    from zeroshot.evaluation.open_set import OpenSet
    from zeroshot.evaluation.overlap import Neighbours, Overlap, Parts
    from zeroshot.evaluation.scoring import StreamFigures
    from zeroshot.statistics.intervals import Estimate


@dataclass(frozen=True, eq=False)
class ModelFigures:
    """One model.

    Attributes:
        name: as the user called it.
        facts: fingerprints, width, scale, views: what the figures depend on.
        stream: the one that speaks for it.
        streams: figures of each stream.
        namesakes: labels of the protocol that it was trained on.
        untrained: top-1 over the videos of the other labels; None where there are no namesakes or no others.
        derived: top-1 over the videos of labels whose training videos were mirrored or reversed ones of their
            opposites; None where there are none.
        overlap: what a list, or what it was trained on, has in common with the labels; None of neither.
        neighbours: labels whose texts it puts near to those.
        parts: top-1 with and without the labels of a list that was asked for.
        open_set: of its stream, where some labels are held out as unknown; else None.
    """

    name: str
    facts: Mapping[str, Any]
    stream: str
    streams: tuple[StreamFigures, ...]
    namesakes: tuple[Namesake, ...]
    untrained: Estimate | None
    derived: Estimate | None = None
    overlap: Overlap | None = None
    neighbours: Neighbours | None = None
    parts: tuple[Parts, ...] = ()
    open_set: OpenSet | None = None

    @property
    def figures(self) -> StreamFigures:
        """Of the stream that speaks for the model."""
        return next(one for one in self.streams if one.stream == self.stream)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "name": self.name,
            **self.facts,
            "stream": self.stream,
            "trained_on": [
                {
                    "label": pair.label,
                    "trained": pair.trained,
                    "similarity": pair.similarity,
                    "derived": pair.derived,
                }
                for pair in self.namesakes
            ],
            "top1_of_other_labels": None if self.untrained is None else self.untrained.as_dict(),
            "top1_of_derived_labels": None if self.derived is None else self.derived.as_dict(),
            "possibly_the_same": self._possible(),
            "overlap": [part.as_dict() for part in self.parts],
            "open_set": None if self.open_set is None else self.open_set.as_dict(),
            "streams": {one.stream: one.as_dict() for one in self.streams},
        }

    def _possible(self) -> dict[str, Any] | None:
        """Labels that may be those of the list, or of those it was trained on, and how that was told."""
        if self.overlap is None or self.neighbours is None:
            return None
        found = self.overlap.as_dict()
        return {"list": found["list"], "possible": found["possible"], **self.neighbours.as_dict()}


@dataclass(frozen=True, eq=False)
class Videos:
    """How many videos there were, and which could not be read.

    Attributes:
        listed: by the data set's lists.
        missing: (path,) of files that are not there.
        unreadable: (path, reason) of files that are there and cannot be read.
    """

    listed: int
    missing: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]

    @property
    def evaluated(self) -> int:
        """How many the figures count."""
        return self.listed - len(self.missing) - len(self.unreadable)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "listed": self.listed,
            "evaluated": self.evaluated,
            "missing": list(self.missing),
            "unreadable": [{"path": path, "error": error} for path, error in self.unreadable],
        }


@dataclass(frozen=True, eq=False)
class Report:
    """Models side by side under one protocol.

    Attributes:
        plan: of the protocol.
        settings: names, templates, views and what else was chosen, as JSON holds them.
        videos: how many there were.
        models: in the order given.
        comparisons: each later model against the first.
        allow_seen: whether labels that a model was trained on were let pass.
        run: seconds and the machine.
        overlap: what the list that was asked for has in common with the labels; None without one.
        folder: that names of videos count from; None: they stay as they are.
    """

    plan: EvaluationPlan
    settings: Mapping[str, Any]
    videos: Videos
    models: tuple[ModelFigures, ...]
    comparisons: tuple[Comparison, ...]
    allow_seen: bool
    run: Mapping[str, Any]
    overlap: Overlap | None = None
    folder: str | None = None

    @property
    def seen_labels(self) -> tuple[str, ...]:
        """Labels that some model was trained on and that the protocol does not grant it."""
        return tuple(sorted({pair.label for model in self.models for pair in model.namesakes}))

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        plan = self.plan
        return {
            **head("evaluation"),
            "protocol": plan.protocol,
            "data": plan.data,
            "sources": list(plan.sources),
            "notes": list(plan.notes),
            "allow_seen": self.allow_seen,
            "seen_labels": list(self.seen_labels),
            "overlap": None if self.overlap is None else self.overlap.as_dict(),
            "settings": dict(self.settings),
            "labels": list(plan.labels),
            "videos": self.videos.as_dict(),
            "rounds": [
                {
                    "name": one.name,
                    "labels": len(one.labels),
                    "label_rows": rows.tolist(),
                    "listed": len(one.videos),
                    "expected_seen": sorted(one.expected_seen),
                    "digest": one.digest,
                    "counted": plan.num_counted is None or number < plan.num_counted,
                }
                for number, (one, rows) in enumerate(zip(plan.rounds, label_rows(plan), strict=True))
            ],
            "models": [model.as_dict() for model in self.models],
            "comparisons": [comparison.as_dict() for comparison in self.comparisons],
            "answers": answers(plan, [model.streams for model in self.models], self.folder),
            "run": dict(self.run),
        }
