"""Every method of `zeroshot train --methods` as a row of one table, by one command.

    python benchmarks/systems.py [--quick | --tiny] [--methods NAME ...] [--output DIR]

Puppet worlds in which actions mostly happen at their home scenes (coupling ρ), judged where the scene says
nothing. First each method is tried with six settings (`systems_rows.py`) on fewer videos of validation
worlds; then it is trained with the best of them on samples of its own and judged on test persons that no
other benchmark has seen. Writes systems.csv (every figure with its interval), systems_pairs.csv (every
comparison, with Holm's correction), systems.json (what was run), systems.md and systems.png. A run that was
killed goes on where it stopped: tokens and finished trainings are kept in the cache folder.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from debias import ASKED, add_run_options, note_whole_run, noted_run
from debias_plan import go, jobs_of, plans_of, tell, test_of
from debias_scores import home_chance, statistic
from debias_tables import (
    FIGURE_COLUMNS,
    PAIR_COLUMNS,
    compared,
    figure_lines,
    gather,
    write_table,
)
from facts import machine_facts
from systems_orderings import asked_for
from systems_report import NAME, write_report
from systems_rows import (
    NETWORK,
    STEPS,
    STREAMS,
    TUNING_STEPS,
    chosen_rows,
    in_words,
    settings_of,
    tried_name,
    tried_rows,
)

from zeroshot.training.methods.table import METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from debias_plan import Job, Plan
    from debias_tables import Comparison, Evidence
    from systems_rows import Setting

HERE = Path(__file__).resolve().parent
NUM_SEEDS = 5
SERVED = "fused"
"""The stream that settings are chosen by, and that methods are held against plain training in."""

COMPARED = ("shacc", "sberr", "unseen", "h", "contra")
BASELINE = "plain"


def couplings_of(options: argparse.Namespace) -> tuple[float, ...]:
    """ρ of a full run, or the stronger one."""
    return ASKED[1:] if options.quick or options.tiny else ASKED


def tuning_jobs(options: argparse.Namespace, names: tuple[str, ...]) -> list[Job]:
    """Every setting of every method, once at each coupling, on few videos of the validation world."""
    plans = plans_of(
        [options.backbone],
        "systems-validation",
        1,
        couplings_of(options),
        size=2 if options.tiny else 1,
        steps=4 if options.tiny else 30 if options.quick else TUNING_STEPS,
        cache=options.cache,
    )
    made = [replace(plan, every_copy=True) for plan in plans]
    return jobs_of(made, tried_rows(names, tiny=options.tiny))


def test_jobs(options: argparse.Namespace, chosen: Mapping[str, Setting]) -> list[Job]:
    """Each method with its setting, at each coupling and seed."""
    quick = options.quick or options.tiny
    plans = plans_of(
        [options.backbone],
        "systems",
        options.seeds or (2 if quick else NUM_SEEDS),
        couplings_of(options),
        size=2 if options.tiny else 1 if options.quick else 0,
        steps=4 if options.tiny else 60 if options.quick else STEPS,
        probed=tuple(chosen),
        cache=options.cache,
    )
    return jobs_of(
        [replace(plan, reading="information", every_copy=True) for plan in plans], chosen_rows(chosen)
    )


def tried(evidence: Evidence, name: str) -> dict[int, float]:
    """Number of the setting → mean SHAcc of what is served, over couplings; none where one is missing."""
    made, found = statistic("shacc"), {}
    couplings = sorted({rho for rho, row in evidence.judged if row == tried_name(name, 0)})
    for number in range(len(settings_of(name))):
        tables = [evidence.columns(rho, (tried_name(name, number), SERVED), "shacc") for rho in couplings]
        kept = [made(table.sum(1)).mean() for table in tables if table is not None]
        if kept and len(kept) == len(tables):
            found[number] = float(np.mean(kept))
    return found


def facts_of(
    jobs: Sequence[Job], tuning: Sequence[Job], found: Mapping[str, dict[int, float]], evidence: Evidence
) -> dict[str, object]:
    """What made the results."""
    plan = jobs[0].plan
    rows = list(dict.fromkeys(name for name in METHODS if any(job.name == name for job in jobs)))
    return {
        "backbone": [Path(plan.backbone).name, plan.fingerprint[:12]],
        "size": asdict(plan.size),
        "tuning_size": asdict(tuning[0].plan.size),
        "tuning_steps": tuning[0].plan.steps,
        "steps": plan.steps,
        "network": NETWORK,
        "bases": [plan.place.base, tuning[0].plan.place.base],
        "seeds": list(plan.seeds),
        "couplings": list(plan.couplings),
        "num_labels": [len(plan.place.seen), len(plan.place.unseen)],
        "home_chance": home_chance(test_of(plan), plan.place),
        "trainings": f"{sum(map(len, evidence.seconds.values()))} of {len(jobs)}, and {len(tuning)} "
        "before them",
        "cpu_seconds": {
            row: {"mean": round(float(np.mean(each)), 1), "most": round(max(each), 1)}
            for row, each in evidence.seconds.items()
        },
        "whole_run": noted_run([*tuning, *jobs]),
        "tuning": {row: tuning_table(row, found[row]) for row in rows},
        "rows": {row: METHODS[row].citation for row in rows},
        "machine": machine_facts(),
    }


def best_of(found: Mapping[int, float]) -> int:
    """Number of the setting with the most; of equals the first."""
    return max(found, key=lambda number: (found[number], -number))


def tuning_table(name: str, found: Mapping[int, float]) -> list[dict[str, object]]:
    """A line a setting that was tried."""
    best = best_of(found)
    return [
        {"setting": in_words(settings_of(name)[number]), "shacc": round(value, 2), "chosen": number == best}
        for number, value in found.items()
    ]


def comparisons(rows: Sequence[str], plan: Plan) -> list[Comparison]:
    """Every method against plain training, and what published orderings need; each once."""
    against = [
        (rho, (row, SERVED), (BASELINE, SERVED), metric)
        for rho in plan.couplings
        for row in rows
        if row != BASELINE
        for metric in COMPARED
    ]
    return list(dict.fromkeys([*against, *asked_for(rows, plan.couplings)]))


def write_results(
    folder: Path, jobs: Sequence[Job], tuning: Sequence[Job], found: Mapping[str, dict[int, float]]
) -> None:
    """Tables, facts, report and picture of what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    evidence = gather(jobs)
    rows = list(dict.fromkeys(job.name for job in jobs))
    kept = {"", *STREAMS, "clip"}
    lines = [line for line in figure_lines(evidence) if line[2] in kept]
    write_table(folder / f"{NAME}.csv", FIGURE_COLUMNS, lines)
    pairs = compared(evidence, comparisons(rows, jobs[0].plan))
    write_table(folder / f"{NAME}_pairs.csv", PAIR_COLUMNS, pairs)
    facts = facts_of(jobs, tuning, found, evidence)
    (folder / f"{NAME}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    write_report(folder)


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="two seeds, one coupling, few videos and steps")
    parser.add_argument("--methods", nargs="*", choices=tuple(METHODS), metavar="NAME", help="these alone")
    parser.add_argument("--backbone", default="puppet-tiny")
    parser.add_argument("--seeds", type=int, help="samples (5; quick: 2)")
    add_run_options(parser)
    return parser.parse_args()


def main() -> None:
    """Try settings, run what is missing, and write the results."""
    options = parsed()
    start = time.perf_counter()
    names = tuple(options.methods or METHODS)
    tuning = tuning_jobs(options, names)
    done = 0 if options.report else go(tuning, options.workers)
    evidence = gather(tuning)
    found = {name: tried(evidence, name) for name in names}
    chosen = {name: settings_of(name)[best_of(each)] for name, each in found.items() if each}
    if not chosen:
        raise SystemExit("no method has been tried; run without --report")
    jobs = test_jobs(options, chosen)
    done += 0 if options.report else go(jobs, options.workers)
    note_whole_run([*tuning, *jobs], done, start, options.workers)
    write_results(options.output, jobs, tuning, found)
    tell(f"{options.output}: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
