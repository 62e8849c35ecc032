"""`zeroshot serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroshot.checks import Checks, taught_as_index
from zeroshot.cli import options
from zeroshot.cli.inputs import (
    ModelChoice,
    choice_checked,
    classifier_from,
    model_from,
    require_choice,
    sampling_from,
    words_from,
)
from zeroshot.cli.screen import put_json, put_line, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from zeroshot.app.settings import Serving
    from zeroshot.classifier import Classifier
    from zeroshot.model.model import Model

Folders = Annotated[
    list[str] | None,
    typer.Option("--folder", metavar="DIR", help="Serve videos below it, by their paths; may be repeated."),
]
Embeddings = Annotated[
    list[str] | None,
    typer.Option("--embeddings", metavar="DIR", help="Search what `zeroshot embed` wrote; may be repeated."),
]
Host = Annotated[str, typer.Option(help="Where to listen. Any but this machine's own needs a token.")]
Port = Annotated[int, typer.Option(help="0 takes one that is free.", min=0, max=65_535)]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="ZEROSHOT_TOKEN",
        help="What questions bring along: Authorization: Bearer TOKEN. Others see options; they do not see "
        "the environment.",
    ),
]
Addresses = Annotated[
    bool,
    typer.Option("--allow-addresses", help="Fetch http(s) videos that whoever asks names, from inside, too."),
]
Mcp = Annotated[bool, typer.Option("--mcp", help="An MCP server on stdin and stdout, instead of HTTP.")]
TimeLimit = Annotated[float, typer.Option("--time-limit", metavar="SECONDS", help="For one question.")]
MostWaiting = Annotated[
    int, typer.Option("--most-waiting", metavar="N", help="Questions at a time; one more is told 429.", min=1)
]
MostUpload = Annotated[
    int, typer.Option("--most-upload", metavar="MB", help="Of one uploaded video; one more byte: 413.", min=1)
]


def serve(
    labels: options.Labels = None,
    index: options.Index = None,
    templates: options.Templates = None,
    stages: options.Stages = None,
    model: options.ModelName = None,
    folders: Folders = None,
    embeddings: Embeddings = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    token: Token = None,
    allow_addresses: Addresses = False,
    mcp: Mcp = False,
    time_limit: TimeLimit = 60.0,
    most_waiting: MostWaiting = 64,
    most_upload: MostUpload = 512,
    as_json: options.Json = False,
    stream: options.Stream = None,
    device: options.Device = "auto",
    num_frames: options.NumFrames = None,
    decoder: options.Decoder = "auto",
    precision: options.Precision = None,
    frames: options.Frames = None,
    batch_size: options.BatchSize = 32,
    num_workers: options.NumWorkers = 2,
) -> None:
    """\b
    Example:  zeroshot serve --folder examples/clips --labels puppet_actions --model puppet-tiny

    Answers /classify, /timeline, /embed, /search and /labels over HTTP, JSON in and out, and an MCP client
    under /mcp; /openapi.json describes all of it. Questions may bring labels of their own. Videos are named
    below the folders, or uploaded. SIGTERM and Ctrl-C let it finish what it is at.
    """
    from zeroshot.app.settings import Serving, require_libraries

    first = Checks()
    first.add("options", require_libraries)
    bounds: dict[str, Any] = {"time_limit_seconds": time_limit, "most_waiting": most_waiting}
    bounds |= {"allow_addresses": allow_addresses, "most_upload_bytes": most_upload << 20}
    settings = first.add(
        "options",
        lambda: Serving(folders or (), embeddings or (), host, port, token or None, **bounds),
    )
    how = (decoder, stream, precision, frames, None, batch_size, num_workers, 1)
    asked = first.add(
        "options",
        lambda: ModelChoice(model, device, sampling_from(num_frames), *how, settings().file_limit_seconds),
    )
    given = (labels, index, templates, stages)
    answers = _loaded(first, asked, given) if any(given) else _without_labels(first, asked)
    _answer(answers, settings(), as_json=as_json, mcp=mcp)


def _without_labels(first: Checks, asked: Callable[[], ModelChoice]) -> Model:
    """The model, where questions bring their labels along."""
    first.add("model", lambda: require_choice(asked()))
    first.run()
    return model_from(asked())


def _loaded(
    first: Checks,
    asked: Callable[[], ModelChoice],
    given: tuple[str | None, str | None, str | None, str | None],
) -> Classifier:
    """The model and labels to start with: --labels, --index, --templates, --stages."""
    labels, index, templates, stages = given
    labels, index = taught_as_index(labels, index)
    words = words_from(first, labels, templates, index, stages, spaced=True)
    choice = choice_checked(first, asked, words, index, reads=False)
    first.run()
    made = index if asked().name is None else None
    return classifier_from(model_from(choice()), words(), index, 1, made)


def _answer(answers: Classifier | Model, settings: Serving, *, as_json: bool, mcp: bool) -> None:
    """Serve until told to stop."""
    from zeroshot.app.server import serve as answer
    from zeroshot.app.server import serve_mcp

    if mcp:
        serve_mcp(answers, settings)
        return

    def ready(address: str) -> None:
        if as_json:
            put_json({"address": address})
        else:
            put_line(f"serving at {address}; {address}/openapi.json says what to ask")

    answer(answers, settings, ready=ready)
    say("stopped")
