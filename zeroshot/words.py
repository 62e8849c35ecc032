"""What is ranked, looked at before any weights: the sentences of a label list, or a saved index of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.errors import IndexFileError, OptionError, told_apart
from zeroshot.index.file import REMEDY
from zeroshot.index.index import LabelIndex
from zeroshot.text.prompts import make_prompts, read_templates

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from zeroshot.checks import Checks
    from zeroshot.model.model import Model
    from zeroshot.text.prompts import LabelSource, TemplateSource
    from zeroshot.types import Prompts


def labels_to_rank(
    first: Checks,
    labels: LabelSource | None,
    templates: TemplateSource = None,
    index: str | Path | None = None,
    *,
    spaced: bool = True,
) -> Callable[[], Prompts | LabelIndex]:
    """What a classifier ranks, looked at before any weights: sentences of labels, or a saved index of some.

    Args:
        first: is told what to look at; the result is there once it has run.
        labels: as for `load`; exactly one of these and the index.
        templates: as for `load`.
        index: as for `load`.
        spaced: as for `load`.

    Raises:
        ZeroshotError: when it runs, one line that names what cannot be used.
    """

    def require_one() -> None:
        if (labels is None) == (index is None):
            raise OptionError(
                "give either labels or index; for vectors without labels use zeroshot.load_model"
            )

    first.add("options", require_one)
    if labels is not None:
        return first.add("words", lambda: make_prompts(labels, templates, spaced=spaced))
    first.add("words", lambda: read_templates(templates))
    return first.add("files", lambda: LabelIndex.load(str(index)))


def require_made_by(index: LabelIndex, model: Model, path: str) -> None:
    """Refuse an index that another model made.

    Args:
        index: as saved.
        model: that is asked.
        path: of the index, for the error.

    Raises:
        IndexFileError: one did.
    """
    made = index.fingerprint
    if made.get("model") != model.fingerprint:
        before = (made.get("model_name", "a model without a name"), made.get("model", ""))
        theirs, asked = told_apart(before, (model.name, model.fingerprint))
        raise IndexFileError(
            f"the index {path} was made by {theirs}, not by {asked}, which is asked; "
            f"name its model, or {REMEDY}"
        )
