"""`zeroshot classify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.cli import options
from zeroshot.cli.arguments import videos_from
from zeroshot.cli.inputs import (
    ModelChoice,
    Notes,
    classifier_from,
    model_from,
    of_index,
    sampling_from,
    settings_from,
)
from zeroshot.cli.progress import keeping, kept_in, progress
from zeroshot.cli.screen import end_with, one_format, put_csv, put_json, put_line, say
from zeroshot.errors import OptionError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from zeroshot.classifier import Classifier
    from zeroshot.cli.arguments import Named
    from zeroshot.types import Ranking


_NOTHING_KEPT = "the rows printed are whole; with --embeddings DIR what is read would be kept"
Some = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="VIDEO",
        help="Files, folders, globs; - reads a list from stdin. With --embeddings none means all in there.",
    ),
]


def classify(
    videos: Some = None,
    labels: options.Labels = None,
    index: options.Index = None,
    templates: options.Templates = None,
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
) -> None:
    """\b
    Example:  zeroshot classify examples/clips --labels "waving, kicking, swimming" -k 1 --model puppet-tiny

    Ranks labels for videos. A video that cannot be read becomes a row with its error; the rest go on, and the
    exit status is 1. With --embeddings DIR nothing is read twice: another list of labels takes no decoding.
    """
    one_format(as_json, as_csv)
    if not videos and embeddings is None:
        raise OptionError("no videos are given; expected files, folders or globs, or --embeddings DIR")
    named = videos_from(videos or [])
    sampling = sampling_from(num_frames, num_views)
    choice = ModelChoice(model, device, sampling, decoder, stream, precision, frames, series)
    if embeddings is not None:
        choice = settings_from(embeddings, choice)
    choice = of_index(index, choice)
    put = _put_json if as_json else _put_csv if as_csv else _put_text
    if videos and not named.paths:  # no model is needed to say so
        num_unfound = _begin(named, put, as_csv)
        end_with(num_unfound, num_unfound)
    network = model_from(choice)
    classifier = classifier_from(network, labels, templates, index, not as_given, k)
    num_ranked = failures = _begin(named, put, as_csv)
    notes = Notes(network, choice.precision)
    asked = named.paths if videos else None
    rankings = _rankings(classifier, embeddings, asked, k)
    kept = _NOTHING_KEPT if embeddings is None else kept_in(embeddings)
    with keeping(kept), progress(None if asked is None else len(asked), "videos") as advance:
        for ranking in rankings:
            put(ranking)
            num_ranked += 1
            failures += ranking.error is not None
            advance()
            notes.say_precision()
    notes.say_the_rest()
    end_with(failures, num_ranked)


def _begin(named: Named, put: Callable[[Ranking], None], as_csv: bool) -> int:
    """What stands above the rankings: a header, and the rows of words that name no video; gives how many."""
    from zeroshot.types import Ranking

    if as_csv:
        put_csv("path", "rank", "label", "score", "probability", "error")
    return named.put_unfound(lambda word, why: put(Ranking(word, (), why)))


def _rankings(
    classifier: Classifier, embeddings: str | None, paths: list[str] | None, k: int
) -> Iterator[Ranking]:
    """Rankings of videos, whose embeddings may be kept in a folder, or of all that are there."""
    if embeddings is None:
        yield from classifier.rank_many(paths or (), k)
        return
    from zeroshot.batch.engine import LocalEngine, look_up_blocks
    from zeroshot.batch.table import EmbeddingTable, read_rows, require_settings, settings_of

    settings = settings_of(classifier.model)
    if paths is None:
        require_settings(embeddings, settings)
        for rows in read_rows(embeddings):
            yield from classifier.rank_rows(rows, k)
        return
    with EmbeddingTable(embeddings, settings) as table:
        for block in look_up_blocks(table, LocalEngine(classifier.model), paths):
            yield from classifier.rank_rows([rows[0] for rows in block], k)


def _put_json(ranking: Ranking) -> None:
    put_json(ranking.as_dict())


def _put_csv(ranking: Ranking) -> None:
    if ranking.error is not None:
        put_csv(ranking.path, "", "", "", "", ranking.error)
    for place, prediction in enumerate(ranking.predictions, start=1):
        put_csv(ranking.path, place, prediction.label, prediction.score, prediction.probability, "")


def _put_text(ranking: Ranking) -> None:
    if ranking.error is not None:
        say(ranking.error)
        return
    put_line(printable(ranking.path))
    for prediction in ranking.predictions:
        put_line(f"  {prediction.probability:7.2%}  {prediction.label}")
