"""When two names are one action: what is left of a name without order, endings and words that say little."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

from zeroshot.text.lists import bundled_templates
from zeroshot.text.prompts import read_templates, spaced_name
from zeroshot.text.stems import stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Key = tuple[str, ...]

LIKE = 0.88
"""Share of letters that two words of a near-duplicate have in common at least.

Archaelogical and archaeological are one word, paintball and pinball are two.
"""

# Left out wherever they stand: articles, who it is (always a person), and what joins a thing to its verb.
_EMPTY = frozenset(
    stem(word)
    for word in [
        "a",
        "an",
        "the",
        "doing",
        "performing",
        "practicing",
        "with",
        "of",
        "on",
        "person",
        "someone",
        "human",
        "is",
    ]
)
# Verbs that say no more than the thing does: riding a bike is biking, playing golf is golf.
_LIGHT = frozenset(stem(word) for word in ["playing", "riding", "getting", "having", "using", "going", "out"])
# Where one thing is put to another, or one moment after another, the order of words tells which is which.
_THING = "something"
_ORDERED = frozenset([_THING, "from", "to", "into", "onto", "then", "before", "after", "while"])
_ARTICLES = frozenset({"a", "an", "the"})
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*\s*[^\W\d_]*|[^\W\d_]+")  # a number belongs to what it counts
_IN_BRACKETS = re.compile(r"\([^()]*\)")
_JOINED = 2  # pairs of neighbours that are written together at once
_MANY_WORDS = 8  # a sentence: few of its neighbours are one word
_SWAPPED = 6  # letters of a compound whose halves may stand the other way round: jet ski, ski jet


@dataclass(frozen=True)
class Name:
    """A label as it is compared.

    Attributes:
        text: as it was given.
        keys: two names with a common key are one.
        loose: keys without what stands in brackets, which names without brackets alone may share.
        words: the stems of its words that say something, however they are ordered.
        whole: those words in their order, for slips of spelling.
    """

    text: str
    keys: frozenset[Key]
    loose: frozenset[Key]
    words: frozenset[str]
    whole: tuple[str, ...]

    @classmethod
    @lru_cache(maxsize=4096)  # a list is compared with several models' labels
    def of(cls, text: str) -> Name:
        """The name as it is compared.

        >>> bool(Name.of("a video of a person walking with dog").keys & Name.of("WalkingTheDog").keys)
        True
        >>> bool(Name.of("moving from left to right").keys & Name.of("moving from right to left").keys)
        False
        """
        said = spaced_name(_without_template(text)).casefold().replace("'", "").replace("’", "")
        bare = _IN_BRACKETS.sub(" ", said)
        whole = tuple(word for word in map(stem, _tokens(said)) if word not in _EMPTY)
        if bare == said:
            keys, loose = frozenset(_keys(said)), frozenset[Key]()
        else:
            keys, loose = frozenset(("()", *key) for key in _keys(said)), frozenset(_keys(bare))
        return cls(text, keys, loose, frozenset(whole) - _LIGHT, whole)


class Names:
    """Names among which one is looked for that is the same as another."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(Name.of(name) for name in sorted(set(names)))
        self._by_key: dict[Key, str] = {}
        self._by_loose: dict[Key, str] = {}
        self._by_letters: dict[Key, list[Name]] = {}
        for name in self.names:
            for found, keys in ((self._by_key, name.keys), (self._by_loose, name.loose)):
                for key in keys:
                    found.setdefault(key, name.text)
            self._by_letters.setdefault(_letters(name), []).append(name)

    def same(self, name: Name) -> str | None:
        """The name that is one with this one; itself where it stands here as it is, None where none is."""
        places = ((name.keys, self._by_key), (name.keys, self._by_loose), (name.loose, self._by_key))
        found = {known[key] for keys, known in places for key in keys if key in known}
        return name.text if name.text in found else min(found, default=None)

    def like(self, name: Name) -> tuple[float, str]:
        """How like the name most like this one is, and which: a slip of spelling; 0 where none is."""
        others = self._by_letters.get(_letters(name), ())
        return max(((_likeness(name, other), other.text) for other in others), default=(0.0, ""))


