"""`zeroshot classify`."""

from __future__ import annotations

import os
from itertools import compress
from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.checks import Checks, taught_as_index
from zeroshot.cli import options
from zeroshot.cli.inputs import (
    ModelChoice,
    Notes,
    choice_checked,
    classifier_from,
    model_from,
    reject_checked,
    require_table,
    sampling_from,
    videos_from,
    words_from,
)
from zeroshot.cli.screen import (
    end_with,
    keeping,
    kept_in,
    one_format,
    progress,
    put_csv,
    put_json,
    put_line,
    say,
    waiting,
)
from zeroshot.errors import OptionError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from zeroshot.classifier import Classifier
    from zeroshot.cli.inputs import Named
    from zeroshot.index.index import LabelIndex
    from zeroshot.types import Prompts, Ranking


Some = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="VIDEO",
        help="Files, folders, globs; - reads a list from stdin. With --embeddings none means all in there.",
    ),
]


_LOST = "the rows printed are whole; with --embeddings DIR what is read would be kept"


def classify(
    videos: Some = None,
    labels: options.Labels = None,
    index: options.Index = None,
    templates: options.Templates = None,
    stages: options.Stages = None,
    reject: options.Reject = None,
    embeddings: options.Embeddings = None,
    model: options.ModelName = None,
    k: options.TopK = 5,
    as_json: options.Json = False,
    as_csv: options.Csv = False,
    stream: options.Stream = None,
    device: options.Device = "auto",
    num_frames: options.NumFrames = None,
    num_views: options.NumViews = 1,
    decoder: options.Decoder = "auto",
    precision: options.Precision = None,
    frames: options.Frames = None,
    as_given: options.AsGiven = False,
    series: options.Series = None,
    batch_size: options.BatchSize = 32,
    num_workers: options.NumWorkers = 2,
) -> None:
    """\b
    Example:  zeroshot classify examples/clips --labels "waving, kicking, swimming" -k 1 --model puppet-tiny

    Ranks labels for videos. One that cannot be read is a row with its error, and the exit status is 1. With
    --embeddings DIR nothing is read twice: another list of labels takes no decoding.
    """
    first = Checks()
    labels, index = taught_as_index(labels, index)
    first.add("options", lambda: one_format(as_json, as_csv))
    first.add("options", lambda: _require_some(videos, embeddings))
    words = words_from(first, labels, templates, index, stages, spaced=not as_given)
    how = (decoder, stream, precision, frames, series, batch_size, num_workers, num_views)
    rejecting = reject_checked(first, reject, words, templates)
    looked = first.add("options", lambda: sampling_from(num_frames, num_views))
    asked = first.add("options", lambda: ModelChoice(model, device, looked(), *how))
    kept = first.add("files", lambda: _settings_from(embeddings, asked(), new=bool(videos)))
    choice = choice_checked(first, kept, words, index, reads=embeddings is None)
    drifts = first.add("files", lambda: embeddings is not None and _drifts_of(embeddings, words()))
    put = _put_json if as_json else _put_csv if as_csv else _put_text
    found = first.add("videos", lambda: _found(videos or [], put, as_csv))
    first.add("output", lambda: require_table(embeddings) if embeddings is not None and videos else None)
    with waiting("looking at labels and videos"):
        first.run()
    named = found()
    used = {"frames": embeddings is None or bool(videos), "texts": labels is not None or reject is not None}
    network = model_from(choice(), tuple(compress(used, used.values())))
    made = None if model is not None else embeddings or index
    classifier = classifier_from(network, words(), index, k, made, rejecting)
    notes = Notes(network, precision, classifier)  # what a folder was made with is no choice to speak of
    rankings = (
        classifier.rank_many(named.paths, k)
        if embeddings is None
        else _rank_kept(classifier, embeddings, named.paths if videos else None, k, drifts=drifts())
    )
    with keeping(_LOST if embeddings is None else kept_in(embeddings)):
        _show(rankings, put, notes, len(named.paths) if videos else None, _begin(named, put, as_csv))


def _show(
    rankings: Iterable[Ranking],
    put: Callable[[Ranking], None],
    notes: Notes,
    total: int | None,
    num_unfound: int,
) -> None:
    """Print rankings as they come; end with status 1 where any video failed, or was not found before."""
    num_ranked = failures = num_unfound
    with progress(total, "videos") as advance:
        for ranking in rankings:
            put(ranking)
            num_ranked += 1
            failures += ranking.error is not None
            advance()
            notes.say_precision()
    notes.say_the_rest()
    end_with(failures, num_ranked)


