"""`zeroshot app`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from zeroshot.cli import completion, options
from zeroshot.cli.screen import put_json, put_line, waiting
from zeroshot.errors import OptionError, printable

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="ARCH/TAG, hf:ORG/NAME, hub:ORG/NAME, a folder, or puppet-tiny, which knows drawn puppets only.",
        autocompletion=completion.model_names,
    ),
]
Embeddings = Annotated[
    str | None,
    typer.Option(
        "--embeddings", metavar="DIR", help="Search the videos that `zeroshot embed` embedded there."
    ),
]
Audit = Annotated[
    str | None,
    typer.Option("--audit", metavar="DIR", help="Show the report that `zeroshot audit` wrote there."),
]
Host = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Where to listen; beyond this machine with a password.")
]
Port = Annotated[int, typer.Option(metavar="N", help="0: any that is free.")]
Password = Annotated[
    str | None,
    typer.Option("--password-file", metavar="FILE", help="NAME:PASSWORD, which everybody is asked for."),
]
Upload = Annotated[int, typer.Option("--most-upload", metavar="MB", help="The largest video taken.", min=1)]
Share = Annotated[str, typer.Option(metavar="never", help="The page goes through nobody's tunnel.")]


def app(
    model: Model = "puppet-tiny",
    labels: options.Labels = None,
    embeddings: Embeddings = None,
    audit: Audit = None,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    password: Password = None,
    upload: Upload = 512,
    share: Share = "never",
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """\b
    Example:  zeroshot app

    A page to try things on: choose a video, write labels, and see which fit, and when; what the streams say
    side by side; search and audit where folders of them are named. It runs on this machine, asks nothing of
    the network, and keeps no video.
    """
    from zeroshot.app.page import PageSettings, open_page

    if share != "never":
        raise OptionError(
            f"--share is {printable(share)!r}; expected never: the page is not handed to a tunnel of "
            "others; use --host with --password-file"
        )
    settings = PageSettings(model, labels, embeddings, audit, host, port, password, upload, device)

    loading = ExitStack()

    def tell(address: str) -> None:
        loading.close()
        if as_json:
            put_json({"url": address})
        else:
            put_line(f"{address} shows the page; Ctrl-C ends it")

    with loading:
        loading.enter_context(waiting(f"loading {model}"))
        open_page(settings, tell)
