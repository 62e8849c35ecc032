"""`zeroshot teach`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroshot.checks import Checks
from zeroshot.cli import completion, options
from zeroshot.cli.screen import Bars, end_with, keeping, put_json, put_line, put_table, say, waiting
from zeroshot.errors import counted
from zeroshot.resources import from_home

if TYPE_CHECKING:
    from zeroshot.teaching import Taught

Folder = Annotated[
    str,
    typer.Argument(
        metavar="FOLDER",
        help="A folder for each label, with 1 to 16 videos or so in it; or a CSV file with path, label.",
    ),
]
Output = Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where the labels are written.")]
All = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="LIST",
        help="All labels to tell apart, also those without examples. Default: the folders' names.",
        autocompletion=completion.label_lists,
    ),
]
Way = Annotated[
    str,
    typer.Option(
        help="cache: what resembles an example is of its label, nothing is trained; linear: a ridge "
        "regression on what the words get wrong; auto: the one by which more left-out examples are right.",
        autocompletion=completion.words("auto", "cache", "linear"),
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Let examples serve even where leaving out says they do not help."),
]


def teach(
    folder: Folder,
    output: Output,
    labels: All = None,
    templates: options.Templates = None,
    model: options.ModelName = None,
    way: Way = "auto",
    force: Force = False,
    as_json: options.Json = False,
    stream: options.Stream = None,
    device: options.Device = "auto",
) -> None:
    """\b
    Example:  zeroshot teach examples/clips/clips.csv --output my.labels --model puppet-tiny

    Shows a few videos of each label. Each is left out once and asked, by the words alone and with the other
    examples: where these do not help, the words alone answer, and the file says so.
    """
    from zeroshot.checkpoint import DEFAULT_MODEL, load_model, require_model
    from zeroshot.teaching import lesson, taught_by

    name, first = DEFAULT_MODEL if model is None else model, Checks()
    asked = lesson(first, folder, output, labels, templates=templates, way=way)
    first.add("model", lambda: require_model(name, device=device, stream=stream))
    with waiting("looking at labels and videos"):
        first.run()
    with waiting(f"loading {name}"):
        network = load_model(name, device=device, stream=stream)
    for note in network.backbone.notes:
        say(note)
    with keeping("nothing is written; the same command begins anew"), network, Bars("examples") as bars:
        found = taught_by(network, *asked(), way, force=force, watch=bars.to)
    found.labels.save(from_home(output))
    for line in (*found.errors.values(), *found.notes):
        say(line)
    if as_json:
        put_json(_facts(found, output))
    else:
        _show(found, output)
    end_with(len(found.errors), len(found.errors) + len(found.judgement.targets), "example")


def _facts(found: Taught, output: str) -> dict[str, Any]:
    """For machines."""
    labels, lesson = found.labels, found.labels.lesson
    return {
        "output": output,
        "model": labels.fingerprint["model_name"],
        "stream": labels.fingerprint["stream"],
        "labels": len(labels),
        "examples": len(found.judgement.targets),
        "serving": labels.num_examples,
        "way": lesson.way,
        "shape": lesson.blend.shape,
        "weight": lesson.blend.weight,
        "judged": dict(lesson.judged),
        "errors": found.errors,
        "notes": list(found.notes),
    }


def _show(found: Taught, output: str) -> None:
    """For people."""
    labels, judged = found.labels, found.labels.lesson.judged
    made_by = f"{labels.fingerprint['model_name']}, stream {labels.fingerprint['stream']}"
    number = len(found.judgement.targets)
    put_line(f"{counted(len(labels), 'label')}, {counted(number, 'example')}, by {made_by} → {output}")
    if judged["left_out"]:
        rows = [
            (
                row["label"],
                row["examples"],
                f"{row['right_by_words']} of {row['left_out']}" if row["left_out"] else "–",
                f"{row['right_with_examples']} of {row['left_out']}" if row["left_out"] else "–",
            )
            for row in judged["labels"]
        ]
        put_table(("label", "examples", "words alone", "with the others"), rows)
        gain = judged["difference"]
        put_line(
            f"with examples {100 * gain['value']:+.1f} points right, 95 % interval "
            f"[{100 * gain['low']:+.1f}, {100 * gain['high']:+.1f}]"
        )
    put_line(labels.note)