def _require_some(videos: list[str] | None, embeddings: str | None) -> None:
    """Refuse to rank nothing.

    Raises:
        OptionError: there are neither videos nor embeddings.
    """
    if not videos and embeddings is None:
        raise OptionError("no videos are given; expected files, folders or globs, or --embeddings DIR")


def _found(words: list[str], put: Callable[[Ranking], None], as_csv: bool) -> Named:
    """The videos that are meant; ends with a row for each word where there are none at all."""
    named = videos_from(words)
    if words and not named.paths:  # no model is needed to say so
        end_with(_begin(named, put, as_csv), len(named))
    return named


def _begin(named: Named, put: Callable[[Ranking], None], as_csv: bool) -> int:
    """What stands above the rankings: a header, and the rows of words that name no video; gives how many."""
    from zeroshot.types import Ranking

    if as_csv:
        put_csv("path", "rank", "label", "score", "probability", "error", "breaks_off_seconds")
    return named.put_unfound(lambda word, why: put(Ranking(word, (), why)))


def _rank_kept(
    classifier: Classifier, embeddings: str, paths: list[str] | None, k: int, *, drifts: bool
) -> Iterator[Ranking]:
    """Rankings of videos whose embeddings are kept in a folder, or of all that are there."""
    from zeroshot.batch.engine import LocalEngine, look_up_blocks
    from zeroshot.batch.table import EmbeddingTable, read_rows, require_settings, settings_of

    settings = settings_of(classifier.model, drifts=drifts)
    if paths is None:
        require_settings(embeddings, settings)
        for rows in read_rows(embeddings):
            yield from classifier.rank_rows(rows, k)
        return
    engine = LocalEngine(classifier.model, drifts=drifts)
    with EmbeddingTable(embeddings, settings) as table:
        for block in look_up_blocks(table, engine, paths):
            yield from classifier.rank_rows([rows[0] for rows in block], k)


def _put_json(ranking: Ranking) -> None:
    put_json(ranking.as_dict())


def _put_csv(ranking: Ranking) -> None:
    end = "" if ranking.breaks_off_seconds is None else ranking.breaks_off_seconds
    if ranking.error is not None:
        put_csv(ranking.path, "", "", "", "", ranking.error, end)
    for place, prediction in enumerate(ranking.predictions, start=1):
        put_csv(ranking.path, place, prediction.label, prediction.score, prediction.probability, "", end)


def _put_text(ranking: Ranking) -> None:
    if ranking.error is not None:
        say(ranking.error)
        return
    put_line(printable(ranking.path))
    for prediction in ranking.predictions:
        put_line(f"  {prediction.probability:7.2%}  {prediction.label}{'  ✓' if prediction.in_set else ''}")


def _settings_from(embeddings: str | None, choice: ModelChoice, *, new: bool = True) -> ModelChoice:
    """The choice, with what it leaves open as it is in a folder of embeddings.

    Args:
        embeddings: the folder; None leaves the choice as it is.
        choice: as on the command line.
        new: whether it may be one that is still to be written.

    Raises:
        OutputError: the folder's manifest is damaged.
    """
    if embeddings is None:
        return choice  # and no library of tables is imported for it
    from dataclasses import replace

    from zeroshot.batch.table import MANIFEST, read_manifest
    from zeroshot.checkpoint import NO_STREAM, require_public
    from zeroshot.errors import OutputError
    from zeroshot.video.sampling import Sampling

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


def _drifts_of(embeddings: str, words: Prompts | LabelIndex) -> bool:
    """Whether a folder of embeddings keeps drifts; of one that is not there yet, whether words need them.

    Raises:
        OutputError: they are needed, and it keeps none.
    """
    from zeroshot.batch.parquet import DRIFT
    from zeroshot.batch.table import MANIFEST, no_drifts, read_manifest
    from zeroshot.checks import has_stages

    needed = has_stages(words)
    if not os.path.exists(os.path.join(embeddings, MANIFEST)):  # noqa: PTH110, PTH118 - pathlib is slow to import
        return needed
    kept = bool(read_manifest(embeddings).get(DRIFT))
    if needed and not kept:
        raise no_drifts(embeddings)
    return kept
