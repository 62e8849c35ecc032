"""Words in: label lists and templates to Prompts, the sentences that stand for each label."""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from zeroshot.errors import LabelError
from zeroshot.text.lists import Entry, label_entries, template_entries
from zeroshot.types import Prompts

LabelSource = str | os.PathLike[str] | Sequence[str] | Mapping[str, str | Sequence[str] | None]
TemplateSource = str | os.PathLike[str] | Sequence[str] | None

_BESIDE_LETTERS = "-'’"
_EDGES = re.compile(r"^[\s_]+|[\s_]+$")


def read_labels(source: LabelSource, *, spaced: bool = True) -> tuple[str, ...]:
    """K labels as a person says them; the place in the tuple is the class index.

    Args:
        source: a path, a text, a sequence of strings, or a mapping whose keys are the labels. A text that
            ends in .txt, .csv or .json, or has a separator but no comma, names a file; a bundled list's name
            ("kinetics400"; case and hyphens do not matter) stands for that list, the name of an existing file
            for that file; anything else is a comma list ("archery,bowling").
            Text files hold one label a line, in UTF-8; lines that begin with # are comments. CSV files have a
            column `label` or `name`. JSON files hold a list, or an object {label: [descriptions]}.
        spaced: turn names that a machine spelled (ApplyEyeMakeup, brush_hair) into words. On by default
            because text encoders break such names into fragments.

    Raises:
        LabelError: the source cannot be found or read, is empty, has a blank line between labels, or has a
            label twice: after spacing and without case, which most text encoders do not see.

    >>> read_labels("ApplyEyeMakeup, yo_yo")
    ('apply eye makeup', 'yo yo')
    """
    return tuple(label for label, _ in _labeled(source, spaced))


def read_templates(source: TemplateSource) -> tuple[str, ...]:
    """P templates, each with one "{}" for the label.

    Args:
        source: None for the bare label; a single template ("a video of {}."); the name of a bundled set
            ("kinetics28"); a text file, one template a line, # comments; or a sequence of templates.

    Raises:
        LabelError: the source cannot be found or read, is empty, has a template twice, or has one without
            exactly one "{}".

    >>> read_templates("a video of {}.")
    ('a video of {}.',)
    """
    if source is None:
        return ("{}",)
    entries = template_entries(source)
    for entry in entries:
        count = entry.text.count("{}")
        if count != 1:
            raise LabelError(f"{entry.where} has {count} {{}} in {entry.text!r}; expected one, for the label")
    _refuse_repeats((entry.text, entry) for entry in entries)
    return tuple(entry.text for entry in entries)


def templates_in_words(source: TemplateSource) -> str | list[str]:
    """What a report says of templates: a name or a sentence as it was given, "none", or all of a sequence.

    Raises:
        LabelError: as for `read_templates`, of a sequence.
    """
    if source is None:
        return "none"
    return source if isinstance(source, str) else list(read_templates(source))


def make_prompts(labels: LabelSource, templates: TemplateSource = None, *, spaced: bool = True) -> Prompts:
    """Prompts: K labels and the sentences that stand for each.

    A label with descriptions of its own (a mapping, or a JSON file) is stood for by them as they are written,
    a "{}" in them replaced by the label; templates are filled for the labels that have none.

    Args:
        labels: as for `read_labels`.
        templates: as for `read_templates`; None for the bare label.
        spaced: as for `read_labels`.

    Raises:
        LabelError: as for `read_labels` and `read_templates`.

    >>> make_prompts("archery,bowling", "a video of {}.").texts
    (('a video of archery.',), ('a video of bowling.',))
    """
    filled = read_templates(templates)
    pairs = _labeled(labels, spaced)
    texts = [
        tuple(text.replace("{}", label) for text in entry.descriptions or filled) for label, entry in pairs
    ]
    return Prompts(labels=tuple(label for label, _ in pairs), texts=tuple(texts))


def prompts_digest(prompts: Prompts) -> str:
    """Sixteen hexadecimal digits that change with any label, any sentence and their order.

    They are the same on every machine, and stand beside text embeddings to tell those of other prompts apart.
    """
    words = json.dumps([prompts.labels, prompts.texts], separators=(",", ":"))
    return hashlib.sha256(words.encode("ascii")).hexdigest()[:16]


def spaced_name(name: str) -> str:
    """The name in words: underscores become spaces, and CamelCase is split and put in lower case.

    A name with white space was written by a person: only its underscores and runs of spaces are touched.
    Words without a hump stay as they are (NASA, BMX, 3D, iPhone, Archery), and so do acronyms between humps.
    A proper name with a hump (YouTube) cannot be told from CamelCase, and is split where it stands alone.

    >>> [spaced_name(name) for name in ("ApplyEyeMakeup", "brush_hair", "YoYo", "WatchingTVShows", "BMX")]
    ['apply eye makeup', 'brush hair', 'yo yo', 'watching TV shows', 'BMX']
    """
    words = name.replace("_", " ").split()
    if not words:
        return name
    if len(_EDGES.sub("", name).split()) == 1:
        words = [part for word in words for part in _humps(word)]
    return " ".join(words)


def _humps(word: str) -> list[str]:
    """The words that a CamelCase word consists of; the word itself where it has no humps."""
    if not all(letter.isalnum() or letter in _BESIDE_LETTERS for letter in word):
        return [word]
    cuts = [i for i in range(1, len(word)) if _starts_hump(word, i)]
    if not cuts:
        return [word]
    parts = [word[start:end] for start, end in zip([0, *cuts], [*cuts, len(word)], strict=True)]
    return [part if _keeps_capitals(part) else part.lower() for part in parts]


def _starts_hump(word: str, i: int) -> bool:
    """Whether a new word begins at letter i > 0."""
    before, here, after = word[i - 1], word[i], word[i + 1 : i + 2]
    if not here.isupper() or (i == 1 and before.islower()):  # the second: iPhone, eBay
        return False
    if before.islower():
        return True
    if not after.islower() or word[i + 1 :] == "s":  # the second: DVDs
        return False
    return before.isupper() or (before.isdigit() and not word[:i].isdigit())  # MP3Player, but 3Dprinting


def _keeps_capitals(part: str) -> bool:
    """Whether a part of a CamelCase word keeps its capitals: TV, DVDs and iPhone do, the article A not."""
    acronym = part.isupper() or (len(part) > 2 and part.removesuffix("s").isupper())
    return part != "A" and (acronym or part[0].islower())


def _labeled(source: LabelSource, spaced: bool) -> list[tuple[str, Entry]]:
    """Each entry with its label, no label twice."""
    pairs = [(spaced_name(entry.text) if spaced else entry.text, entry) for entry in label_entries(source)]
    _refuse_repeats((_key(label), entry) for label, entry in pairs)
    return pairs


def _key(label: str) -> str:
    """What two labels share that a text encoder cannot tell apart."""
    return unicodedata.normalize("NFC", " ".join(label.split())).casefold()


def _refuse_repeats(keyed: Iterable[tuple[str, Entry]]) -> None:
    """Raise LabelError where two entries have one key."""
    first: dict[str, Entry] = {}
    for key, entry in keyed:
        if key in first:
            same = first[key]
            note = (
                ""
                if same.text == entry.text
                else f" as {same.text!r}, which is the same without case and spacing"
            )
            raise LabelError(
                f"{entry.where}: {entry.text!r} stands in {same.where} already{note}; remove one"
            )
        first[key] = entry
