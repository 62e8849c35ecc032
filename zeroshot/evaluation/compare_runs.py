"""Finished evaluations held against each other, video by video: the verb behind `zeroshot compare`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zeroshot.errors import OptionError, ReportError, counted
from zeroshot.evaluation.compare import Comparison, compare_columns
from zeroshot.evaluation.finished_runs import FinishedRun, read_runs
from zeroshot.reports.environment import environment
from zeroshot.reports.schema import head
from zeroshot.statistics.intervals import Estimate, paired_difference, paired_table

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from zeroshot.evaluation.finished_runs import Answered

_BY_PATH = {"csv", "folders", "split"}  # protocols whose data are called after a file, wherever that lies


@dataclass(frozen=True)
class LabelDifference:
    """How two runs differ on the videos of one label.

    Attributes:
        label: its name.
        videos: of it, in all rounds.
        first: of these the first run got right.
        second: of these the second got right.
        difference: of the shares; its interval is by itself, not one of many. None where a video stands in
            several rounds.
    """

    label: str
    videos: int
    first: int
    second: int
    difference: Estimate | None

    def as_dict(self) -> dict[str, Any]:
        """Counts first."""
        return {
            "label": self.label,
            "videos": self.videos,
            "first_right": self.first,
            "second_right": self.second,
            "difference": None if self.difference is None else self.difference.as_dict(),
        }


class PairedAnswer(NamedTuple):
    """What two runs answered to one video in one round."""

    video: str
    round: str
    label: str
    first: str
    second: str
    first_right: bool
    second_right: bool


@dataclass(frozen=True)
class PairedRun:
    """One run against another, on the videos that both have.

    Attributes:
        comparison: the difference of top-1 and who alone was right.
        videos: how many both have.
        rounds: names of those that both have.
        labels: from what the first is better at to what the second is.
        only_first: videos that the first run alone has.
        only_second: videos that the second alone has.
        apart: in what else the runs differ, a line each.
        answers: to each video in each round.
    """

    comparison: Comparison
    videos: int
    rounds: tuple[str, ...]
    labels: tuple[LabelDifference, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    apart: tuple[str, ...]
    answers: tuple[PairedAnswer, ...] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it, but answers, which the runs' own reports have."""
        return {
            **self.comparison.as_dict(),
            "videos": self.videos,
            "rounds": list(self.rounds),
            "labels": [label.as_dict() for label in self.labels],
            "only_first_has": list(self.only_first),
            "only_second_has": list(self.only_second),
            "apart": list(self.apart),
        }


@dataclass(frozen=True)
class RunComparison:
    """Finished runs, each later one against the first.

    Attributes:
        runs: in the order given.
        pairs: one less.
        record: the machine, versions and command line of the comparison.
    """

    runs: tuple[FinishedRun, ...]
    pairs: tuple[PairedRun, ...]
    record: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            **head("comparison"),
            "runs": [
                {
                    "name": run.name,
                    "place": run.place,
                    "protocol": run.report["protocol"],
                    "data": run.report["data"],
                    "model": run.model["name"],
                    "fingerprint": run.weights[0],
                    "adapter_fingerprint": run.weights[1] or None,
                    "stream": run.stream,
                    "seen": run.seen,
                    "evaluated": run.report["videos"]["evaluated"],
                    "top1": dict(run.figures["top1"]),
                }
                for run in self.runs
            ],
            "pairs": [pair.as_dict() for pair in self.pairs],
            "record": dict(self.record),
        }


def compare_runs(
    reports: Sequence[str | os.PathLike[str]], *, stream: str | None = None, anyway: bool = False
) -> RunComparison:
    """How models of finished evaluations differ, paired by video: no video and no model is needed.

    Videos are paired by their name in the data set's folder. Each run is compared with the first on the
    videos that both have; a report of several models is as many runs.

    Args:
        reports: two `report.json` or more, or their folders; one that has several models.
        stream: of every model; None: the one that speaks for each.
        anyway: compare runs of other protocols, labels or words too, on the rounds and videos that they
            share; the comparison says in what they differ.

    Raises:
        ReportError: a report cannot be read; runs share no video, or are of different protocols, labels or
            words and `anyway` is not given.
        OptionError: fewer than two runs.
    """
    runs = read_runs(reports, stream)
    if len(runs) < 2:
        raise OptionError(f"{runs[0].place} has one model; give another report to hold it against")
    if not anyway:
        for run in runs[1:]:
            _refuse_apart(runs[0], run)
    return RunComparison(runs, tuple(_paired(run, runs[0]) for run in runs[1:]), environment())


