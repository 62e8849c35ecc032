"""`zeroshot evaluate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.cli import completion, options
from zeroshot.cli.screen import (
    Bars,
    end_with,
    keeping,
    kept_in,
    put_document,
    put_json,
    put_line,
    say,
    say_puppets,
)
from zeroshot.errors import counted

if TYPE_CHECKING:
    from zeroshot.evaluation.report import Report


def _named_or_listed(name: str) -> str:
    """The name as it was given; for `list` every line of papers is printed, and nothing else happens."""
    if name == "list":
        from zeroshot.datasets.paper_settings import lineages_in_lines

        for line in lineages_in_lines():
            put_line(line)
        raise typer.Exit
    return name


Root = Annotated[
    str, typer.Argument(metavar="ROOT", help="Folder of a data set, or a CSV file with path, label.")
]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="DIR", help="Folder of report.json, report.md, report.html.")
]
ProtocolName = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        "-p",
        metavar="NAME",
        help="hmdb51-zeroshot, ucf101-zeroshot, k600-zeroshot160, base-to-novel, generalized, half-classes, "
        "folders, csv …; an unknown name lists all.",
        autocompletion=completion.protocol_names,
    ),
]
Models = Annotated[
    list[str],
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="As for classify; several stand side by side.",
        autocompletion=completion.model_names,
    ),
]
As = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="PAPER",
        help="Words, frames, crops and averages of: plain, vifi-clip, open-vclip …; `list` names all.",
        autocompletion=completion.lineage_names,
        callback=_named_or_listed,
        is_eager=True,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(metavar="KIND", help="Which data set lies there, where the protocol takes several."),
]
Lists = Annotated[
    list[str] | None,
    typer.Option("--list", metavar="FILE", help="The data set's lists, where they lie elsewhere."),
]
LabelOrder = Annotated[
    str | None, typer.Option("--labels", metavar="LIST", help="Labels of folders or a CSV file, in order.")
]
Texts = Annotated[
    str | None, typer.Option(metavar="FILE", help="JSON {label: [sentences]}, instead of the templates.")
]
Seen = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="For generalized: labels with training videos. Default: the records'."),
]
AllowSeen = Annotated[
    bool, typer.Option("--allow-seen", help="Evaluate labels that a model was trained on; marks the report.")
]
Overlap = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="Accuracy with and without the labels that this list has too: kinetics400, a file …",
        autocompletion=completion.label_lists,
    ),
]
SeenCost = Annotated[
    float, typer.Option(metavar="SHARE", help="Right answers on seen data that calibration may cost.")
]
NumViews = Annotated[
    int | None, typer.Option("--num-views", metavar="V", help="Temporal views a video.", min=1)
]
Cache = Annotated[
    str | None, typer.Option(metavar="DIR", help="Folder of embeddings. Default: in the output.")
]


def evaluate(
    root: Root,
    output: Output,
    protocol: ProtocolName = None,
    models: Models = [],  # noqa: B006 - typer reads the default, nobody changes it
    lineage: As = "plain",
    data: Data = None,
    lists: Lists = None,
    labels: LabelOrder = None,
    templates: options.Templates = None,
    texts: Texts = None,
    stages: options.Stages = None,
    seen: Seen = None,
    allow_seen: AllowSeen = False,
    overlap: Overlap = None,
    seen_cost: SeenCost = 0.05,
    as_json: options.Json = False,
    stream: options.Stream = None,
    device: options.Device = "auto",
    num_frames: options.NumFrames = None,
    num_views: NumViews = None,
    decoder: options.Decoder = "auto",
    cache: Cache = None,
) -> None:
    """\b
    Example:  zeroshot evaluate examples/clips/clips.csv --output report/ --model puppet-tiny --allow-seen

    Figures on unseen classes as the field's protocols ask for them, with 95 % intervals, models side by side.
    Videos that are missing or cannot be read are counted and named, and the exit status is 1. Interrupted,
    the same command goes on.
    """
    from zeroshot.checkpoint import DEFAULT_MODEL
    from zeroshot.evaluation.prepare import EvaluationSettings
    from zeroshot.evaluation.run import evaluate as run

    settings = EvaluationSettings(
        lineage=lineage,
        templates=templates,
        texts=texts,
        stages=stages,
        num_frames=num_frames,
        num_views=num_views,
        data=data,
        lists=tuple(lists or ()),
        labels=labels,
        seen=seen,
        allow_seen=allow_seen,
        overlap=overlap,
        seen_cost=seen_cost,
        stream=stream,
        device=device,
        decoder=decoder,
        cache=cache,
    )
    chosen = models or [DEFAULT_MODEL]
    with keeping(kept_in(cache or output)), Bars("videos", f"loading {chosen[0]}") as bars:
        report = run(root, chosen, protocol=protocol, output=output, settings=settings, advance=bars.of)
    _say_videos(report)
    _put(report, output, as_json)
    end_with(report.videos.listed - report.videos.evaluated, report.videos.listed)


def _put(report: Report, output: str, as_json: bool) -> None:
    """The figures on stdout: as JSON, or for people."""
    from zeroshot.evaluation.document import document

    if as_json:
        put_json(report.as_dict())
        return
    put_document(document(report))
    put_line(f"{output}/report.html shows it")


def _say_videos(report: Report) -> None:
    """How many of how many, and who is missing."""
    videos = report.videos
    for model in report.models:
        say_puppets(str(model.facts["model"]), report.plan.labels)
        if model.facts["untrained"]:
            say(f"{model.name} is untrained: its figures should be chance")
    if report.allow_seen:
        say(f"{counted(len(report.seen_labels), 'label')} trained on: these are no figures on unseen classes")
    if videos.evaluated < videos.listed:
        names = [*videos.missing, *(path for path, _ in videos.unreadable)]
        more = ", …" if len(names) > 3 else ""
        say(
            f"{videos.evaluated} of {videos.listed} videos evaluated: {len(videos.missing)} missing, "
            f"{len(videos.unreadable)} unreadable ({', '.join(names[:3])}{more})"
        )
