"""The command `zeroshot`: one verb, one file. Heavy libraries are imported only when a verb runs."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import typer

from zeroshot.cli import bias, classify, embed, evaluate, index, models, search, synthesize, timeline, train
from zeroshot.cli.screen import say
from zeroshot.errors import OutputError, ZeroshotError

_NOT_WRITTEN = {errno.ENOSPC, errno.EBADF, errno.EIO}  # a pipe that nobody reads any more is no fault
INTERRUPTED = 130  # what typer ends with on Ctrl-C, as shells do

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command("classify", short_help="Rank labels for videos.", no_args_is_help=True)(classify.classify)
app.command("timeline", short_help="Rank labels for each stretch of long videos.", no_args_is_help=True)(
    timeline.timeline
)
app.command("embed", short_help="Write the embeddings of many videos.", no_args_is_help=True)(embed.embed)
app.command("search", short_help="Find videos by words.", no_args_is_help=True)(search.search)
app.command("index", short_help="Encode a label list once.", no_args_is_help=True)(index.index)
app.command("train", short_help="Train streams that follow motion.", no_args_is_help=True)(train.train)
app.command("evaluate", short_help="Figures on unseen classes, by protocol.", no_args_is_help=True)(
    evaluate.evaluate
)
app.add_typer(bias.app, name="bias", short_help="Test sets that tell scenery from action.")
app.command("models", short_help="List what --model accepts.")(models.models)
app.command("show", short_help="Tell what a checkpoint is and where it comes from.", no_args_is_help=True)(
    models.show
)
app.command("synthesize", short_help="Write puppet videos whose truth is known.", no_args_is_help=True)(
    synthesize.synthesize
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"zeroshot {version('zeroshot')}\n")
        raise typer.Exit


@app.callback()
def _top(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """\b
    Example:  zeroshot classify holiday.mp4 --labels "archery, juggling balls, playing cello"

    Tells what happens in videos, in words that you choose.
    """


def _require_surroundings() -> None:
    """Refuse to begin without a place to write to or to look from.

    Raises:
        OutputError: standard output is closed, or the working folder is gone.
    """
    if sys.stdout is None:
        raise OutputError("standard output is closed; leave it open, or send it to /dev/null")
    try:
        Path.cwd()
    except FileNotFoundError:
        raise OutputError("the working folder is gone; change to one that is there") from None


def main() -> None:
    """Run the command line; end with 0, with 1 and one line for what a user can repair, or 130 on Ctrl-C."""
    try:
        _require_surroundings()
        app()
    except ZeroshotError as error:
        say(str(error))
        sys.exit(1)
    except OSError as error:
        if error.filename is not None or error.errno not in _NOT_WRITTEN:
            raise
        # What is left in the buffer would be tried again, and complained of, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        say(f"cannot write to standard output: {error.strerror}; send it to a place that takes it")
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            say("interrupted")
        raise
