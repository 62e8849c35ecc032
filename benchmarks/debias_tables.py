"""From outcomes to tables: every figure with its interval, and every comparison with Holm's correction.

An interval knows that test persons and training seeds were drawn. Seeds of several backbones are pooled: it
speaks of other seeds of these backbones, not of other backbones, whose own figures stand in `by_seed`.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from debias_plan import clip_of, read_finished, test_of
from debias_scores import METRICS, STAGED, Judged, asked, columns, statistic

from zeroshot.statistics.hierarchical import SeedEstimate, hierarchical_bootstrap, holm
from zeroshot.statistics.intervals import t_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from debias_plan import Job, Plan
    from numpy.typing import NDArray

NUM_DRAWS = 2000
FIGURE_COLUMNS = ("rho", "row", "stream", "metric", "value", "low", "high", "by_seed")
PAIR_COLUMNS = (
    "rho", "first", "first_stream", "second", "second_stream", "metric",
    "difference", "low", "high", "p", "p_holm",
)  # fmt: skip
COMPARED = ("shacc", "sberr", "unseen", "h")

Answer = tuple[str, str]
"""A row and a stream of it."""

Comparison = tuple[float, Answer, Answer, str]
"""ρ, first, second, metric."""

FUSED, ORDERED = ("all", "fused"), ("all", "fused" + STAGED)
CLAIMS: tuple[tuple[Answer, Answer], ...] = (
    (("clip", "clip" + STAGED), ("clip", "clip")),
    (FUSED, ("clip", "clip")),
    (FUSED, ("anchor", "anchor")),
    (ORDERED, ("clip", "clip" + STAGED)),
    (ORDERED, ("anchor", "anchor" + STAGED)),
    (ORDERED, ("clip", "clip")),
    (("anchor", "anchor" + STAGED), ("anchor", "anchor")),
    (("anchor", "anchor"), ("clip", "clip")),
)
"""What the default is compared with; first minus second."""

_LOSSES = (
    ("independence", "subtract"),
    ("scene", "subtract"),
    ("both", "subtract"),
    ("all", "all, no independence"),
    ("all", "all, no scene loss"),
    ("all", "all, neither"),
)
LOSSES: tuple[tuple[Answer, Answer], ...] = tuple(
    ((first, stream), (second, stream)) for first, second in _LOSSES for stream in ("dynamic", "fused")
)
"""With a loss minus the same without it: nothing else differs."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that was judged.

    Attributes:
        judged: (ρ, row) → one for each training.
        questions: of whom what is asked.
        strata: (N,) 0 for persons of seen labels, 1 for the others: how many there are was not drawn.
        seconds: row → processor seconds of its trainings.
        fused: (ρ, row) → how each training fuses: its weight, and its excess where it has one.
    """

    judged: Mapping[tuple[float, str], Sequence[Judged]]
    questions: Mapping[str, NDArray[np.bool_]]
    strata: NDArray[np.int64]
    seconds: Mapping[str, Sequence[float]]
    fused: Mapping[tuple[float, str], Sequence[Sequence[float]]]

    def columns(self, rho: float, answer: Answer, metric: str) -> NDArray[np.float64] | None:
        """(S, N, M) of one figure; None where some training was not asked."""
        row, stream = answer
        found = [
            columns(metric, each.outcomes.get(stream, {}), self.questions)
            for each in self.judged.get((rho, row), ())
        ]
        kept = [each for each in found if each is not None]
        return np.stack(kept) if kept and len(kept) == len(found) else None

    def estimate(
        self, table: NDArray[np.float64], made: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> SeedEstimate:
        """With its interval."""
        return hierarchical_bootstrap(table, made, strata=self.strata, num_draws=NUM_DRAWS)


def gather(jobs: Sequence[Job]) -> Evidence:
    """What is there of these trainings, and CLIP as often as there are seeds, since it has none."""
    first = jobs[0].plan
    finished, questions = read_finished(first.cache), asked(test_of(first), first.place)
    count = len(questions["seen"])
    judged: dict[tuple[float, str], list[Judged]] = {}
    seconds: dict[str, list[float]] = {}
    fused: dict[tuple[float, str], list[list[float]]] = {}
    for job in sorted(jobs, key=lambda job: job.seed):
        record = finished.get(job.key)
        if record is None:
            continue
        place = (job.coupling, job.name)
        judged.setdefault(place, []).append(Judged.unpacked(record, count))
        if job.row.trained:
            seconds.setdefault(job.name, []).append(record["cpu_seconds"])
            fused.setdefault(place, []).append(record["fused"])
    for coupling in {job.coupling for job in jobs}:
        judged[coupling, "clip"] = [clip_of(plan, coupling) for plan in plans_in(jobs) for _ in plan.seeds]
    return Evidence(judged, questions, questions["new"].astype(np.int64), seconds, fused)


def plans_in(jobs: Iterable[Job]) -> list[Plan]:
    """Each once."""
    return list(dict.fromkeys(job.plan for job in jobs))


def figure_lines(evidence: Evidence) -> list[tuple[object, ...]]:
    """Lines of debias.csv."""
    lines: list[tuple[object, ...]] = []
    for (rho, row), judged in sorted(evidence.judged.items()):
        for stream in judged[0].outcomes:
            for metric in METRICS:
                table = evidence.columns(rho, (row, stream), metric)
                if table is None:
                    continue
                made = statistic(metric)
                own, found = made(table.sum(1)), evidence.estimate(table, made)
                lines.append((rho, row, stream, metric, found.value, found.low, found.high, spelled(own)))
        for stream in {stream: None for each in judged for stream in each.numbers}:
            for name in {name: None for each in judged for name in each.numbers.get(stream, {})}:
                own = np.array([each.numbers[stream][name] for each in judged if stream in each.numbers])
                each = t_interval(own)
                ends = (each.low, each.high) if row != "clip" else (each.value, each.value)
                lines.append((rho, row, stream, name, each.value, *ends, spelled(own)))
    return lines


def pair_lines(evidence: Evidence) -> list[tuple[object, ...]]:
    """Lines of debias_pairs.csv: every comparison that is made, corrected for their number."""
    couplings = sorted({rho for rho, row in evidence.judged if row == "all"} - {0.0})
    asked: list[Comparison] = []
    for rho in couplings:
        # CLIP is the same at every coupling: one comparison with itself is enough.
        claims = CLAIMS if rho == couplings[-1] else CLAIMS[1:]
        asked += [(rho, *pair, metric) for pair in (*claims, *LOSSES) for metric in COMPARED]
    return compared(evidence, asked)


def compared(evidence: Evidence, asked: Iterable[Comparison]) -> list[tuple[object, ...]]:
    """First minus second of what both were asked, a line each, corrected for their number.

    Args:
        evidence: of both.
        asked: what is to be compared.
    """
    found: list[tuple[tuple[object, ...], SeedEstimate]] = []
    for rho, first, second, metric in asked:
        tables = [evidence.columns(rho, answer, metric) for answer in (first, second)]
        if any(table is None for table in tables) or len({len(table) for table in tables}) > 1:
            continue
        width, made = tables[0].shape[2], statistic(metric)

        def difference(
            sums: NDArray[np.float64], width: int = width, made: Callable = made
        ) -> NDArray[np.float64]:
            return made(sums[..., :width]) - made(sums[..., width:])

        each = evidence.estimate(np.concatenate(tables, -1), difference)
        found.append(((rho, *first, *second, metric), each))
    corrected = holm([each.p for _, each in found])
    return [
        (*names, each.value, each.low, each.high, each.p, p)
        for (names, each), p in zip(found, corrected, strict=True)
    ]


def spelled(values: NDArray[np.float64]) -> str:
    """Each training's own figure."""
    return " ".join(f"{value:.2f}" for value in values)


