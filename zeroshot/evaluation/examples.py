"""What a few examples of each label add to the labels' texts, nothing trained: scores of K-shot protocols."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import DatasetError, counted
from zeroshot.evaluation.paper_look import whole_videos
from zeroshot.video.source import name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zeroshot.datasets.evaluation_plan import EvaluationPlan
    from zeroshot.evaluation.cached_embeddings import Embedded

SHARPNESS = 5.5
"""β: how fast an example counts for less as it resembles a video less."""

WEIGHT = 1.0
"""α: what an example that is the video itself adds to the logit of its label."""


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


def near_class_mean(
    videos: NDArray[np.float32], examples: NDArray[np.float32], targets: NDArray[np.int64], num_labels: int
) -> NDArray[np.float32]:
    """(n, K) cosines of videos with the unit mean of each label's examples; −1 for a label without one.

    Args:
        videos: (n, D) unit rows.
        examples: (m, D) unit rows.
        targets: (m,) row of each example's label.
        num_labels: K.
    """
    sums = np.zeros((num_labels, examples.shape[1]), np.float32)
    np.add.at(sums, targets, examples)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    means = (sums / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    scores: NDArray[np.float32] = videos @ means.T
    scores[:, np.bincount(targets, minlength=num_labels) == 0] = -1
    return scores


def blended(
    texts: NDArray[np.float32],
    likeness: NDArray[np.float32],
    targets: NDArray[np.int64],
    logit_scale: float,
) -> NDArray[np.float32]:
    """Scores like `texts`: the cosine with the text, and what each example of the label adds by its likeness.

    An example adds α · exp(−β (1 − cosine)) to the logit, here over the logit scale, so that it is a score.

    Args:
        texts: (n, K) cosines with the labels' texts, or (n, V, K) of V views, to each of which is added.
        likeness: (n, m) cosines with the examples.
        targets: (m,) row of each example's label.
        logit_scale: the model's own.

    Source: Zhang et al., ECCV 2022 (Tip-Adapter without training), with its α and β.
    """
    added = np.zeros((len(texts), texts.shape[-1]), texts.dtype)
    nearness = WEIGHT * np.exp(-SHARPNESS * (1 - likeness))
    np.add.at(added.T, targets, nearness.T)
    added = added if texts.ndim == 2 else added[:, None]
    scores: NDArray[np.float32] = texts + added / np.float32(logit_scale)
    return scores


def missing_examples(plan: EvaluationPlan, shown: Sequence[Embedded]) -> list[str]:
    """What a reader is told of examples that some model could not read."""
    gone = {row for one in shown for row, error in enumerate(one.errors) if error is not None}
    if not gone:
        return []
    first = name_of(plan.examples[min(gone)].path)
    return [f"{len(gone)} of {counted(len(plan.examples), 'example')} cannot be read (first: {first})"]
