"""From what stands on the command line to videos and a classifier."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
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

    What folders hold besides is counted on stderr.

    Raises:
        VideoError: a folder holds no video, or a glob matches none.
    """
    from zeroshot.video.find import LeftOut, find_videos

    named: list[str] = []
    for word in words:
        named += _listed() if word == "-" else [word]
    left_out = LeftOut()
    videos = find_videos(named, left_out)
    for line in left_out.lines():
        say(line)
    return videos


def _listed() -> list[str]:
    """The lines of stdin, whatever bytes they are made of.

    Raises:
        OptionError: stdin is closed.
    """
    if sys.stdin is None:
        raise OptionError("stdin is closed; expected a list of videos there")
    raw = getattr(sys.stdin, "buffer", None)
    text = sys.stdin.read() if raw is None else os.fsdecode(raw.read())
    return [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]


def sampling_from(num_frames: int | None, num_views: int) -> Sampling | None:
    """What --num-frames and --num-views ask for, or None where the model's own sampling stands."""
    if num_frames is None and num_views == 1:
        return None
    from zeroshot.video.sampling import Sampling

    return Sampling(Sampling().num_frames if num_frames is None else num_frames, num_views)


@dataclass(frozen=True)
class ModelChoice:
    """What the command line says of the model and of how it reads videos; None: the model's own way.

    Attributes:
        name: None: the default model.
        device: as --device.
        sampling: as --num-frames and --num-views.
        decoder: as --decoder.
        stream: as --stream.
        precision: as --precision.
        frames: as --sampling.
        series: as --series.
        batch_size: as --batch-size.
        num_workers: as --num-workers.
    """

    name: str | None = None
    device: str = "auto"
    sampling: Sampling | None = None
    decoder: str = "auto"
    stream: str | None = None
    precision: str | None = None
    frames: str | None = None
    series: str | None = None
    batch_size: int = 32
    num_workers: int = 2


def settings_from(embeddings: str, choice: ModelChoice) -> ModelChoice:
    """The choice, with what it leaves open as it is in a folder of embeddings.

    Raises:
        OutputError: the folder's manifest is damaged.
    """
    from dataclasses import replace

    from zeroshot.batch.table import MANIFEST, read_manifest
    from zeroshot.checkpoint import NO_STREAM, require_public
    from zeroshot.errors import OutputError
    from zeroshot.video.sampling import Sampling

    if not os.path.exists(os.path.join(embeddings, MANIFEST)):  # noqa: PTH110, PTH118 - pathlib is slow to import
        return choice
    kept = read_manifest(embeddings)
    if choice.name is None:
        name = require_public(kept.get("model"), f"the manifest of {embeddings}")
        stream = choice.stream or kept.get("stream") or NO_STREAM
        choice = replace(choice, name=name, stream=stream)
    try:
        if not all(isinstance(kept.get(word) or "", str) for word in ("stream", "precision")):
            raise TypeError("its stream and precision are no words")
        sampling = choice.sampling or Sampling(**kept["sampling"])
    except (KeyError, TypeError) as error:
        raise OutputError(
            f"{embeddings} was written by another version ({error}); embed into another folder"
        ) from error
    return replace(choice, sampling=sampling, precision=choice.precision or kept.get("precision"))


def model_from(choice: ModelChoice) -> Model:
    """The model that was chosen; says so where its weights are random.

    Raises:
        ModelError: it cannot be named, fetched or loaded.
        OptionError: an unknown precision or sampling.
    """
    from dataclasses import replace

    from zeroshot.checkpoint import DEFAULT_MODEL, load_model
    from zeroshot.video.sampling import require_frames

    require_frames(choice.frames or "even")
    model = load_model(
        choice.name or DEFAULT_MODEL,
        device=choice.device,
        sampling=choice.sampling,
        decoder=choice.decoder,
        stream=choice.stream,
        precision=choice.precision or "exact",
        batch_size=choice.batch_size,
        num_workers=choice.num_workers,
    )
    if choice.frames is not None:
        model.sampling = replace(model.sampling, frames=choice.frames)
    if choice.series is not None:
        model.sampling = replace(model.sampling, series=choice.series)
    for note in model.backbone.notes:
        say(note)
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
        self._said = set(model.backbone.notes)  # said when it was loaded

    def say_precision(self) -> None:
        """The speed level in force, once it is chosen and again once the first frames have decided."""
        if self._precision is not None:
            self._say_once(self._model.backbone.precision.note)

    def say_the_rest(self) -> None:
        """What was cut of labels, how far key frames moved the moments, which videos broke off."""
        for note in self._model.notes:
            if note != self._model.backbone.precision.note:
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