def _refuse_apart(first: FinishedRun, other: FinishedRun) -> None:
    """Refuse runs that were asked different questions.

    Raises:
        ReportError: they were; the first difference is named.
    """
    if found := _questions_apart(first, other):
        raise ReportError(
            f"{other.place} and {first.place} are not of one question: {found[0]}; evaluate both alike, or "
            "compare what they share all the same (--anyway, anyway=True), which says so"
        )


def _questions_apart(first: FinishedRun, other: FinishedRun) -> list[str]:
    """Protocol, labels and words in which two runs differ, a line each."""
    one, two = first.report, other.report
    found = []
    if one["protocol"] != two["protocol"]:
        found.append(f"protocol {two['protocol']}, not {one['protocol']}")
    elif one["data"] != two["data"] and one["protocol"] not in _BY_PATH:
        found.append(f"data {two['data']}, not {one['data']}")
    rounds = _shared_rounds(first, other)
    if len(rounds) < max(len(first.counted), len(other.counted)):
        found.append(f"rounds {', '.join(other.counted)}, not {', '.join(first.counted)}")
    for name, others_name in rounds:
        mine, theirs = set(first.labels[name]), set(other.labels[others_name])
        if mine != theirs:
            lone = sorted(mine ^ theirs)[0]
            sizes = f"{counted(len(theirs), 'label')} in {others_name}, not {len(mine)}"
            found.append(f"{sizes} ({lone!r} is in one alone)")
            break
    if not found and one["settings"]["prompts_digest"] != two["settings"]["prompts_digest"]:
        words = [
            f"as {each['settings']['lineage']}, templates {each['settings']['templates']}"
            for each in (two, one)
        ]
        texts = [each["settings"].get("example_prompts") or [""] for each in (two, one)]
        found.append(f"words {words[0]} ({texts[0][0]!r}), not {words[1]} ({texts[1][0]!r})")
    return found


def _looks_apart(first: FinishedRun, other: FinishedRun) -> list[str]:
    """Ways of looking that two models may well have each of their own, a line each."""
    papers = [run.report["settings"]["lineage"] for run in (other, first)]
    found = [] if papers[0] == papers[1] else [f"looked at as {papers[0]}, not as {papers[1]}"]
    for name in ("sampling", "precision"):
        one, two = first.model.get(name), other.model.get(name)
        if one != two:
            found.append(
                f"{name}: {_changed(two, one)} of {other.name}, {_changed(one, two)} of {first.name}"
            )
    return found


def _changed(one: object, other: object) -> str:
    """What of a record is not so in another, in words."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return str(one)
    return (
        ", ".join(f"{name} {_plain(value)}" for name, value in one.items() if other.get(name) != value)
        or "the rest"
    )


def _plain(value: object) -> str:
    """A setting as people write it."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else str(value)


def _shared_rounds(first: FinishedRun, other: FinishedRun) -> list[tuple[str, str]]:
    """Names of rounds that are the same in both: by name, or because each run has one alone.

    Of these the ones that make the figure of both, where there are any.
    """
    if len(first.labels) == len(other.labels) == 1:
        return [(next(iter(first.labels)), next(iter(other.labels)))]
    shared = [name for name in first.labels if name in other.labels]
    figure = [name for name in shared if name in first.counted and name in other.counted]
    return [(name, name) for name in figure or shared]


