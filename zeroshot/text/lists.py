"""Where words come from: files, bundled lists, comma lists and Python; each entry knows its place."""

from __future__ import annotations

import csv
import difflib
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeroshot.errors import LabelError
from zeroshot.resources import bundled_names, from_home, prompts_folder
from zeroshot.store.pipes import content_of
from zeroshot.text.descriptions import as_dict, told_of

_SUFFIXES = (".txt", ".json", ".csv", ".tsv")
_MAX_BYTES = 64 << 20  # a million labels fit five times; a video named by mistake is not read to its end
_LINE_END = r"\r\n|\n|\r"  # not splitlines(), which also splits at marks inside a label
_INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}  # Unicode's controls, joiners and spaces
# Letters without a shape of their own: fillers, selectors of a variant, a blank of Braille.
_SHAPELESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_NUMBERED = re.compile(r"(\d+)(?:\s*[:.)]\s*|\s*[\t,;]\s*|\s+)(\S.*)")
_NUMBER_LAST = re.compile(r"(.*\S)\s*[\t,;]\s*(\d+)")
_COLUMNS = ("label", "name", "class", "class_name", "action")  # what tables call their labels


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
        same = {words_key(text) for text in self.start}
        if both := [text for text in self.end if words_key(text) in same]:
            raise LabelError(
                f"{self.where} ({self.text!r}) ends as it starts ({both[0]!r}); tell two moments apart"
            )


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


def label_entries(source: object, what: str = "labels") -> tuple[Entry, ...]:
    """Entries of a file, a bundled list, "a,b,c", a sequence, or {label: …}, which messages call `what`."""
    if isinstance(source, str):
        path = _label_file(source)
        entries = _comma_entries(source) if path is None else _file_entries(path)
    elif isinstance(source, os.PathLike):
        entries = _file_entries(Path(source))
    elif isinstance(source, Mapping):
        entries = _mapping_entries(list(source.items()), what)
    else:
        entries = _sequence_entries(source, what)
    if not entries:
        raise LabelError(f"{_shown(source)} holds no label; expected one or more, one a line")
    return entries


def template_entries(source: object) -> tuple[Entry, ...]:
    """Entries of a template set: a file, a bundled set, one template that contains "{}", or a sequence."""
    if isinstance(source, str):
        path = _template_file(source)
        single = (Entry(source.strip(), "the template"),)
        entries = single if path is None else _line_entries(path, read_text(path))
    elif isinstance(source, os.PathLike):
        entries = _line_entries(Path(source), read_text(Path(source)))
    else:
        entries = _sequence_entries(source, "templates")
    if not entries:
        raise LabelError(f"{_shown(source)} holds no template; expected one or more, one a line")
    return entries


def bundled_lists() -> dict[str, Path]:
    """Files of the bundled label lists, those of scenes included, by name."""
    return _bundled("labels", "scenes")


def bundled_templates() -> dict[str, Path]:
    """Files of the bundled template sets by name."""
    return _bundled("templates")


def _bundled(*folders: str) -> dict[str, Path]:
    """Files of the named prompt folders by name, sorted."""
    found = {}
    for folder in (prompts_folder() / name for name in folders):
        for suffix in (".txt", ".json"):
            found.update({name: folder / f"{name}{suffix}" for name in bundled_names(folder, suffix)})
    return dict(sorted(found.items()))


def _label_file(source: str) -> Path | None:
    """The file that a text names, or None for a comma list."""
    lists = bundled_lists()
    path = _named_file(source, lists, is_list="," in source)
    if path is not None or "," in source:
        return path
    if source.strip() and _is_there(Path(from_home(source)), or_folder=True):
        raise LabelError(
            f"{source!r} is a folder; expected a file, one label a line, or a,b,c "
            f"(for a single label of that name write {source + ','!r})"
        )
    if near := _nearest(source, lists):
        raise LabelError(
            f"{source!r} is neither a file nor a bundled list; did you mean {near}? "
            f"(for a single label of that name write {source + ','!r})"
        )
    return None


def _template_file(source: str) -> Path | None:
    """The file that a text names, or None for a template."""
    if "{" in source or "}" in source:
        return None
    sets = bundled_templates()
    path = _named_file(source, sets, is_list=False)
    if path is not None:
        return path
    near = _nearest(source, sets)
    hint = f"did you mean {near}? " if near else ""
    raise LabelError(
        f"{source!r} is no template: {hint}expected a sentence with one {{}}, a file of them, "
        f"or a bundled set ({', '.join(sets)})"
    )


