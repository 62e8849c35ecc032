"""`zeroshot audit`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.checks import Checks
from zeroshot.cli import options
from zeroshot.cli.screen import Bars, end_with, put_document, put_json, put_line, say
from zeroshot.cutouts.finders import MOTION, masks_help
from zeroshot.probes.probe import PROBES

if TYPE_CHECKING:
    from zeroshot.auditing.report import AuditReport

_REPAIRED = "repaired"

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL... [VIDEOS]",
        help="Models, then a CSV file with path, label, maybe scene, or a data set's folder; with "
        "--synthetic models alone.",
    ),
]
Synthetic = Annotated[bool, typer.Option("--synthetic", help="On puppets, of which every factor is known.")]
Probes = Annotated[
    list[str] | None,
    typer.Option("--probe", metavar="NAME", help=f"Some of {', '.join(PROBES)}. Default: all but attack."),
]
Masks = Annotated[
    str, typer.Option(metavar="FINDER", help=f"Who cuts persons out: {masks_help()}; none: nobody.")
]
Seed = Annotated[int, typer.Option(help="Of what probes draw.")]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="Folder of report.json, report.md, report.html; with --prune a checkpoint in DIR/repaired.",
    ),
]
Prune = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Zero up to N units of the adapter that carry wrong answers: ranked on a third of the swapped "
        "clips, chosen on another, told on the last. 0: up to 64 units.",
    ),
]


def audit(
    words: Words,
    synthetic: Synthetic = False,
    probes: Probes = None,
    templates: options.Templates = None,
    masks: Masks = MOTION,
    seed: Seed = 0,
    prune: Prune = None,
    output: Output = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """\b
    Example:  zeroshot audit puppet-tiny --synthetic --probe swap --output audited/

    What a model leans on: scenery or motion, order, single frames, noise; a verdict in words, then every
    figure with its interval. Several models stand side by side. Networks of others are audited from Python.
    """
    names = _models_of(words, synthetic=synthetic)
    from zeroshot.auditing.repair import require_no_other
    from zeroshot.auditing.report import document
    from zeroshot.auditing.run import AuditSettings
    from zeroshot.auditing.run import audit as look
    from zeroshot.checkpoint import require_model
    from zeroshot.datasets.registry import open_split
    from zeroshot.errors import OptionError
    from zeroshot.reports.files import report_folders, write_report
    from zeroshot.store.folder import require_room

    first = Checks()
    if prune is not None and (output is None or len(names) > 1):
        raise OptionError("--prune writes a checkpoint of one model; expected one model, and --output DIR")
    settings = AuditSettings(
        tuple(probes or ()),
        templates,
        "" if masks == "none" else masks,
        seed=seed,
        device=device,
        prune=prune,
        output=None if output is None else Path(output) / _REPAIRED,
        tell=say,
    )
    split = first.add("files", lambda: None if synthetic else open_split(words[-1]))
    if output is not None:
        first.add("output", partial(require_room, *report_folders(output, None, (_REPAIRED,))[1][0]))
    if output is not None and prune is not None:
        first.add("output", partial(require_no_other, Path(output) / _REPAIRED))
    for name in names:
        first.add("model", partial(require_model, name))
    first.run()
    with Bars("puppets" if synthetic else "videos") as bar:
        report = look(list(names), split(), settings=settings, advance=bar.to)
    if output is not None:
        write_report(output, report.as_dict(), document(report))
    _put(report, output, as_json)
    end_with(len(report.failures), report.num_clips + len(report.failures))


def _models_of(words: list[str], *, synthetic: bool) -> list[str]:
    """The models among the words, where the videos behind them are there: looked at before torch is imported.

    Raises:
        OptionError: no model, or no videos, are named.
        ZeroshotError: the videos are not there.
    """
    from zeroshot.datasets.registry import require_there
    from zeroshot.errors import OptionError

    names = words if synthetic else words[:-1]
    if not names:
        raise OptionError(
            f"zeroshot audit got {words[0]!r} alone; expected a model and videos, or a model with --synthetic"
        )
    if not synthetic:
        require_there(words[-1])
    return names


def _put(report: AuditReport, output: str | None, as_json: bool) -> None:
    """On stdout: as JSON, or for people."""
    from zeroshot.auditing.report import document

    if as_json:
        put_json(report.as_dict())
    else:
        put_document(document(report))
        if output is not None:
            put_line(f"{output}/report.html shows it")
    for _, reason in report.failures:
        say(reason)