def _letters(name: Name) -> Key:
    """The first letter of each word, in which nobody slips."""
    return tuple(word[0] for word in name.whole)


def _keys(said: str) -> Iterator[Key]:
    """What names of one action have in common; `said` is in lower case and without its template."""
    for tokens in _alternatives(_tokens(said)):
        ordered = _ORDERED & set(tokens)
        if ordered:
            yield ("ordered", *(stem(word) for word in tokens if word not in _ARTICLES))
        words = [word for word in tokens if stem(word) not in _EMPTY and word != _THING]
        heavy = sorted(each for each in map(stem, words) if each not in _LIGHT)
        if heavy and (not ordered or (ordered == {_THING} and tokens.count(_THING) == 1)):
            yield ("light", *heavy)
        if ordered:
            continue
        yield from (("bag", *sorted(map(stem, joined))) for joined in _joined(words))
        one = stem("".join(words))
        if len(words) <= 2 and len(one) >= _SWAPPED:
            yield ("turned", min(one[at:] + one[:at] for at in range(len(one))))


def _tokens(said: str) -> list[str]:
    """Words; a number stands with the word after it."""
    return ["".join(token.split()) for token in _TOKEN.findall(said.replace("/", " or "))]


def _alternatives(tokens: list[str]) -> Iterator[list[str]]:
    """Catching or throwing a frisbee: catching a frisbee, throwing a frisbee."""
    if "or" not in tokens[1:-1]:
        yield tokens
        return
    at = tokens.index("or", 1)
    yield from _alternatives(tokens[:at] + tokens[at + 2 :])
    yield from _alternatives(tokens[: at - 1] + tokens[at + 1 :])


def _joined(words: list[str]) -> Iterator[list[str]]:
    """The words, and with some neighbours written together: sky diving is skydiving."""
    yield words
    for count in range(1, (_JOINED if len(words) < _MANY_WORDS else 1) + 1):
        for chosen in combinations(range(1, len(words)), count):
            # A space before each word that is not written together with the one before it.
            yield "".join(word if at in chosen else f" {word}" for at, word in enumerate(words)).split()


@lru_cache(maxsize=1)
def _templates() -> tuple[tuple[str, str], ...]:
    """What stands before and behind the label in each bundled template, the most words first."""
    parts = {
        tuple(template.casefold().rstrip(".").split("{}"))
        for name in bundled_templates()
        for template in read_templates(name)
    }
    pairs = sorted(
        ((first, last) for first, last in parts if first or last), key=lambda pair: -len("".join(pair))
    )
    return tuple(pairs)


def _without_template(text: str) -> str:
    """The label in a filled template of those that are bundled; else the text."""
    short = text.strip().rstrip(".")
    folded = short.casefold()
    for first, last in _templates():
        if folded.startswith(first) and folded.endswith(last) and len(folded) > len(first) + len(last):
            return short[len(first) : len(short) - len(last)]
    return text


def _likeness(name: Name, other: Name) -> float:
    """Mean share of common letters over pairs of words; 0 unless each pair has enough of them.

    Finds slips of spelling; short words that differ in a letter are other words, and so are other numbers.
    """
    if _ORDERED & name.words:
        return 0.0
    shares = []
    for word, partner in zip(name.whole, other.whole, strict=True):
        if word == partner:
            shares.append(1.0)
            continue
        if min(len(word), len(partner)) < 5 or not (word + partner).isalpha():
            return 0.0
        share = SequenceMatcher(None, word, partner, autojunk=False).ratio()
        if share < LIKE:
            return 0.0
        shares.append(share)
    return sum(shares) / len(shares) if shares else 0.0
