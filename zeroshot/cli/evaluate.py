"""`zeroshot evaluate`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

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
from zeroshot.errors import OptionError, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zeroshot.evaluation.prepare import EvaluationSettings
    from zeroshot.evaluation.report import Report, Videos
    from zeroshot.reports.document import Document


def _named_or_listed(name: str) -> str:
    """The name as it was given; for `list` every line of papers is printed, and nothing else happens."""
    if name == "list":
        from zeroshot.datasets.paper_settings import lineages_in_lines

        for line in lineages_in_lines():
            put_line(line)
        raise typer.Exit
    return name


Roots = Annotated[
    list[str],
    typer.Argument(
        metavar="ROOT...",
        help="Folder of a data set, or a CSV file with path, label; several for one report.",
    ),
]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="DIR", help="Folder of report.json, report.md, report.html.")
]
Protocols = Annotated[
    list[str] | None,
    typer.Option(
        "--protocol",
        "-p",
        metavar="NAME",
        help="hmdb51-zeroshot, ucf101-zeroshot, k600-zeroshot160, base-to-novel, generalized, half-classes, "
        "few-shot-16, charades, thumos14, folders, csv …; an unknown name lists all. One, or one a ROOT.",
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
MultiLabel = Annotated[
    bool,
    typer.Option(
        "--multi-label", help="A file listed under several labels is right by any of them: mAP, and top-1."
    ),
]
WindowLength = Annotated[
    float, typer.Option("--window", metavar="SECONDS", help="For thumos14, activitynet: length of a window.")
]
WindowStride = Annotated[
    float, typer.Option("--stride", metavar="SECONDS", help="For thumos14, activitynet: from start to start.")
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
OpenSet = Annotated[
    str | None,
    typer.Option(
        "--open-set",
        metavar="LIST",
        help='Labels of the data that are held out: their videos should be answered with "none of these". '
        "half: every other one.",
    ),
]
NumViews = Annotated[
    int | None, typer.Option("--num-views", metavar="V", help="Temporal views a video.", min=1)
]
Cache = Annotated[
    str | None, typer.Option(metavar="DIR", help="Folder of embeddings. Default: in the output.")
]


def evaluate(
    roots: Roots,
    output: Output,
    protocols: Protocols = None,
    models: Models = [],  # noqa: B006 - typer reads the default, nobody changes it
    lineage: As = "plain",
    data: Data = None,
    lists: Lists = None,
    labels: LabelOrder = None,
    templates: options.Templates = None,
    texts: Texts = None,
    stages: options.Stages = None,
    seen: Seen = None,
    multi_label: MultiLabel = False,
    window: WindowLength = 2.0,
    stride: WindowStride = 1.0,
    allow_seen: AllowSeen = False,
    overlap: Overlap = None,
    seen_cost: SeenCost = 0.05,
    open_set: OpenSet = None,
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

    Figures by the field's protocols, with 95 % intervals. Interrupted, the same command goes on.
    """
    from zeroshot.evaluation.prepare import EvaluationSettings

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
        multi_label=multi_label,
        allow_seen=allow_seen,
        overlap=overlap,
        seen_cost=seen_cost,
        open_set=open_set,
        stream=stream,
        device=device,
        decoder=decoder,
        cache=cache,
    )
    tasks, chosen = _tasks(roots, protocols or []), models or _default_models()
    with keeping(kept_in(cache or output)), Bars("videos", f"loading {chosen[0]}") as bars:
        found = _found(tasks, chosen, (output, settings, bars), (window, stride))
    _show(found, output, as_json)


class _Found(NamedTuple):
    """What was found, and how it is shown: words on stderr, JSON, a document, videos left out of so many."""

    each: Sequence[Callable[[], None]]
    facts: dict[str, Any]
    document: Document
    left_out: int
    listed: int


