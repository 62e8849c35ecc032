"""`zeroshot timeline`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.cli import options
from zeroshot.cli.inputs import ModelChoice, Notes, classifier_from, model_from, sampling_from, videos_from
from zeroshot.cli.screen import clock, end_with, one_format, put_csv, put_json, put_line, say
from zeroshot.errors import VideoError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zeroshot.types import Segment

Window = Annotated[float, typer.Option("--window", metavar="SECONDS", help="Length of a segment.")]
Stride = Annotated[
    float | None,
    typer.Option("--stride", metavar="SECONDS", help="From start to start. Default: the window."),
]


def timeline(
    videos: options.Videos,
    labels: options.Labels = None,
    index: options.Index = None,
    templates: options.Templates = None,
    model: options.ModelName = None,
    window: Window = 4.0,
    stride: Stride = None,
    k: options.TopK = 1,
    as_json: options.Json = False,
    as_csv: options.Csv = False,
    stream: options.Stream = None,
    device: options.Device = "auto",
    num_frames: options.NumFrames = None,
    decoder: options.Decoder = "auto",
    precision: options.Precision = None,
    frames: options.Frames = None,
    as_given: options.AsGiven = False,
    batch_size: options.BatchSize = 32,
    num_workers: options.NumWorkers = 2,
) -> None:
    """\b
    Example:  zeroshot timeline match.mp4 --labels "serve, rally, applause" --window 4 --stride 2

    Ranks labels for each stretch of long videos.
    """
    one_format(as_json, as_csv)
    paths = videos_from(videos)
    sampling = sampling_from(num_frames, 1)
    choice = ModelChoice(model, device, sampling, decoder, stream, precision, frames)
    network = model_from(replace(choice, batch_size=batch_size, num_workers=num_workers))
    classifier = classifier_from(network, labels, templates, index, not as_given)
    if as_csv:
        put_csv("path", "start_seconds", "end_seconds", "rank", "label", "score", "probability", "error")
    failures, notes = 0, Notes(network, precision)
    for path in paths:
        segments = classifier.follow(str(path), window, stride, k)
        error = _one(str(path), segments, "json" if as_json else "csv" if as_csv else "text")
        failures += error is not None
        notes.say_precision()
    notes.say_the_rest()
    end_with(failures, len(paths))


def _one(path: str, coming: Iterator[Segment], form: str) -> str | None:
    """Print one video's segments as they come; gives the error that ended it, or None."""
    segments: list[Segment] = []
    error: str | None = None
    try:
        for segment in coming:
            if form == "csv":
                _put_csv(path, segment)
            elif form == "text":
                _put_text(path, segment, first=not segments)
            segments.append(segment)
    except VideoError as failure:
        error = str(failure)
    if form == "json":
        put_json({"path": path, "segments": [segment.as_dict() for segment in segments], "error": error})
    elif error is not None and form == "csv":
        put_csv(path, "", "", "", "", "", "", error)
    elif error is not None:
        say(error)
    return error


def _put_csv(path: str, segment: Segment) -> None:
    for place, prediction in enumerate(segment.predictions, start=1):
        times = (f"{segment.start_seconds:.3f}", f"{segment.end_seconds:.3f}")
        put_csv(path, *times, place, prediction.label, prediction.score, prediction.probability, "")


def _put_text(path: str, segment: Segment, *, first: bool) -> None:
    if first:
        put_line(printable(path))
    best = ", ".join(f"{prediction.label} {prediction.probability:.1%}" for prediction in segment.predictions)
    put_line(f"  {clock(segment.start_seconds)} – {clock(segment.end_seconds)}  {best}")
