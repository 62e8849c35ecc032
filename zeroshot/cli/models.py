"""`zeroshot models` and `zeroshot show`."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from zeroshot.cli import completion, options
from zeroshot.cli.screen import put_json, put_line, put_table
from zeroshot.cli.summary import summary

Everything = Annotated[bool, typer.Option("--all", help="Every architecture and tag that open_clip knows.")]
Checkpoint = Annotated[
    str,
    typer.Argument(
        metavar="CHECKPOINT",
        help="A bundled name, a checkpoint folder, or a file of `zeroshot teach`.",
        autocompletion=completion.checkpoint_names,
    ),
]


def models(everything: Everything = False, as_json: options.Json = False) -> None:
    """\b
    Example:  zeroshot models

    Lists what --model accepts: how large the weights are, under which licence they stand, and whether the
    model can be used without a network. `zeroshot download` fetches one; nothing is fetched by listing.
    """
    from zeroshot.model.catalog import known_models, size_in_words

    rows = known_models(everything=everything)
    if as_json:
        for row in rows:
            put_json(row)
        return
    header = ("model", "kind", "size", "licence", "cached", "about")
    cells = [
        (
            row["model"],
            row["kind"],
            size_in_words(row["bytes"]),
            row["licence"] or "–",
            "yes" if row["cached"] else "no",
            row["about"],
        )
        for row in rows
    ]
    put_table(header, cells)


def show(checkpoint: Checkpoint, as_json: options.Json = False) -> None:
    """\b
    Example:  zeroshot show puppet-tiny

    Tells what a checkpoint is and where it comes from: five lines, then every setting and figure. Of a file
    of `zeroshot teach`: its labels, what each was shown, and whether that helps.
    """
    from zeroshot.checkpoint import describe
    from zeroshot.store.folder import dotted

    facts = describe(checkpoint)
    if as_json:
        put_json(facts)
        return
    if "folder" not in facts:
        _put_taught(facts)
        return
    for key, text in summary(facts):
        put_line(f"{key:<12} {text}")
    put_line()
    for key, value in dotted(facts).items():
        put_line(f"{key:<44} {_text(value)}")


def _put_taught(facts: dict[str, Any]) -> None:
    """Labels, a line each, below them the examples of each."""
    put_line(facts["note"])
    for key, value in facts["made_with"].items():
        put_line(f"{key:<12} {value}")
    for label in facts["labels"]:
        put_line(label)
        for example in facts["examples"]:
            if example["label"] == label:
                put_line(f"    {example['video']}")


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else text[:157] + "…"