def _named_file(source: str, bundled: Mapping[str, Path], *, is_list: bool) -> Path | None:
    """The bundled or own file that `source` names, checked to be there, or None where it names none."""
    same = {_plain(name): path for name, path in bundled.items()}
    if _plain(source) in same and not _looks_like_path(source):
        return same[_plain(source)]
    path = Path(from_home(source))
    if _is_there(path, or_folder=_looks_like_path(source)):
        return path
    if source.lower().endswith(_SUFFIXES) or (_looks_like_path(source) and not is_list):
        near = _nearest(path.stem, bundled)
        hint = f"did you mean the bundled {near}?" if near else f"bundled are {', '.join(bundled)}"
        raise LabelError(f"cannot find the file {_shown(path)}; check the path, or write a,b,c; {hint}")
    return None


def _is_there(path: Path, *, or_folder: bool) -> bool:
    """Whether something has this path, a folder only if so asked; a text too long for a path has nothing."""
    try:
        return path.exists() and (or_folder or not path.is_dir())
    except OSError:
        return False


def _looks_like_path(source: str) -> bool:
    """Whether a separator or a suffix of a list shows that a file is meant."""
    return any(mark in source for mark in {"/", os.sep}) or source.lower().endswith(_SUFFIXES)


def _plain(name: str) -> str:
    """A list's name without case, hyphens and spaces: Kinetics-400 is kinetics400."""
    return re.sub(r"[-_\s]", "", name).casefold()


def _nearest(name: str, bundled: Mapping[str, Path]) -> str:
    """Bundled names much like `name`, joined by "or"; empty where there are none."""
    plain = _plain(name)
    by_plain = {_plain(key): key for key in bundled}
    near = difflib.get_close_matches(plain, by_plain, n=3, cutoff=0.8) if plain else []
    near += [key for key in by_plain if len(plain) > 2 and key.startswith(plain) and key not in near]
    return " or ".join(by_plain[key] for key in near[:3])


def _shown(source: object) -> str:
    """How an error names a source, on one line."""
    words = str(source)
    return words if words.isprintable() and not isinstance(source, str) else repr(words)


def _comma_entries(source: str) -> tuple[Entry, ...]:
    """Entries of "a,b,c"; one comma at the end is allowed, so that "diving," is a list of one."""
    items = source.strip().removesuffix(",").split(",")
    return tuple(Entry(item.strip(), f"item {i} of the label list") for i, item in enumerate(items, 1))


def _sequence_entries(source: object, name: str) -> tuple[Entry, ...]:
    """Entries of a Python sequence of strings."""
    unordered = isinstance(source, AbstractSet | bytes | bytearray)
    if not isinstance(source, Iterable) or unordered:
        raise LabelError(f"{name} are of type {type(source).__name__}; expected a list of strings or a file")
    entries = []
    for i, item in enumerate(source):
        if not isinstance(item, str):
            raise LabelError(f"{name}[{i}] is {item!r}; expected a string")
        entries.append(Entry(str(item).strip(), f"{name}[{i}]"))
    return tuple(entries)


def _mapping_entries(items: Iterable[tuple[Any, Any]], name: str) -> tuple[Entry, ...]:
    """Entries of {label: what is told of it}, in any of the forms that `told_of` knows."""
    entries = []
    for i, (label, value) in enumerate(items, 1):
        where = f"{name}, entry {i}"
        if not isinstance(label, str):
            raise LabelError(f"{where} is {label!r}; expected a string")
        entries.append(Entry(label.strip(), where, *told_of(label.strip(), value, where)))
    return tuple(entries)


def _file_entries(path: Path) -> tuple[Entry, ...]:
    """Entries of a label file, by its suffix: json, csv, tsv, or text."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _json_entries(path)
    if suffix in {".csv", ".tsv"}:
        return _table_entries(path, read_text(path), "\t" if suffix == ".tsv" else ",")
    return _text_entries(path)


def _text_entries(path: Path) -> tuple[Entry, ...]:
    """Entries of a text file: one a line, maybe numbered; or a table whose first line names its columns."""
    text = read_text(path)  # once: it may be a pipe
    first = re.split(_LINE_END, text, maxsplit=1)[0]
    for delimiter in ("\t", ",", ";"):
        columns = [name.strip().lower() for name in first.split(delimiter)]
        if len(columns) > 1 and set(_COLUMNS) & set(columns):
            return _table_entries(path, text, delimiter)
    entries = _without_numbers(_line_entries(path, text))
    for entry in entries:
        if "\t" in entry.text:
            raise LabelError(
                f"{entry.where} has a tab; a table has a column 'label' or 'name', named in line 1"
            )
        if path.suffix.lower() in {".yaml", ".yml"} and re.search(r"^[-?] |:(\s|$)", entry.text):
            raise LabelError(
                f"{entry.where} is YAML ({entry.text[:40]!r}); expected one label a line, or JSON"
            )
    return entries


def _without_numbers(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Entries without the numbers of their classes, where each has one and they count from 0 or 1."""
    for pattern, number, words in ((_NUMBERED, 1, 2), (_NUMBER_LAST, 2, 1)):
        found = [pattern.fullmatch(entry.text) for entry in entries]
        matches = [match for match in found if match is not None]
        if len(matches) < max(2, len(entries)):
            continue
        numbers = [int(match[number][:12]) for match in matches]
        if numbers in (list(range(len(numbers))), list(range(1, len(numbers) + 1))):
            return tuple(
                Entry(match[words].strip(), entry.where)
                for match, entry in zip(matches, entries, strict=True)
            )
        wrong = next(place for place, value in enumerate(numbers) if value != numbers[0] + place)
        # "100 metres", "200 metres" are labels; "3: running" is none.
        if re.match(r"\d+\s*[:\t]", entries[wrong].text) or number == 2:
            raise LabelError(
                f"{entries[wrong].where} has number {numbers[wrong]}; "
                "expected numbers in front of labels to count from 0 or 1, or none"
            )
    return entries


