"""UCF101 and HMDB51: three official test splits each, class names in the files' own names."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from zeroshot.datasets.few_shot import is_few_shot_list
from zeroshot.datasets.files_on_disk import Files, bundled_lines, key, none_found
from zeroshot.datasets.listing import Listing
from zeroshot.datasets.splits import LabeledVideo
from zeroshot.errors import DatasetError, counted
from zeroshot.text.lists import read_text
from zeroshot.text.prompts import read_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    Tests = dict[int, dict[str, str]]
    """Of each test split, the stem of every file and its published class."""

_UCF_STEM = re.compile(r"v_(?P<name>\w+?)_g\d\d_c\d\d")
_HMDB_STEM = re.compile(r".*?_(?P<name>[a-z_]+)_[a-z]_[a-z]{2}_np\d+_[a-z]{2}_[a-z]{3}_\d+")
_TEST_LIST = re.compile(r"(?:test|val).*?(?:split_?|list_?)0?([123])")
_TRAIN_LIST = re.compile(r"train.*?(?:split_?|list_?)0?([123])")


@dataclass(frozen=True, eq=False)
class _Lists:
    """What the lists of a data set say.

    Attributes:
        tests: the test splits.
        trains: the training splits, as far as lists name them.
        others: clips that a list names and no split uses.
        read: lists on disk that this is from; empty for the bundled ones.
        few_shot: lists of a few training clips a class.
    """

    tests: Tests
    trains: Tests = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    read: Sequence[Path] = ()
    few_shot: tuple[Path, ...] = ()

    @property
    def classes(self) -> dict[str, str]:
        """The published class of every stem that a list names."""
        found = dict(self.others)
        for rows in (*self.trains.values(), *self.tests.values()):
            found |= rows
        return found


def read_ucf101(root: str, lists: Sequence[Path] = ()) -> Listing:
    """UCF101 in class folders or flat; test lists from `lists`, else from the folder, else the bundled ones.

    Args:
        root: its folder.
        lists: `ucfTrainTestlist/testlist01.txt` and its like, or lists of `file index`.

    Raises:
        DatasetError: the root holds none of its videos, or a list contradicts itself or the files' names.
    """
    words = read_labels("ucf101")
    bundled = [line.split() for line in bundled_lines("ucf101_test")]
    published = tuple(name for name, _ in bundled)
    known = {key(name): label for name, label in zip(published, words, strict=True)}
    files = Files(root)
    trains = [path for path in lists or files.lists if _TRAIN_LIST.fullmatch(path.stem.lower())]
    given = [path for path in lists if path not in trains]
    found = given or [path for path in files.lists_named("test") if _TEST_LIST.search(path.name.lower())]
    tests = _index_lists(found, _UCF_STEM, known) if found else _bundled_ucf(bundled)
    trained = _index_lists(trains, _UCF_STEM, known, _TRAIN_LIST)
    few = tuple(filter(is_few_shot_list, files.lists))
    return _listing(files, words, published, _Lists(tests, trained, {}, found, few), _UCF_STEM)


def read_hmdb51(root: str, lists: Sequence[Path] = ()) -> Listing:
    """HMDB51 in class folders or flat; test splits from `lists`, else from the folder, else the bundled ones.

    Args:
        root: its folder.
        lists: the 51 files `brush_hair_test_split1.txt` … of a split or more, or lists of `file index`.

    Raises:
        DatasetError: the root holds none of its videos, or a list contradicts itself or the files' names.
    """
    words = read_labels("hmdb51")
    sections = _bundled_hmdb()
    published = tuple(sections)
    known = {key(name): label for name, label in zip(published, words, strict=True)}
    files = Files(root)
    found = lists or files.lists_named("split")
    per_class = [path for path in found if key(path.name.lower().partition("_test_split")[0]) in known]
    others = [path for path in found if path not in per_class and _TEST_LIST.search(path.name.lower())]
    few = tuple(filter(is_few_shot_list, files.lists))
    if per_class:
        tests, trains, unused = (_class_lists(per_class, use) for use in ("2", "1", "0"))
        rest = {stem: name for rows in unused.values() for stem, name in rows.items()}
        said = _Lists(tests, trains, rest, per_class, few)
    elif others:
        said = _Lists(_index_lists(others, _HMDB_STEM, known), read=others, few_shot=few)
    else:
        tests = {
            number: {stem: name for name, rows in sections.items() for stem, which in rows if number in which}
            for number in (1, 2, 3)
        }
        said = _Lists(tests, few_shot=few)
    return _listing(files, words, published, said, _HMDB_STEM)


def _listing(
    files: Files, words: tuple[str, ...], published: tuple[str, ...], said: _Lists, pattern: re.Pattern[str]
) -> Listing:
    """Every clip of the data set, with the rows of each split; what no list names is counted by class.

    Args:
        files: below its root.
        words: labels in words.
        published: the same as the data set spells them, and its folders.
        said: by its lists.
        pattern: of a file's name.
    """
    name = "ucf101" if pattern is _UCF_STEM else "hmdb51"
    known = {key(spelled): label for spelled, label in zip(published, words, strict=True)}
    labels = {stem: known[key(spelled)] for stem, spelled in said.classes.items()}
    for stem in files.stems:
        if stem not in labels and (label := known.get(_class_in(stem, pattern, known))):
            labels[stem] = label
    folders = dict(zip(words, published, strict=True))
    videos, there = [], 0
    for stem in sorted(labels):
        folder = folders[labels[stem]]
        path = files.find([stem], [folder, labels[stem]])
        there += path is not None
        videos.append(LabeledVideo(str(path or files.root / folder / f"{stem}.avi"), labels[stem]))
    if not there:
        raise none_found(files, name, sorted(labels))
    place = {stem: row for row, stem in enumerate(sorted(labels))}
    tests, trains = (
        {number: tuple(place[stem] for stem in sorted(rows)) for number, rows in sorted(splits.items())}
        for splits in (said.tests, said.trains)
    )
    if name == "ucf101":  # what is not tested on is trained on
        trains = {
            number: tuple(sorted({*place.values()} - {*rows})) for number, rows in tests.items()
        } | trains
    source = (
        f"{counted(len(said.read), 'list')} on disk (first: {said.read[0].name})"
        if said.read
        else f"bundled {name} test splits"
    )
    unnamed = _unnamed(files, name, folders, Counter(labels.values())) if _is_whole(name, said) else []
    sources = [source]
    if unnamed:
        sources.append(
            f"{len(videos) + len(unnamed):,} clips by the count of each class: {len(unnamed):,} training "
            "clips that no list here names and that are not there count as missing"
        )
    return Listing(
        name,
        words,
        (*videos, *unnamed),
        published,
        tuple(tests.values()),
        tuple(trains[number] for number in tests if number in trains),
        few_shot=said.few_shot,
        sources=tuple(sources),
    )


def _is_whole(name: str, said: _Lists) -> bool:
    """Whether the test splits are the official ones, and not somebody's part of them."""
    sizes = {"ucf101": [3783, 3734, 3696], "hmdb51": [1530] * 3}[name]
    return [len(rows) for _, rows in sorted(said.tests.items())] == sizes


