"""Learning motion from biased videos: the debiasing benchmark, by one command.

    python benchmarks/debias.py [--quick] [--ablation] [--output DIR]
    python benchmarks/debias.py --backbone benchmarks/backbones/puppet-scenes --couplings 0.7 0.95 \
        --output benchmarks/results/scene_bound

Adapters are trained on puppet videos whose actions mostly happen at their home scenes (coupling ρ), each in
several ways, and judged on videos in which the scene says nothing. Writes debias.csv (a line a figure),
debias_ablation.csv (biased streams; with --ablation also scene labels and single ingredients), debias.md and
pictures. A run that was killed goes on where it stopped: tokens and finished trainings are kept in the cache
folder. The settings stand in debias_rows.py; they were chosen with `--world validation`: other scenes, other
seeds, other videos. `--world compositional` asks the same of actions made of parts, of which no backbone of
`examples/train_compositional.py` has met 43; `compositional-busy` adds people, traffic and a moving camera.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import multiprocessing
import os
import platform
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from debias_compositional import BUSY, CALM, compositional_world
from debias_report import ORDER, write_report
from debias_rows import ABLATION, BIASED_STREAMS, COUPLED, ROWS, Row, TrainingData, Words, train
from debias_scores import Figure, judge, judge_average
from debias_world import (
    COUPLINGS,
    SCENE_NAMES,
    TEST_PLACES,
    VALIDATION_PLACES,
    TestSet,
    World,
    WorldSize,
    cached,
    changed_copies,
    digest,
    make_sample,
    make_test,
    plain_world,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HERE = Path(__file__).resolve().parent
IMPORTANCE = (0.7, 0.95, 0.9, 0.5, 0.0)
"""Couplings in the order in which they are run: what is cut short shows most."""

Line = tuple[float, str, int, str, str, float]
Finished = dict[str, list[Figure]]
COLUMNS = ("rho", "row", "seed", "stream", "metric", "value")
WORLDS = {
    "test": plain_world(TEST_PLACES, 1000),
    "validation": plain_world(VALIDATION_PLACES, 5000),
    "compositional": compositional_world(TEST_PLACES, 11_000, CALM),
    "compositional-validation": compositional_world(VALIDATION_PLACES, 15_000, CALM),
    "compositional-busy": compositional_world(TEST_PLACES, 21_000, BUSY),
}
"""What may be run in; settings are chosen in the validation ones."""


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        backbone: name of the frozen CLIP.
        fingerprint: of its weights.
        world: key of `WORLDS`.
        size: how many videos.
        seeds: of samples and first weights.
        couplings: ρ.
        steps: of each training; None is each row's own number.
        ablation: whether `all` is taken apart as well.
        cache: folder of tokens and finished runs.
    """

    backbone: str
    fingerprint: str
    world: str
    size: WorldSize
    seeds: tuple[int, ...]
    couplings: tuple[float, ...]
    steps: int | None
    ablation: bool
    cache: Path

    @property
    def place(self) -> World:
        """The world of that name."""
        return WORLDS[self.world]

    @property
    def log(self) -> Path:
        """A line a finished training."""
        return self.cache / "runs.jsonl"

    @property
    def whole_run(self) -> Path:
        """How long everything took, where it was once done in one go; a cache may serve several plans."""
        keys = sorted(self.key(job) for job in all_jobs(replace(self, ablation=False)))
        return self.cache / f"whole_run-{digest(keys)}.json"

    def key(self, job: Job) -> str:
        """Digits that change with anything that a training depends on."""
        settings = (self.fingerprint, self.world, asdict(self.size), self.steps, asdict(job.row))
        return digest(*settings, job.coupling, job.seed)


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        name: of the row.
        row: how.
        coupling: ρ.
        seed: of sample and first weights.
    """

    name: str
    row: Row
    coupling: float
    seed: int


@lru_cache(maxsize=1)
def words_of(plan: Plan) -> Words:
    """Text embeddings of labels and scenes."""
    from zeroshot.model.backbone import load_backbone

    backbone = load_backbone(plan.backbone, "cpu")

    def make() -> dict[str, object]:
        names = (plan.place.labels, SCENE_NAMES)
        labels, scenes = (backbone.encode_texts(list(each)).clone() for each in names)
        return {"labels": labels, "scenes": scenes, "logit_scale": backbone.logit_scale}

    known = cached(plan.cache, "words", (plan.fingerprint, plan.place.labels), make)
    return Words(world=plan.place, scene_names=SCENE_NAMES, **known)


@lru_cache(maxsize=1)
def test_of(plan: Plan) -> TestSet:
    """The test videos of the plan's world."""
    from zeroshot.model.backbone import load_backbone

    settings = (plan.fingerprint, plan.world, plan.size.test_per_label)
    return cached(
        plan.cache,
        "test",
        settings,
        lambda: make_test(load_backbone(plan.backbone, "cpu"), plan.size, plan.place, plan.place.base),
    )