def _line_entries(path: Path, text: str) -> tuple[Entry, ...]:
    """Entries of a text file, one a line, without `#` comments and blank lines at the end."""
    lines = [line.strip() for line in re.split(_LINE_END, text)]
    while lines and not lines[-1]:
        lines.pop()
    entries = []
    for number, line in enumerate(lines, 1):
        if not line:
            raise LabelError(f"{path}, line {number} is blank; remove it: the line number is the class index")
        if not line.startswith("#"):
            entries.append(Entry(line, f"{path}, line {number}"))
    return tuple(entries)


def _table_entries(path: Path, text: str, delimiter: str) -> tuple[Entry, ...]:
    """Entries of a table with a column of labels; a column `id` or `index` must count from 0."""
    try:
        rows = list(csv.reader(re.split(_LINE_END, text), strict=True, delimiter=delimiter))
    except csv.Error as error:
        raise LabelError(f"{path} is not CSV: {error}") from None
    while rows and not rows[-1]:
        rows.pop()
    columns = [name.strip().lower() for name in rows[0]] if rows else []
    words = next((columns.index(name) for name in _COLUMNS if name in columns), None)
    if words is None:
        raise LabelError(f"{path} has no column 'label' or 'name'; name it in line 1")
    index = next((columns.index(name) for name in ("id", "index") if name in columns), None)
    entries: list[Entry] = []
    for number, row in enumerate(rows[1:], 2):
        where = f"{path}, line {number}"
        if len(row) != len(columns):
            raise LabelError(f"{where} has {len(row)} fields; expected {len(columns)} as in line 1")
        if index is not None and row[index].strip() != str(len(entries)):
            raise LabelError(f"{where} has {columns[index]} {row[index]!r}; expected {len(entries)}")
        entries.append(Entry(row[words].strip(), where))
    return tuple(entries)


def _json_entries(path: Path) -> tuple[Entry, ...]:
    """Entries of a JSON list of labels, or of an object {label: [descriptions]}."""
    try:
        # Pairs instead of dicts, so that a label written twice is seen.
        data = json.loads(read_text(path), object_pairs_hook=tuple)
    except json.JSONDecodeError as error:
        raise LabelError(f"{path}, line {error.lineno} is not JSON: {error.msg}") from None
    except (ValueError, RecursionError):
        raise LabelError(f"{path} is not JSON that can be read; expected a list of labels") from None
    if isinstance(data, tuple):
        return _mapping_entries([(label, as_dict(value, str(path))) for label, value in data], str(path))
    if isinstance(data, list):
        return _sequence_entries(data, str(path))
    raise LabelError(f"{path} is JSON but no list; expected a list of labels or {{label: [sentences]}}")


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises:
        LabelError: the file is missing, a folder, unreadable, too large, binary or in another encoding.
    """
    try:
        data = content_of(path, _MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LabelError(f"cannot read {path}: {reason}; expected a text file, one entry a line") from None
    if len(data) > _MAX_BYTES:
        raise LabelError(f"{path} is larger than {_MAX_BYTES >> 20} MiB; expected a list, one entry a line")
    if (name := _wide_encoding(data)) is not None:
        raise LabelError(f"{path} is {name} text; save it as UTF-8")
    if b"\0" in data:
        raise LabelError(f"{path} is a binary file; expected UTF-8 text, one entry a line")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"{path}, line {data[: error.start].count(10) + 1}"
        raise LabelError(f"{place} is not UTF-8 (byte 0x{data[error.start]:02x}); save it as UTF-8") from None


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16 or UTF-32, where a mark says so or three of four bytes, or every other, are zero; else None."""
    if data[:4] in {b"\xff\xfe\0\0", b"\0\0\xfe\xff"}:
        return "UTF-32"
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return "UTF-16"
    if len(data) % 2 or not data:
        return None
    zeros = [data[place::4].count(0) == len(data[place::4]) for place in range(4)]
    if len(data) % 4 == 0 and (all(zeros[1:]) or all(zeros[:3])):
        return "UTF-32"
    return "UTF-16" if zeros in ([False, True] * 2, [True, False] * 2) else None
