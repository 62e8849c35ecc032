"""Options that several commands share, each written once."""

from __future__ import annotations

from typing import Annotated

import typer

from zeroshot.cli import completion
from zeroshot.video.decoders.by_name import DECODERS

Videos = Annotated[
    list[str],
    typer.Argument(
        metavar="VIDEO", help="Files, folders (searched to the bottom), globs; - reads a list from stdin."
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="LIST",
        help="A file (one label a line, or of `zeroshot teach`), a,b,c, or a list such as kinetics400.",
        autocompletion=completion.label_lists,
    ),
]
Index = Annotated[
    str | None,
    typer.Option("--index", metavar="FILE", help="Labels that `zeroshot index` saved, instead of --labels."),
]
Templates = Annotated[
    str | None,
    typer.Option(
        "--templates",
        metavar="SET",
        help='"a video of {}", a file, or a set such as kinetics28. Default: none.',
        autocompletion=completion.template_sets,
    ),
]
Stages = Annotated[
    str | None,
    typer.Option(
        "--stages",
        metavar="SET",
        help="How labels start and end, so that the order of frames counts: a JSON file, or ssv2, jester …",
    ),
]
Embeddings = Annotated[
    str | None,
    typer.Option(
        "--embeddings",
        metavar="DIR",
        help="Take embeddings from this folder of `zeroshot embed`, and keep new ones there.",
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="ARCH/TAG, hf:ORG/NAME, hub:ORG/NAME, a folder, or puppet-tiny (offline).",
        autocompletion=completion.model_names,
    ),
]
Stream = Annotated[
    str | None,
    typer.Option(
        help="Of a model with an adapter: static, dynamic, fused, or clip for the network alone.",
        autocompletion=completion.words("static", "dynamic", "fused", "clip"),
    ),
]
Device = Annotated[
    str,
    typer.Option(
        help="auto, cpu, cuda, cuda:N or mps.",
        autocompletion=completion.words("auto", "cpu", "cuda", "mps"),
    ),
]
TopK = Annotated[int, typer.Option("-k", metavar="N", help="How many labels to show.", min=1)]
NumFrames = Annotated[
    int | None, typer.Option("--num-frames", metavar="T", help="Frames a view. Default: the model's.")
]
NumViews = Annotated[
    int, typer.Option("--num-views", metavar="V", help="Temporal views a video, averaged.", min=1)
]
Frames = Annotated[
    str | None,
    typer.Option(
        "--sampling",
        metavar="HOW",
        help="even, or keyframes: the nearest key frames, far faster to decode, where a video has enough. "
        "Default: even.",
        autocompletion=completion.words("even", "keyframes"),
    ),
]
Series = Annotated[
    str | None,
    typer.Option(
        "--series",
        metavar="PATTERN",
        help="Of folders that hold several numbered series of images: the names of one, as 'img_*'.",
    ),
]
Decoder = Annotated[
    str,
    typer.Option(
        help=f"{', '.join(DECODERS)}; raw neither squares pixels nor tone-maps HDR.",
        autocompletion=completion.words(*DECODERS),
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="LEVEL",
        help="exact, fast or fastest: how near embeddings stay to float32 (cosine 0.99999, 0.9995, 0.999). "
        "Default: exact.",
        autocompletion=completion.words("exact", "fast", "fastest"),
    ),
]
BatchSize = Annotated[
    int,
    typer.Option("--batch-size", metavar="N", help="Frames in one forward pass; bounds the memory.", min=1),
]
NumWorkers = Annotated[
    int, typer.Option("--num-workers", metavar="N", help="Decoding processes on this machine.", min=1)
]
Reject = Annotated[
    str | None,
    typer.Option(
        "--reject",
        metavar="HOW",
        help='Answer "none of these": auto, a share from 0 to 1 that your labels must have against '
        "background labels, or a file of `zeroshot calibrate`.",
        autocompletion=completion.words("auto"),
    ),
]
AsGiven = Annotated[
    bool,
    typer.Option("--as-given", help="Keep label names as they are: no spaces for CamelCase and underscores."),
]
Json = Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")]
Csv = Annotated[bool, typer.Option("--csv", help="CSV on stdout.")]
