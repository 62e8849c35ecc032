"""What the commands have in common on a terminal: output, how far they are, the way to end, by Ctrl-C too."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, Self

import typer

from zeroshot.errors import OptionError, OutputError, counted, printable

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


def say_puppets(
    model: str, texts: Sequence[str], *, are_sentences: bool = False, made: str | None = None
) -> None:
    """Say, where puppet-tiny is asked for words that it cannot know, that it knows puppets only.

    Args:
        model: its name.
        texts: labels; or texts to search for.
        are_sentences: whether it is enough that a text contains an action of puppets.
        made: the folder or file that chose the model, having been made with it; None: the user did.
    """
    from zeroshot.checks import puppets_note

    if note := puppets_note(model, texts, are_sentences=are_sentences, made=made):
        say(note)


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


INTERRUPTED = 130  # what shells and typer end with on Ctrl-C
_SECONDS_A_LINE = 60.0  # where nobody sees a bar, as in the log of a job


class Interrupted(SystemExit):
    """Ctrl-C, by somebody who has a right to know what is kept."""

    def __init__(self, words: str) -> None:
        """End with the status of Ctrl-C, and these words."""
        super().__init__(INTERRUPTED)
        self.words = words


@contextmanager
def keeping(kept: str | Callable[[], str]) -> Iterator[None]:
    """Work that Ctrl-C may end, and what of it is kept then, in words.

    Raises:
        Interrupted: Ctrl-C came.
    """
    try:
        yield
    except KeyboardInterrupt:
        words = kept if isinstance(kept, str) else kept()
        raise Interrupted(f"interrupted; {words}") from None


def kept_in(place: str) -> str:
    """What is said of a folder or file that an interrupted verb was filling."""
    return f"what is done is kept in {place}, and the same command goes on"


class Mover(Protocol):
    """Moves a bar."""

    def __call__(self, number: int = 1, /) -> None:
        """By so many."""


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Words about something that may take long and has no steps, for as long as it takes."""
    if sys.stderr.isatty():
        show_for_now(f"{what} …")
        try:
            yield
        finally:
            show_for_now("")
        return
    with _beating(lambda seconds: f"{what}, for {_minutes(seconds)} now"):
        yield


@contextmanager
def progress(total: int | None, what: str) -> Iterator[Mover]:
    """How far one is among `total` items; gives the function that moves on, by one or by more.

    On a terminal a bar, above which the lines of stdout are printed where that is the same terminal; one item
    needs none. Elsewhere a line a minute.
    """
    if not sys.stderr.isatty():
        steps = _Steps(total, what)
        with _beating(steps.words):
            yield steps.move
        return
    if total is not None and total < 2:
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
    """Words while something is got ready, then a bar for what is counted, and maybe another."""

    def __init__(self, what: str, first: str = "") -> None:
        """Tell what is counted.

        Args:
            what: is counted.
            first: what takes time before there is anything to count, such as "loading puppet-tiny".
        """
        self._what, self._first, self._name, self._stack = what, first, "", ExitStack()
        self._move: Mover | None = None

    def __enter__(self) -> Self:
        if self._first:
            self._stack.enter_context(waiting(self._first))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def to(self, done: int, total: int) -> None:
        """Move the bar by one."""
        self.of("", done, total)

    def of(self, name: str, done: int, total: int) -> None:
        """Move the bar of this name by one."""
        if self._move is None or name != self._name:
            self.open(f"{name}: {self._what}" if name else self._what, total - done + 1)
            self._name = name
        if self._move is not None:
            self._move()
        if done == total:
            self.close()
            self._stack.enter_context(waiting(f"{self._what} are done, going on"))

    def open(self, what: str, total: int) -> None:
        """A bar in place of whatever was shown."""
        self.close()
        self._move = self._stack.enter_context(progress(total, what))

    def move(self, number: int = 1) -> None:
        """Move the bar that is open, if one is."""
        if self._move is not None:
            self._move(number)

    def close(self) -> None:
        """Show nothing until there is something to show again."""
        self._stack.close()
        self._move = None


class _Steps:
    """How many of how many are done, and for how long one has been at it."""

    def __init__(self, total: int | None, what: str) -> None:
        self._done, self._total, self._what = 0, total, what

    def move(self, number: int = 1, /) -> None:
        """By so many."""
        self._done += number

    def words(self, seconds: float) -> str:
        """For a line."""
        if self._total is None:
            return f"{self._done:,} {self._what} in {_minutes(seconds)}"
        left = seconds / self._done * (self._total - self._done) if self._done else 0.0
        more = f", about {_minutes(left)} to go" if left >= 1 else ""
        return f"{self._done:,} of {self._total:,} {self._what} in {_minutes(seconds)}{more}"


@contextmanager
def _beating(words: Callable[[float], str]) -> Iterator[None]:
    """Say these words, of the seconds since the start, once a minute for as long as it takes."""
    over, began = threading.Event(), time.monotonic()

    def beat() -> None:
        while not over.wait(_SECONDS_A_LINE):
            say(words(time.monotonic() - began))

    thread = threading.Thread(target=beat, name="zeroshot-words", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _minutes(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
