"""From what stands on the command line to videos and a classifier."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from zeroshot.cli.listed import names_on_stdin
from zeroshot.cli.screen import say, say_puppets, waiting
from zeroshot.errors import OptionError, counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from zeroshot.checks import Checks
    from zeroshot.classifier import Classifier
    from zeroshot.index.index import LabelIndex
    from zeroshot.model.model import Model
    from zeroshot.types import Prompts
    from zeroshot.video.sampling import Sampling


@dataclass(frozen=True)
class Named:
    """The videos of a batch.

    Attributes:
        paths: each once, in the order of the words.
        unfound: words that name none, and why: a row with its error each, and the rest goes on.
    """

    paths: list[str]
    unfound: dict[str, str]

    def __len__(self) -> int:
        """How many rows the batch has."""
        return len(self.paths) + len(self.unfound)

    def put_unfound(self, put: Callable[[str, str], None]) -> int:
        """Show the rows of words that name no video; gives how many."""
        for word, reason in self.unfound.items():
            put(word, reason)
        return len(self.unfound)


def videos_from(words: list[str]) -> Named:
    """The videos that files, folders, globs and, for `-`, the lines of stdin name.

    What folders hold besides is counted on stderr.

    Raises:
        OptionError: stdin is closed, or holds no list.
    """
    from zeroshot.video.find import LeftOut, find_videos

    named: list[str] = []
    for word in words:
        listed = names_on_stdin() if word == "-" else [word]
        if not listed:
            say("stdin lists no video")
        named += listed
    left_out, unfound = LeftOut(), dict[str, str]()
    videos = find_videos(named, left_out, unfound)
    for line in left_out.lines():
        say(line)
    paths = list(map(str, videos))
    if missing := _all_missing(paths):  # a batch with a video in it has them among its rows, in their order
        return Named([], {**unfound, **missing})
    return Named(paths, unfound)


def _all_missing(paths: list[str]) -> dict[str, str]:
    """What is wrong with each path where none of them is there; else nothing."""
    from zeroshot.errors import VideoError
    from zeroshot.video.decoders.probe import require_file

    if any("://" in path or os.path.lexists(path) for path in paths):
        return {}
    missing: dict[str, str] = {}
    for path in paths:
        try:
            require_file(path)
        except VideoError as error:
            missing[path] = str(error)
    return missing


def sampling_from(num_frames: int | None, num_views: int = 1) -> Sampling | None:
    """What --num-frames asks for, or None where the model's own frames stand, in however many views.

    Raises:
        OptionError: a number below 1, or more frames than fit the memory.
    """
    if num_frames is None and num_views == 1:
        return None
    from zeroshot.video.sampling import Sampling, require_sampling

    require_sampling(Sampling(Sampling.num_frames if num_frames is None else num_frames, num_views))
    return None if num_frames is None else Sampling(num_frames)


@dataclass(frozen=True)
class ModelChoice:
    """What the command line says of the model and of how it reads videos; None: the model's own way.

    Attributes:
        name: None: the default model.
        device: as --device.
        sampling: as --num-frames.
        decoder: as --decoder.
        stream: as --stream.
        precision: as --precision.
        frames: as --sampling.
        series: as --series.
        batch_size: as --batch-size.
        num_workers: as --num-workers.
        num_views: as --num-views.
        time_limit_seconds: as for `load_model`.
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
    num_views: int = 1
    time_limit_seconds: float = 60.0

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


def choice_checked(
    first: Checks,
    asked: Callable[[], ModelChoice],
    words: Callable[[], Prompts | LabelIndex],
    index: str | None,
    *,
    reads: bool,
) -> Callable[[], ModelChoice]:
    """What is asked for, with the model of a saved index where no other is named; there once `first` has run.

    Args:
        first: is told what to look at.
        asked: of the command line.
        words: labels, or a saved index of them.
        index: its path.
        reads: as for `require_choice`.

    Raises:
        ModelError: when it runs, a saved index names a model that may not be opened because a file says so.
        ZeroshotError: when it runs, as for `require_choice`.
    """

    def of_index() -> ModelChoice:
        from zeroshot.checkpoint import model_for
        from zeroshot.types import Prompts

        choice, ranked = asked(), words()
        if choice.name is not None or isinstance(ranked, Prompts):
            return choice
        return replace(choice, name=str(model_for(None, ranked, index)))

    choice = first.add("files", of_index)
    first.add("model", lambda: require_choice(choice(), reads=reads))
    return choice