def _unnamed(files: Files, name: str, folders: dict[str, str], found: Counter[str]) -> list[LabeledVideo]:
    """A place for each clip that a class has beyond those that are named or there: it counts as missing."""
    totals = dict(line.split() for line in bundled_lines(f"{name}_counts"))
    places = []
    for label, folder in folders.items():
        lacking = int(totals[folder]) - found[label]
        places += [
            LabeledVideo(str(files.root / folder / f"training clip {number} of {lacking} unnamed"), label)
            for number in range(1, lacking + 1)
        ]
    return places


def _class_in(stem: str, pattern: re.Pattern[str], known: dict[str, str] | None = None) -> str:
    """The key of the class that a file's name holds; empty where it holds none.

    Titles run into the class (`…_Hair_brush_hair_u_…`), so the longest end that is a class counts.
    """
    match = pattern.fullmatch(stem)
    if match is None:
        return ""
    parts = match["name"].split("_")
    if known is None or key(match["name"]) in known:
        return key(match["name"])
    tails = (key("".join(parts[start:])) for start in range(len(parts)))
    return next((tail for tail in tails if tail in known), "")


def _bundled_ucf(lines: list[list[str]]) -> Tests:
    """From the number of clips in each group: groups 1–7, 8–14 and 15–21 are test lists 1, 2 and 3."""
    tests: Tests = {1: {}, 2: {}, 3: {}}
    for name, counts in lines:
        spelled = "HandStandPushups" if name == "HandstandPushups" else name  # files and folder differ so
        for group, count in enumerate(counts, start=1):
            for number in range(1, int(count) + 1):
                tests[(group + 6) // 7][f"v_{spelled}_g{group:02d}_c{number:02d}"] = name
    return tests


def _bundled_hmdb() -> dict[str, list[tuple[str, set[int]]]]:
    """Of each class, its files' stems and the splits that test on them."""
    sections: dict[str, list[tuple[str, set[int]]]] = {}
    name = ""
    for line in bundled_lines("hmdb51_test"):
        if line.startswith("[") and line.endswith("]") and " " not in line:
            name = line[1:-1]
            sections[name] = []
        else:
            which, stem = line.split(" ", 1)
            sections[name].append((stem, {int(digit) for digit in which}))
    return sections


def _class_lists(paths: Sequence[Path], wanted: str) -> Tests:
    """HMDB51's own lists, one a class and split: `file.avi 2` is a test clip, 1 a training clip, 0 unused."""
    tests: Tests = {}
    for path in paths:
        name, number = path.stem.rsplit("_test_split", 1)
        if not number.isdigit():
            raise DatasetError(f"{path} names no split; expected …_test_split1.txt")
        rows = tests.setdefault(int(number), {})
        for line, text in enumerate(read_text(path).splitlines(), start=1):
            if not text.strip():
                continue
            file, _, use = text.strip().rpartition(" ")
            if use not in {"0", "1", "2"} or not file:
                raise DatasetError(f"{path}, line {line}: {text.strip()!r}; expected `file.avi 2`, 1 or 0")
            if use == wanted:
                rows[_stem(file)] = name
    return tests


def _index_lists(
    paths: Sequence[Path],
    pattern: re.Pattern[str],
    known: dict[str, str],
    numbered: re.Pattern[str] = _TEST_LIST,
) -> Tests:
    """Lists of `folder/file index` or `file`, one a split; the file's own name says its class.

    The index may count in any order, but must stand for one class throughout a list.
    """
    tests: Tests = {}
    for place, path in enumerate(sorted(paths), start=1):
        match = numbered.search(path.name.lower())
        rows = tests.setdefault(int(match[1]) if match else place, {})
        meant: dict[str, tuple[str, int]] = {}
        for line, text in enumerate(read_text(path).splitlines(), start=1):
            if not text.strip():
                continue
            file, _, index = text.strip().rpartition(" ")
            if not (file and index.isdigit()):
                file, index = text.strip(), ""
            stem = _stem(file)
            name = _class_in(stem, pattern, known)
            if name not in known:
                raise DatasetError(f"{path}, line {line}: {file!r} names no class of the data set")
            before, where = meant.setdefault(index or name, (name, line))
            if before != name:
                raise DatasetError(
                    f"{path}, line {line}: index {index} stands for {known[name]!r} here and for "
                    f"{known[before]!r} in line {where}; the list does not match its index"
                )
            rows[stem] = name
        _refuse_shared(path, meant, known)
    return tests


def _refuse_shared(path: Path, meant: dict[str, tuple[str, int]], known: dict[str, str]) -> None:
    """Refuse two indices for one class."""
    rows = sorted((name, line, index) for index, (name, line) in meant.items())
    for name, group in groupby(rows, key=lambda row: row[0]):
        places = list(group)
        if len(places) > 1:
            raise DatasetError(
                f"{path}: {known[name]!r} has the index {places[0][2]} in line {places[0][1]} and "
                f"{places[1][2]} in line {places[1][1]}; the list does not match its index"
            )


def _stem(file: str) -> str:
    """Name of a file without folder and suffix."""
    return file.rpartition("/")[2].rsplit(".", 1)[0]
