"""Labels that a model was trained on: a figure on them is no figure on unseen classes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from zeroshot.errors import LabelError
from zeroshot.text.prompts import spaced_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LIKE = 0.88
"""Share of letters that two words of a near-duplicate have in common at least.

Archaelogical and archaeological are one word, paintball and pinball are two.
"""

_NAMED = 8  # namesakes that an error names before it says "and n more"
_EMPTY = frozenset({"a", "an", "the", "doing"})


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

    Two names are one where their words agree after endings (riding, rides, ride), articles, case, hyphens and
    spaces are left out, or where each word is like its partner, which finds slips of spelling. The order of
    words counts: from left to right is not from right to left.

    >>> [pair.trained for pair in namesakes(["push ups", "biking"], ["doing push-ups", "riding a bike"])]
    ['doing push-ups']
    """
    stems = [(name, _stems(name)) for name in sorted(set(trained))]
    exact: dict[str, str] = {}
    for name, words in stems:
        exact.setdefault("".join(words), name)
    found = []
    for label in labels:
        words = _stems(label)
        if (same := exact.get("".join(words))) is not None:
            found.append(Namesake(label, same, 1.0))
            continue
        best = max(((_likeness(words, other), name) for name, other in stems), default=(0.0, ""))
        if best[0] > 0:
            found.append(Namesake(label, best[1], round(best[0], 3)))
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


def _likeness(words: list[str], others: list[str]) -> float:
    """Mean share of common letters over pairs of words; 0 unless each pair has enough of them."""
    if len(words) != len(others):
        return 0.0
    shares = []
    for word, other in zip(words, others, strict=True):
        if word == other:
            shares.append(1.0)
            continue
        if min(len(word), len(other)) < 5:  # short words that differ in a letter are other words
            return 0.0
        share = SequenceMatcher(None, word, other, autojunk=False).ratio()
        if share < LIKE:
            return 0.0
        shares.append(share)
    return sum(shares) / len(shares) if shares else 0.0


def _stems(name: str) -> list[str]:
    """Words of a name without articles and endings."""
    words = re.findall(r"[^\W_]+", spaced_name(name).casefold().replace("'", ""))
    return [_stem(word) for word in words if word not in _EMPTY]


def _stem(word: str) -> str:
    """A word without -ing, -ed, -s, -es or -e, and without the letter that was doubled before it."""
    for ending in ("ing", "ed", "es", "s", "e"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3 and re.search(r"[aeiouy]", rest):
            doubled = len(rest) > 3 and rest[-1] == rest[-2] and ending in {"ing", "ed"}
            return (rest[:-1] if doubled else rest).removesuffix("e")
    return word
