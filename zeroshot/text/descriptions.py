"""What a list tells of a label: sentences that stand for it, how it starts and how it ends.

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

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from zeroshot.errors import LabelError

_FORMS = ("descriptions", "start", "end")


class Told(NamedTuple):
    """Sentences, each none, one or several.

    Attributes:
        descriptions: that stand for the label.
        start: of what is seen where it starts.
        end: of what is seen where it ends.
    """

    descriptions: tuple[str, ...]
    start: tuple[str, ...] = ()
    end: tuple[str, ...] = ()


def told_of(label: str, value: object, where: str) -> Told:
    """What is told of a label.

    Args:
        label: its name.
        value: in one of the forms that the module's first lines show.
        where: the place, for errors.

    Raises:
        LabelError: it has none of those forms, or a start without an end.
    """
    if not isinstance(value, Mapping):
        return Told(_sentences(label, value, where))
    if unknown := [key for key in value if key not in _FORMS]:
        raise LabelError(f"{where} ({label!r}) has {unknown[0]!r}; expected start, end, descriptions")
    told = Told(*(_sentences(label, value.get(name), where) for name in _FORMS))
    if bool(told.start) != bool(told.end):
        said, left = ("starts", "ends") if told.start else ("ends", "starts")
        raise LabelError(f"{where} ({label!r}) says how it {said}, not how it {left}; give both or none")
    return told


def as_dict(value: object, where: str) -> object:
    """An object inside an object, of which pairs were read, as a dict; anything else as it is.

    Args:
        value: what JSON holds; a tuple of pairs is an object.
        where: the place, for errors.

    Raises:
        LabelError: a name stands twice in it.
    """
    if not isinstance(value, tuple):
        return value
    found = dict(value)
    if len(found) < len(value):
        twice = Counter(key for key, _ in value).most_common(1)[0][0]
        raise LabelError(f"{where} has {twice!r} twice in one object; remove one")
    return found


def _sentences(label: str, value: object, where: str) -> tuple[str, ...]:
    """One sentence or several; none at all are allowed too."""
    sentences = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(sentences, list | tuple) or not all(isinstance(item, str) for item in sentences):
        raise LabelError(f"{where} ({label!r}) is described by {value!r}; expected a list of sentences")
    if any(item.count("{}") > 1 for item in sentences):
        raise LabelError(f"{where} ({label!r}) has a description with two {{}}; expected one at most")
    return tuple(item.strip() for item in sentences)
