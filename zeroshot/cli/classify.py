"""`zeroshot classify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.cli import options
from zeroshot.cli.inputs import (
    ModelChoice,
    Notes,
    classifier_from,
    model_from,
    sampling_from,
    settings_from,
    videos_from,
)
from zeroshot.cli.screen import end_with, one_format, progress, put_csv, put_json, put_line, say
from zeroshot.errors import OptionError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zeroshot.classifier import Classifier
    from zeroshot.types import Ranking


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
    batch_size: options.BatchSize = 32,
    num_workers: options.NumWorkers = 2,
) -> None:
    """\b
    Example:  zeroshot classify holiday.mp4 --labels "archery, juggling balls, playing cello"

    Ranks labels for videos. A video that cannot be read becomes a row with its error; the rest go on, and the
    exit status is 1. With --embeddings DIR nothing is read twice: another list of labels takes no decoding.
    """
    one_format(as_json, as_csv)
    if not videos and embeddings is None:
        raise OptionError("no videos are given; expected files, folders or globs, or --embeddings DIR")
    paths = videos_from(videos or [])
    sampling = sampling_from(num_frames, num_views)
    choice = ModelChoice(
        model, device, sampling, decoder, stream, precision, frames, series, batch_size, num_workers
    )
    if embeddings is not None:
        choice = settings_from(embeddings, choice)
    network = model_from(choice)
    classifier = classifier_from(network, labels, templates, index, not as_given)
    if as_csv:
        put_csv("path", "rank", "label", "score", "probability", "error")
    put = _put_json if as_json else _put_csv if as_csv else _put_text
    num_ranked = failures = 0
    notes = Notes(network, choice.precision)
    rankings = (
        classifier.rank_many(paths, k)
        if embeddings is None
        else _rank_kept(classifier, embeddings, [str(path) for path in paths] if videos else None, k)
    )
    with progress(len(paths) if videos else None, "videos") as advance:
        for ranking in rankings:
            put(ranking)
            num_ranked += 1
            failures += ranking.error is not None
            advance()
            notes.say_precision()
    notes.say_the_rest()
    end_with(failures, num_ranked)


def _rank_kept(classifier: Classifier, embeddings: str, paths: list[str] | None, k: int) -> Iterator[Ranking]:
    """Rankings of videos whose embeddings are kept in a folder, or of all that are there."""
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
