"""`zeroshot push`."""

from __future__ import annotations

from typing import Annotated

import typer

from zeroshot.cli import options
from zeroshot.cli.screen import keeping, put_json, put_line, say, waiting
from zeroshot.errors import printable

Folder = Annotated[
    str, typer.Argument(metavar="DIR", help="A checkpoint folder, as `zeroshot train` writes it.")
]
Repository = Annotated[
    str, typer.Argument(metavar="ORG/NAME", help="On the model hub; made where it is missing.")
]
Private = Annotated[
    bool | None,
    typer.Option("--private/--public", help="Of a new repository. Default: as your account has it."),
]
Revision = Annotated[
    str | None, typer.Option(metavar="BRANCH", help="Made where it is missing. Default: main.")
]
Licence = Annotated[
    str | None,
    typer.Option(
        "--license", "--licence", metavar="ID", help="As the hub writes it: apache-2.0. Default: the card's."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there and differ.")]


def push(
    folder: Folder,
    repository: Repository,
    private: Private = None,
    revision: Revision = None,
    licence: Licence = None,
    overwrite: Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """\b
    Example:  zeroshot push adapted/ me/adapter --license apache-2.0

    Pushes a checkpoint folder to the model hub: its own files and no others, with a card. Needs a token:
    `hf auth login`, or HF_TOKEN. --model hub:me/adapter then loads it anywhere.
    """
    from zeroshot.model.hub.push import push as push_folder

    with keeping("the same command pushes what is missing"), waiting(f"pushing {folder}"):
        pushed = push_folder(
            folder, repository, private=private, revision=revision, licence=licence, overwrite=overwrite
        )
    if pushed.left_out:
        say(f"not pushed, as no file of a checkpoint: {printable(', '.join(pushed.left_out))}")
    for note in pushed.notes:
        say(note)
    if as_json:
        put_json({"model": pushed.name, "files": list(pushed.files), "changed": list(pushed.changed)})
        return
    for name in pushed.changed:
        put_line(name)
    put_line(f"--model {pushed.name}")
