"""`zeroshot classify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.cli import options
from zeroshot.cli.inputs import classifier_from, model_from, sampling_from, videos_from
from zeroshot.cli.screen import end_with, one_format, progress, put_csv, put_json, put_line, say

if TYPE_CHECKING:
    from zeroshot.types import Ranking


def classify(
    videos: options.Videos,
    labels: options.Labels = None,
    index: options.Index = None,
    templates: options.Templates = None,
    model: options.ModelName = None,
    k: options.TopK = 5,
    as_json: options.Json = False,
    as_csv: options.Csv = False,
    stream: options.Stream = None,
    device: options.Device = "auto",
    num_frames: options.NumFrames = None,
    num_views: options.NumViews = 1,
    decoder: options.Decoder = "auto",
    as_given: options.AsGiven = False,
) -> None:
    """\b
    Example:  zeroshot classify holiday.mp4 --labels "archery, juggling balls, playing cello"

    Ranks labels for videos. A video that cannot be read becomes a row with its error; the rest go on, and the
    exit status is 1.
    """
    one_format(as_json, as_csv)
    paths = videos_from(videos)
    network = model_from(model, device, sampling_from(num_frames, num_views), decoder, stream)
    classifier = classifier_from(network, labels, templates, index, not as_given)
    if as_csv:
        put_csv("path", "rank", "label", "score", "probability", "error")
    put = _put_json if as_json else _put_csv if as_csv else _put_text
    failures = 0
    with progress(len(paths), "videos") as advance:
        for ranking in classifier.rank_many(paths, k):
            put(ranking)
            failures += ranking.error is not None
            advance()
    end_with(failures, len(paths))


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
    put_line(ranking.path)
    for prediction in ranking.predictions:
        put_line(f"  {prediction.probability:7.2%}  {prediction.label}")
