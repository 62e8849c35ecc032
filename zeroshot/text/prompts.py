"""Words in: label lists and templates to Prompts, the sentences that stand for each label."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from zeroshot.errors import LabelError
from zeroshot.text.lists import label_entries, template_entries, words_key
from zeroshot.text.stages import StageSource, stage_texts, staged
from zeroshot.types import Prompts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.text.lists import Entry

LabelSource = (
    str
    | os.PathLike[str]
    | Sequence[str]
    | Mapping[str, str | Sequence[str] | Mapping[str, str | Sequence[str]] | None]
)
TemplateSource = str | os.PathLike[str] | Sequence[str] | None

_TEXTS_AT_ONCE = 1024
_BESIDE_LETTERS = "-'’"
_EDGES = re.compile(r"^[\s_]+|[\s_]+$")


def read_labels(source: LabelSource, *, spaced: bool = True) -> tuple[str, ...]:
    """K labels as a person says them; the place in the tuple is the class index.

    Args:
        source: a path, a text, a sequence of strings, or a mapping whose keys are the labels. A text that
            ends in .txt, .csv, .tsv or .json, or has a separator but no comma, names a file; a bundled list's
            name ("kinetics400"; case and hyphens do not matter) stands for that list, the name of an existing
            file for that file; anything else is a comma list ("archery,bowling").
            Text files hold one label a line, in UTF-8; lines that begin with # are comments, and numbers in
            front of all lines that count from 0 or 1 are left out. Tables, by commas or tabs, have a column
            `label` or `name`. JSON files hold a list, or an object {label: …}, see `descriptions.py`.
        spaced: turn names that a machine spelled (ApplyEyeMakeup, brush_hair) into words. On by default
            because text encoders break such names into fragments.

    Raises:
        LabelError: the source cannot be found or read, is empty, has a blank line between labels, or has a
            label twice: after spacing, without case, which most text encoders do not see, and without
            letters that nobody sees (zero width, soft hyphens, other forms of a space).

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
        if stray := re.search(r"[{}]", entry.text.replace("{}", "")):
            raise LabelError(
                f"{entry.where} has {stray[0]!r} beside the {{}} in {entry.text!r}; expected {{}} alone, "
                "for the label"
            )
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


def make_prompts(
    labels: LabelSource,
    templates: TemplateSource = None,
    stages: StageSource = None,
    *,
    spaced: bool = True,
) -> Prompts:
    """Prompts: K labels and the sentences that stand for each, and for how it starts and ends.

    A label with descriptions of its own (a mapping, or a JSON file) is stood for by them as they are written,
    a "{}" in them replaced by the label; templates are filled for the labels that have none.

    Args:
        labels: as for `read_labels`.
        templates: as for `read_templates`; None for the bare label.
        stages: how labels start and end: a JSON file, the name of a bundled set ("ssv2"), or a mapping
            {label: {"start": …, "end": …}}; those of other labels are left aside. None: what the labels'
            own file or mapping tells, if it does.
        spaced: as for `read_labels`.

    Raises:
        LabelError: as for `read_labels`, `read_templates` and `staged`.

    >>> make_prompts("archery,bowling", "a video of {}.").texts
    (('a video of archery.',), ('a video of bowling.',))
    """
    filled = read_templates(templates)
    pairs = _labeled(labels, spaced)
    texts = [
        tuple(text.replace("{}", label) for text in entry.descriptions or filled) for label, entry in pairs
    ]
    _refuse_same_descriptions(entry for _, entry in pairs)
    tells = stages is not None or any(entry.start for _, entry in pairs)
    told = staged(pairs, stages, filled, spaced_name if spaced else str) if tells else ()
    return Prompts(tuple(label for label, _ in pairs), tuple(texts), told)


