"""`zeroshot index`."""

from __future__ import annotations

from typing import Annotated

import typer

from zeroshot.cli import options
from zeroshot.cli.inputs import model_from
from zeroshot.cli.screen import put_json, put_line

LabelList = Annotated[
    str,
    typer.Argument(metavar="LABELS", help="A file (one label a line), a,b,c, or a list such as kinetics400."),
]
Output = Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where the index is written.")]


def index(
    labels: LabelList,
    output: Output,
    templates: options.Templates = None,
    model: options.ModelName = None,
    as_json: options.Json = False,
    device: options.Device = "auto",
    as_given: options.AsGiven = False,
) -> None:
    """\b
    Example:  zeroshot index kinetics400 --templates kinetics28 --output kinetics400.index

    Encodes a label list once, for `zeroshot classify --index`. The file says what made it.
    """
    from zeroshot.classifier import build_index
    from zeroshot.text.prompts import make_prompts

    prompts = make_prompts(labels, templates, spaced=not as_given)
    network = model_from(model, device, None)
    made = build_index(network, prompts)
    made.save(output)
    num_texts = sum(len(texts) for texts in prompts.texts)
    row = {"output": output, "labels": len(made), "texts": num_texts, "model": network.name}
    if as_json:
        put_json(row)
    else:
        put_line(f"{len(made)} labels ({num_texts} texts) encoded by {network.name} → {output}")
