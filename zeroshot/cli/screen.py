"""What the commands have in common on a terminal: output, progress, the way to end."""

from __future__ import annotations

import csv
import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import typer

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from zeroshot.reports.document import Document


def put_json(row: dict[str, Any]) -> None:
    """One JSON line on stdout, at once."""
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def put_csv(*fields: object) -> None:
    """One CSV line on stdout, at once."""
    csv.writer(sys.stdout, lineterminator="\n").writerow(fields)
    sys.stdout.flush()


def put_line(text: str = "") -> None:
    """One line for people on stdout."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """One line for people on stderr."""
    sys.stderr.write(f"zeroshot: {text}\n")
    sys.stderr.flush()


def end_with(failures: int, total: int) -> None:
    """End with status 1 and a summary where any of the videos failed."""
    if failures:
        say(f"{failures} of {total} videos failed")
        raise typer.Exit(1)


def put_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table for people on stdout, as wide as its content where nobody reads it on a terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in header:
        table.add_column(Text(name))
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=10_000)
    for line in console.render_lines(table, pad=False):
        put_line("".join(segment.text for segment in line).rstrip())


def put_document(document: Document) -> None:
    """What of a document is for a terminal, on stdout."""
    from zeroshot.reports.document import List, Note, Table

    for place, part in enumerate(document.brief):
        match part:
            case Note(text):
                put_line(text)
            case List(lines):
                put_line("\n".join(lines))
            case Table(header, rows):
                if place:
                    put_line()
                put_table(header, rows)


def one_format(as_json: bool, as_csv: bool) -> None:
    """Refuse two formats at once.

    Raises:
        OptionError: both --json and --csv are given.
    """
    if as_json and as_csv:
        raise OptionError("--json and --csv are both given; expected one of them")


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss.s, as players show them."""
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}"


class Mover(Protocol):
    """Moves a bar."""

    def __call__(self, number: int = 1, /) -> None:
        """By so many."""


@contextmanager
def progress(total: int | None, what: str) -> Iterator[Mover]:
    """A bar on stderr where that is a terminal; gives the function that moves it, by one or by more.

    Where stdout is the same terminal its lines are printed above the bar. One item needs no bar.
    """
    if not sys.stderr.isatty() or (total is not None and total < 2):
        yield lambda _number=1: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
    )
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda number=1: bar.advance(task, number)


class Bars:
    """A bar that opens when it is known how much there is to do, and again for the next of several."""

    def __init__(self, what: str) -> None:
        """Tell what is counted."""
        from contextlib import ExitStack

        self._what, self._name, self._stack = what, "", ExitStack()
        self._move: Callable[[], None] | None = None

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def to(self, done: int, total: int) -> None:
        """Move the bar by one."""
        self.of("", done, total)

    def of(self, name: str, done: int, total: int) -> None:
        """Move the bar of this name by one."""
        if self._move is None or name != self._name:
            self._stack.close()
            what = f"{name}: {self._what}" if name else self._what
            self._name, self._move = name, self._stack.enter_context(progress(total - done + 1, what))
        self._move()
        if done == total:
            self._stack.close()
            self._move = None
