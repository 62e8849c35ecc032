"""What the debiasing benchmark is to run: trainings, the videos that they need, and what is kept of both."""

from __future__ import annotations

import gc
import json
import multiprocessing
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from debias_compositional import BUSY, CALM, compositional_world
from debias_copies import Labels, changed_copies
from debias_rows import ROWS, Row, TrainingData, Words, settings, train
from debias_scores import SCENE_READINGS, Judged, judge
from debias_world import (
    SCENE_NAMES,
    TEST_PLACES,
    VALIDATION_PLACES,
    TestSet,
    World,
    WorldSize,
    cached,
    digest,
    make_sample,
    make_test,
    plain_world,
)
from systems_world import systems_world

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.model.backbone import Backbone
    from zeroshot.training.methods.method import Method

IMPORTANCE = (0.0, 0.95, 0.7, 0.9, 0.5)
"""Couplings in the order in which they are run: what is cut short shows most."""

WORLDS = {
    "test": plain_world(TEST_PLACES, 91_000),
    "validation": plain_world(VALIDATION_PLACES, 5000),
    "compositional": compositional_world(TEST_PLACES, 101_000, CALM),
    "compositional-validation": compositional_world(VALIDATION_PLACES, 15_000, CALM),
    "compositional-busy": compositional_world(TEST_PLACES, 21_000, BUSY),
    "compositional-busy-validation": compositional_world(VALIDATION_PLACES, 25_000, BUSY),
    "systems": systems_world(TEST_PLACES, 81_000),
    "systems-validation": systems_world(VALIDATION_PLACES, 85_000),
}
"""What may be run in; settings are chosen in the validation ones. Seeds of a test are changed when its videos
have been looked at: the earlier ones of `test` began at 1000, 31,000 and 61,000, those of
`compositional` at 11,000 and 71,000."""

SCENE_TEMPLATE = "a photo of a {}."
"""What scenes are called where CLIP guesses them, as in `zeroshot train`."""

Finished = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Plan:
    """What is to be run on one backbone.

    Attributes:
        backbone: name of the frozen CLIP.
        fingerprint: of its weights.
        world: key of `WORLDS`.
        size: how many videos.
        seeds: of samples and first weights.
        couplings: ρ.
        steps: of each training; None is each row's own number.
        probed: rows whose streams the scene is probed for in.
        cache: folder of tokens and finished runs.
        reading: key of `SCENE_READINGS`: what is asked of the streams that the scene is probed for in.
        every_copy: whether copies that few methods ask for are made as well.
    """

    backbone: str
    fingerprint: str
    world: str
    size: WorldSize
    seeds: tuple[int, ...]
    couplings: tuple[float, ...]
    steps: int | None
    probed: tuple[str, ...]
    cache: Path
    reading: str = "accuracy"
    every_copy: bool = False

    @property
    def place(self) -> World:
        """The world of that name."""
        return WORLDS[self.world]

    @property
    def videos(self) -> tuple[object, ...]:
        """What all videos depend on beside their seed."""
        return self.fingerprint, self.world, self.place.base, asdict(self.size)

    def key(self, job: Job) -> str:
        """Digits that change with anything that a training or what is asked of it depends on."""
        way = job.row.way
        how = (job.row.trained, job.row.true_scenes, way.swapped, way.mirrored, *made_of(way))
        chosen = settings(job.row, 64, job.seed, self.steps).as_dict()
        asked = (job.name in self.probed, *self.asked_beside)
        return digest(*self.videos, SCENE_TEMPLATE, how, job.row.steps, chosen, job.coupling, *asked)

    @property
    def asked_beside(self) -> tuple[str, ...]:
        """What is read of scenes, where it is not what was read at first: earlier runs go on."""
        return () if self.reading == "accuracy" else (self.reading,)


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        plan: of whose backbone and videos.
        name: of the row.
        row: how.
        coupling: ρ.
        seed: of sample and first weights.
    """

    plan: Plan
    name: str
    row: Row
    coupling: float
    seed: int

    @property
    def key(self) -> str:
        """Of what is kept of it."""
        return self.plan.key(self)


def jobs_of(plans: Sequence[Plan], rows: Mapping[str, Row]) -> list[Job]:
    """Every training, the most telling first."""
    jobs = [
        Job(plan, name, row, coupling, seed)
        for plan in plans
        for name, row in rows.items()
        for coupling in row.at(plan.couplings)
        for seed in plan.seeds
    ]
    main = list(ROWS)

    def rank(job: Job) -> tuple[bool, int, int, int]:
        place = main.index(job.name) if job.name in main else len(main)
        return job.name not in {"anchor", "all", "oracle"}, IMPORTANCE.index(job.coupling), place, job.seed

    return sorted(jobs, key=rank)


def made_of(way: Method) -> tuple[str, ...]:
    """The copies that few methods ask for; nothing for the others, whose earlier runs go on."""
    return tuple(kind for kind, there in (("mixed", way.mixed), ("emptied", way.emptied)) if there)


@lru_cache(maxsize=2)
def backbone_of(name: str) -> Backbone:
    """The frozen CLIP of that name."""
    from zeroshot.model.backbone import load_backbone

    return load_backbone(name, "cpu")


@lru_cache(maxsize=2)
def words_of(plan: Plan) -> Words:
    """Text embeddings of labels, their stages and scenes."""
    from zeroshot.checkpoint import load_model
    from zeroshot.model.drift import stage_changes
    from zeroshot.text.prompts import make_prompts

    def make() -> dict[str, object]:
        with load_model(plan.backbone, device="cpu", stream="clip") as model:
            prompts = make_prompts(plan.place.labels, None, plan.place.stages)
            scenes = make_prompts(SCENE_NAMES, SCENE_TEMPLATE)
            return {
                "labels": torch.from_numpy(model.embed_prompts(prompts)),
                "changes": torch.from_numpy(stage_changes(model.embed_prompts, prompts)),
                "scenes": torch.from_numpy(model.embed_prompts(scenes)),
                "logit_scale": model.logit_scale,
            }

    settings = (plan.fingerprint, plan.place.labels, plan.place.stages, SCENE_TEMPLATE)
    known = cached(plan.cache, "words", settings, make)
    return Words(world=plan.place, scene_names=SCENE_NAMES, **known)


@lru_cache(maxsize=2)
def test_of(plan: Plan) -> TestSet:
    """The test videos of the plan's world."""
    return cached(
        plan.cache,
        "test",
        plan.videos,
        lambda: make_test(backbone_of(plan.backbone), plan.size, plan.place, plan.place.base),
    )


