"""From what stands on the command line to videos and a classifier."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zeroshot.cli.progress import waiting
from zeroshot.cli.screen import say
from zeroshot.errors import OptionError, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zeroshot.checks import Checks
    from zeroshot.classifier import Classifier
    from zeroshot.index.index import LabelIndex
    from zeroshot.model.model import Model
    from zeroshot.types import Prompts
    from zeroshot.video.sampling import Sampling


def sampling_from(num_frames: int | None, num_views: int) -> Sampling | None:
    """What --num-frames and --num-views ask for, or None where the model's own sampling stands.

    Raises:
        OptionError: a number below 1.
    """
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

    def __post_init__(self) -> None:
        """Refuse words that nobody knows, but those that only a network's library knows."""
        from zeroshot.video.decoders.by_name import require_decoder
        from zeroshot.video.sampling import require_frames

        require_decoder(self.decoder)
        require_frames(self.frames or "even")


def require_table(folder: str) -> None:
    """Refuse a folder to which no embeddings can be added.

    Raises:
        OutputError: it cannot be written, holds something else, or another run is writing there.
    """
    from zeroshot.batch.table import LAYOUT
    from zeroshot.store.folder import require_room

    require_room(folder, LAYOUT)


def settings_from(embeddings: str | None, choice: ModelChoice, *, new: bool = True) -> ModelChoice:
    """The choice, with what it leaves open as it is in a folder of embeddings.

    Args:
        embeddings: the folder; None leaves the choice as it is.
        choice: as on the command line.
        new: whether it may be one that is still to be written.

    Raises:
        OutputError: the folder's manifest is damaged.
    """
    from dataclasses import replace

    from zeroshot.batch.table import MANIFEST, read_manifest
    from zeroshot.checkpoint import NO_STREAM, require_public
    from zeroshot.errors import OutputError
    from zeroshot.video.sampling import Sampling

    if embeddings is None:
        return choice
    if new and not os.path.exists(os.path.join(embeddings, MANIFEST)):  # noqa: PTH110, PTH118 - pathlib is slow to import
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


def of_index(choice: ModelChoice, words: Prompts | LabelIndex, index: str | None) -> ModelChoice:
    """The choice, with the model that made a saved index where no other is named.

    Raises:
        ModelError: its model may not be opened because a file says so.
    """
    from dataclasses import replace

    from zeroshot.classifier import model_for
    from zeroshot.types import Prompts

    if choice.name is not None or isinstance(words, Prompts):
        return choice
    return replace(choice, name=str(model_for(None, words, index)))


def require_choice(choice: ModelChoice) -> None:
    """Refuse what `model_from` would refuse, as far as it shows before any weights are looked for.

    Raises:
        ModelError: there can be no model of that name, or no such device.
        OptionError: a stream that the model does not have, or an unknown precision.
    """
    from zeroshot.checkpoint import DEFAULT_MODEL, require_model

    name = choice.name or DEFAULT_MODEL
    with waiting(f"loading {name}"):  # the libraries that know its name take most of that
        require_model(
            name,
            device=choice.device,
            decoder=choice.decoder,
            stream=choice.stream,
            precision=choice.precision or "exact",
        )


def model_from(choice: ModelChoice) -> Model:
    """The model that was chosen; says so where its weights are random.

    Raises:
        ModelError: it cannot be named, fetched or loaded.
        OptionError: an unknown precision or sampling.
    """
    from dataclasses import replace

    from zeroshot.checkpoint import DEFAULT_MODEL, load_model

    name = choice.name or DEFAULT_MODEL
    with waiting(f"loading {name}"):
        model = load_model(
            name,
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

    def __init__(self, model: Model, precision: str | None, classifier: Classifier | None = None) -> None:
        """Speak for a model.

        Args:
            model: whose notes are said.
            precision: as the user asked for it, or None, which is not spoken of.
            classifier: whose notes on stages are said, too.
        """
        self._model = model
        self._classifier = classifier
        self._precision = precision
        self._said = set(model.backbone.notes)  # said when it was loaded

    def say_precision(self) -> None:
        """The speed level in force, once it is chosen and again once the first frames have decided."""
        if self._precision is not None:
            self._say_once(self._model.backbone.precision.note)

    def say_the_rest(self) -> None:
        """What was cut of labels, what stages lack, how far key frames moved moments, what broke off."""
        for note in self._model.notes:
            if note != self._model.backbone.precision.note:
                self._say_once(note)
        for note in () if self._classifier is None else self._classifier.notes:
            self._say_once(note)

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            say(line)


def words_from(
    first: Checks,
    labels: str | None,
    templates: str | None,
    index: str | None,
    stages: str | None,
    *,
    spaced: bool,
) -> Callable[[], Prompts | LabelIndex]:
    """What is ranked, by --labels, --templates and --stages or by --index; there once `first` has run.

    Raises:
        OptionError: when it runs, neither or both are given.
        LabelError: when it runs, the list cannot be used.
    """
    from zeroshot.words import labels_to_rank

    def require_one() -> None:
        if (labels is None) == (index is None):
            raise OptionError("give either --labels FILE|a,b,c or --index FILE (written by `zeroshot index`)")

    first.add("options", require_one)
    return labels_to_rank(first, labels, templates, index, stages=stages, spaced=spaced)


def classifier_from(model: Model, words: Prompts | LabelIndex, index: str | None, k: int) -> Classifier:
    """The classifier that ranks what `words_from` found; says how an index is searched.

    Raises:
        IndexFileError: a saved index is another model's.
    """
    from zeroshot.classifier import classifier_of
    from zeroshot.index.ivf import SHORTLIST

    say_puppets(model.name, words.labels)
    with waiting("encoding labels"):
        classifier = classifier_of(model, words, index)
    found = classifier.index
    if index is not None and found.is_exact_for(k):
        say(f"{counted(len(found), 'label')} of {index}, by {model.name}: searched exactly, each is compared")
    elif found.recall is not None:
        say(
            f"{len(found)} labels are searched in cells: {found.about_search}; "
            f"probabilities are over those compared exactly, {SHORTLIST} at most, so they are upper bounds"
        )
    return classifier


def say_puppets(model: str, texts: Sequence[str], *, are_sentences: bool = False) -> None:
    """Say, where puppet-tiny is asked for words that it cannot know, that it knows puppets only.

    Args:
        model: its name.
        texts: labels; or texts to search for.
        are_sentences: whether it is enough that a text contains an action of puppets.
    """
    from zeroshot.words import puppets_note

    if note := puppets_note(model, texts, are_sentences=are_sentences):
        say(note)


def drifts_of(embeddings: str, needed: bool) -> bool:
    """Whether a folder of embeddings keeps drifts; of one that is not there yet, whether they are needed.

    Raises:
        OutputError: they are needed, and it keeps none.
    """
    from zeroshot.batch.parquet import DRIFT
    from zeroshot.batch.table import MANIFEST, no_drifts, read_manifest

    if not os.path.exists(os.path.join(embeddings, MANIFEST)):  # noqa: PTH110, PTH118 - pathlib is slow to import
        return needed
    kept = bool(read_manifest(embeddings).get(DRIFT))
    if needed and not kept:
        raise no_drifts(embeddings)
    return kept