def require_choice(choice: ModelChoice, *, reads: bool = False) -> None:
    """Refuse what `model_from` would refuse, as far as it shows before any weights are looked for.

    Where videos are going to be read, what reads them starts now, while libraries are imported.

    Raises:
        ModelError: there can be no model of that name, or no such device.
        OptionError: a stream that the model does not have, or an unknown precision.
    """
    from zeroshot.checkpoint import DEFAULT_MODEL, require_model

    name = DEFAULT_MODEL if choice.name is None else choice.name
    if reads:
        from zeroshot.model.names import require_name
        from zeroshot.video.processes.pool import start_early

        require_name(name)
        start_early()
    with waiting(f"loading {name}"):  # the libraries that know its name take most of that
        require_model(
            name,
            device=choice.device,
            decoder=choice.decoder,
            stream=choice.stream,
            precision=choice.precision or "exact",
        )


def model_from(choice: ModelChoice, encodes: tuple[str, ...] = ("frames", "texts")) -> Model:
    """The model that was chosen, for what it is going to encode; says so where its weights are random.

    Raises:
        ModelError: it cannot be named, fetched or loaded.
        OptionError: an unknown precision or sampling.
    """
    from zeroshot.checkpoint import DEFAULT_MODEL, load_model
    from zeroshot.video.sampling import require_sampling

    name = DEFAULT_MODEL if choice.name is None else choice.name
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
            time_limit_seconds=choice.time_limit_seconds,
            encodes=encodes,
        )
    if choice.frames is not None:
        model.sampling = replace(model.sampling, frames=choice.frames)
    if choice.series is not None:
        model.sampling = replace(model.sampling, series=choice.series)
    if choice.num_views != 1:
        model.sampling = replace(model.sampling, num_views=choice.num_views)
    require_sampling(model.sampling)
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
    from zeroshot.checks import labels_to_rank

    def require_one() -> None:
        if (labels is None) == (index is None):
            raise OptionError("give either --labels FILE|a,b,c or --index FILE (written by `zeroshot index`)")

    first.add("options", require_one)
    return labels_to_rank(first, labels, templates, index, stages=stages, spaced=spaced)


def reject_checked(
    first: Checks, reject: str | None, words: Callable[[], Prompts | LabelIndex], templates: str | None
) -> Rejecting | None:
    """What --reject asks for, looked at before any weights; None: nothing is asked."""
    if reject is None:
        return None
    from zeroshot.rejection.rejection import require_rejectable

    first.add("files", lambda: require_rejectable(reject, words(), templates))
    return Rejecting(reject, templates)


class Rejecting(NamedTuple):
    """What --reject says, and the templates of the labels."""

    source: str
    templates: str | None


def classifier_from(
    model: Model,
    words: Prompts | LabelIndex,
    index: str | None,
    k: int,
    made: str | None = None,
    reject: Rejecting | None = None,
) -> Classifier:
    """The classifier that ranks what `words_from` found; says how an index is searched.

    Args:
        model: loaded.
        words: labels or an index.
        index: its file.
        k: how many labels are shown.
        made: the folder or file that chose the model; None: the user did.
        reject: when "none of these" is answered; None: never.

    Raises:
        IndexFileError: a saved index is another model's.
        OptionError: a calibration is another model's.
    """
    from zeroshot.classifier import classifier_of

    if not getattr(words, "note", ""):  # examples may show what no puppet does
        say_puppets(model.name, words.labels, made=made)
    with waiting("encoding labels"):
        classifier = classifier_of(model, words, index, *(reject or ()))
    found = classifier.index
    if found.note:
        say(f"{index}: {found.note}")
    elif index is not None and found.is_exact_for(k):
        say(f"{counted(len(found), 'label')} of {index}, by {model.name}: searched exactly, each is compared")
    elif found.recall is not None:
        say(
            f"{len(found)} labels are searched in cells: {found.about_search}; "
            f"probabilities are over those compared exactly, {found.recall.longest} at most, "
            "so they are upper bounds"
        )
    return classifier