@lru_cache(maxsize=1)
def data_of(plan: Plan, seed: int) -> TrainingData:
    """The training videos of a seed and their changed copies."""
    from zeroshot.model.backbone import load_backbone

    def make() -> TrainingData:
        backbone = load_backbone(plan.backbone, "cpu")
        texts = backbone.encode_texts(list(plan.place.labels)).clone()
        sample = make_sample(backbone, plan.size, plan.place, plan.place.base + 10 + seed)
        changed = changed_copies(backbone, plan.place, sample, texts, seed)
        return TrainingData(sample.without_pixels(), changed)

    settings = (plan.fingerprint, plan.world, plan.size.train, plan.size.held_out, seed)
    return cached(plan.cache, f"sample{seed}", settings, make)


def prepare(plan: Plan, seed: int | None) -> float:
    """Render and encode one seed's videos, or the test's; seconds it took."""
    start = time.perf_counter()
    if seed is None:
        test_of(plan)
        words_of(plan)
    else:
        data_of(plan, seed)
    return time.perf_counter() - start


def run(plan: Plan, job: Job) -> list[Figure]:
    """(stream, metric, value) of one training."""
    words, test, data = words_of(plan), test_of(plan), data_of(plan, job.seed)
    start = time.process_time()
    adapter = train(job.row, data, words, job.coupling, job.seed, plan.steps)
    seconds = time.process_time() - start
    return [*judge(adapter, test, words, job.coupling), ("", "train_seconds", seconds)]


def settle() -> None:
    """Processes side by side, a thread each, waste least; what is imported is never searched for garbage.

    Each training ends with such a search, which took a quarter of a second.
    """
    import accelerate  # noqa: F401 - training imports it late
    import torch

    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()


def all_jobs(plan: Plan) -> list[Job]:
    """Every training, the most telling first."""
    beside = ablation_jobs(plan, ABLATION if plan.ablation else BIASED_STREAMS, COUPLED)
    oracles = [Job(name, row, 0.0, seed) for seed in plan.seeds for name, row in ROWS.items() if row.unbiased]
    jobs = [*oracles, *(job for job in beside if job.row.unbiased)]
    for coupling in sorted(plan.couplings, key=IMPORTANCE.index):
        jobs += [
            Job(name, row, coupling, seed)
            for seed in plan.seeds
            for name, row in ROWS.items()
            if not row.unbiased
        ]
    return [*jobs, *(job for job in beside if not job.row.unbiased)]


def ablation_jobs(plan: Plan, rows: Mapping[str, Row], couplings: Iterable[float]) -> list[Job]:
    """The trainings beside the main rows."""
    return [
        Job(name, row, coupling, seed)
        for coupling in sorted(set(couplings) & set(plan.couplings) | {0.0})
        for name, row in rows.items()
        for seed in plan.seeds
        if row.unbiased == (coupling == 0)
    ]


def read_finished(path: Path) -> Finished:
    """Key → figures of the trainings done before; a line that was cut off by a kill is done again."""
    finished: Finished = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            finished[record["key"]] = [tuple(figure) for figure in record["figures"]]
    return finished


def go(plan: Plan, workers: int) -> int:
    """Do the trainings that the cache lacks, each as soon as its videos are ready; gives their number."""
    plan.cache.mkdir(parents=True, exist_ok=True)
    (plan.cache / ".gitignore").write_text("*\n", encoding="utf-8")
    finished = read_finished(plan.log)
    todo = [job for job in all_jobs(plan) if plan.key(job) not in finished]
    if not todo:
        return 0
    total = len(todo)
    samples: list[int | None] = [None, *sorted({job.seed for job in todo})]
    ready: set[int | None] = set()
    running: dict[Future[Any], int | Job | None] = {}
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), settle) as pool:
        while todo or running:
            while len(running) < workers and (samples or runnable(todo, ready)):
                if samples:
                    sample = samples.pop(0)
                    running[pool.submit(prepare, plan, sample)] = sample
                    continue
                job = runnable(todo, ready)[0]
                todo.remove(job)
                running[pool.submit(run, plan, job)] = job
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task, done = running.pop(future), total - len(todo) - len(running)
                if isinstance(task, Job):
                    keep(plan, task, future.result())
                    tell(f"{done} of {total}: {task.name}, rho {task.coupling:g}, seed {task.seed}")
                    continue
                ready.add(task)
                whose = "the test" if task is None else f"seed {task}"
                tell(f"videos of {whose}: {future.result():.0f} s")
    return total


def runnable(todo: list[Job], ready: set[int | None]) -> list[Job]:
    """Trainings whose videos and whose test are ready."""
    return [job for job in todo if job.seed in ready] if None in ready else []