@lru_cache(maxsize=1)
def data_of(plan: Plan, seed: int) -> TrainingData:
    """The training videos of a seed and their changed copies."""

    def make() -> TrainingData:
        backbone = backbone_of(plan.backbone)
        sample = make_sample(backbone, plan.size, plan.place, plan.place.base + 10 + seed)
        words, seen = words_of(plan), len(plan.place.seen)
        labels = Labels(words.labels[:seen], words.logit_scale) if plan.every_copy else None
        changed = changed_copies(backbone, plan.place, sample, seed, labels)
        return TrainingData(sample.without_pixels(), changed)

    made = ("every copy",) if plan.every_copy else ("usual copies",)
    return cached(plan.cache, f"sample{seed}", (*plan.videos, seed, *made), make)


def clip_of(plan: Plan, coupling: float) -> Judged:
    """What CLIP itself says, averaged over frames; nothing of it is drawn but the videos."""
    settings = (*plan.videos, coupling, "clip", *plan.asked_beside)
    reading = SCENE_READINGS[plan.reading]
    return cached(
        plan.cache,
        "clip",
        settings,
        lambda: judge(None, test_of(plan), words_of(plan), coupling, reading),
    )


def prepare(plan: Plan, seed: int | None) -> float:
    """Render and encode one seed's videos, or the test's; seconds it took."""
    start = time.perf_counter()
    if seed is None:
        test_of(plan)
        words_of(plan)
        for coupling in (0.0, *plan.couplings):
            clip_of(plan, coupling)
    else:
        data_of(plan, seed)
    return time.perf_counter() - start


def run(job: Job) -> dict[str, object]:
    """What is kept of one training."""
    plan = job.plan
    words, test, data = words_of(plan), test_of(plan), data_of(plan, job.seed)
    start, begun = time.process_time(), time.perf_counter()
    adapter = train(job.row, data, words, job.coupling, job.seed, plan.steps)
    seconds, wall = time.process_time() - start, time.perf_counter() - begun
    reading = SCENE_READINGS[plan.reading] if job.name in plan.probed else None
    found = judge(adapter, test, words, job.coupling, reading)
    return {**found.packed(), "cpu_seconds": seconds, "seconds": wall, "fused": fused_by(adapter)}


