"""The command `zeroshot`: one verb, one file. Heavy libraries are imported only when a verb runs."""

from __future__ import annotations

import sys

import typer

from zeroshot.cli import classify, embed, index, models, synthesize, timeline
from zeroshot.cli.screen import say
from zeroshot.errors import ZeroshotError

INTERRUPTED = 130  # what typer ends with on Ctrl-C, as shells do

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command("classify", no_args_is_help=True)(classify.classify)
app.command("timeline", no_args_is_help=True)(timeline.timeline)
app.command("embed", no_args_is_help=True)(embed.embed)
app.command("index", no_args_is_help=True)(index.index)
app.command("models")(models.models)
app.command("show", no_args_is_help=True)(models.show)
app.command("synthesize", no_args_is_help=True)(synthesize.synthesize)


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
    """Example:  zeroshot classify holiday.mp4 --labels "archery, juggling balls, playing cello"

    Tells what happens in videos, in words that you choose.
    """


def main() -> None:
    """Run the command line; end with 0, with 1 and one line for what a user can repair, or 130 on Ctrl-C."""
    try:
        app()
    except ZeroshotError as error:
        say(str(error))
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            say("interrupted")
        raise
