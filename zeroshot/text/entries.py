"""What a list says of one label: its words, sentences that stand for it, how it starts and how it ends.

A JSON object, or a Python mapping, has one of these forms for each label:

    {"archery": null}                                                  the label alone
    {"archery": "a person draws a bow"}                                a description
    {"archery": ["a person draws a bow", "an arrow flies at a target"]}
    {"raising an arm": {"start": "arms hanging", "end": ["an arm up", "a hand above the head"]}}
    {"raising an arm": {"start": "…", "end": "…", "descriptions": ["a person raises an arm"]}}

Descriptions stand for the label in place of the templates. The texts of `start` and `end`, its stages, are
filled into the templates as labels are; a "{}" in either stands for the label.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from zeroshot.errors import LabelError

_INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}  # Unicode's controls, joiners and spaces
# Letters without a shape of their own: fillers, selectors of a variant, a blank of Braille.
_SHAPELESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_FORMS = ("start", "end", "descriptions")


@dataclass(frozen=True)
class Entry:
    """One line, item or key of a list.

    Attributes:
        text: the words, without white space around them.
        where: the place, for errors: "labels.txt, line 3".
        descriptions: sentences that stand for a label; empty where templates are to be filled.
        start: what is seen where it starts; empty where nobody says.
        end: what is seen where it ends; empty where nobody says.
    """

    text: str
    where: str
    descriptions: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    end: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what nobody can see or no tokenizer can read."""
        for text in (self.text, *self.descriptions, *self.start, *self.end):
            if text.isprintable() and visible(text).strip():
                continue
            kinds = {letter: unicodedata.category(letter) for letter in text}
            if _INVISIBLE.issuperset(kinds.values()) or not visible(text).strip():
                what = "is blank" if text is self.text else f"({self.text!r}) has a blank description"
                raise LabelError(f"{self.where} {what}; write something there or remove it")
            for letter, kind in kinds.items():
                if kind in {"Cc", "Cs"} and letter != "\t":
                    raise LabelError(f"{self.where} contains {letter!r}; expected plain text on one line")


def visible(text: str) -> str:
    """The text as it looks: in one normal form (NFKC), without letters that nobody sees.

    >>> visible(f"waving{chr(0x200B)}{chr(0xA0)}fast")
    'waving fast'
    """
    if text.isascii():
        return text
    # Tags, of the same category as joiners, tell the flags of countries apart.
    shown = (
        letter
        for letter in unicodedata.normalize("NFKC", text)
        if unicodedata.category(letter) != "Cf" or "\U000e0020" <= letter <= "\U000e007f"
    )
    return _SHAPELESS.sub("", "".join(shown))


def words_key(text: str) -> str:
    """What two texts share that a text encoder cannot tell apart."""
    return " ".join(visible(text).split()).casefold()


def described_entry(label: object, value: object, where: str) -> Entry:
    """The entry of a label and what is told of it.

    Args:
        label: its name.
        value: in one of the forms that the module's first lines show.
        where: the place, for errors.

    Raises:
        LabelError: it has none of those forms, has a start without an end, or ends as it starts.
    """
    if not isinstance(label, str):
        raise LabelError(f"{where} is {label!r}; expected a string")
    label = label.strip()
    if not isinstance(value, Mapping):
        return Entry(label, where, _sentences(label, value, where))
    if unknown := [key for key in value if key not in _FORMS]:
        raise LabelError(f"{where} ({label!r}) has {unknown[0]!r}; expected {', '.join(_FORMS)}")
    start, end, sentences = (_sentences(label, value.get(name), where) for name in _FORMS)
    if bool(start) != bool(end):
        said, left = ("starts", "ends") if start else ("ends", "starts")
        raise LabelError(f"{where} ({label!r}) says how it {said}, not how it {left}; give both or none")
    same = {words_key(text): text for text in start}
    if both := [text for text in end if words_key(text) in same]:
        raise LabelError(f"{where} ({label!r}) ends as it starts ({both[0]!r}); tell two moments apart")
    return Entry(label, where, sentences, start, end)


def _sentences(label: str, value: object, where: str) -> tuple[str, ...]:
    """One sentence or several; none at all are allowed too."""
    sentences = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(sentences, list | tuple) or not all(isinstance(item, str) for item in sentences):
        raise LabelError(f"{where} ({label!r}) is described by {value!r}; expected a list of sentences")
    if any(item.count("{}") > 1 for item in sentences):
        raise LabelError(f"{where} ({label!r}) has a description with two {{}}; expected one at most")
    return tuple(item.strip() for item in sentences)
