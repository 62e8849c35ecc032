"""What the mirrored and the reversed videos of labels are called, and labels that only such videos have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zeroshot.errors import counted
from zeroshot.text.lists import words_key
from zeroshot.text.opposites import reversed_names
from zeroshot.text.prompts import spaced_name
from zeroshot.training.label_targets import mirrored_label, mirrored_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from zeroshot.training.config import TrainingConfig
    from zeroshot.waist.waist import Waist


@dataclass(frozen=True, eq=False)
class Opposites:
    """The labels that training knows, and where each goes.

    Attributes:
        labels: K trained ones: those with videos of their own, then the derived ones.
        derived: label that mirrored or reversed videos of others alone have → which those are.
        mirrored: (K,) row of each label's mirrored videos, −1 where there must be none; None without such.
        reversed: (K,) row of its reversed videos, −1 where it has no opposite; None without such clips.
        notes: what a user should know.
    """

    labels: tuple[str, ...]
    derived: dict[str, str]
    mirrored: Tensor | None
    reversed: Tensor | None
    notes: tuple[str, ...]


def opposite_labels(
    train: Waist, held_out: Waist | None, config: TrainingConfig, known: Collection[str] | None = None
) -> Opposites:
    """Where the labels of training videos go when those are mirrored or reversed, as the settings have it.

    Args:
        train: training videos; they say whether there are mirrored clips.
        held_out: labels that it alone has are not trained on.
        config: says whether clips are reversed.
        known: as for `opposites`.
    """
    there = set(train.labels)
    seen = sorted(there) if known is None else [one for one in known if one in there]
    apart = set() if held_out is None else set(held_out.labels) - set(seen)
    return opposites(
        seen, mirrored=train.settings.mirrored, reverse=config.draws.reverse, apart=apart, known=known
    )


def opposites(
    seen: Sequence[str],
    *,
    mirrored: bool,
    reverse: bool,
    apart: Collection[str] = (),
    known: Collection[str] | None = None,
) -> Opposites:
    """Where the labels go when their videos are mirrored or reversed.

    Args:
        seen: labels that have training videos, each once.
        mirrored: whether there are mirrored clips.
        reverse: whether clips are trained on backwards as well.
        apart: labels that are held out and must not be trained on.
        known: labels that have a text embedding, beyond which none is derived; None: any.
    """
    labels, derived = list(seen), {}
    refused, rows = {_key(label) for label in apart}, {_key(label): row for row, label in enumerate(labels)}

    def derive(label: str, how: str) -> None:
        key = _key(label)
        if key not in refused and key not in rows and (known is None or label in known):
            rows[key] = len(labels)
            labels.append(label)
            derived[label] = how

    for label in seen if mirrored else ():
        derive(mirrored_label(label), f"mirrored {label}")
    clashes = []
    for label in tuple(labels) if reverse else ():
        names, own = _candidates(label, rows)
        if not own and len(names) == 1:
            derive(names[0], f"reversed {label}")
        elif len(names) > 1 and len(own) != 1:
            clashes.append((label, names))
    sides = mirrored_rows(labels) if mirrored else None
    notes = [_clash_note(clashes)] if clashes else []
    if derived:
        first, how = next(iter(derived.items()))
        are = "is" if len(derived) == 1 else "are"
        notes.append(
            f"{counted(len(derived), 'label')} without videos {are} trained by mirrored or reversed ones "
            f"(first: {first!r} by {how!r})"
        )
    return Opposites(tuple(labels), derived, sides, _rows(labels, rows) if reverse else None, tuple(notes))


def _rows(labels: Sequence[str], rows: Mapping[str, int]) -> Tensor:
    """(K,) the row that each label has backwards; −1 where the table has none, or several, among them."""
    found = []
    for label in labels:
        _, own = _candidates(label, rows)
        found.append(rows[_key(own[0])] if len(own) == 1 else -1)
    return torch.tensor(found)


def _candidates(label: str, keys: Collection[str]) -> tuple[tuple[str, ...], list[str]]:
    """What a label may be called backwards, and which of that is among labels with these keys."""
    names = reversed_names(label)
    return names, [name for name in names if _key(name) in keys]


def _clash_note(clashes: list[tuple[str, tuple[str, ...]]]) -> str:
    """One line on labels whose opposite is one of several."""
    label, names = clashes[0]
    return (
        f"{counted(len(clashes), 'label')} not reversed, as what they are backwards may be called in several "
        f"ways (first: {label!r} is {' or '.join(map(repr, names))}); give one of them videos"
    )


def _key(label: str) -> str:
    """What two spellings of a label share."""
    return words_key(spaced_name(label))
