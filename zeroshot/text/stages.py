"""Stages: how each label of a list starts and ends, from a file, a bundled set, or the list itself."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from zeroshot.errors import LabelError, counted, printable
from zeroshot.resources import bundled_names, from_home, prompts_folder
from zeroshot.text.lists import label_entries, words_key
from zeroshot.types import Stages

if TYPE_CHECKING:
    from collections.abc import Callable

    from zeroshot.text.lists import Entry

StageSource: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | None

STAGES = "stages"
"""In an index's fingerprint, where some of its labels say how they start and end."""

WITHOUT = "labels_without_stages"
"""Beside it: how many of them do not."""

ARROW = "->"
"""Stands between a start and an end in the words of a search."""


def bundled_stages() -> dict[str, Path]:
    """Files of the bundled sets of stages by name."""
    folder = prompts_folder() / "stages"
    return {name: folder / f"{name}.json" for name in bundled_names(folder, ".json")}


def staged(
    pairs: Sequence[tuple[str, Entry]],
    source: StageSource,
    templates: Sequence[str],
    spell: Callable[[str], str],
) -> tuple[Stages | None, ...]:
    """K stages with their templates filled in, None where a label has none; empty where nobody says any.

    Args:
        pairs: each of K labels with its entry, which may tell stages itself.
        source: a JSON file, a bundled set, or a mapping, in the form of `descriptions.py`; None: those of the
            entries alone.
        templates: P, filled with each text of a stage.
        spell: how the labels were turned into words.

    Raises:
        LabelError: the source cannot be read, tells no stages, or none of these labels; or a label has
            stages in both.
    """
    told = {} if source is None else _read(source, spell)
    found: list[Stages | None] = []
    used = False
    for label, entry in pairs:
        other = told.get(words_key(label))
        if other is not None and entry.start:
            raise LabelError(f"{label!r} has stages in {entry.where} and in {other.where}; leave one out")
        used |= other is not None
        found.append(_filled(label, other or entry, templates))
    if source is not None and not used:
        raise LabelError(
            f"{_shown(source)} tells stages of none of the {counted(len(pairs), 'label')}; "
            f"it has {next(iter(told.values())).text!r}, the list has {pairs[0][0]!r}"
        )
    return tuple(found) if any(found) else ()


def stages_digest(stages: Sequence[Stages | None]) -> str:
    """Sixteen hexadecimal digits that change with any stage text, and with whose it is."""
    words = json.dumps(stage_texts(stages), separators=(",", ":"))
    return hashlib.sha256(words.encode("ascii")).hexdigest()[:16]


def stage_texts(stages: Sequence[Stages | None]) -> list[list[list[str]] | None]:
    """The texts of each label's stages as JSON holds them."""
    return [None if one is None else [list(one.start), list(one.end)] for one in stages]


def stages_in_words(query: str) -> Stages | None:
    """The stages that a search's words tell, "start -> end"; None for words that tell none.

    Raises:
        LabelError: the words have two arrows, nothing on one side, or the same on both.

    >>> stages_in_words("arms hanging -> both arms up")
    Stages(start=('arms hanging',), end=('both arms up',))
    """
    if ARROW not in query:
        return None
    parts = [part.strip() for part in query.split(ARROW)]
    if len(parts) != 2 or not all(parts):
        raise LabelError(f"{query!r} is no {'start -> end'!r}; expected words on both sides of one arrow")
    if words_key(parts[0]) == words_key(parts[1]):
        raise LabelError(f"{query!r} ends as it starts; tell two moments apart")
    return Stages((parts[0],), (parts[1],))


def stages_in_report(source: StageSource, stages: Sequence[Stages | None]) -> str | None:
    """What a report says of stages: where they are from and of how many labels; None where none."""
    if not stages:
        return None
    told = len(stages) - stages.count(None)
    name = Path(source).name if isinstance(source, str | os.PathLike) else "with the labels"
    return f"{name}: {told} of {counted(len(stages), 'label')}"


def stage_notes(num_labels: int, without: int, num_still: int) -> tuple[str, ...]:
    """What there is to say of labels without stages and of clips without order, a line each.

    Args:
        num_labels: K.
        without: how many of them have no stages.
        num_still: clips so far of one frame, or in which nothing changes.
    """
    notes = []
    if without:
        have = "has" if without == 1 else "have"
        notes.append(
            f"{without} of {counted(num_labels, 'label')} {have} no stages: order counts nothing there"
        )
    if num_still:
        notes.append(
            f"{counted(num_still, 'clip')} of one frame, or where nothing changes: no order to read, so "
            "stages count nothing there"
        )
    return tuple(notes)


def _filled(label: str, entry: Entry, templates: Sequence[str]) -> Stages | None:
    """The stages of an entry in the templates, or None where it tells none."""
    if not entry.start:
        return None
    start, end = (
        tuple(template.replace("{}", text.replace("{}", label)) for text in texts for template in templates)
        for texts in (entry.start, entry.end)
    )
    return Stages(start, end)


def _read(source: StageSource, spell: Callable[[str], str]) -> dict[str, Entry]:
    """Entries that tell stages, by what their labels share with those of a list.

    Raises:
        LabelError: there is no such file or set, nothing is told, or a label is told of twice.
    """
    if not isinstance(source, str | os.PathLike | Mapping):
        raise LabelError(
            f"stages are of type {type(source).__name__}; expected a JSON file, a bundled set "
            f"({', '.join(bundled_stages())}), or a mapping"
        )
    entries = label_entries(_file(source) if isinstance(source, str) else source, "stages")
    found: dict[str, Entry] = {}
    for entry in entries:
        if not entry.start:
            continue
        before = found.setdefault(words_key(spell(entry.text)), entry)
        if before is not entry:
            raise LabelError(f"{entry.where}: {entry.text!r} stands in {before.where} already; remove one")
    if not found:
        raise LabelError(
            f'{_shown(source)} tells no stages; expected {{"label": {{"start": "…", "end": "…"}}}}'
        )
    return found


def _file(source: str) -> Path:
    """The file that a text names: a bundled set's, or one of the user's."""
    bundled = bundled_stages()
    name, path = source.strip().casefold(), Path(from_home(source))
    if name in bundled and not path.is_file():
        return bundled[name]
    if name in bundled or path.suffix.lower() == ".json":
        return path
    raise LabelError(
        f"stages {source!r} are neither a JSON file nor a bundled set; bundled are {', '.join(bundled)}"
    )


def _shown(source: StageSource) -> str:
    """How an error names a source."""
    return printable(str(source)) if isinstance(source, str | os.PathLike) else "the mapping of stages"
