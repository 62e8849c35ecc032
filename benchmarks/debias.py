"""Learning motion from biased videos: the debiasing benchmark, by one command.

    python benchmarks/debias.py [--quick] [--ablation] [--output DIR]
    python benchmarks/debias.py --world compositional --backbone DIR/seed1 DIR/seed2 DIR/seed3 --seeds 2 \
        --rows main --output benchmarks/results/compositional

Adapters are trained on puppet videos whose actions mostly happen at their home scenes (coupling ρ), each in
several ways, and judged on videos in which the scene says nothing. Writes debias.csv (every figure with its
interval and the figures of its trainings), debias_pairs.csv (every comparison), debias.json (what was run),
debias.md and a picture. A run that was killed goes on where it stopped: tokens and finished trainings are
kept in the cache folder. The rows stand in debias_rows.py; `all` is what `zeroshot train` does without
options. Settings were chosen in the validation worlds: other scenes, other seeds, other videos. The
compositional worlds ask the same of actions made of parts, of which no backbone of
`examples/train_compositional.py` has met 43; the busy ones add people, traffic and a moving camera.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from debias_plan import WORLDS, go, jobs_of, plans_of, tell
from debias_report import write_report
from debias_rows import ABLATION, MAIN, ROWS, Row, settings
from debias_scores import home_chance
from debias_tables import (
    FIGURE_COLUMNS,
    PAIR_COLUMNS,
    figure_lines,
    gather,
    pair_lines,
    plans_in,
    write_table,
)
from debias_world import COUPLINGS, digest
from facts import machine_facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from debias_plan import Job, Plan
    from debias_tables import Evidence

HERE = Path(__file__).resolve().parent
ASKED = (0.7, 0.95)
"""Couplings unless others are asked for."""

QUICK = ("anchor", "plain", "subtract", "both", "all", "oracle")
PROBED = ("anchor", "plain", "subtract", "independence", "scene", "both", "all", "oracle")
"""Rows whose streams the scene is probed for in: reading so many videos takes some seconds."""


def rows_of(options: argparse.Namespace) -> dict[str, Row]:
    """The rows that the options ask for."""
    names = options.rows or (QUICK if options.quick else tuple(ROWS))
    names = MAIN if list(names) == ["main"] else names
    known = {**ROWS, **ABLATION}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"there is no row {unknown[0]!r}; there are main, {', '.join(known)}")
    rows = {name: known[name] for name in names}
    return {**rows, **ABLATION} if options.ablation else rows


def jobs_for(options: argparse.Namespace) -> list[Job]:
    """Every training that the options ask for."""
    quick = options.quick or options.tiny
    plans = plans_of(
        options.backbone,
        options.world,
        options.seeds or (2 if quick else 5),
        tuple(options.couplings or (ASKED[1:] if quick else ASKED)),
        size=2 if options.tiny else 1 if options.quick else 0,
        steps=4 if options.tiny else 60 if options.quick else None,
        probed=PROBED,
        cache=options.cache,
    )
    made = [replace(plan, every_copy=options.ablation) for plan in plans]
    return jobs_of(made, rows_of(options))


def whole_run(jobs: Sequence[Job]) -> Path:
    """How long everything took, where it was once done in one go; a cache may serve several plans."""
    return jobs[0].plan.cache / f"whole_run-{digest(sorted(job.key for job in jobs))}.json"


def note_whole_run(jobs: Sequence[Job], done: int, start: float, processes: int) -> None:
    """Keep how long everything took, if all of it was done since `start` of `perf_counter`."""
    if done == len(jobs):
        minutes = round((time.perf_counter() - start) / 60, 1)
        whole = {"trainings": done, "minutes": minutes, "processes": processes}
        whole_run(jobs).write_text(json.dumps(whole) + "\n", encoding="utf-8")


def noted_run(jobs: Sequence[Job]) -> dict[str, object] | None:
    """What was kept of that, if it was."""
    path = whole_run(jobs)
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def facts_of(jobs: Sequence[Job], evidence: Evidence) -> dict[str, object]:
    """What made the results."""
    from debias_plan import test_of

    plans = plans_in(jobs)
    first = plans[0]
    rows = {job.name: job.row for job in jobs}
    there = sum(len(found) for (_, name), found in evidence.judged.items() if name != "clip")
    return {
        "backbones": [[Path(plan.backbone).name, plan.fingerprint[:12], list(plan.seeds)] for plan in plans],
        "world": first.world,
        "base": first.place.base,
        "size": asdict(first.size),
        "most_minutes": most_minutes(first),
        "num_labels": [len(first.place.seen), len(first.place.unseen)],
        "num_scenes": len(first.place.places),
        "home_chance": home_chance(test_of(first), first.place),
        "num_probed": len(test_of(first).probe_scenes),
        "couplings": list(first.couplings),
        "trainings": f"{there} of {len(jobs)}",
        "cpu_seconds": {name: round(max(found), 1) for name, found in evidence.seconds.items()},
        "fused": {f"{name}, {rho:g}": found for (rho, name), found in evidence.fused.items()},
        "whole_run": noted_run(jobs),
        "rows": {name: described(row, first.steps) for name, row in rows.items()},
        "machine": machine_facts(),
    }


def most_minutes(plan: Plan) -> int:
    """What a whole run may take on two cores that do nothing else."""
    return 30 if plan.size == plan.place.sizes[0] else 5


def described(row: Row, steps: int | None) -> Mapping[str, object]:
    """A row's settings in full, as training knows them."""
    if not row.trained:
        return {"trained": False, "method": row.method}
    way = row.way
    copies = {"mirrored": way.mirrored, "swapped": way.swapped, "true_scenes": row.true_scenes}
    about = {"steps": row.steps if steps is None else steps, "method": row.method}
    return {**about, **copies, **settings(row, 64, 0).as_dict()}


