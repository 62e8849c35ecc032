"""From what stands on the command line to videos and a classifier."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from zeroshot.cli.screen import say
from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from pathlib import Path

    from zeroshot.classifier import Classifier
    from zeroshot.model.model import Model
    from zeroshot.video.sampling import Sampling


def videos_from(words: list[str]) -> list[Path]:
    """The videos that files, folders, globs and, for `-`, the lines of stdin name.

    Raises:
        VideoError: a folder holds no video, or a glob matches none.
    """
    from zeroshot.video.find import find_videos

    named: list[str] = []
    for word in words:
        named += [line for line in sys.stdin.read().splitlines() if line.strip()] if word == "-" else [word]
    return find_videos(named)


def sampling_from(num_frames: int | None, num_views: int) -> Sampling | None:
    """What --num-frames and --num-views ask for, or None where the model's own sampling stands."""
    if num_frames is None and num_views == 1:
        return None
    from zeroshot.video.sampling import Sampling

    return Sampling(Sampling().num_frames if num_frames is None else num_frames, num_views)


def settings_from(
    embeddings: str,
    model: str | None,
    stream: str | None,
    sampling: Sampling | None,
    precision: str | None,
) -> tuple[str | None, str | None, Sampling | None, str | None]:
    """Model, stream, sampling and precision as asked for; else as those of a folder of embeddings.

    Raises:
        OutputError: the folder's manifest is damaged.
    """
    from zeroshot.batch.table import MANIFEST, read_manifest
    from zeroshot.checkpoint import NO_STREAM
    from zeroshot.errors import OutputError
    from zeroshot.video.sampling import Sampling

    if not os.path.exists(os.path.join(embeddings, MANIFEST)):  # noqa: PTH110, PTH118 - pathlib is slow to import
        return model, stream, sampling, precision
    kept = read_manifest(embeddings)
    if model is None:
        model, stream = kept.get("model"), stream or kept.get("stream") or NO_STREAM
    try:
        return model, stream, sampling or Sampling(**kept["sampling"]), precision or kept.get("precision")
    except (KeyError, TypeError) as error:
        raise OutputError(
            f"{embeddings} was written by another version ({error}); embed into another folder"
        ) from error


def model_from(
    name: str | None,
    device: str,
    sampling: Sampling | None,
    decoder: str = "auto",
    stream: str | None = None,
    precision: str | None = None,
    frames: str | None = None,
) -> Model:
    """The model of that name, or the default one; says so where its weights are random.

    Raises:
        ModelError: it cannot be named, fetched or loaded.
        OptionError: an unknown precision or sampling.
    """
    from dataclasses import replace

    from zeroshot.checkpoint import DEFAULT_MODEL, load_model
    from zeroshot.video.sampling import require_frames

    require_frames(frames or "even")
    model = load_model(
        name or DEFAULT_MODEL,
        device=device,
        sampling=sampling,
        decoder=decoder,
        stream=stream,
        precision=precision or "exact",
    )
    if frames is not None:
        model.sampling = replace(model.sampling, frames=frames)
    if model.backbone.is_random:
        say(f"{model.name} is untrained: it serves for speed and tests, its answers mean nothing")
    return model


class Notes:
    """What a model chose by itself, each line once on stderr, where the user asked for a choice."""

    def __init__(self, model: Model, precision: str | None) -> None:
        """Speak for a model.

        Args:
            model: whose notes are said.
            precision: as the user asked for it, or None, which is not spoken of.
        """
        self._model = model
        self._precision = precision
        self._said: set[str] = set()

    def say_precision(self) -> None:
        """The speed level in force, once it is chosen and again once the first frames have decided."""
        if self._precision is not None:
            self._say_once(self._model.backbone.note)

    def say_sampling(self) -> None:
        """How far key frames moved the moments, and which videos were read exactly instead."""
        for note in self._model.notes:
            if note != self._model.backbone.note:
                self._say_once(note)

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            say(line)


def classifier_from(
    model: Model, labels: str | None, templates: str | None, index: str | None, spaced: bool
) -> Classifier:
    """A classifier from --labels and --templates, or from --index.

    Raises:
        OptionError: neither or both are given.
        LabelError: the list cannot be used.
    """
    from zeroshot.classifier import load
    from zeroshot.index.ivf import SHORTLIST

    if (labels is None) == (index is None):
        raise OptionError("give either --labels FILE|a,b,c or --index FILE (written by `zeroshot index`)")
    classifier = load(model, labels, templates=templates, index=index, spaced=spaced)
    if classifier.index.recall is not None:
        say(
            f"{len(classifier.index)} labels are searched in cells: {classifier.index.about_search}; "
            f"probabilities are over those compared exactly, {SHORTLIST} at most, so they are upper bounds"
        )
    return classifier
