"""Stages for Ray Data: columns in, columns out, a model a worker; a damaged video costs its row alone.

`dataset.map_batches(EmbedVideos, fn_constructor_args=["puppet-tiny"], concurrency=2, batch_size=32)`. Ray is
not imported here, and whatever maps dicts of columns can use them: `datasets.Dataset.map(…, batched=True)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.checkpoint import load_model
from zeroshot.classifier import load
from zeroshot.errors import OptionError, VideoError, require_whole

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from zeroshot.model.model import Model
    from zeroshot.text.prompts import LabelSource, TemplateSource

    Batch = Mapping[str, Any]


class EmbedVideos:
    """Adds `embedding` (n, D) float32, NaN where a video failed, and `error`, "" where it did not."""

    def __init__(
        self,
        model: str | os.PathLike[str] | Model,
        *,
        column: str = "path",
        stream: str | None = None,
        device: str = "auto",
        precision: str = "exact",
    ) -> None:
        """Load the model, once a worker.

        Args:
            model: as for `load_model`, or a Model.
            column: of the paths of videos, or of the bytes of their files.
            stream: as for `load_model`, as are those that follow; not with a Model.
            device: auto, cpu, cuda, cuda:N or mps.
            precision: exact, fast or fastest.

        Raises:
            ModelError: there is no such model.
        """
        self.model = _model(model, stream, device, precision)
        self._column = column

    def __call__(self, batch: Batch) -> dict[str, Any]:
        """The same columns and two more.

        Raises:
            OptionError: the column is not there.
        """
        rows, errors = vectors_of(self.model, cells(batch, self._column))
        return {**batch, "embedding": rows, "error": np.array(errors, dtype=object)}


class RankVideos:
    """Adds `label`, `score` and `probability` of the k best labels, (n, k) each, and `error`.

    With k of 1 the columns are (n,). Where a video failed, labels are "" and numbers NaN.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Model,
        labels: LabelSource,
        *,
        k: int = 1,
        column: str = "path",
        templates: TemplateSource = None,
        stream: str | None = None,
        device: str = "auto",
        precision: str = "exact",
    ) -> None:
        """Load the model and encode the labels, once a worker.

        Args:
            model: as for `EmbedVideos`, as are those that are not named here.
            labels: as for `load`.
            k: how many labels each, at most as many as there are.
            column: of the paths.
            templates: as for `load`.
            stream: as for `load_model`.
            device: as for `load_model`.
            precision: as for `load_model`.

        Raises:
            ZeroshotError: labels or model cannot be used.
        """
        require_whole("k", k)
        self.classifier = load(_model(model, stream, device, precision), labels, templates=templates)
        self._k, self._column = min(k, len(self.classifier.labels)), column

    def __call__(self, batch: Batch) -> dict[str, Any]:
        """The same columns and four more.

        Raises:
            OptionError: the column is not there.
        """
        videos = cells(batch, self._column)
        shape = (len(videos), self._k)
        names = np.full(shape, "", dtype=object)
        scores, shares = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
        errors = [""] * len(videos)
        for row, ranking in enumerate(self.classifier.rank_many(videos, self._k)):
            if ranking.error is not None:
                errors[row] = ranking.error
                continue
            names[row] = [prediction.label for prediction in ranking.predictions]
            scores[row] = [prediction.score for prediction in ranking.predictions]
            shares[row] = [prediction.probability for prediction in ranking.predictions]
        found = {"label": names, "score": scores, "probability": shares}
        plain = {name: column[:, 0] if self._k == 1 else column for name, column in found.items()}
        return {**batch, **plain, "error": np.array(errors, dtype=object)}


def vectors_of(model: Model, videos: Sequence[Any]) -> tuple[NDArray[np.float32], list[str]]:
    """Vectors (n, D) float32 of n videos, NaN for one that failed, and its error, "" for the others."""
    rows = np.full((len(videos), model.embedding_dim), np.nan, np.float32)
    errors = [""] * len(videos)
    for row, (_, outcome) in enumerate(model.embed_sources(videos)):
        if isinstance(outcome, VideoError):
            errors[row] = str(outcome)
        else:
            rows[row] = outcome
    return rows, errors


def cells(batch: Batch, column: str) -> list[Any]:
    """The cells of a column, as text or bytes.

    Raises:
        OptionError: the column is not there.
    """
    if column not in batch:
        raise OptionError(f"column {column!r} is not there; expected one of {', '.join(map(str, batch))}")
    return [cell.item() if isinstance(cell, np.generic) else cell for cell in batch[column]]


def _model(model: str | os.PathLike[str] | Model, stream: str | None, device: str, precision: str) -> Model:
    """The model of that name, or the one given."""
    from zeroshot.model.model import Model

    if isinstance(model, Model):
        return model
    return load_model(model, stream=stream, device=device, precision=precision)
