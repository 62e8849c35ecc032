"""What the commands have in common on a terminal: output, words about it, the way to end."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer

from zeroshot.errors import OptionError, OutputError, counted, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    show_for_now("")
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
    _tell(f"zeroshot: {printable(text)}\n")


def show_for_now(text: str) -> None:
    """A line on a terminal that the next one takes the place of; an empty one takes it away."""
    if text or _for_now:
        _tell(f"zeroshot: {printable(text)}" if text else "")
        _for_now[:] = [text] if text else []


_for_now: list[str] = []  # the line that is shown until there is another


def _tell(text: str) -> None:
    """On stderr, in place of what stands there for now."""
    with suppress(OSError, ValueError):  # nobody listens
        sys.stderr.write(f"\r\x1b[K{text}" if _for_now else text)
        sys.stderr.flush()
    _for_now.clear()


def end_with(failures: int, total: int, what: str = "video") -> None:
    """End with status 1 where any of the videos failed, and with a summary where there were several."""
    if failures:
        if total > 1:
            say(f"{failures:,} of {counted(total, what)} failed")
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
