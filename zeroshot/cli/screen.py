"""What the commands have in common on a terminal: output, progress, the way to end."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

import typer

from zeroshot.errors import OptionError, OutputError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from zeroshot.reports.document import Document


def put_json(row: dict[str, Any]) -> None:
    r"""One JSON line on stdout, at once; what a terminal might obey is written as \u…: nothing is lost."""
    text = json.dumps(row, ensure_ascii=not _speaks_unicode())
    _put("".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text))


def put_csv(*fields: object) -> None:
    """One CSV line on stdout, at once."""
    line = io.StringIO()
    shown = (printable(each) if isinstance(each, str) else each for each in fields)
    csv.writer(line, lineterminator="").writerow(shown)
    _put(line.getvalue())


def put_line(text: str = "") -> None:
    """One line for people on stdout, or several; nothing in them moves a cursor or changes a colour."""
    _put("\n".join(printable(line) for line in text.split("\n")))


def _put(line: str) -> None:
    """A line on stdout, at once.

    Raises:
        OutputError: stdout was closed, or is a file on a full disk.
    """
    if not _speaks_unicode():  # a terminal of another language
        encoding = sys.stdout.encoding
        line = line.encode(encoding, "backslashreplace").decode(encoding)
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except OSError as error:
        abandon_stdout()
        reason = (error.strerror or "it is closed").lower()
        raise OutputError(f"cannot write to stdout: {reason}; the rest is not shown") from None


def _speaks_unicode() -> bool:
    """Whether stdout takes all characters."""
    return (sys.stdout.encoding or "utf-8").lower().startswith("utf")


def abandon_stdout() -> None:
    """Have what is still to be written go nowhere, so that the end of the program does not fail over it."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """One line for people on stderr."""
    with suppress(OSError):  # nobody listens
        sys.stderr.write(f"zeroshot: {printable(text)}\n")
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
        table.add_column(Text(printable(name)))
    for row in rows:
        table.add_row(*(Text(printable(str(cell))) for cell in row))
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
