"""`zeroshot index`."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroshot.cli import options
from zeroshot.cli.screen import progress, put_json, put_line, say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.cli.screen import Mover
    from zeroshot.index.duplicates import Twins
    from zeroshot.index.index import LabelIndex
    from zeroshot.index.ivf import Cells
    from zeroshot.model.model import Model

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
    stages: options.Stages = None,
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
    from zeroshot.checkpoint import DEFAULT_MODEL, NO_STREAM, load_model
    from zeroshot.classifier import Classifier, build_index
    from zeroshot.index.duplicates import duplicate_steps, near_duplicates
    from zeroshot.index.recall import check_recall
    from zeroshot.text.prompts import make_prompts

    if recall is not None:
        check_recall(recall)
    prompts = make_prompts(labels, templates, stages, spaced=not as_given)
    network = load_model(model or DEFAULT_MODEL, device=device, stream=NO_STREAM)
    for note in network.backbone.notes:
        say(note)
    given = None if queries is None else _videos(queries, network, staged=bool(prompts.stages))
    with _Bars(output) as bars:
        made = build_index(prompts, output=output, model=network, recall=recall, queries=given, watch=bars)
    if network.cut_note:
        say(network.cut_note)
    with progress(duplicate_steps(len(made)), "near duplicates") as advance:
        twins = near_duplicates(made.labels, *_compared(made), advance)
    for note in Classifier(network, made).notes:
        say(note)
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


class _Bars(ExitStack):
    """A bar for each part of the work or, where nobody sees one, a word about how long it takes."""

    def __init__(self, output: str) -> None:
        """Nothing has begun.

        Args:
            output: where the index will be, as the user wrote it.
        """
        super().__init__()
        self._output = output
        self._part = ""
        self._shown = 0
        self._first = 0
        self._began = 0.0
        self._is_said = False
        self._advance: Mover | None = None

    def __call__(self, part: str, done: int, of: int) -> None:
        """Move to where the work is, see `build_index`."""
        if part == "there":
            say(f"{self._output} holds these labels already; nothing is encoded again")
            return
        if part != self._part:
            self._begin(part, done, of)
        if self._advance is not None:
            self._advance(done - self._shown)
        self._shown = done
        spent = time.monotonic() - self._began
        if part == "labels" and not self._is_said and spent > _PATIENCE_SECONDS:
            self._is_said = True
            left = spent / max(1, done - self._first) * (of - done)
            say(f"{done} of {of} labels are encoded; about {left / 60:.0f} minutes to go")

    def _begin(self, part: str, done: int, of: int) -> None:
        """Another bar in place of the one before."""
        self.close()
        self._part, self._shown, self._first, self._began = part, 0, done, time.monotonic()
        if part == "labels" and 0 < done < of:
            say(f"{done} of {of} labels are encoded already; going on")
        self._advance = self.enter_context(progress(of, part))


def _compared(made: LabelIndex) -> tuple[NDArray[np.float32], Cells | None]:
    """What labels are compared with each other by: their rows and cells, or vectors and changes of stages."""
    from zeroshot.batch.label_rows import STAGES
    from zeroshot.index.stage_rows import unstaged_labels

    if STAGES not in made.fingerprint:
        return made.embeddings, made.cells
    return unstaged_labels(made.embeddings), None


def _videos(folder: str, network: Model, *, staged: bool) -> NDArray[np.float32]:
    """(n, D) vectors of videos that this model embedded; where labels have stages, drifts beside them."""
    from zeroshot.index.stage_rows import staged_videos
    from zeroshot.video_search import VideoIndex

    index = VideoIndex(folder)
    index.load_model(network)
    return staged_videos(index.vectors, index.drifts) if staged else index.vectors


def _facts(made: LabelIndex, twins: list[Twins]) -> dict[str, Any]:
    """What JSON says of how an index is searched, and of labels too much alike."""
    return {
        "search": "exact" if made.recall is None else "cells",
        "recall": None if made.recall is None else made.recall.as_dict(),
        "num_near_duplicates": len(twins),
        "near_duplicates": [vars(pair) for pair in twins[:_LISTED]],
    }
