"""Figures of finished evaluations in one table: a row a model, a column a data set and protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from zeroshot.errors import ReportError
from zeroshot.evaluation.finished_runs import read_runs
from zeroshot.reports.environment import environment
from zeroshot.reports.schema import head
from zeroshot.statistics.intervals import Estimate

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from zeroshot.evaluation.finished_runs import FinishedRun

_WORDS, _DIGITS = 40, 8  # letters of what tells two columns or rows apart


class Question(NamedTuple):
    """What a column asked: models that were asked otherwise stand in another one."""

    data: str
    protocol: str
    lineage: str
    templates: str
    prompts: str
    figure: str

    @classmethod
    def of(cls, run: FinishedRun) -> Question:
        """What a run was asked."""
        settings = run.report["settings"]
        return cls(
            run.report["data"],
            run.report["protocol"],
            settings["lineage"],
            str(settings["templates"]),
            settings["prompts_digest"],
            run.figures["headline"]["figure"],
        )


class Contestant(NamedTuple):
    """Who stands in a row: one stream of one model, whose weights tell it from others of the same name."""

    model: str
    stream: str
    network: str
    adapter: str

    @classmethod
    def of(cls, run: FinishedRun) -> Contestant:
        """Whose run it is."""
        return cls(str(run.model["name"]), run.stream, *run.weights)


@dataclass(frozen=True)
class Cell:
    """One figure.

    Attributes:
        estimate: the headline of the run.
        std: over rounds, or None.
        evaluated: videos that it counts.
        listed: videos that there should be.
        seen: whether the model was trained on labels of it: then this is no figure on unseen classes.
        place: of the report.
    """

    estimate: Estimate
    std: float | None
    evaluated: int
    listed: int
    seen: bool
    place: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**self.__dict__, "estimate": self.estimate.as_dict()}


@dataclass(frozen=True)
class Leaderboard:
    """A table of finished evaluations.

    Attributes:
        runs: what it is made of, in the order given.
        columns: in the order in which they came.
        rows: the best of the first column first; one without a figure there stands below.
        cells: what is there.
        record: machine, versions and command line of the table.
    """

    runs: tuple[FinishedRun, ...]
    columns: tuple[Question, ...]
    rows: tuple[Contestant, ...]
    cells: Mapping[tuple[Contestant, Question], Cell]
    record: Mapping[str, Any] = field(default_factory=dict)

    def titles(self) -> list[str]:
        """A name a column, none twice."""
        return _told_apart([(_title(column), column.templates, column.prompts) for column in self.columns])

    def names(self) -> list[str]:
        """A name a row, none twice."""
        return _told_apart([(_name(row), row.adapter[:_DIGITS], row.network) for row in self.rows])

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            **head("leaderboard"),
            "columns": [
                {"title": title, **column._asdict()}
                for title, column in zip(self.titles(), self.columns, strict=True)
            ],
            "rows": [
                {
                    "name": name,
                    "model": row.model,
                    "stream": row.stream,
                    "fingerprint": row.network,
                    "adapter_fingerprint": row.adapter or None,
                    "cells": [
                        None if (cell := self.cells.get((row, column))) is None else cell.as_dict()
                        for column in self.columns
                    ],
                }
                for name, row in zip(self.names(), self.rows, strict=True)
            ],
            "record": dict(self.record),
        }


def _name(row: Contestant) -> str:
    """What a row is called."""
    return row.model if row.stream == "clip" else f"{row.model}, {row.stream}"


def _title(column: Question) -> str:
    """What a column is called."""
    lineage = "" if column.lineage == "plain" else f", as {column.lineage}"
    protocol = "" if column.protocol == column.data else f", {column.protocol}"
    return f"{column.data}{protocol}{lineage}"


def _told_apart(named: Sequence[tuple[str, str, str]]) -> list[str]:
    """Names; of those that are the same each with what tells it from the others: words, or else digits."""
    told = []
    for name, words, digits in named:
        same = [(others, rest) for other, others, rest in named if other == name]
        if len(same) == 1:
            told.append(name)
        elif len({others for others, _ in same}) == len(same):
            told.append(f"{name} ({words[:_WORDS] or 'none'})")
        else:
            told.append(f"{name} ({digits[:_DIGITS]})")
    return told


def leaderboard(reports: Sequence[str | os.PathLike[str]], *, stream: str | None = None) -> Leaderboard:
    """The figures of finished evaluations, whatever their data sets and protocols, beside each other.

    Only figures of one question stand in one column: the same data, protocol, names of labels and sentences.

    Args:
        reports: `report.json` files, or their folders.
        stream: of every model; None: the one that speaks for each.

    Raises:
        ReportError: a report cannot be read; two have a figure of one model for one question.
        OptionError: no report is given, or one twice.
    """
    runs = read_runs(reports, stream)
    cells: dict[tuple[Contestant, Question], Cell] = {}
    for run in runs:
        key = Contestant.of(run), Question.of(run)
        if key in cells:
            raise ReportError(
                f"{run.place} and {cells[key].place} both have {run.model['name']} on {_title(key[1])}; give "
                "one of them"
            )
        cells[key] = _cell(run)
    columns = tuple(dict.fromkeys(question for _, question in cells))
    first = {row: cells[row, columns[0]].estimate.value for row, column in cells if column == columns[0]}
    rows = sorted(dict.fromkeys(row for row, _ in cells), key=lambda row: -first.get(row, -1.0))
    return Leaderboard(runs, columns, tuple(rows), cells, environment())


def _cell(run: FinishedRun) -> Cell:
    """The headline of a run."""
    videos = run.report["videos"]
    told = run.figures["headline"]
    return Cell(
        Estimate.from_dict(told),
        run.figures["std"],
        videos["evaluated"],
        videos["listed"],
        run.seen,
        run.place,
    )
