"""`zeroshot timeline`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.checks import Checks, taught_as_index
from zeroshot.cli import options
from zeroshot.cli.inputs import (
    ModelChoice,
    Notes,
    classifier_from,
    model_from,
    of_index,
    require_choice,
    sampling_from,
    videos_from,
    words_from,
)
from zeroshot.cli.screen import (
    clock,
    end_with,
    keeping,
    one_format,
    progress,
    put_csv,
    put_json,
    put_line,
    say,
)
from zeroshot.cli.timeline_picture import TimelinePicture, require_picture_place
from zeroshot.errors import VideoError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zeroshot.cli.inputs import Named
    from zeroshot.types import Segment

Window = Annotated[float, typer.Option("--window", metavar="SECONDS", help="Length of a segment.")]
Stride = Annotated[
    float | None,
    typer.Option("--stride", metavar="SECONDS", help="From start to start. Default: the window."),
]
Merge = Annotated[
    bool,
    typer.Option(
        "--merge",
        help="Neighbours of one best label as one segment, ranked by the mean of its windows.",
    ),
]
Drawing = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Draw it, too: a page (.html) or a picture (.svg)."),
]


def timeline(
    videos: options.Videos,
    labels: options.Labels = None,
    index: options.Index = None,
    templates: options.Templates = None,
    stages: options.Stages = None,
    model: options.ModelName = None,
    window: Window = 4.0,
    stride: Stride = None,
    merge: Merge = False,
    k: options.TopK = 1,
    output: Drawing = None,
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
    Example:  zeroshot timeline examples/clips/waving_beach.mp4 --labels "waving, bowing" --model puppet-tiny

    Ranks labels for each stretch of long videos. What is left at the end and is shorter than half a window
    belongs to the window before it.
    """
    from zeroshot.video.sampling import Window as Stretch

    first = Checks()
    labels, index = taught_as_index(labels, index)
    first.add("options", lambda: one_format(as_json, as_csv))
    drawn = first.add("options", lambda: TimelinePicture(output, decoder))
    first.add("options", lambda: Stretch.of(window, stride))
    how = (decoder, stream, precision, frames, None, batch_size, num_workers)
    asked = first.add("options", lambda: ModelChoice(model, device, sampling_from(num_frames), *how))
    first.add("output", lambda: require_picture_place(output))
    words = words_from(first, labels, templates, index, stages, spaced=not as_given)
    choice = first.add("files", lambda: of_index(asked(), words(), index))
    form = "json" if as_json else "csv" if as_csv else "text"
    found = first.add("videos", lambda: _found(videos, form))
    first.add("model", lambda: require_choice(choice()))
    first.run()
    named, network = found(), model_from(choice())
    classifier = classifier_from(network, words(), index, k, index if model is None else None)
    failures, notes, picture = _begin(named, form), Notes(network, precision, classifier), drawn()
    kept = "the segments printed are whole; name the videos that are left to go on"
    with keeping(kept), progress(len(named.paths), "videos") as advance:
        for path in named.paths:
            segments = classifier.follow(path, window, stride, k, merge=merge)
            error = _one(path, segments, form, picture)
            failures += error is not None
            advance()
            notes.say_precision()
    picture.write()
    notes.say_the_rest()
    end_with(failures, len(named))


def _found(words: list[str], form: str) -> Named:
    """The videos that are meant; ends with a row for each word where there are none at all."""
    named = videos_from(words)
    if not named.paths:  # no model is needed to say so
        end_with(_begin(named, form), len(named))
    return named


def _begin(named: Named, form: str) -> int:
    """What stands above the segments: a header, and the rows of words that name no video; gives how many."""
    if form == "csv":
        put_csv("path", "start_seconds", "end_seconds", "rank", "label", "score", "probability", "error")
    return named.put_unfound(lambda word, why: _end(word, [], why, form))


def _one(path: str, coming: Iterator[Segment], form: str, picture: TimelinePicture) -> str | None:
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
    _end(path, segments, error, form)
    picture.add(path, segments)
    return error


def _end(path: str, segments: list[Segment], error: str | None, form: str) -> None:
    """What is printed once a video is done: all of it as JSON, or its error."""
    if form == "json":
        put_json({"path": path, "segments": [segment.as_dict() for segment in segments], "error": error})
    elif error is not None and form == "csv":
        put_csv(path, "", "", "", "", "", "", error)
    elif error is not None:
        say(error)


def _put_csv(path: str, segment: Segment) -> None:
    for place, prediction in enumerate(segment.predictions, start=1):
        times = (f"{segment.start_seconds:.3f}", f"{segment.end_seconds:.3f}")
        put_csv(path, *times, place, prediction.label, prediction.score, prediction.probability, "")


def _put_text(path: str, segment: Segment, *, first: bool) -> None:
    if first:
        put_line(printable(path))
    best = ", ".join(f"{prediction.label} {prediction.probability:.1%}" for prediction in segment.predictions)
    put_line(f"  {clock(segment.start_seconds)} – {clock(segment.end_seconds)}  {best}")
