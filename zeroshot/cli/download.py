"""`zeroshot download`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.checks import Checks
from zeroshot.cli import completion, options
from zeroshot.cli.screen import end_with, keeping, put_json, put_line, say, waiting
from zeroshot.errors import ModelError

if TYPE_CHECKING:
    from zeroshot.model.download import Size

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME",
        help="As --model takes it: ARCH/TAG, hf:ORG/NAME or hub:ORG/NAME; several, one after the other.",
        autocompletion=completion.model_names,
    ),
]


_KEPT = "what was fetched stays in the cache, and the same command goes on"


def download(names: Names, as_json: options.Json = False) -> None:
    """\b
    Example:  zeroshot download ViT-B-32/openai PE-Core-B-16/meta

    Fetches models into the cache, so that they can be used without a network, and says where they lie: that
    folder, copied to another computer's cache, spares it the network. Interrupted, the same command goes on.
    """
    from zeroshot.model.download import download as fetch
    from zeroshot.model.names import require_name

    first = Checks()
    for name in names:  # a misspelt one is told before another is fetched
        first.add("model", partial(require_name, name))
    first.run()
    failures = 0
    for name in names:
        try:
            with keeping(_KEPT), waiting(f"fetching {name}"):
                found = fetch(name, partial(_tell, name))
        except ModelError as error:
            failures += 1
            if as_json:
                put_json({"model": name, "folders": [], "bytes": None, "error": str(error)})
            say(str(error))
            continue
        folders = [str(folder) for folder in found.folders]
        if as_json:
            size = None if found.size is None else found.size.total_bytes
            put_json({"model": name, "folders": folders, "bytes": size, "error": None})
        else:
            put_line(f"{name} lies in {', '.join(folders)}")
    end_with(failures, len(names), "model")


def _tell(name: str, size: Size) -> None:
    """How much there is to fetch."""
    say(f"{name}: {size}")
