"""`zeroshot calibrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.checks import Checks, taught_as_index
from zeroshot.cli import options
from zeroshot.cli.inputs import (
    ModelChoice,
    choice_checked,
    model_from,
    sampling_from,
    videos_from,
    words_from,
)
from zeroshot.cli.screen import end_with, put_json, put_line, say, say_puppets, waiting

if TYPE_CHECKING:
    from zeroshot.video.source import VideoSource

Videos = Annotated[
    list[str],
    typer.Argument(
        metavar="VIDEO",
        help="Usual videos of your own: files, folders, globs. Or one CSV file: path, label.",
    ),
]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="FILE", help="Where it is written, for --reject FILE.")
]
Error = Annotated[
    float,
    typer.Option(
        "--error", metavar="SHARE", help="Of such videos, how many may be rejected, or miss their label."
    ),
]


def calibrate(
    videos: Videos,
    output: Output,
    labels: options.Labels = None,
    index: options.Index = None,
    templates: options.Templates = None,
    stages: options.Stages = None,
    model: options.ModelName = None,
    error: Error = 0.05,
    as_json: options.Json = False,
    stream: options.Stream = None,
    device: options.Device = "auto",
    num_frames: options.NumFrames = None,
) -> None:
    """\b
    Example:  zeroshot calibrate examples/clips --labels puppet_actions --error 0.1 -o my.json -m puppet-tiny

    When `zeroshot classify --reject FILE` answers "none of these", with a promise, by videos of your own. Of
    usual videos, whatever they show, at most --error are rejected. With a CSV file that says what they show,
    each video has a set of labels that lacks the right one in at most --error of them; none: it is empty.
    """
    from zeroshot.statistics.conformal import require_error

    first = Checks()
    first.add("options", lambda: require_error(error))
    labels, index = taught_as_index(labels, index)
    words = words_from(first, labels, templates, index, stages, spaced=True)
    asked = first.add("options", lambda: ModelChoice(model, device, sampling_from(num_frames), stream=stream))
    choice = choice_checked(first, asked, words, index, reads=True)
    given = first.add("videos", lambda: _given(videos))
    first.run()
    network = model_from(choice())
    say_puppets(network.name, words().labels)
    from zeroshot.calibrating import calibrate as run

    with waiting("looking at videos"):
        made = run(
            given(),
            labels,
            output=output,
            model=network,
            templates=templates,
            stages=stages,
            index=index,
            error=error,
        )
    for line in made.errors.values():
        say(line)
    if as_json:
        put_json({**made.calibration.as_dict(), "errors": made.errors})
    else:
        for line in made.calibration.lines:
            put_line(line)
        put_line(f"use it: zeroshot classify … --reject {output}")
    end_with(len(made.errors), len(made.errors) + sum(made.calibration.videos.values()))


def _given(words: list[str]) -> VideoSource | list[str]:
    """A CSV file as it is; else the videos that are meant, those that are none said."""
    if len(words) == 1 and words[0].lower().endswith(".csv"):
        return words[0]
    named = videos_from(words)
    num_unfound = named.put_unfound(lambda _word, why: say(why))
    if not named.paths:  # no model is needed to say so
        end_with(num_unfound, num_unfound)
    return named.paths
