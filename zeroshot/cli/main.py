"""The command `zeroshot`: one verb, one file. Heavy libraries are imported only when a verb runs."""

from __future__ import annotations

import atexit
import errno
import gc
import io
import os
import sys
import threading
from typing import TYPE_CHECKING

import typer

from zeroshot.cli import app as page
from zeroshot.cli import (
    audit,
    bias,
    calibrate,
    classify,
    compare,
    download,
    embed,
    evaluate,
    export,
    index,
    leaderboard,
    models,
    push,
    search,
    serve,
    synthesize,
    teach,
    timeline,
    train,
    watch,
)
from zeroshot.cli.screen import INTERRUPTED, Interrupted, abandon_stdout, say
from zeroshot.errors import OptionError, OutputError, ZeroshotError, printable

if TYPE_CHECKING:
    from types import FrameType

_UNWRITABLE = {errno.EPIPE, errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG}

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command("classify", short_help="Rank labels for videos.", no_args_is_help=True)(classify.classify)
app.command("timeline", short_help="Rank labels for each stretch of long videos.", no_args_is_help=True)(
    timeline.timeline
)
app.command(
    "calibrate", short_help='When "none of these" is answered, by your own videos.', no_args_is_help=True
)(calibrate.calibrate)
app.command("watch", short_help="Tell of events in a camera or stream.", no_args_is_help=True)(watch.watch)
app.command("embed", short_help="Write the embeddings of many videos.", no_args_is_help=True)(embed.embed)
app.command("search", short_help="Find videos by words.", no_args_is_help=True)(search.search)
app.command("serve", short_help="Answer over HTTP, or to an MCP client.")(serve.serve)
app.command("index", short_help="Encode a label list once.", no_args_is_help=True)(index.index)
app.command("teach", short_help="Show a few examples of each label.", no_args_is_help=True)(teach.teach)
app.command("train", short_help="Train streams that follow motion.", no_args_is_help=True)(train.train)
app.command("evaluate", short_help="Figures on unseen classes, by protocol.", no_args_is_help=True)(
    evaluate.evaluate
)
app.command("compare", short_help="Hold finished evaluations against each other.", no_args_is_help=True)(
    compare.compare
)
app.command("leaderboard", short_help="Figures of evaluations in one table.", no_args_is_help=True)(
    leaderboard.leaderboard
)
app.command("audit", short_help="Tell what a model leans on.", no_args_is_help=True)(audit.audit)
app.add_typer(bias.app, name="bias", short_help="Test sets that tell scenery from action.")
app.command("app", short_help="Open a page to try things on.")(page.app)
app.command("models", short_help="List what --model accepts.")(models.models)
app.command("download", short_help="Fetch models for use without a network.", no_args_is_help=True)(
    download.download
)
app.command("show", short_help="Tell what a checkpoint is and where it comes from.", no_args_is_help=True)(
    models.show
)
app.command(
    "export", short_help="Write a model with labels as one ONNX or OpenVINO file.", no_args_is_help=True
)(export.export)
app.command("push", short_help="Push a checkpoint to the model hub.", no_args_is_help=True)(push.push)
app.command("synthesize", short_help="Write puppet videos whose truth is known.", no_args_is_help=True)(
    synthesize.synthesize
)


def _version(wanted: bool) -> None:
    if wanted:
        from zeroshot.resources import VERSION

        sys.stdout.write(f"zeroshot {VERSION}\n")
        raise typer.Exit


@app.callback()
def _top(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """\b
    Example:  zeroshot classify examples/clips --labels "waving, kicking, swimming" -k 1 --model puppet-tiny

    Tells what happens in videos, in words that you choose.

    Vectors of long lists of labels are kept for the next time, 256 MB at most, in ~/.cache/zeroshot; delete
    that folder to empty it. ZEROSHOT_CACHE names another, and ZEROSHOT_CACHE=off keeps none.
    """


def program() -> None:
    """The command as a process: `main`, and then the end, without a second spent on taking libraries apart.

    All that has to happen at the end of a process happens: threads are waited for, what is registered to run
    is run, output is written out. Within another program, such as a profiler, `main` is all that is done.
    """
    if not _is_outermost(sys._getframe(1)):
        main()
        return
    try:
        main()
        status = 0
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise  # words, which Python shows
        status = end.code or 0
    threading._shutdown()  # type: ignore[attr-defined]  # as in the processes of multiprocessing
    atexit._run_exitfuncs()
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):  # either may be closed
            stream.flush()
    except (OSError, ValueError):
        sys.exit(status)  # Python's own end knows what to do
    os._exit(status)


def _is_outermost(frame: FrameType | None) -> bool:
    """Whether a frame is the program that Python was started with, and nothing is around it."""
    while frame is not None and frame.f_code.co_name in {"<module>", "_run_code", "_run_module_as_main"}:
        frame = frame.f_back
    return frame is None


def main() -> None:
    """Run the command line; end with 0, with 1 and one line for what a user can repair, or 130 on Ctrl-C."""
    # Libraries make a million objects that stay: looking through them again and again while they are
    # imported, and once more at the end, takes two seconds.
    gc.set_threshold(50_000, 20, 50)
    atexit.register(gc.freeze)
    try:
        _require_surroundings()
        app()
    except ZeroshotError as error:
        say(str(error))
        sys.exit(1)
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise  # a defect: whatever a user can repair is an error with a name by now
        abandon_stdout()  # typer's own pages
        say(f"cannot write: {(error.strerror or str(error)).lower()}; the rest is not shown")
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            say(end.words if isinstance(end, Interrupted) else "interrupted")
        raise


def _require_surroundings() -> None:
    """See to it that there is something to write to and somewhere to be.

    Raises:
        OutputError: stdout is closed.
        OptionError: the working folder is gone, or an option is no word.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass  # a file opened later must not take the place of a stream that was closed
    os.close(number)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - until the end
    if sys.stdout is None:
        raise OutputError("stdout is closed; redirect it to a file, or to /dev/null")
    if isinstance(sys.stdout, io.TextIOWrapper):  # typer's pages hold characters that not every terminal has
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        os.getcwd()  # noqa: PTH109 - pathlib is slow to import
    except OSError:
        raise OptionError("the working folder is gone; change to one that is there") from None
    for word in sys.argv[1:]:
        if word.startswith("-") and printable(word) != word:  # typer would show it as it is
            raise OptionError(f"{printable(word)} is no option; put -- before names of files")