def _paired(run: FinishedRun, base: FinishedRun) -> PairedRun:
    """One run minus another."""
    rounds = _shared_rounds(base, run)
    if not rounds:
        raise ReportError(f"{run.place} and {base.place} share no round")
    names = _same_names(run, base)
    columns, told = _columns(run, base, rounds, names)
    if not told:
        mine, theirs = (next(iter(each.answers.values())).videos[:1] or ("none",) for each in (run, base))
        raise ReportError(
            f"{run.place} and {base.place} share no video (first: {mine[0]} and {theirs[0]}); expected names "
            "that are the same from the data set's folder on"
        )
    there: NDArray[np.bool_] = columns[0][:, 1::2].sum(0) > 0
    kept = np.repeat(there, 2)
    comparison = compare_columns(run.name, base.name, columns[0][:, kept], columns[1][:, kept])
    own, others = _all_videos(run), {names.get(video, video) for video in _all_videos(base)}
    return PairedRun(
        comparison,
        len(columns[0]),
        tuple(name for (name, _), some in zip(rounds, there.tolist(), strict=True) if some),
        _label_differences(told),
        tuple(sorted(own - others)),
        tuple(sorted(others - own)),
        (*_questions_apart(base, run), *_looks_apart(base, run)),
        tuple(told),
    )


def _all_videos(run: FinishedRun) -> set[str]:
    """Names of a run's videos."""
    return {video for answered in run.answers.values() for video in answered.videos}


def _same_names(run: FinishedRun, base: FinishedRun) -> dict[str, str]:
    """What the second's videos are called in the first: another folder may lie between the data and the file.

    By the whole name; where no video has the same, by the file's own, as far as no two have one.
    """
    mine, theirs = _all_videos(run), _all_videos(base)
    if mine & theirs:
        return {}
    files = [_by_file(each) for each in (mine, theirs)]
    return {video: files[0][file] for file, video in files[1].items() if file in files[0]}


def _by_file(videos: set[str]) -> dict[str, str]:
    """File name → video, of those whose file name no other has."""
    found: dict[str, list[str]] = {}
    for video in videos:
        found.setdefault(video.rpartition("/")[2], []).append(video)
    return {file: names[0] for file, names in found.items() if len(names) == 1}


def _columns(
    run: FinishedRun, base: FinishedRun, rounds: Sequence[tuple[str, str]], names: Mapping[str, str]
) -> tuple[list[NDArray[np.int64]], list[PairedAnswer]]:
    """(n, 2 R) columns of both, and a row a video and round.

    Raises:
        ReportError: a video has another label in the other run.
    """
    told = []
    for name, others_name in rounds:
        own, theirs = run.answers[others_name], base.answers[name]
        rows = {names.get(video, video): row for row, video in enumerate(theirs.videos)}
        for row, video in enumerate(own.videos):
            if (other := rows.get(video)) is None:
                continue
            if own.labels[row] != theirs.labels[other]:
                raise ReportError(
                    f"{video} is {own.labels[row]!r} in {run.place} and {theirs.labels[other]!r} in "
                    f"{base.place}; expected runs on the same data"
                )
            right = bool(own.ranks[row] == 0), bool(theirs.ranks[other] == 0)
            told.append(
                PairedAnswer(video, name, own.labels[row], _best(own, row), _best(theirs, other), *right)
            )
    videos = {video: row for row, video in enumerate(dict.fromkeys(each.video for each in told))}
    numbers = {name: number for number, (name, _) in enumerate(rounds)}
    columns = [np.zeros((len(videos), 2 * len(rounds)), np.int64) for _ in range(2)]
    for each in told:
        place = 2 * numbers[each.round]
        for table, hit in zip(columns, (each.first_right, each.second_right), strict=True):
            table[videos[each.video], place : place + 2] = hit, 1
    return columns, told


def _best(answered: Answered, row: int) -> str:
    """The label that a video was answered with."""
    return answered.best[row][0] if answered.best[row] else ""


def _label_differences(told: Sequence[PairedAnswer]) -> tuple[LabelDifference, ...]:
    """Label by label, what the first is better at before what the second is."""
    groups: dict[str, list[tuple[bool, bool]]] = {}
    for each in told:
        groups.setdefault(each.label, []).append((each.first_right, each.second_right))
    once = len({each.video for each in told}) == len(told)
    found = []
    for label, pairs in groups.items():
        first, second = (np.array(side, bool) for side in zip(*pairs, strict=True))
        difference = paired_difference(paired_table(first, second)) if once else None
        found.append(LabelDifference(label, len(pairs), int(first.sum()), int(second.sum()), difference))
    return tuple(sorted(found, key=lambda one: ((one.second - one.first) / one.videos, one.label)))
