"""`zeroshot export`."""

from __future__ import annotations

from typing import Annotated

import typer

from zeroshot.cli import completion, options
from zeroshot.cli.screen import put_json, put_line, say, say_puppets, waiting

ModelName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="ARCH/TAG, hf:ORG/NAME, hub:ORG/NAME, a folder, or puppet-tiny (offline).",
        autocompletion=completion.model_names,
    ),
]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="FILE", help="The file, or a folder to put it into.")
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="onnx or openvino. Default: by the ending of the output (.onnx, .xml), else onnx.",
        autocompletion=completion.words("onnx", "openvino"),
    ),
]


Stages = Annotated[str | None, typer.Option("--stages", hidden=True)]


def export(
    model: ModelName,
    output: Output,
    labels: options.Labels = None,
    index: options.Index = None,
    templates: options.Templates = None,
    stages: Stages = None,
    stream: options.Stream = None,
    as_format: Format = None,
    as_json: options.Json = False,
) -> None:
    """\b
    Example:  zeroshot export puppet-tiny --labels puppet_actions --output puppets.onnx

    Writes a model with its labels to a file that answers without torch: zeroshot.load_exported, or any ONNX
    runtime. Normalization, network, streams, the labels' vectors and the scale are in the graph. It is held
    against the model's own answer before it is kept.
    """
    from zeroshot.exported.write import export as export_model

    with waiting(f"drawing and comparing {model}"):
        made = export_model(
            model,
            labels,
            output=output,
            as_format=as_format,
            templates=templates,
            stages=stages,
            index=index,
            stream=stream,
        )
    about = made.about
    say_puppets(about.model, about.labels)
    cosine, probability = about.difference or (0.0, 0.0)
    if as_json:
        put_json(
            {
                "output": made.path,
                "format": made.as_format,
                "bytes": made.num_bytes,
                "model": about.model,
                "labels": len(about.labels),
                "streams": list(about.streams),
                "stream": about.stream,
                "cosine_difference": cosine,
                "probability_difference": probability,
            }
        )
        return
    put_line(f"{about.model} with {len(about.labels)} labels → {made.path} ({made.num_bytes / 1e6:.1f} MB)")
    put_line(f"streams {', '.join(about.streams)}; {about.stream} answers")
    put_line(f"as the model itself, to {cosine:.0e} in cosines and {probability:.0e} in probabilities")
    say(about.licence)
