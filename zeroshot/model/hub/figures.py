"""Figures as a card of the model hub holds them, so that its pages list them: `model-index`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from zeroshot.model.hub.card import TASK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Figure(NamedTuple):
    """One figure of one model on one data set.

    Attributes:
        data: name of the data set.
        protocol: how it was asked.
        metric: what was measured.
        value: a share from 0 to 1.
        details: what else belongs to the figure, as YAML holds it.
    """

    data: str
    protocol: str
    metric: str
    value: float
    details: Mapping[str, Any]


def model_index(name: str, figures: Sequence[Figure]) -> str:
    """Metadata of a card, YAML between lines of ---, with these figures of the model of that name."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type=TASK,
            dataset_type=re.sub(r"[^\w.-]+", "-", figure.data) or "videos",
            dataset_name=f"{figure.data} ({figure.protocol})",
            dataset_config=figure.protocol,
            metric_type="accuracy",
            metric_name=figure.metric,
            metric_value=figure.value,
            metric_args=dict(figure.details),
        )
        for figure in figures
    ]
    text = ModelCardData(model_name=name, eval_results=results).to_yaml()
    return f"---\n{text}\n---"
