"""Figures of finished evaluations for other programs: a table, rows of a paper, a model card of the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zeroshot.evaluation.leaderboard import Contestant
from zeroshot.model.hub.figures import Figure, model_index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zeroshot.evaluation.finished_runs import FinishedRun
    from zeroshot.evaluation.leaderboard import Cell, Leaderboard

COLUMNS = (
    "model", "stream", "protocol", "data", "lineage", "templates", "labels", "metric", "value", "low", "high",
    "n", "std", "evaluated", "listed", "seen", "fingerprint", "adapter_fingerprint", "prompts_digest",
    "report",
)  # fmt: skip
"""Of `csv_rows`: names are those of report.json."""
_ESCAPED = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}  # fmt: skip
_METRIC_NAMES = {"top1": "top-1", "top5": "top-5", "mean_class": "mean class accuracy"}


def csv_rows(board: Leaderboard) -> Iterator[tuple[Any, ...]]:
    """One row a run, stream and metric, in the order of `COLUMNS`: shares from 0 to 1, None where is none."""
    for run in board.runs:
        report, settings, model = run.report, run.report["settings"], run.model
        videos = report["videos"]
        for stream, figures in model["streams"].items():
            for metric, told, std in _metrics(figures):
                yield (
                    model["name"], stream, report["protocol"], report["data"], settings["lineage"],
                    settings["templates"], len(report["labels"]), metric,
                    *(told.get(name) for name in ("value", "low", "high", "n")), std,
                    videos["evaluated"], videos["listed"], run.seen, *run.weights,
                    settings["prompts_digest"], run.place,
                )  # fmt: skip


def _metrics(figures: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], float | None]]:
    """Name, estimate and deviation over rounds of each metric of a stream."""
    yield "top1", figures["top1"], figures["std"]
    yield "top5", figures["top5"], None
    yield "mean_class", {"value": figures["mean_class"]}, None
    for name, told in figures["sides"].items():
        yield name, told, None


def latex_rows(board: Leaderboard) -> list[str]:
    """The columns' names as a comment, then one row a model: per cent with its interval in small type."""
    head = " & ".join(["model", *board.titles()])
    lines = [f"% {head}; % right with 95 % intervals"]
    for name, row in zip(board.names(), board.rows, strict=True):
        cells = [_latex(board.cells.get((row, column))) for column in board.columns]
        lines.append(" & ".join([escaped(name), *cells]) + r" \\")
    return lines


def escaped(text: str) -> str:
    """Words with signs that mean something to LaTeX written so that it prints them."""
    return "".join(_ESCAPED.get(letter, letter) for letter in text)


def _latex(cell: Cell | None) -> str:
    """One figure."""
    if cell is None:
        return "--"
    share = cell.estimate
    seen = r"$^\dagger$" if cell.seen else ""
    return rf"{100 * share.value:.1f}{seen} {{\scriptsize [{100 * share.low:.1f}, {100 * share.high:.1f}]}}"


def model_cards(board: Leaderboard) -> list[str]:
    """One a row: the metadata that a card of the model hub holds figures in, YAML between lines of ---."""
    cards = []
    for row in board.rows:
        mine = [run for run in board.runs if Contestant.of(run) == row]
        told = [_figure(run) for run in mine if run.figures["headline"]["value"] is not None]
        if told:
            cards.append(model_index(row.model, told))
    return cards


def _figure(run: FinishedRun) -> Figure:
    """The headline of a run."""
    told, report = run.figures["headline"], run.report
    name = _METRIC_NAMES.get(told["figure"], told["figure"].replace("_", ", "))
    stream = "" if run.stream == "clip" else f", {run.stream} stream"
    seen = ", labels partly seen in training" if run.seen else ""
    return Figure(
        data=report["data"],
        protocol=report["protocol"],
        metric=f"{name}{stream}{seen}",
        value=round(told["value"], 4),
        details={
            **{f"{end}_95": round(told[end], 4) for end in ("low", "high") if told[end] is not None},
            "videos": told["n"],
            "names_and_templates": f"{report['settings']['lineage']}, {report['settings']['templates']}",
        },
    )
