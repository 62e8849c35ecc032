"""`zeroshot watch`."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.checks import Checks, taught_as_index
from zeroshot.cli import options
from zeroshot.cli.inputs import (
    ModelChoice,
    choice_checked,
    classifier_from,
    model_from,
    reject_checked,
    sampling_from,
    words_from,
)
from zeroshot.cli.screen import put_json, say
from zeroshot.cli.timeline_events import EventWords

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE", help="/dev/video0, an address (rtsp://, http://, …), a file that grows."
    ),
]
Window = Annotated[float, typer.Option("--window", metavar="SECONDS", help="What is looked at at a time.")]
Stride = Annotated[
    float | None,
    typer.Option("--stride", metavar="SECONDS", help="From look to look. Default: half the window."),
]
On = Annotated[
    list[str] | None,
    typer.Option(
        "--on",
        metavar="[LABEL:] P",
        help='Probability that begins an event, of all labels or of one, as "falling: 0.6"; two thirds of it '
        "keep it. Default: 0.5.",
    ),
]
Shortest = Annotated[
    float, typer.Option("--shortest", metavar="SECONDS", help="What is shorter is no event.")
]
Lag = Annotated[
    float,
    typer.Option("--lag", metavar="SECONDS", help="Of video that may wait; older frames are dropped."),
]
Patience = Annotated[
    float,
    typer.Option(
        "--patience",
        metavar="SECONDS",
        help="Without a picture: then a source is lost and tried again, and a file has ended.",
    ),
]
Retries = Annotated[
    int | None,
    typer.Option(
        "--retries", metavar="N", help="How often in a row a lost source is tried again. Default: for ever."
    ),
]


def watch(
    source: Source,
    labels: options.Labels = None,
    index: options.Index = None,
    templates: options.Templates = None,
    stages: options.Stages = None,
    reject: options.Reject = None,
    model: options.ModelName = None,
    window: Window = 2.0,
    stride: Stride = None,
    on: On = None,
    shortest: Shortest = 0.0,
    lag: Lag = 10.0,
    patience: Patience = 10.0,
    retries: Retries = None,
    stream: options.Stream = None,
    device: options.Device = "auto",
    num_frames: options.NumFrames = None,
    precision: options.Precision = None,
    as_given: options.AsGiven = False,
    batch_size: options.BatchSize = 32,
) -> None:
    """\b
    Example:  zeroshot watch rtsp://camera.local/1 --labels "falling, sitting, walking" --on "falling: 0.6"

    Prints a JSON line as each event begins and ends. Ends with Ctrl-C or SIGTERM.
    """
    from zeroshot.events.hysteresis import window_of_events
    from zeroshot.events.watching import Watching
    from zeroshot.video.live.source import live_source

    first = Checks()
    labels, index = taught_as_index(labels, index)
    words = words_from(first, labels, templates, index, stages, spaced=not as_given)
    how = first.add(
        "options",
        lambda: Watching(
            window_of_events(window, stride),
            EventWords(tuple(on or ()), shortest).rule(),
            lag,
            patience,
            retries,
        ),
    )
    read = ("auto", stream, precision, None, None, batch_size, 1)
    asked = first.add("options", lambda: ModelChoice(model, device, sampling_from(num_frames), *read))
    rejecting = reject_checked(first, reject, words, templates)
    first.add("files", lambda: how().rule.require(words().labels, rejects=reject is not None))
    choice = choice_checked(first, asked, words, index, reads=True)
    first.add("videos", lambda: live_source(source))
    first.run()
    network = model_from(choice())
    classifier = classifier_from(network, words(), index, 1, index if model is None else None, rejecting)
    with classifier, stopping() as stop:
        for event in classifier.watch(source, watching=how(), stop=stop):
            put_json(event.as_dict())
            if event.kind == "lost":
                say(f"lost {live_source(source).shown}: {event.words}")


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Set by the first Ctrl-C or SIGTERM, so that what is on can be said to end; another one ends all."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
