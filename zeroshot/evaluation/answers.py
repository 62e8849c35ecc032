"""What each stream answered to each video, as a report keeps it: columns of rows, since there may be many."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.video.source import Stretch, is_path, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zeroshot.datasets.evaluation_plan import EvaluationPlan
    from zeroshot.datasets.splits import LabeledVideo
    from zeroshot.evaluation.scoring import Outcome, StreamFigures
    from zeroshot.video.source import VideoSource

NUM_BEST = 5
"""Labels of a video that are kept: those that top-5 looks at."""
_DIGITS = 5  # of a cosine, behind the point: below what two libraries agree on


def answers(
    plan: EvaluationPlan, models: Sequence[Sequence[StreamFigures]], folder: str | os.PathLike[str] | None
) -> dict[str, Any]:
    """The videos that were evaluated, what was asked of them and what was answered, as JSON holds it.

    Args:
        plan: whose rows of videos and labels are meant.
        models: the streams of each.
        folder: names of videos in it count from there; None: they stay as they are.
    """
    asked = models[0][0].outcomes
    rows = np.unique(np.concatenate([outcome.rows for outcome in asked]))
    place = np.zeros(len(plan.videos), np.int64)
    place[rows] = np.arange(len(rows))
    columns = label_rows(plan)
    return {
        "videos": video_names([plan.videos[row] for row in rows], folder),
        "rounds": [
            {"videos": place[outcome.rows].tolist(), "targets": columns[number][_targets(outcome)].tolist()}
            for number, outcome in enumerate(asked)
        ],
        "models": [
            {
                one.stream: [_said(outcome, columns[number]) for number, outcome in enumerate(one.outcomes)]
                for one in streams
            }
            for streams in models
        ],
    }


def _targets(outcome: Outcome) -> NDArray[np.int64]:
    """(m,) the label of each video; of several the first of the list, which is the same for every stream."""
    return outcome.targets if outcome.truth is None else outcome.truth.argmax(1)


def label_rows(plan: EvaluationPlan) -> list[NDArray[np.int64]]:
    """(K,) of each round: the rows of its labels among all labels of the plan."""
    place = {label: row for row, label in enumerate(plan.labels)}
    return [np.array([place[label] for label in one.labels], np.int64) for one in plan.rounds]


def video_names(videos: Sequence[LabeledVideo], folder: str | os.PathLike[str] | None) -> list[str]:
    """A name a video, none twice: of a file in the folder its path from there, with / on any system.

    So that runs on machines that keep their data in different places find each other's videos.
    """
    base = None if folder is None else Path(folder).absolute()
    taken: dict[str, int] = {}
    names = []
    for video in videos:
        name = name_of(_inside(video.path, base))
        taken[name] = number = taken.get(name, 0) + 1
        names.append(name if number == 1 else f"{name} #{number}")
    return names


def _inside(source: VideoSource, base: Path | None) -> VideoSource:
    """The path of a source from a folder, if it is one in there; else the source."""
    if isinstance(source, Stretch):  # as it is called where somebody cut it out
        return _inside(source.as_file, base)
    if base is None or not is_path(source) or "://" in os.fspath(source):
        return source
    whole = Path(source).absolute()
    return whole.relative_to(base).as_posix() if whole.is_relative_to(base) else source


def _said(outcome: Outcome, columns: NDArray[np.int64]) -> dict[str, Any]:
    """Ranks of the right labels, the best labels and their scores."""
    best = best_columns(outcome.scores, NUM_BEST)
    scores = np.take_along_axis(outcome.scores, best, 1).astype(np.float64).round(_DIGITS)
    return {"ranks": outcome.ranks.tolist(), "labels": columns[best].tolist(), "scores": scores.tolist()}


def best_columns(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """(m, k) columns of the largest of (m, K) scores, best first; of equal ones the first stands first."""
    left = scores.copy()
    best = np.zeros((len(scores), min(k, scores.shape[1])), np.int64)
    for place in range(best.shape[1]):
        best[:, place] = left.argmax(1) if len(left) else 0
        np.put_along_axis(left, best[:, place : place + 1], -np.inf, 1)
    return best
