"""Evaluations that are over, read back from their `report.json`: no video and no model is asked again."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import OptionError, ReportError, printable
from zeroshot.reports.schema import read_report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Answered:
    """What one stream answered in one round.

    Attributes:
        videos: m names.
        labels: m right labels.
        ranks: (m,) how many labels stand before the right one.
        best: m lists of the best labels, best first.
    """

    videos: tuple[str, ...]
    labels: tuple[str, ...]
    ranks: NDArray[np.int64]
    best: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """One model of one report.

    Attributes:
        name: of the model, with the report's folder where another run has the same.
        place: of the report, as it was given.
        report: what it holds.
        number: of the model in it.
        stream: that speaks for the model here.
    """

    name: str
    place: str
    report: Mapping[str, Any]
    number: int
    stream: str

    @property
    def model(self) -> Mapping[str, Any]:
        """What the report says of the model."""
        found: Mapping[str, Any] = self.report["models"][self.number]
        return found

    @property
    def figures(self) -> Mapping[str, Any]:
        """What it says of the stream."""
        found: Mapping[str, Any] = self.model["streams"][self.stream]
        return found

    @property
    def seen(self) -> bool:
        """Whether the model was trained on labels of it, and that was let pass."""
        return bool(self.report["allow_seen"] and self.model["trained_on"])

    @property
    def weights(self) -> tuple[str, str]:
        """Fingerprints of the network and of the adapter."""
        return str(self.model["fingerprint"]), str(self.model["adapter_fingerprint"] or "")

    @cached_property
    def rounds(self) -> tuple[str, ...]:
        """Names of the rounds, none twice: parts of a protocol may have rounds of the same name."""
        names = [one["name"] for one in self.report["rounds"]]
        before = [names[:row].count(name) for row, name in enumerate(names)]
        return tuple(
            f"{name} #{times + 1}" if times else name for name, times in zip(names, before, strict=True)
        )

    @cached_property
    def counted(self) -> tuple[str, ...]:
        """Names of the rounds whose mean is the figure; others may stand beside it."""
        told = zip(self.rounds, self.report["rounds"], strict=True)
        return tuple(name for name, one in told if one.get("counted", True))

    @cached_property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """Round → its labels."""
        names = self.report["labels"]
        return {
            round_name: tuple(names[row] for row in one["label_rows"])
            for round_name, one in zip(self.rounds, self.report["rounds"], strict=True)
        }

    @cached_property
    def answers(self) -> dict[str, Answered]:
        """Round → what the stream answered."""
        kept, names = self.report["answers"], self.report["labels"]
        found = {}
        said = kept["models"][self.number][self.stream]
        for round_name, asked, told in zip(self.rounds, kept["rounds"], said, strict=True):
            found[round_name] = Answered(
                tuple(kept["videos"][row] for row in asked["videos"]),
                tuple(names[row] for row in asked["targets"]),
                np.array(told["ranks"], np.int64),
                tuple(tuple(names[row] for row in rows) for rows in told["labels"]),
            )
        return found


def read_runs(
    reports: Sequence[str | os.PathLike[str]], stream: str | None = None
) -> tuple[FinishedRun, ...]:
    """Every model of every report, in the order given.

    Args:
        reports: files or their folders.
        stream: of every model; None: the one that speaks for each.

    Raises:
        ReportError: a report cannot be read, or has no such stream.
        OptionError: no report is given, or one twice.
    """
    if isinstance(reports, str | os.PathLike):
        reports = [reports]
    if not reports:
        raise OptionError("no report is named; give one report.json or more")
    places = [os.fspath(each) for each in reports]
    if twice := [place for place, times in Counter(map(_absolute, places)).items() if times > 1]:
        raise OptionError(f"the report {printable(twice[0])} is given twice; name each once")
    runs = [run for place in places for run in _runs_of(place, stream)]
    times = Counter(run.name for run in runs)
    return tuple(
        run if times[run.name] == 1 else replace(run, name=f"{run.name} ({_folder(run.place)})")
        for run in runs
    )


def require_other_folder(output: str | os.PathLike[str], reports: Sequence[str | os.PathLike[str]]) -> None:
    """Refuse to write over a report that is read.

    Raises:
        OptionError: the output is its folder.
    """
    if _absolute(os.fspath(output)) in {_absolute(os.fspath(each)) for each in reports}:
        raise OptionError(
            f"the output {printable(output)} holds a report that is read; choose another folder"
        )


def _absolute(place: str) -> str:
    """The folder of a report, by which it is told from others."""
    path = Path(place).absolute()
    return str(path.parent if path.name == "report.json" else path)


def _folder(place: str) -> str:
    """What a report's folder is called by whoever gave it."""
    path = Path(place)
    return printable(path.parent if path.name == "report.json" else path)


def _runs_of(place: str, stream: str | None) -> list[FinishedRun]:
    """The models of one report."""
    report = read_report(place, "evaluation")
    if wrong := _inconsistent(report):
        raise ReportError(f"{place} is damaged: {printable(wrong)}")
    runs = []
    for number, model in enumerate(report["models"]):
        chosen = stream or model["stream"]
        if chosen not in model["streams"]:
            there = ", ".join(model["streams"])
            raise ReportError(f"{model['name']} of {place} has no stream {chosen!r}; it has {there}")
        runs.append(FinishedRun(printable(model["name"]), place, report, number, chosen))
    return runs


def _inconsistent(report: Mapping[str, Any]) -> str:
    """Where the columns of a report do not fit each other; empty: they do."""
    kept, labels = report["answers"], len(report["labels"])
    for what in ("models", "rounds"):
        if len(kept[what]) != len(report[what]):
            return f"answers of {len(kept[what])} {what} for {len(report[what])}"
    rows = [(one["label_rows"], labels, "rounds") for one in report["rounds"]]
    for one in kept["rounds"]:
        if len(one["videos"]) != len(one["targets"]):
            return f"{len(one['targets'])} targets for {len(one['videos'])} videos"
        rows += [(one["videos"], len(kept["videos"]), "videos"), (one["targets"], labels, "targets")]
    for model, streams in zip(report["models"], kept["models"], strict=True):
        if set(streams) != set(model["streams"]) or model["stream"] not in streams:
            return f"answers of other streams of {model['name']} than it has figures of"
        for said in streams.values():
            if wrong := _unlike(kept["rounds"], said):
                return wrong
            rows += [(best, labels, "answers") for told in said for best in told["labels"]]
    return next((f"{what} name row {max(each)}" for each, end, what in rows if each and max(each) >= end), "")


def _unlike(rounds: Sequence[Mapping[str, Any]], said: Sequence[Mapping[str, Any]]) -> str:
    """Where a stream's answers are other in number than what was asked; empty: nowhere."""
    if len(said) != len(rounds):
        return f"answers of {len(said)} rounds for {len(rounds)}"
    for asked, told in zip(rounds, said, strict=True):
        if {len(told[name]) for name in ("ranks", "labels", "scores")} != {len(asked["videos"])}:
            return f"other numbers of answers than the {len(asked['videos'])} videos"
    return ""
