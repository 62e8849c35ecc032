"""The index of a label list: what `zeroshot index` makes, in memory or in a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zeroshot.batch.label_rows import index_of_labels, require_index_place
from zeroshot.checkpoint import DEFAULT_MODEL, NO_STREAM, load_model, require_model
from zeroshot.checks import Checks
from zeroshot.index.recall import check_recall
from zeroshot.text.prompts import LabelSource, TemplateSource, make_prompts
from zeroshot.types import Prompts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.index.index import LabelIndex
    from zeroshot.model.model import Model


def build_index(
    labels: LabelSource | Prompts,
    *,
    output: str | Path | None = None,
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    templates: TemplateSource = None,
    spaced: bool = True,
    recall: float | None = None,
    queries: NDArray[np.float32] | None = None,
    watch: Callable[[str, int, int], None] | None = None,
) -> LabelIndex:
    """The K labels with their (K, D) embeddings, stamped with what made them: what `zeroshot index` does.

    With an output the index is written there. A call that was interrupted goes on where it ended; of an index
    of the same labels and model that is there already only the search is set anew.

    Args:
        labels: as for `load`, or Prompts, which have their templates, and stages, filled in already.
        output: the file that `load(model, index=…)` reads; None: in memory alone.
        model: as for `load`; for another device than the best there is, a Model.
        templates: as for `load`.
        spaced: as for `load`.
        recall: share of the 5 nearest labels that a search must find; None: see `LabelIndex.with_cells`.
        queries: (n, D) vectors of videos to measure recall on, such as `VideoIndex(folder).vectors`.
        watch: called with what is done ("labels" are encoded, "cells" made; "there": all were encoded
            before), how many of it are done, and of how many.

    Raises:
        ZeroshotError: one line that names what cannot be used, or written, and the remedy.
    """
    named = os.fspath(model) if isinstance(model, os.PathLike) else model
    first = Checks()
    if recall is not None:
        first.add("options", lambda: check_recall(recall))
    prompts = first.add(
        "words",
        lambda: labels if isinstance(labels, Prompts) else make_prompts(labels, templates, spaced=spaced),
    )
    if output is not None:
        first.add("output", lambda: require_index_place(output))
    if isinstance(named, str):
        first.add("model", lambda: require_model(named, stream=NO_STREAM))
    first.run()
    network = load_model(named, stream=NO_STREAM) if isinstance(named, str) else named
    return index_of_labels(prompts(), network, output=output, recall=recall, queries=queries, watch=watch)
