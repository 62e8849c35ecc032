"""Opposites in time: what an action is called when its video runs backwards, from a table of pairs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from zeroshot.errors import LabelError
from zeroshot.resources import prompts_folder
from zeroshot.text.lists import read_text

if TYPE_CHECKING:
    from pathlib import Path

_GAP = "…"
_WORD = re.compile(r"[^\W_]+")
_VERB = "ing"
_FILLER = r"((?:[^\W_]+[ _]+){0,3}[^\W_]+)"  # one word to four, without a comma between
_SUBJECTS = ("is", "are", "person", "somebody", "someone", "people", "man", "woman", "child", "puppet")
_TELLS_MORE = re.compile(r"(?<![^\W_])(but|so|then|until|without|because|and then)(?![^\W_])", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """One way round of a line of the table.

    Attributes:
        before: words that a name has.
        after: what they are backwards.
        found: finds `before` in a name, whatever its capitals and whether spaces are underscores.
    """

    before: str
    after: str
    found: re.Pattern[str]


def reversed_names(label: str) -> tuple[str, ...]:
    """What a label may be called when its video runs backwards; empty where the table has nothing for it.

    A name that tells of both directions has no opposite, nor has one in which words at two places have one,
    or that tells how it goes on (but, so, until): what happens in a row has another order backwards, too.

    >>> reversed_names("Opening a door"), reversed_names("waving"), reversed_names("opening and closing it")
    (('Closing a door',), (), ())
    """
    verbs = {first for pair in _pairs() if (first := pair.before.split()[0]).endswith(_VERB)}
    if _TELLS_MORE.search(label) or sum(word in verbs for word in _WORD.findall(label.casefold())) > 1:
        return ()
    hits = [(pair, hit) for pair in _pairs() if (hit := pair.found.search(label)) is not None]
    longest = [
        (pair, hit)
        for pair, hit in hits
        if not any(_covers(other, hit) for _, other in hits if other is not hit)
    ]
    places = {hit.span() for _, hit in longest}
    if len(places) != 1:
        return ()
    return tuple(dict.fromkeys(_exchanged(label, pair, hit) for pair, hit in longest))


def read_pairs(path: Path) -> tuple[Pair, ...]:
    """The pairs of a table, each both ways round.

    Raises:
        LabelError: a line is none, or the sides of one have another number of gaps.
    """
    pairs = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        sides = [" ".join(side.split()) for side in line.split(" / ")]
        if len(sides) != 2 or sides[0].count(_GAP) != sides[1].count(_GAP) or sides[0] == sides[1]:
            raise LabelError(f"{path}, line {number} is {line!r}; expected 'raising / lowering'")
        pairs += [Pair(one, other, _pattern(one)) for one, other in (sides, sides[::-1])]
    return tuple(pairs)


@cache
def _pairs() -> tuple[Pair, ...]:
    """The bundled table."""
    return read_pairs(prompts_folder() / "opposites" / "reversed.txt")


def _pattern(words: str) -> re.Pattern[str]:
    """Finds words as whole ones; a verb only where a name begins, or behind who does it."""
    first, *_ = words.split()
    begins = "|".join(["^", *(rf"(?<=\b{who}[ _])" for who in _SUBJECTS)])
    before = f"(?:{begins})" if first.endswith(_VERB) else r"(?<![^\W_])"
    inside = r"[ _]+".join(_FILLER if word == _GAP else re.escape(word) for word in words.split())
    return re.compile(before + inside + r"(?![^\W_])", re.IGNORECASE)


def _covers(one: re.Match[str], other: re.Match[str]) -> bool:
    """Whether one match holds all of another and more."""
    within = one.start() <= other.start() and other.end() <= one.end()
    return within and one.span() != other.span()


def _exchanged(label: str, pair: Pair, hit: re.Match[str]) -> str:
    """The label with a pair's other side at the place that was found, spelled as the label is."""
    kept = iter(hit.groups())
    found = _WORD.findall(hit[0])
    titled = len(found) > 1 and all(word[0].isupper() for word in found)
    words = " ".join(
        next(kept) if word == _GAP else word.capitalize() if titled else word for word in pair.after.split()
    )
    words = words.replace(" ", "_") if "_" in label and " " not in label else words
    words = words[:1].upper() + words[1:] if hit[0][:1].isupper() else words
    return label[: hit.start()] + words + label[hit.end() :]
