"""`zeroshot index`."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroshot.cli import options
from zeroshot.cli.inputs import ModelChoice, model_from
from zeroshot.cli.screen import progress, put_json, put_line, say
from zeroshot.errors import IndexFileError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.batch.label_rows import LabelRows
    from zeroshot.index.duplicates import Twins
    from zeroshot.index.index import LabelIndex
    from zeroshot.model.model import Model
    from zeroshot.types import Prompts

    Videos = NDArray[np.float32] | None

LabelList = Annotated[
    str,
    typer.Argument(metavar="LABELS", help="A file (one label a line), a,b,c, or a list such as kinetics400."),
]
Output = Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where the index is written.")]
Recall = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Share of the 5 nearest labels that a search must find; 1 is exact. "
        "Default: 0.99 from 250,000 labels on, exact below.",
    ),
]
Queries = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Videos of `zeroshot embed` to measure recall on. Default: made ones."),
]
_SHOWN = 3  # near duplicates named on a terminal
_LISTED = 1000  # and in JSON
_PATIENCE_SECONDS = 10.0  # after which a run that shows no bar says how long it will take


def index(
    labels: LabelList,
    output: Output,
    templates: options.Templates = None,
    model: options.ModelName = None,
    recall: Recall = None,
    queries: Queries = None,
    as_json: options.Json = False,
    device: options.Device = "auto",
    as_given: options.AsGiven = False,
) -> None:
    """\b
    Example:  zeroshot index kinetics400 --templates kinetics28 --output kinetics400.index

    Encodes a label list once, for `zeroshot classify --index`. The file says what made it. Interrupted, the
    same command goes on; over an index of the same labels and model it only sets --recall anew. Labels that
    the model can hardly tell apart are named.
    """
    from zeroshot.index.duplicates import duplicate_steps, near_duplicates
    from zeroshot.index.recall import check_recall
    from zeroshot.text.prompts import make_prompts

    if recall is not None:
        check_recall(recall)
    prompts = make_prompts(labels, templates, spaced=not as_given)
    network = model_from(ModelChoice(model, device))
    given = None if queries is None else _videos(queries, network)
    made = _index_of(network, prompts, output, recall, given)
    with progress(duplicate_steps(len(made)), "near duplicates") as advance:
        twins = near_duplicates(made.labels, made.embeddings, made.cells, advance)
    num_texts = sum(len(texts) for texts in prompts.texts)
    if as_json:
        row = {"output": output, "labels": len(made), "texts": num_texts, "model": network.name}
        put_json({**row, **_facts(made, twins)})
        return
    put_line(f"{len(made)} labels ({num_texts} texts) encoded by {network.name} → {output}")
    if made.recall is None:
        put_line("searched exactly: every label is compared")
    else:
        put_line(f"searched in cells: {made.about_search}")
        if made.recall.measured < made.recall.asked:
            say(f"recall@5 of {made.recall.asked} was asked for and not reached; ask for 1 to compare all")
    if twins:
        named = ", ".join(
            f"{pair.first!r} and {pair.second!r} ({pair.cosine:.3f})" for pair in twins[:_SHOWN]
        )
        say(f"{len(twins)} pairs of labels can hardly be told apart: {named}{', …' * (len(twins) > _SHOWN)}")


def _index_of(
    network: Model, prompts: Prompts, output: str, recall: float | None, given: Videos
) -> LabelIndex:
    """The index, written to its file: from one of the same labels that is there, or encoded."""
    from zeroshot.batch.label_rows import LabelRows
    from zeroshot.classifier import index_stamp
    from zeroshot.index.index import LabelIndex

    stamp = index_stamp(network, prompts)
    with LabelRows(output, stamp) as rows:
        there = None
        with suppress(IndexFileError):
            there = LabelIndex.load(output, fingerprint=stamp, exact=True, check=True)
            say(f"{output} holds these labels already; nothing is encoded again")
        if there is None:
            there = LabelIndex(prompts.labels, _encode(rows, network, prompts), fingerprint=stamp)
        made = _in_cells(there, output, recall, given)
        rows.remove()
    return made


def _in_cells(index: LabelIndex, output: str, recall: float | None, given: Videos) -> LabelIndex:
    """The index searched as asked for, and written."""
    from zeroshot.index.index import uses_cells
    from zeroshot.index.ivf import build_steps

    steps = build_steps(len(index)) if uses_cells(len(index), recall) else 1
    with progress(steps, "cells") as advance:
        made = index.with_cells(recall, given, advance)
    made.save(output)
    return made


def _encode(rows: LabelRows, network: Model, prompts: Prompts) -> NDArray[np.float32]:
    """Vectors of all labels, with a bar or, where nobody sees one, a word about how long it takes."""
    total, start = len(prompts.labels), rows.num_done(network.embedding_dim)
    if 0 < start < total:
        say(f"{start} of {total} labels are encoded already; going on")
    began, shown, said = time.monotonic(), 0, False
    with progress(total, "labels") as advance:

        def move(done: int) -> None:
            nonlocal shown, said
            advance(done - shown)
            shown = done
            spent = time.monotonic() - began
            if not said and spent > _PATIENCE_SECONDS:
                said = True
                left = spent / max(1, done - start) * (total - done)
                say(f"{done} of {total} labels are encoded; about {left / 60:.0f} minutes to go")

        return rows.fill(network, prompts, move)


def _videos(folder: str, network: Model) -> NDArray[np.float32]:
    """(n, D) vectors of videos that this model embedded."""
    from zeroshot.video_search import VideoIndex

    index = VideoIndex(folder)
    index.load_model(network)
    return index.vectors


def _facts(made: LabelIndex, twins: list[Twins]) -> dict[str, Any]:
    """What JSON says of how an index is searched, and of labels too much alike."""
    return {
        "search": "exact" if made.recall is None else "cells",
        "recall": None if made.recall is None else made.recall.as_dict(),
        "num_near_duplicates": len(twins),
        "near_duplicates": [vars(pair) for pair in twins[:_LISTED]],
    }
