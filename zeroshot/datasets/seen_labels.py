"""Labels that a model was trained on: a figure on them is no figure on unseen classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zeroshot.datasets.same_names import Name, Names
from zeroshot.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_NAMED = 8  # namesakes that an error names before it says "and n more"


@dataclass(frozen=True)
class Namesake:
    """A label and the training label that it repeats.

    Attributes:
        label: that is evaluated.
        trained: that the checkpoint was trained on.
        similarity: 1 for the same name.
        derived: whether that one had no videos of its own, but mirrored or reversed ones of its opposite.
    """

    label: str
    trained: str
    similarity: float
    derived: bool = False


@dataclass(frozen=True)
class TrainedOn:
    """Labels that a model was trained on.

    Attributes:
        labels: with videos of their own.
        derived: with mirrored or reversed videos of their opposites alone.
    """

    labels: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()

    def namesakes(self, labels: Sequence[str]) -> tuple[Namesake, ...]:
        """Each of the labels that one of these repeats, see `namesakes`."""
        found = {pair.label: replace(pair, derived=True) for pair in namesakes(labels, self.derived)}
        found |= {pair.label: pair for pair in namesakes(labels, self.labels)}
        return tuple(found[label] for label in labels if label in found)


def namesakes(labels: Sequence[str], trained: Iterable[str]) -> list[Namesake]:
    """Each of the labels that a training label repeats, with the one most like it.

    Two names are one where the same words are left of them, in any order, without a bundled template,
    articles, endings (riding, rides, rode), words in brackets that the other has not, and verbs that say no
    more than their thing (playing golf); where neighbours are written together (sky diving), where one names
    the other beside an alternative ("canoeing or kayaking"), or where each word is like its partner, which
    finds slips of spelling. Where a thing is put to another ("from left to right") the order of words counts.

    >>> [pair.trained for pair in namesakes(["push ups", "biking"], ["doing push-ups", "riding a bike"])]
    ['doing push-ups', 'riding a bike']
    """
    known, found = Names(trained), []
    for label in labels:
        name = Name.of(label)
        if (same := known.same(name)) is not None:
            found.append(Namesake(label, same, 1.0))
            continue
        share, like = known.like(name)
        if share > 0:
            found.append(Namesake(label, like, round(share, 3)))
    return found


def possible(labels: Sequence[str], trained: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Each label of which a training label may be a kind, or the other way round, with those labels.

    All that one of them says the other says too: "diving" and "springboard diving". Nobody is refused for it.
    """
    known, found = Names(trained), []
    for label in labels:
        words = Name.of(label).words
        others = [
            other.text for other in known.names if words and other.words and _within(words, other.words)
        ]
        if others:
            found.append((label, tuple(others)))
    return found


def refuse_seen(repeated: Mapping[str, Sequence[Namesake]]) -> None:
    """Refuse labels that a model was trained on.

    Args:
        repeated: model → labels that it was trained on and that are not expected to be.

    Raises:
        LabelError: lists them.
    """
    for name, pairs in repeated.items():
        if not pairs:
            continue
        shown = ", ".join(_shown(pair) for pair in pairs[:_NAMED])
        more = f" and {len(pairs) - _NAMED} more" if len(pairs) > _NAMED else ""
        raise LabelError(
            f"{name} was trained on {len(pairs)} of these labels: {shown}{more}; take other labels, or "
            "--allow-seen, which marks the report"
        )


def _shown(pair: Namesake) -> str:
    """A label, and what it was trained as."""
    words = [] if pair.label == pair.trained else [f"as {pair.trained}"]
    words += ["by mirrored or reversed videos"] if pair.derived else []
    return f"{pair.label} ({', '.join(words)})" if words else pair.label


def _within(words: frozenset[str], others: frozenset[str]) -> bool:
    """Whether one says all that the other says."""
    return words <= others or others <= words
