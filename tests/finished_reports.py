"""Finished evaluations without videos or models: scores drawn at random, written as the verb does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.datasets.protocols import EvaluationPlan, Round
from zeroshot.datasets.splits import LabeledVideo
from zeroshot.evaluation.document import document
from zeroshot.evaluation.report import ModelFigures, Report, Videos
from zeroshot.evaluation.scoring import stream_figures
from zeroshot.reports.environment import environment
from zeroshot.reports.files import write_report

if TYPE_CHECKING:
    from pathlib import Path

LABELS = ("archery", "bowling", "juggling", "waving")


def plan_of(
    names: list[str], labels=LABELS, protocol="csv", data="videos.csv", root="/data", rounds=1
) -> EvaluationPlan:
    """Rounds of all videos but a few that differ; a video's label is what its name's number says."""
    videos = [LabeledVideo(f"{root}/{name}", labels[int(name.split("-")[0]) % len(LABELS)]) for name in names]
    made = [
        Round("all videos" if rounds == 1 else f"draw {number}", tuple(labels), tuple(videos[number:]))
        for number in range(rounds)
    ]
    return EvaluationPlan(protocol, data, tuple(made), sources=(data,))


def file_of(video: LabeledVideo) -> str:
    return str(video.path).rpartition("/")[2]


def scores_of(plan: EvaluationPlan, seed: int, skill: float) -> np.ndarray:
    """(n, K) cosines: noise, and so much more for the right label; of a video the same whatever the plan."""
    rows = []
    for video in plan.videos:
        number = int(file_of(video).split("-")[0])
        rng = np.random.default_rng([seed, number])
        row = rng.normal(0, 0.1, len(plan.labels))
        row[plan.labels.index(video.label)] += 0.1 * skill
        rows.append(row)
    return np.array(rows, np.float32)


def figures_of(
    plan: EvaluationPlan, name: str, seed: int, skill: float, streams=("clip",), unread=()
) -> ModelFigures:
    readable = np.array([file_of(video) not in unread for video in plan.videos])
    found = tuple(
        stream_figures(stream, scores_of(plan, seed + place, skill), plan, readable)
        for place, stream in enumerate(streams)
    )
    facts = {
        "model": name,
        "fingerprint": f"{seed:064x}",
        "adapter_fingerprint": None if streams == ("clip",) else f"{seed + 1:064x}",
        "untrained": False,
        "embedding_dim": 8,
        "precision": "exact",
        "logit_scale": 100.0,
        "sampling": {"num_frames": 8, "num_views": 1},
        "exchanged": None,
    }
    return ModelFigures(name, facts, streams[-1], found, (), None)


def write_run(
    folder: Path,
    plan: EvaluationPlan,
    *models: ModelFigures,
    unread=(),
    allow_seen=False,
    comparisons=(),
    **settings,
) -> Path:
    """The folder, with the three files of an evaluation in it."""
    missing = tuple(str(video.path) for video in plan.videos if file_of(video) in unread)
    said = {
        "lineage": "plain", "about": "names in words", "lineage_says": [], "names": "in words",
        "templates": "none", "texts": None, "stages": None, "prompts_digest": "0123456789abcdef",
        "example_prompts": ["archery"],
        "views": "8 frames × 1 view × 1 crop", "changed": {}, "seen_cost": 0.05, "intervals": "95 %",
    }  # fmt: skip
    run = {"seconds": 1.0, **environment()}
    root = str(plan.videos[0].path).split("/")[1]
    report = Report(
        plan,
        {**said, **settings},
        Videos(len(plan.videos), missing, ()),
        models,
        tuple(comparisons),
        allow_seen,
        run,
        folder=f"/{root}",
    )
    write_report(folder, report.as_dict(), document(report))
    return folder
