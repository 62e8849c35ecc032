"""Labels that were taught by examples, evaluated beside their words alone on videos that were no examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.checks import is_taught_file, require_made_by
from zeroshot.errors import DatasetError, counted
from zeroshot.evaluation.paper_look import whole_videos
from zeroshot.few_shot.taught import TaughtLabels
from zeroshot.video.identity import file_digest, file_facts
from zeroshot.video.source import is_path, name_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.datasets.evaluation_plan import EvaluationPlan
    from zeroshot.evaluation.cached_embeddings import Embedded
    from zeroshot.model.model import Model
    from zeroshot.text.prompts import LabelSource


def taught_or_none(labels: LabelSource | None) -> TaughtLabels | None:
    """The taught labels that a file holds; None of all other labels.

    Raises:
        LabelError: the file is damaged.
    """
    return TaughtLabels.load(labels) if is_taught_file(labels) else None


def refuse_shown(plan: EvaluationPlan, labels: TaughtLabels) -> None:
    """Refuse to ask what was shown: the same bytes, wherever they lie.

    Raises:
        DatasetError: a video was an example.
    """
    shown = {video.digest: video for video in labels.examples.videos if video.digest}
    sizes = {video.num_bytes for video in shown.values()}
    for video in plan.videos:
        facts = file_facts(str(video.path)) if is_path(video.path) else None
        if facts is None or facts.size not in sizes:
            continue
        if (same := shown.get(file_digest(str(video.path)) or "")) is not None:
            raise DatasetError(
                f"{name_of(video.path)} is an example of these labels ({same.name}) and tested on; leave it "
                "out, or say --allow-seen"
            )


def with_taught(
    texts: dict[str, NDArray[np.float32]], asked: Embedded, labels: TaughtLabels, model: Model, path: str
) -> tuple[dict[str, NDArray[np.float32]], str]:
    """Scores by words, and beside them those of taught labels, and what these are called.

    Args:
        texts: stream → scores of the videos and the labels' words.
        asked: the videos.
        labels: taught, the same in the same order.
        model: whose vectors they are.
        path: of the labels, for errors.

    Raises:
        ZeroshotError: they were taught with another model or stream.
    """
    require_made_by(labels, model, path)
    stream = labels.fingerprint["stream"]
    vectors = whole_videos(asked.vectors[:, asked.streams.index(stream)])
    name = f"{stream}, taught by {counted(labels.num_examples, 'example')}"
    return {**texts, name: labels.scores(vectors)}, name