def fused_by(adapter: TwoStreamAdapter | torch.Tensor) -> list[float]:
    """The weight with which the streams are fused and, where the adapter has one, the excess."""
    if isinstance(adapter, torch.Tensor):
        return [0.0]
    excess = adapter.fused_excess
    return [float(adapter.fused_weight), *([] if excess is None else [round(float(excess), 4)])]


def settle() -> None:
    """Processes side by side, a thread each, waste least; what is imported is never searched for garbage.

    Each training ends with such a search, which took a quarter of a second.
    """
    import accelerate  # noqa: F401 - training imports it late

    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()


def read_finished(cache: Path) -> Finished:
    """Key → what is kept of the trainings done before; a line that was cut off by a kill is done again."""
    finished: Finished = {}
    path = cache / "runs.jsonl"
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            finished[record["key"]] = record
    return finished


def go(jobs: Sequence[Job], workers: int) -> int:
    """Do the trainings that the cache lacks, each as soon as its videos are ready; gives their number."""
    cache = jobs[0].plan.cache
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n", encoding="utf-8")
    finished = read_finished(cache)
    todo = [job for job in jobs if job.key not in finished]
    total = len(todo)
    samples: list[tuple[Plan, int | None]] = []
    for plan in dict.fromkeys(job.plan for job in todo):
        samples += [(plan, None), *((plan, seed) for seed in plan.seeds)]
    ready: set[tuple[Plan, int | None]] = set()
    running: dict[Future[Any], tuple[Plan, int | None] | Job] = {}
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), settle) as pool:
        while todo or running:
            while len(running) < workers and (samples or runnable(todo, ready)):
                if samples:
                    sample = samples.pop(0)
                    running[pool.submit(prepare, *sample)] = sample
                    continue
                job = runnable(todo, ready)[0]
                todo.remove(job)
                running[pool.submit(run, job)] = job
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task, done = running.pop(future), total - len(todo) - len(running)
                if isinstance(task, Job):
                    keep(task, future.result())
                    tell(f"{done} of {total}: {task.name}, rho {task.coupling:g}, seed {task.seed}")
                    continue
                ready.add(task)
                plan, seed = task
                whose = "the test" if seed is None else f"seed {seed}"
                tell(f"videos of {whose}, {plan.backbone}: {future.result():.0f} s")
    return total


def runnable(todo: list[Job], ready: set[tuple[Plan, int | None]]) -> list[Job]:
    """Trainings whose videos and whose test are ready."""
    return [job for job in todo if {(job.plan, job.seed), (job.plan, None)} <= ready]


def keep(job: Job, found: dict[str, object]) -> None:
    """A line in the log of what is finished."""
    record = {"key": job.key, "row": job.name, "rho": job.coupling, "seed": job.seed, **found}
    with (job.plan.cache / "runs.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def tell(text: str) -> None:
    """Progress goes to stderr."""
    print(text, file=sys.stderr, flush=True)


def plans_of(
    backbones: Sequence[str],
    world: str,
    num_seeds: int,
    couplings: tuple[float, ...],
    *,
    size: int = 0,
    steps: int | None = None,
    probed: tuple[str, ...] = (),
    cache: Path,
) -> list[Plan]:
    """A plan for each backbone; each has seeds of its own, so that no two trainings share a sample.

    Args:
        backbones: names.
        world: key of `WORLDS`.
        num_seeds: for each backbone.
        couplings: ρ.
        size: which of the world's sizes: full, quick, tiny.
        steps: of each training, instead of its own number.
        probed: rows whose streams the scene is probed for in.
        cache: folder.
    """
    first = Plan(
        backbone=backbones[0],
        fingerprint="",
        world=world,
        size=WORLDS[world].sizes[size],
        seeds=(),
        couplings=couplings,
        steps=steps,
        probed=probed,
        cache=cache,
    )
    return [
        replace(
            first,
            backbone=name,
            fingerprint=backbone_of(name).fingerprint,
            seeds=tuple(range(place * num_seeds, (place + 1) * num_seeds)),
        )
        for place, name in enumerate(backbones)
    ]
