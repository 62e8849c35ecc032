"""`zeroshot compare`."""

from __future__ import annotations

from typing import Annotated

import typer

from zeroshot.cli import completion, options
from zeroshot.cli.screen import one_format, put_csv, put_document, put_json, put_line

Reports = Annotated[
    list[str],
    typer.Argument(metavar="REPORT…", help="report.json of `zeroshot evaluate`, or its folder; two or more."),
]
StreamName = Annotated[
    str | None,
    typer.Option(
        "--stream",
        metavar="S",
        help="clip, static, dynamic, fused. Default: the one that speaks for each model.",
        autocompletion=completion.words("clip", "static", "dynamic", "fused"),
    ),
]
Anyway = Annotated[
    bool,
    typer.Option("--anyway", help="Runs of other protocols, labels or words too; on what they share."),
]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="DIR", help="Folder of report.json, report.md, report.html."),
]


def compare(
    reports: Reports,
    stream: StreamName = None,
    anyway: Anyway = False,
    output: Output = None,
    as_json: options.Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="One CSV row a video: what each answered.")] = False,
) -> None:
    """\b
    Example:  zeroshot compare fused/ static/
    After:    zeroshot evaluate examples/clips/clips.csv -m puppet-tiny --allow-seen -o fused
    After:    zeroshot evaluate examples/clips/clips.csv -m puppet-tiny --allow-seen --stream static -o static

    Each run against the first, video by video: difference of top-1 with its 95 % interval, McNemar's test,
    labels that differ, and videos that one run alone has. Neither videos nor models are needed.
    """
    from zeroshot.checks import Checks
    from zeroshot.evaluation.compare_document import document
    from zeroshot.evaluation.compare_runs import compare_runs
    from zeroshot.evaluation.finished_runs import require_other_folder
    from zeroshot.reports.files import LAYOUT, write_report
    from zeroshot.store.folder import require_room

    one_format(as_json, as_csv)
    first = Checks()
    if output is not None:
        first.add("options", lambda: require_other_folder(output, reports))
        first.add("output", lambda: require_room(output, LAYOUT))
    first.run()
    found = compare_runs(reports, stream=stream, anyway=anyway)
    if output is not None:
        write_report(output, found.as_dict(), document(found))
    if as_json:
        put_json(found.as_dict())
    elif as_csv:
        put_csv("first", "second", "round", "video", "label", "first_answer", "second_answer")
        for pair in found.pairs:
            for each in pair.answers:
                names = pair.comparison.first, pair.comparison.second
                put_csv(*names, each.round, each.video, each.label, each.first, each.second)
    else:
        put_document(document(found))
        if output is not None:
            put_line(f"{output}/report.html shows it")