def _found(
    tasks: list[tuple[str, str | None]],
    models: list[str],
    how: tuple[str, EvaluationSettings, Bars],
    cut: tuple[float, float],
) -> _Found:
    """One data set, several of them, or events in long videos."""
    from zeroshot.datasets.registry import require_there
    from zeroshot.datasets.untrimmed import LOCALIZATION

    output, settings, bars = how
    events = [protocol for _, protocol in tasks if protocol in LOCALIZATION]
    if events and len(tasks) > 1:
        raise OptionError(f"{events[0]} finds events in time; it is evaluated by itself")
    ((root, protocol), *others) = tasks
    if protocol is not None and events:
        from zeroshot.evaluation.localize import Cut, localize
        from zeroshot.video.sampling import Window

        one = localize(
            root,
            models,
            protocol=protocol,
            output=output,
            cut=Cut(Window(*cut)),
            settings=settings,
            advance=bars.of,
        )
        left_out = one.videos.listed - one.videos.evaluated
        words = partial(_say_counts, one.videos, one.allow_seen, one.seen_labels)
        return _Found([words], one.as_dict(), one.document(), left_out, one.videos.listed)
    if others:
        from zeroshot.evaluation.across import evaluate_across

        all_of_them = evaluate_across(tasks, models, output=output, settings=settings, advance=bars.of)
        each = [partial(_say_videos, report) for report in all_of_them.reports.values()]
        counts = all_of_them.left_out, all_of_them.listed
        return _Found(each, all_of_them.as_dict(), all_of_them.document(), *counts)
    require_there(root)
    from zeroshot.evaluation.document import document
    from zeroshot.evaluation.run import evaluate as run

    report = run(root, models, protocol=protocol, output=output, settings=settings, advance=bars.of)
    left_out = report.videos.listed - report.videos.evaluated
    words = partial(_say_videos, report)
    return _Found([words], report.as_dict(), document(report), left_out, report.videos.listed)


def _show(found: _Found, output: str, as_json: bool) -> None:
    """The figures on stdout, as JSON or for people; ends with status 1 where a video was left out."""
    for words in found.each:
        words()
    if as_json:
        put_json(found.facts)
    else:
        put_document(found.document)
        put_line(f"{output}/report.html shows it")
    end_with(found.left_out, found.listed)


def _default_models() -> list[str]:
    """The model that stands for none."""
    from zeroshot.checkpoint import DEFAULT_MODEL

    return [DEFAULT_MODEL]


def _tasks(roots: list[str], protocols: list[str]) -> list[tuple[str, str | None]]:
    """Which data set is evaluated by which protocol.

    Raises:
        OptionError: several of both, and not as many.
    """
    if len(protocols) < 2:
        return [(root, protocols[0] if protocols else None) for root in roots]
    if len(roots) == 1:
        return [(roots[0], protocol) for protocol in protocols]
    if len(roots) != len(protocols):
        raise OptionError(
            f"{len(roots)} folders or files and {len(protocols)} protocols; expected one protocol or one each"
        )
    return list(zip(roots, protocols, strict=True))


def _say_videos(report: Report) -> None:
    """How many of how many, and who is missing."""
    for model in report.models:
        say_puppets(str(model.facts["model"]), report.plan.labels)
        if model.facts["untrained"]:
            say(f"{model.name} is untrained: its figures should be chance")
    _say_counts(report.videos, report.allow_seen, report.seen_labels)


def _say_counts(videos: Videos, allow_seen: bool, seen_labels: tuple[str, ...]) -> None:
    """Labels that were seen, and videos left out."""
    if allow_seen:
        say(f"{counted(len(seen_labels), 'label')} trained on: these are no figures on unseen classes")
    if videos.evaluated < videos.listed:
        names = [*videos.missing, *(path for path, _ in videos.unreadable)]
        more = ", …" if len(names) > 3 else ""
        say(
            f"{videos.evaluated} of {videos.listed} videos evaluated: {len(videos.missing)} missing, "
            f"{len(videos.unreadable)} unreadable ({', '.join(names[:3])}{more})"
        )
