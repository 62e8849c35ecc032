"""What a few examples of each label add to the labels' texts, nothing trained: scores of K-shot protocols."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import DatasetError, counted
from zeroshot.evaluation.paper_look import whole_videos
from zeroshot.few_shot.cache import blended, near_class_mean
from zeroshot.video.source import name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zeroshot.datasets.evaluation_plan import EvaluationPlan
    from zeroshot.evaluation.cached_embeddings import Embedded


def split_off(embedded: Embedded, num_videos: int) -> tuple[Embedded, Embedded]:
    """The videos that are asked, which stand first, and the examples behind them."""
    parts = []
    for rows in (slice(num_videos), slice(num_videos, None)):
        drifts = None if embedded.drifts is None else embedded.drifts[rows]
        parts.append(
            replace(
                embedded,
                vectors=embedded.vectors[rows],
                errors=embedded.errors[rows],
                missing=embedded.missing[rows],
                drifts=drifts,
            )
        )
    return parts[0], parts[1]


def with_examples(
    texts: dict[str, NDArray[np.float32]],
    asked: Embedded,
    shown: Embedded,
    plan: EvaluationPlan,
    logit_scale: float,
) -> tuple[dict[str, NDArray[np.float32]], str]:
    """Scores by texts, by examples and by both, for each stream; and what the name of the last ends with.

    Videos and examples are alike by their whole vectors, however their views are averaged beside the texts.

    Args:
        texts: stream → (n, K) cosines of the videos and the labels' texts, or (n, V, K) of V views.
        asked: the videos.
        shown: the plan's examples, in their order.
        plan: of one round that has examples.
        logit_scale: the model's own.

    Raises:
        DatasetError: none of the examples can be read.
    """
    rows = [row for row, error in enumerate(shown.errors) if error is None]
    if not rows:
        raise DatasetError(
            f"none of the {counted(len(plan.examples), 'example')} can be read (first: "
            f"{name_of(plan.examples[0].path)})"
        )
    place = {label: row for row, label in enumerate(plan.labels)}
    targets = np.array([place[plan.examples[row].label] for row in rows])
    ending = f" + {counted(len(rows), 'example')}"
    scores = {}
    for number, (stream, table) in enumerate(texts.items()):
        videos, examples = whole_videos(asked.vectors[:, number]), whole_videos(shown.vectors[rows, number])
        scores[stream] = table
        scores[f"{stream}, examples alone"] = near_class_mean(videos, examples, targets, len(place))
        scores[stream + ending] = blended(table, videos @ examples.T, targets, logit_scale)
    return scores, ending


def missing_examples(plan: EvaluationPlan, shown: Sequence[Embedded]) -> list[str]:
    """What a reader is told of examples that some model could not read."""
    gone = {row for one in shown for row, error in enumerate(one.errors) if error is not None}
    if not gone:
        return []
    first = name_of(plan.examples[min(gone)].path)
    return [f"{len(gone)} of {counted(len(plan.examples), 'example')} cannot be read (first: {first})"]
