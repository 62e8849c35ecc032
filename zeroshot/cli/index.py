"""`zeroshot index`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroshot.checks import Checks, refuse_taught
from zeroshot.cli import completion, options
from zeroshot.cli.screen import (
    Bars,
    keeping,
    kept_in,
    progress,
    put_json,
    put_line,
    say,
    say_puppets,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.index.duplicates import Twins
    from zeroshot.index.index import LabelIndex
    from zeroshot.index.ivf import Cells
    from zeroshot.model.model import Model
    from zeroshot.video_search import VideoIndex

LabelList = Annotated[
    str,
    typer.Argument(
        metavar="LABELS",
        help="A file (one label a line), a,b,c, or a list such as kinetics400.",
        autocompletion=completion.label_lists,
    ),
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
    Example:  zeroshot index puppet_actions --templates person --output actions.index --model puppet-tiny

    Encodes a label list once, for `zeroshot classify --index`. The file says what made it. Interrupted, the
    same command goes on; over an index of the same labels and model it only sets --recall anew. Labels that
    the model can hardly tell apart are named.
    """
    from zeroshot.batch.label_rows import index_of_labels, require_index_place
    from zeroshot.checkpoint import DEFAULT_MODEL, require_model
    from zeroshot.index.duplicates import duplicate_steps, near_duplicates
    from zeroshot.index.recall import check_recall
    from zeroshot.text.prompts import make_prompts

    name, first = DEFAULT_MODEL if model is None else model, Checks()
    if recall is not None:
        first.add("options", lambda: check_recall(recall))
    first.add("words", lambda: refuse_taught(labels, "index"))
    wanted = first.add("words", lambda: make_prompts(labels, templates, stages, spaced=not as_given))
    embedded = first.add("files", lambda: _videos(queries))
    first.add("output", lambda: require_index_place(output))
    first.add("model", lambda: require_model(name, device=device))
    first.run()
    prompts, videos = wanted(), embedded()
    network = _loaded(name, device, prompts.labels)
    given = None if videos is None else _vectors(videos, network, staged=bool(prompts.stages))
    with keeping(kept_in(f"{output}.partial")), _Bars(output) as bars:
        made = index_of_labels(prompts, network, output=output, recall=recall, queries=given, watch=bars)
    for note in (network.cut_note, *(_about_stages(network, made) if prompts.stages else ())):
        if note:
            say(note)
    with progress(duplicate_steps(len(made)), "near duplicates") as advance:
        twins = near_duplicates(made.labels, *_compared(made), advance)
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
        say(_told(twins))


def _about_stages(network: Model, made: LabelIndex) -> tuple[str, ...]:
    """What there is to say of labels with stages, a line each."""
    from zeroshot.classifier import Classifier  # and torch with it

    return Classifier(network, made).notes


def _loaded(name: str, device: str, labels: Sequence[str]) -> Model:
    """The model, with what is to be known of it said."""
    from zeroshot.checkpoint import NO_STREAM, load_model

    with waiting(f"loading {name}"):
        network = load_model(name, device=device, stream=NO_STREAM, encodes=("texts",))
    for note in network.backbone.notes:
        say(note)
    say_puppets(network.name, labels)
    return network


def _told(twins: list[Twins]) -> str:
    """How many labels can hardly be told apart, and the first of them."""
    named = ", ".join(f"{pair.first!r} and {pair.second!r} ({pair.cosine:.3f})" for pair in twins[:_SHOWN])
    more = ", …" * (len(twins) > _SHOWN)
    return f"{len(twins)} pairs of labels can hardly be told apart: {named}{more}"


class _Bars(Bars):
    """A bar for each part of the work."""

    def __init__(self, output: str) -> None:
        """Nothing has begun.

        Args:
            output: where the index will be, as the user wrote it.
        """
        super().__init__("labels")
        self._output = output
        self._part = ""
        self._shown = 0

    def __call__(self, part: str, done: int, of: int) -> None:
        """Move to where the work is, see `index_of_labels`."""
        if part == "there":
            say(f"{self._output} holds these labels already; nothing is encoded again")
            return
        if part != self._part:
            self._part, self._shown = part, done
            if part == "labels" and 0 < done < of:
                say(f"{done} of {of} labels are encoded already; going on")
            self.open(part, of - done)
        self.move(done - self._shown)
        self._shown = done


def _videos(queries: str | None) -> VideoIndex | None:
    """The videos to measure recall on, where some are named."""
    if queries is None:
        return None
    from zeroshot.video_search import VideoIndex

    return VideoIndex(queries)


def _compared(made: LabelIndex) -> tuple[NDArray[np.float32], Cells | None]:
    """What labels are compared with each other by: their rows and cells, or vectors and changes of stages."""
    from zeroshot.index.stage_rows import unstaged_labels
    from zeroshot.text.stages import STAGES

    if STAGES not in made.fingerprint:
        return made.embeddings, made.cells
    return unstaged_labels(made.embeddings), None


def _vectors(videos: VideoIndex, network: Model, *, staged: bool) -> NDArray[np.float32]:
    """(n, D) vectors of videos, if this model embedded them; where labels have stages, drifts beside them."""
    from zeroshot.index.stage_rows import staged_videos

    videos.load_model(network)
    return staged_videos(videos.vectors, videos.drifts) if staged else videos.vectors


def _facts(made: LabelIndex, twins: list[Twins]) -> dict[str, Any]:
    """What JSON says of how an index is searched, and of labels too much alike."""
    return {
        "search": "exact" if made.recall is None else "cells",
        "recall": None if made.recall is None else made.recall.as_dict(),
        "num_near_duplicates": len(twins),
        "near_duplicates": [vars(pair) for pair in twins[:_LISTED]],
    }
