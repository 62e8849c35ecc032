"""`zeroshot timeline`."""

from __future__ import annotations

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
from zeroshot.cli.timeline_events import EventsAsked, EventWords, events_asked, require_plain
from zeroshot.cli.timeline_picture import TimelinePicture, require_picture_place
from zeroshot.errors import VideoError, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from zeroshot.classifier import Classifier
    from zeroshot.cli.inputs import Named
    from zeroshot.types import Segment

Window = Annotated[
    float | None,
    typer.Option("--window", metavar="SECONDS", help="Length of a segment. Default: 4; of events 2."),
]
Stride = Annotated[
    float | None,
    typer.Option(
        "--stride", metavar="SECONDS", help="From start to start. Default: the window; of events half of it."
    ),
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
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Draw it, too: a page (.html) or a picture (.svg). Of events also .srt .vtt .csv .json .eaf.",
    ),
]
Events = Annotated[
    bool, typer.Option("--events", help="When each label begins and ends, instead of segments.")
]
On = Annotated[
    list[str] | None,
    typer.Option(
        "--on",
        metavar="[LABEL:] P",
        help='Of events: probability that begins one, of all labels or of one, as "falling: 0.6"; two thirds '
        "of it keep it. Default: 0.5.",
    ),
]
Shortest = Annotated[
    float, typer.Option("--shortest", metavar="SECONDS", help="Of events: what is shorter is none.")
]
Coarse = Annotated[
    bool, typer.Option("--coarse", help="Of events: leave out the second look at where they begin and end.")
]
Form = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="Of events: srt, vtt, csv, json, fiftyone, label-studio or elan. Default: as --output ends.",
    ),
]


def timeline(
    videos: options.Videos,
    labels: options.Labels = None,
    index: options.Index = None,
    templates: options.Templates = None,
    stages: options.Stages = None,
    reject: options.Reject = None,
    model: options.ModelName = None,
    window: Window = None,
    stride: Stride = None,
    merge: Merge = False,
    k: options.TopK = 1,
    events: Events = False,
    on: On = None,
    shortest: Shortest = 0.0,
    coarse: Coarse = False,
    output: Drawing = None,
    file_format: Form = None,
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
    belongs to the window before it. With --events: when each label begins and ends.
    """
    first, form = Checks(), "json" if as_json else "csv" if as_csv else "text"
    labels, index = taught_as_index(labels, index)
    first.add("options", lambda: one_format(as_json, as_csv))
    words = words_from(first, labels, templates, index, stages, spaced=not as_given)
    of_events = EventWords(tuple(on or ()), shortest, coarse, file_format)
    picture = TimelinePicture(output, decoder)
    told: Callable[[], Segments | EventsAsked]
    if events:
        told = events_asked(first, words, of_events, (window, stride), picture, rejects=bool(reject))
        first.add("options", lambda: require_plain(k, merge=merge))
    else:
        first.add("options", of_events.require_none)
        told = first.add("options", lambda: Segments((window, stride), k, merge, picture))
    how = (decoder, stream, precision, frames, None, batch_size, num_workers)
    asked = first.add("options", lambda: ModelChoice(model, device, sampling_from(num_frames), *how))
    rejecting = reject_checked(first, reject, words, templates)
    choice = choice_checked(first, asked, words, index, reads=True)
    found = first.add("videos", lambda: _found(videos, form, told()))
    first.add("output", lambda: told().require_place(len(found().paths)))
    first.run()
    network = model_from(choice())
    classifier = classifier_from(network, words(), index, k, index if model is None else None, rejecting)
    _tell(classifier, told(), found(), Notes(network, precision, classifier), form)


def _found(words: list[str], form: str, told: Segments | EventsAsked) -> Named:
    """The videos that are meant; ends with a row for each word where there are none at all."""
    named = videos_from(words)
    if not named.paths:  # no model is needed to say so
        end_with(_begin(named, form, told), len(named))
    return named


def _begin(named: Named, form: str, told: Segments | EventsAsked) -> int:
    """What stands above the rows: a header, and the rows of words that name no video; gives how many."""
    if form == "csv":
        put_csv(*told.columns)
    return named.put_unfound(lambda word, why: told.put_unfound(word, why, form))


def _tell(
    classifier: Classifier, told: Segments | EventsAsked, named: Named, notes: Notes, form: str
) -> None:
    """Print what there is to tell of each video."""
    failures = _begin(named, form, told)
    kept = f"the {told.noun} printed are whole; name the videos that are left to go on"
    with keeping(kept), progress(len(named.paths), "videos") as advance:
        for path in named.paths:
            failures += told.one(classifier, path, form) is not None
            advance()
            notes.say_precision()
    told.write()
    notes.say_the_rest()
    end_with(failures, len(named))


class Segments:
    """Every stretch of a video with its best labels, printed as they come."""

    noun = "segments"
    columns = ("path", "start_seconds", "end_seconds", "rank", "label", "score", "probability", "error")

    def __init__(
        self, window: tuple[float | None, float | None], k: int, merge: bool, picture: TimelinePicture
    ) -> None:
        """Nothing is read yet.

        Raises:
            OptionError: a window or a stride that is not positive, or a picture of unknown form.
        """
        from zeroshot.video.sampling import Window as Stretch

        self._window = Stretch.of(4.0 if window[0] is None else window[0], window[1])
        self._k, self._merge, self._picture = k, merge, picture
        self._picture.require_form()

    def require_place(self, _num_videos: int) -> None:
        """Refuse a place where no picture can be drawn."""
        require_picture_place(self._picture.output)

    def one(self, classifier: Classifier, path: str, form: str) -> str | None:
        """Print one video's segments as they come; gives the error that ended it, or None."""
        segments: list[Segment] = []
        error: str | None = None
        length, stride = self._window.length_seconds, self._window.stride_seconds
        try:
            for segment in classifier.follow(path, length, stride, self._k, merge=self._merge):
                if form == "csv":
                    _put_csv(path, segment)
                elif form == "text":
                    _put_text(path, segment, first=not segments)
                segments.append(segment)
        except VideoError as failure:
            error = str(failure)
        _end(path, segments, error, form)
        self._picture.add(path, segments)
        return error

    def put_unfound(self, word: str, why: str, form: str) -> None:
        """The row of a word that names no video."""
        _end(word, [], why, form)

    def write(self) -> None:
        """Draw the picture, where one is asked for."""
        self._picture.write()


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