def write_results(jobs: Sequence[Job], folder: Path) -> None:
    """Tables, facts, report and picture of what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    evidence = gather(jobs)
    write_table(folder / "debias.csv", FIGURE_COLUMNS, figure_lines(evidence))
    write_table(folder / "debias_pairs.csv", PAIR_COLUMNS, pair_lines(evidence))
    facts = facts_of(jobs, evidence)
    (folder / "debias.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    write_report(folder)


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="two seeds, one coupling, few videos: 5 minutes")
    parser.add_argument("--ablation", action="store_true", help="take `all` apart as well")
    parser.add_argument("--rows", nargs="*", metavar="ROW", help="these alone, or `main`: what is claimed")
    parser.add_argument(
        "--backbone", nargs="+", default=["puppet-tiny"], help="one, or several whose seeds are pooled"
    )
    parser.add_argument("--world", choices=tuple(WORLDS), default="test")
    parser.add_argument("--seeds", type=int, help="samples for each backbone (5; quick: 2)")
    parser.add_argument("--couplings", type=float, nargs="*", choices=COUPLINGS, help="ρ (0.7 0.95)")
    add_run_options(parser)
    return parser.parse_args()


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """What every benchmark of trainings is told: how much of it, by whom, and where it lies."""
    parser.add_argument("--tiny", action="store_true", help="a few videos and steps: shows that it runs")
    parser.add_argument("--output", type=Path, default=HERE / "results")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache", help="tokens and finished trainings")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes")
    parser.add_argument("--report", action="store_true", help="run nothing: write what is there")


def main() -> None:
    """Run what is missing and write the results."""
    options = parsed()
    start = time.perf_counter()
    jobs = jobs_for(options)
    done = 0 if options.report else go(jobs, options.workers)
    note_whole_run(jobs, done, start, options.workers)
    write_results(jobs, options.output)
    tell(f"{options.output}: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
