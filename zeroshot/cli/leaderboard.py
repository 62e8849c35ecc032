"""`zeroshot leaderboard`."""

from __future__ import annotations

from typing import Annotated

import typer

from zeroshot.cli import options
from zeroshot.cli.compare import Output, StreamName
from zeroshot.cli.screen import put_csv, put_document, put_json, put_line
from zeroshot.errors import OptionError

Reports = Annotated[
    list[str],
    typer.Argument(metavar="REPORT…", help="report.json of `zeroshot evaluate`, or its folder; any number."),
]
AsCsv = Annotated[bool, typer.Option("--csv", help="One CSV row a run, stream and metric.")]
AsLatex = Annotated[bool, typer.Option("--latex", help="One row of a LaTeX table a model.")]
AsCard = Annotated[
    bool, typer.Option("--card", help="YAML a model: its figures as cards of the model hub hold them.")
]


def leaderboard(
    reports: Reports,
    stream: StreamName = None,
    output: Output = None,
    as_json: options.Json = False,
    as_csv: AsCsv = False,
    as_latex: AsLatex = False,
    as_card: AsCard = False,
) -> None:
    """\b
    Example:  zeroshot leaderboard fused/ static/ --output board/
    After:    zeroshot evaluate examples/clips/clips.csv -m puppet-tiny --allow-seen -o fused
    After:    zeroshot evaluate examples/clips/clips.csv -m puppet-tiny --allow-seen --stream static -o static

    A row a model, a column a data set and protocol, with 95 % intervals; the page can be sorted, and needs no
    network. Figures of different questions never stand in one column.
    """
    from zeroshot.checks import Checks
    from zeroshot.evaluation.exports import COLUMNS, csv_rows, latex_rows, model_cards
    from zeroshot.evaluation.finished_runs import require_other_folder
    from zeroshot.evaluation.leaderboard import leaderboard as run
    from zeroshot.evaluation.leaderboard_document import document
    from zeroshot.reports.files import LAYOUT, write_report
    from zeroshot.store.folder import require_room

    forms = {"--json": as_json, "--csv": as_csv, "--latex": as_latex, "--card": as_card}
    chosen = [name for name, wanted in forms.items() if wanted]
    if len(chosen) > 1:
        raise OptionError(f"{' and '.join(chosen)} are given; expected one of them")
    first = Checks()
    if output is not None:
        first.add("options", lambda: require_other_folder(output, reports))
        first.add("output", lambda: require_room(output, LAYOUT))
    first.run()
    board = run(reports, stream=stream)
    if output is not None:
        write_report(output, board.as_dict(), document(board))
    if as_json:
        put_json(board.as_dict())
    elif as_csv:
        put_csv(*COLUMNS)
        for row in csv_rows(board):
            put_csv(*row)
    elif as_latex or as_card:
        for text in latex_rows(board) if as_latex else model_cards(board):
            put_line(text)
    else:
        put_document(document(board))
        if output is not None:
            put_line(f"{output}/report.html shows it")
