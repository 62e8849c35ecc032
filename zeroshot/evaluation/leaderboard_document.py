"""A leaderboard, said once: a table that its reader sorts, and a chart a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.errors import counted
from zeroshot.reports.document import Bar, Bars, Document, List, Note, Section, Table, percent
from zeroshot.reports.environment import environment_lines

if TYPE_CHECKING:
    from zeroshot.evaluation.leaderboard import Cell, Contestant, Leaderboard, Question

_FIGURES = {"top1": "top-1", "harmonic": "H", "harmonic_calibrated": "H, calibrated"}
_SEEN, _FEWER = "†", "‡"


def document(board: Leaderboard) -> Document:
    """The whole table; a terminal shows it too."""
    notes = _notes(board)
    size = f"{counted(len(board.rows), 'model')}, {counted(len(board.columns), 'column')}"
    each = (
        "Each interval is of that figure alone; whether two models differ on the same videos, "
        "zeroshot compare tells."
    )
    sections = [
        Section(
            "", [Note(f"{size}. % with 95 % intervals. {each}", "quiet"), _table(board), *map(Note, notes)]
        ),
        *(
            Section(title, [_chart(board, column)])
            for title, column in zip(board.titles(), board.columns, strict=True)
        ),
        Section("How it was asked", [List([_asked(title, column) for title, column in _titled(board)])]),
        Section("To repeat it", [List([*_weights(board), *environment_lines(board.record)])]),
    ]
    return Document("Leaderboard", sections, [_table(board), *map(Note, notes)])


def _titled(board: Leaderboard) -> list[tuple[str, Question]]:
    return list(zip(board.titles(), board.columns, strict=True))


def _table(board: Leaderboard) -> Table:
    """A row a model; on a page its reader sorts it by any column."""
    header = [f"{title}, {_figure(column)}" for title, column in _titled(board)]
    rows = [
        [name, *(_words(board.cells.get((row, column))) for column in board.columns)]
        for name, row in zip(board.names(), board.rows, strict=True)
    ]
    return Table(("model", *header), rows, sortable=True)


def _figure(column: Question) -> str:
    return _FIGURES.get(column.figure, column.figure)


def _words(cell: Cell | None) -> str:
    """A figure with its interval and its marks."""
    if cell is None:
        return "–"
    marks = _SEEN * cell.seen + _FEWER * (cell.evaluated < cell.listed)
    return f"{percent(cell.estimate)}{' ' if marks else ''}{marks}"


def _notes(board: Leaderboard) -> list[str]:
    """What the marks mean, of those that are there."""
    cells = list(board.cells.values())
    notes = []
    if any(cell.seen for cell in cells):
        notes.append(f"{_SEEN} no figure on unseen classes: the model had training videos of some labels")
    if fewer := [cell for cell in cells if cell.evaluated < cell.listed]:
        shares = ", ".join(sorted({f"{cell.evaluated:,} of {cell.listed:,}" for cell in fewer}))
        notes.append(f"{_FEWER} of fewer videos than are listed: {shares}")
    return notes


def _chart(board: Leaderboard, column: Question) -> Bars:
    """The figures of one column, the best first."""
    shown = [
        Bar(name, board.cells[row, column].estimate, place)
        for place, (name, row) in enumerate(zip(board.names(), board.rows, strict=True))
        if (row, column) in board.cells
    ]
    return Bars(sorted(shown, key=lambda bar: -bar.estimate.value), None, f"{_figure(column)}.")


def _asked(title: str, column: Question) -> str:
    return (
        f"{title}: protocol {column.protocol} on {column.data}, names as {column.lineage}, "
        f"templates {column.templates}, prompts {column.prompts}"
    )


def _weights(board: Leaderboard) -> list[str]:
    """Whose weights, a line a row."""
    return [f"{name}: weights {_digits(row)}" for name, row in zip(board.names(), board.rows, strict=True)]


def _digits(row: Contestant) -> str:
    return "-".join(part[:16] for part in (row.network, row.adapter) if part)
