"""`zeroshot serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from zeroshot.checks import Checks
from zeroshot.cli import options
from zeroshot.cli.inputs import (
    ModelChoice,
    classifier_from,
    model_from,
    of_index,
    require_choice,
    sampling_from,
    words_from,
)
from zeroshot.cli.screen import put_json, put_line, say

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
    settings = first.add(
        "options",
        lambda: Serving(
            folders=folders or (),
            embeddings=embeddings or (),
            host=host,
            port=port,
            token=token or None,
            allow_addresses=allow_addresses,
            time_limit_seconds=time_limit,
            most_waiting=most_waiting,
            most_upload_bytes=most_upload << 20,
        ),
    )
    how = (decoder, stream, precision, frames, None, batch_size, num_workers, 1)
    asked = first.add(
        "options",
        lambda: ModelChoice(model, device, sampling_from(num_frames), *how, settings().file_limit_seconds),
    )
    some = labels is not None or index is not None or templates is not None or stages is not None
    words = words_from(first, labels, templates, index, stages, spaced=True) if some else None
    choice = first.add("files", lambda: asked() if words is None else of_index(asked(), words(), index))
    first.add("model", lambda: require_choice(choice()))
    first.run()
    from zeroshot.app.server import serve as answer
    from zeroshot.app.server import serve_mcp

    network = model_from(choice())
    made = index if model is None else None
    answers = network if words is None else classifier_from(network, words(), index, 1, made)
    if mcp:
        serve_mcp(answers, settings())
        return

    def ready(address: str) -> None:
        if as_json:
            put_json({"address": address, "model": network.name})
        else:
            put_line(f"{network.name} answers at {address}; {address}/openapi.json says what to ask")

    answer(answers, settings(), ready=ready)
    say("stopped")