def keep(plan: Plan, job: Job, figures: list[Figure]) -> None:
    """A line in the log of what is finished."""
    record = {"key": plan.key(job), "row": job.name, "rho": job.coupling, "figures": figures}
    with plan.log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def tables(plan: Plan, finished: Finished) -> tuple[list[Line], list[Line]]:
    """Lines of debias.csv and of debias_ablation.csv; trainings not done yet are left out."""
    lines: list[Line] = []
    ablation: list[Line] = []
    words, test = words_of(plan), test_of(plan)
    for coupling in plan.couplings:
        found = judge_average(test, words, coupling)
        lines += [(coupling, "clip", plan.seeds[0], *figure) for figure in found]
    # The ablation was run at other couplings as well, if somebody asked for it: what is there is shown.
    main = [job for job in all_jobs(plan) if job.name in ROWS]
    for job in [*main, *ablation_jobs(plan, ABLATION, plan.couplings)]:
        target = lines if job.name in ROWS else ablation
        figures = finished.get(plan.key(job), [])
        target += [
            (job.coupling, job.name, job.seed, *each) for each in figures if each[1] != "train_seconds"
        ]
    rank = [*ORDER, *ABLATION].index
    for table in (lines, ablation):
        table.sort(key=lambda line: (line[0], rank(line[1]), line[2]))
    return lines, ablation


def write_table(path: Path, lines: list[Line]) -> None:
    """A CSV with four decimals."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows((*line[:-1], f"{line[-1]:.4f}") for line in lines)


def tell(text: str) -> None:
    """Progress goes to stderr."""
    print(text, file=sys.stderr, flush=True)


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that the options ask for."""
    from zeroshot.model.backbone import load_backbone

    size = WORLDS[options.world].sizes[2 if options.tiny else 1 if options.quick else 0]
    seeds = options.seeds or (2 if options.quick else 5)
    return Plan(
        backbone=options.backbone,
        fingerprint=load_backbone(options.backbone, "cpu").fingerprint,
        world=options.world,
        size=size,
        seeds=tuple(range(seeds)),
        couplings=tuple(options.couplings or ((0.0, 0.7, 0.95) if options.quick else COUPLINGS)),
        steps=4 if options.tiny else 60 if options.quick else None,
        ablation=options.ablation,
        cache=options.cache,
    )


def main() -> None:
    """Run what is missing and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="two seeds, three couplings, few videos: 5 minutes"
    )
    parser.add_argument("--tiny", action="store_true", help="a few videos and steps: shows that it runs")
    parser.add_argument("--ablation", action="store_true", help="take `all` apart as well: ten minutes more")
    parser.add_argument("--output", type=Path, default=HERE / "results")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache", help="tokens and finished trainings")
    parser.add_argument("--backbone", default="puppet-tiny")
    parser.add_argument("--world", choices=tuple(WORLDS), default="test")
    parser.add_argument("--seeds", type=int, help="how many samples (5; quick: 2)")
    parser.add_argument("--couplings", type=float, nargs="*", help="ρ, several (0 0.5 0.7 0.9 0.95)")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes")
    parser.add_argument("--report", action="store_true", help="run nothing: write what is there")
    options = parser.parse_args()
    start = time.perf_counter()
    plan = plan_of(options)
    done = 0 if options.report else go(plan, options.workers)
    finished = read_finished(plan.log)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, lines in zip(("debias.csv", "debias_ablation.csv"), tables(plan, finished), strict=True):
        write_table(options.output / name, lines)
    if done == len(all_jobs(plan)):
        minutes = round((time.perf_counter() - start) / 60, 1)
        whole = {"trainings": done, "minutes": minutes, "processes": options.workers}
        plan.whole_run.write_text(json.dumps(whole) + "\n", encoding="utf-8")
    facts = facts_of(plan, finished)
    (options.output / "debias.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    write_report(options.output)
    tell(f"{options.output}: {time.perf_counter() - start:.0f} s")


def facts_of(plan: Plan, finished: Finished) -> dict[str, object]:
    """What made the results."""
    keys = {plan.key(job) for job in all_jobs(plan)}
    seconds = [
        value
        for key, figures in finished.items()
        for _, metric, value in figures
        if metric == "train_seconds" and key in keys
    ]
    return {
        "backbone": Path(plan.backbone).name,
        "fingerprint": plan.fingerprint,
        "world": plan.world,
        "size": asdict(plan.size),
        "num_labels": [len(plan.place.seen), len(plan.place.unseen)],
        "seeds": list(plan.seeds),
        "couplings": list(plan.couplings),
        "num_scenes": len(plan.place.places),
        "trainings": f"{len(keys & set(finished))} of {len(keys)}",
        "longest_training_cpu_seconds": round(max(seconds, default=0.0), 1),
        "whole_run": json.loads(plan.whole_run.read_text("utf-8")) if plan.whole_run.is_file() else None,
        "rows": {name: asdict(row) for name, row in {**ROWS, **ABLATION}.items()},
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
