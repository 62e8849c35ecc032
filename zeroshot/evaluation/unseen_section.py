"""What a report says of labels that models may have seen: figures with and without them, pairs to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.errors import counted
from zeroshot.evaluation.overlap import NEAR
from zeroshot.reports.document import List, Note, Table, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zeroshot.evaluation.overlap import Neighbours, Overlap
    from zeroshot.evaluation.report import ModelFigures, Report
    from zeroshot.reports.document import Part

_NAMED = 12  # pairs that a page names before it says how many more


def unseen(report: Report) -> list[Part]:
    """What to know of labels that models may have seen: figures by a list, and pairs to look at."""
    overlap, models = report.overlap, report.models
    lines = [] if overlap is None else [*_common(overlap)]
    if overlap is None:
        lines += [
            f"{model.name}: {line}" for model in models if model.overlap for line in _kinds(model.overlap)
        ]
    lines += [
        _near(model.name, model.neighbours) for model in models if model.neighbours and model.neighbours.found
    ]
    if overlap is None:
        return [List(lines)] if lines else []
    how = "The others are ranked among all labels, and then among themselves. Possible ones count as others."
    return [_with_and_without(overlap, models), Note(how, "quiet"), List(lines)]


def _with_and_without(overlap: Overlap, models: Sequence[ModelFigures]) -> Table:
    """A row a model and round: top-1 of all labels, of the shared ones, and of the others in two ways."""
    rows = [
        (model.name, part.name or "all", *("" if one is None else percent(one) for one in estimates))
        for model in models
        for part in model.parts
        for estimates in [(part.every, part.shared, part.others, part.alone)]
    ]
    shared = f"the {len(overlap.same)} that {overlap.name} has"
    return Table(("model", "round", "all labels", shared, "the others", "the others, alone"), rows)


def _common(overlap: Overlap) -> Iterator[str]:
    """Which labels a list has too, and which it may have."""
    pairs = [_pair(pair.label, pair.trained) for pair in overlap.same]
    yield f"in {overlap.name} ({counted(len(overlap.listed), 'label')}): {_named(pairs)}"
    yield from _kinds(overlap)


def _kinds(overlap: Overlap) -> Iterator[str]:
    """Labels of which a list may have a kind."""
    kinds = [
        f"{label} ({', '.join(others[:3])}{', …' if len(others) > 3 else ''})"
        for label, others in overlap.possible
    ]
    if kinds:
        yield f"possible, one being a kind of the other by the words of {overlap.name}: {_named(kinds)}"


def _near(model: str, found: Neighbours) -> str:
    """A model's text neighbours, and from which cosine on."""
    near = [f"{_pair(one.label, one.listed)}: {one.cosine:.2f}" for one in found.found]
    share = f"{NEAR:.0%} of the labels have no such neighbour in their own list"
    return f"possible, by the texts of {model} (cosine from {found.least:.3f} on; {share}): {_named(near)}"


def _pair(label: str, listed: str) -> str:
    return label if label == listed else f"{label} (as {listed})"


def _named(names: Sequence[str]) -> str:
    """The first of some names, and how many more."""
    more = f" and {len(names) - _NAMED} more, in report.json" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED]) or 'none'}{more}"