def texts_cut(
    prompts: Prompts, token_ids: Callable[[list[str], int], NDArray[np.int64]], length: int
) -> list[str]:
    """Texts that exceed what a text encoder reads, where labels can still be told apart by what is left.

    Args:
        prompts: of all labels.
        token_ids: ids (n, length) of the tokens of n texts, padded, and cut where they are longer.
        length: tokens that the encoder reads.

    Raises:
        LabelError: a text of one label is the same as one of another once it is cut; the line names both.
    """
    owners = [label for label, texts in enumerate(prompts.texts) for _ in texts]
    texts = [text for own in prompts.texts for text in own]
    first: dict[bytes, tuple[int, bool]] = {}
    found = []
    for place, row, is_cut in _long_texts(texts, token_ids, length):
        before, was_cut = first.setdefault(row, (place, is_cut))
        if (is_cut or was_cut) and owners[before] != owners[place]:
            one, other = (prompts.labels[owners[each]][:60] for each in (before, place))
            raise LabelError(
                f"{one!r} and {other!r} have texts that are equal once they are cut at {length} tokens, "
                "and the model reads no more; shorten them"
            )
        if is_cut:
            found.append(texts[place])
    return found


def stages_cut(
    prompts: Prompts, token_ids: Callable[[list[str], int], NDArray[np.int64]], length: int
) -> list[str]:
    """Texts of stages that exceed what a text encoder reads; of several labels alike they are one.

    Args:
        prompts: of all labels.
        token_ids: as for `texts_cut`.
        length: tokens that the encoder reads.
    """
    told = [one for one in prompts.stages if one is not None]
    texts = list(dict.fromkeys(text for one in told for text in (*one.start, *one.end)))
    return [texts[place] for place, _, is_cut in _long_texts(texts, token_ids, length) if is_cut]


def _long_texts(
    texts: list[str], token_ids: Callable[[list[str], int], NDArray[np.int64]], length: int
) -> Iterator[tuple[int, bytes, bool]]:
    """Of texts that may exceed `length` tokens, their place, what is read of them, and whether it is cut."""
    # A token stands for a byte or more, of what some tokenizers write out before they cut it up.
    long = [place for place, text in enumerate(texts) if 3 * len(text.encode("utf-8", "replace")) >= length]
    for start in range(0, len(long), _TEXTS_AT_ONCE):
        places = long[start : start + _TEXTS_AT_ONCE]
        some = [texts[place] for place in places]
        ids, whole = token_ids(some, length), token_ids(some, 2 * length)
        # The very last token may be one that a tokenizer puts there whatever the text.
        cut = (whole[:, length:-1] != token_ids([""], length)[0, -2]).any(axis=1)
        for place, row, is_cut in zip(places, ids, cut.tolist(), strict=True):
            yield place, row.tobytes(), is_cut


def prompts_digest(prompts: Prompts) -> str:
    """Sixteen hexadecimal digits that change with any label, any sentence and their order.

    They are the same on every machine, and stand beside text embeddings to tell those of other prompts apart.
    """
    parts = [prompts.labels, prompts.texts, *([stage_texts(prompts.stages)] if prompts.stages else [])]
    words = json.dumps(parts, separators=(",", ":"))
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
    _refuse_repeats((words_key(label), entry) for label, entry in pairs)
    return pairs


def _refuse_same_descriptions(entries: Iterable[Entry]) -> None:
    """Raise LabelError where a label has a description twice, or two labels have the same ones."""
    first: dict[tuple[str, ...], Entry] = {}
    for entry in entries:
        if not entry.descriptions:
            continue
        keys = tuple(sorted(words_key(text) for text in entry.descriptions))
        if len(set(keys)) < len(keys):
            raise LabelError(f"{entry.where} ({entry.text!r}) has a description twice; remove one")
        same = first.setdefault(tuple(key.replace("{}", words_key(entry.text)) for key in keys), entry)
        if same is not entry:
            raise LabelError(
                f"{entry.where}: {entry.text!r} has the same descriptions as {same.text!r}, so that nothing "
                "tells them apart; describe them differently"
            )


def _refuse_repeats(keyed: Iterable[tuple[str, Entry]]) -> None:
    """Raise LabelError where two entries have one key."""
    first: dict[str, Entry] = {}
    for key, entry in keyed:
        if key in first:
            same = first[key]
            note = (
                ""
                if same.text == entry.text
                else f" as {same.text!r}, which is the same without case, spacing and what nobody sees"
            )
            raise LabelError(
                f"{entry.where}: {entry.text!r} stands in {same.where} already{note}; remove one"
            )
        first[key] = entry