def write_table(path: Path, names: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    """A CSV with four significant decimals."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(names)
        for line in lines:
            # What rounding makes of equal sums is no difference, and not below 0.
            cells = [f"{round(each, 9) + 0.0:.4g}" if isinstance(each, float) else each for each in line]
            table.writerow(cells)


@dataclass(frozen=True)
class Figure:
    """A line of either table.

    Attributes:
        value: percent, points of difference, or a number.
        low: lower end of its interval.
        high: upper end.
        p: of a difference, corrected; nan of a figure.
    """

    value: float
    low: float
    high: float
    p: float = math.nan


Figures = dict[tuple[float, str, str, str], Figure]
"""(ρ, row, stream, metric) → figure."""

Pairs = dict[tuple[float, Answer, Answer, str], Figure]
"""(ρ, first, second, metric) → difference."""


def read_tables(folder: Path, name: str = "debias") -> tuple[Figures, Pairs]:
    """What was written into a folder by a benchmark of that name."""
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        figures = {
            (float(line["rho"]), line["row"], line["stream"], line["metric"]): Figure(
                *(float(line[name]) for name in ("value", "low", "high"))
            )
            for line in csv.DictReader(file)
        }
    with (folder / f"{name}_pairs.csv").open(newline="", encoding="utf-8") as file:
        pairs = {
            (
                float(line["rho"]),
                (line["first"], line["first_stream"]),
                (line["second"], line["second_stream"]),
                line["metric"],
            ): Figure(*(float(line[name]) for name in ("difference", "low", "high", "p_holm")))
            for line in csv.DictReader(file)
        }
    return figures, pairs
