"""Data sets whose lists are tables: Kinetics, Something-Something v2, Diving48, ActivityNet."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.datasets.few_shot import is_few_shot_list
from zeroshot.datasets.files_on_disk import Files, by_key, key, none_found
from zeroshot.datasets.listing import Listing
from zeroshot.datasets.splits import LabeledVideo
from zeroshot.errors import DatasetError, counted
from zeroshot.text.prompts import read_labels
from zeroshot.video.source import Stretch

if TYPE_CHECKING:
    from collections.abc import Sequence

_KINETICS_COLUMNS = ("label", "youtube_id", "time_start", "time_end")
_EVALUATED = ("val", "validate", "validation", "test")
_MAX_JSON_BYTES = 1 << 30


def read_kinetics(root: str, lists: Sequence[Path], name: str) -> Listing:
    """Kinetics in class folders or flat: files `ID_000010_000020.mp4`, or `ID.mp4`, whole or cut.

    Of a whole video the stretch that the list names is read.

    Args:
        root: its folder.
        lists: CSV files of label, youtube_id, time_start, time_end, split; none: those below the root, of
            which the rows of the validation set count (of the test set where there is none).
        name: kinetics400, kinetics600 or kinetics700.

    Raises:
        DatasetError: no list, a label that the data set does not have, or none of the videos.
    """
    return _read_kinetics(root, lists, name, read_labels(name))


def read_mimetics(root: str, lists: Sequence[Path] = ()) -> Listing:
    """Mimetics: actions that are mimed, of 50 labels of Kinetics-400; files and list as those of Kinetics.

    Args:
        root: its folder.
        lists: `mimetics_v1.0.csv`; none: found below the root.

    Raises:
        DatasetError: as for Kinetics.
    """
    listing = _read_kinetics(root, lists, "mimetics", read_labels("kinetics400"))
    used = {video.label for video in listing.videos}
    return replace(listing, labels=tuple(label for label in listing.labels if label in used))


def _read_kinetics(root: str, lists: Sequence[Path], name: str, labels: tuple[str, ...]) -> Listing:
    """The videos that lists in the format of Kinetics name."""
    known = by_key(labels)
    files = Files(root)
    tables = [(path, rows) for path in (lists or files.lists) if (rows := _kinetics_rows(path))]
    if not tables:
        raise DatasetError(
            f"no list of {name} in {root}: looked for CSV files with {', '.join(_KINETICS_COLUMNS)}; "
            "give one with --list, or take the class folders: --data folders"
        )
    if not lists:
        tables = _evaluated(tables)
    videos: dict[str, LabeledVideo] = {}
    there = 0
    for path, rows in tables:
        for line, row in rows:
            label = known.get(key(row["label"] or ""))
            if label is None:
                raise DatasetError(
                    f"{path}, line {line}: {row['label']!r} is no label of {name}; give its own list"
                )
            start, end = (_second(path, line, row[name]) for name in ("time_start", "time_end"))
            stem = f"{row['youtube_id']}_{start:06d}_{end:06d}"
            clip = files.find([stem], [label])
            whole = None if clip is not None else files.find([str(row["youtube_id"])], [label])
            there += clip is not None or whole is not None
            place = str(clip or files.root / label / f"{stem}.mp4")
            videos[stem] = LabeledVideo(place if whole is None else Stretch(str(whole), start, end), label)
    if not there:
        raise none_found(files, name, videos)
    sources = tuple(f"{path.name}: {counted(len(rows), 'row')}" for path, rows in tables)
    return Listing(name, labels, tuple(videos.values()), sources=sources)


def _evaluated(
    tables: list[tuple[Path, list[tuple[int, dict[str, str | None]]]]],
) -> list[tuple[Path, list[tuple[int, dict[str, str | None]]]]]:
    """The rows of the validation set alone, or of the test set where there is none."""
    for wanted in (_EVALUATED[:3], _EVALUATED[3:]):
        chosen = []
        for path, rows in tables:
            kept = [
                (line, row) for line, row in rows if (row.get("split") or _part_of(path)).lower() in wanted
            ]
            if kept:
                chosen.append((path, kept))
        if chosen:
            return chosen
    raise DatasetError(
        f"{tables[0][0]} has no rows of a validation or test set in its column `split`; "
        "give a list with --list"
    )


def _part_of(path: Path) -> str:
    """The set that a list without a column `split` is of, by its name."""
    return next((part for part in _EVALUATED if part in path.name.lower()), "")


def _kinetics_rows(path: Path) -> list[tuple[int, dict[str, str | None]]]:
    """Lines of a list in the official format; empty where it is something else."""
    if path.suffix.lower() != ".csv":
        return []
    rows = csv.DictReader(_text(path).splitlines())
    if not set(_KINETICS_COLUMNS) <= set(rows.fieldnames or ()):
        return []
    return [(rows.line_num, row) for row in rows]


def _second(path: Path, line: int, text: str | None) -> int:
    """A time in whole seconds, as file names have it."""
    try:
        return int(float(text or ""))
    except (ValueError, OverflowError):
        raise DatasetError(f"{path}, line {line}: time {text!r}; expected seconds") from None


def read_ssv2(root: str, lists: Sequence[Path] = ()) -> Listing:
    """Something-Something v2: `number.webm` in one folder, annotations in JSON.

    Args:
        root: folder of videos and lists.
        lists: `validation.json`, a list of {"id", "template"}, and `train.json`, of use for few-shot alone;
            none: found below the root.

    Raises:
        DatasetError: no list, an unknown template, or none of the videos.
    """
    labels = read_labels("ssv2")
    known = by_key(labels)
    files = Files(root)
    given = [path for path in lists if "train" not in path.name.lower()]
    path = _one(
        given, files.lists_named("validation", ".json"), root, "validation.json of Something-Something"
    )
    training = [each for each in lists if each not in given] or files.lists_named("train", ".json")
    videos = _ssv2_videos(path, files, known)
    if not any(os.path.exists(str(video.path)) for video in videos):  # noqa: PTH110 - a Path each is slow
        raise none_found(files, "ssv2", (Path(str(video.path)).name for video in videos))
    return Listing(
        "ssv2",
        labels,
        videos,
        training=_ssv2_videos(training[0], files, known) if training else (),
        few_shot=tuple(filter(is_few_shot_list, files.lists)),
        sources=(path.name,),
    )


def _ssv2_videos(path: Path, files: Files, known: dict[str, str]) -> tuple[LabeledVideo, ...]:
    """The videos of one list."""
    videos = []
    for row in _rows(path, ("id", "template")):
        label = known.get(key(str(row["template"])))
        if label is None:
            raise DatasetError(
                f"{path}: video {row['id']} has the template {row['template']!r}, not one of 174"
            )
        place = files.find([str(row["id"])]) or files.root / f"{row['id']}.webm"
        videos.append(LabeledVideo(str(place), label))
    return tuple(videos)


def read_diving48(root: str, lists: Sequence[Path] = ()) -> Listing:
    """Diving48: `vid_name.mp4`, a JSON list of {"vid_name", "label"} and the vocabulary behind the numbers.

    Args:
        root: folder of videos and lists.
        lists: `Diving48_V2_test.json`, maybe `Diving48_vocab.json`; none: found below the root.

    Raises:
        DatasetError: no list, a number outside the vocabulary, a vocabulary that is not the data set's, or
            none of the videos.
    """
    labels = read_labels("diving48")
    files = Files(root)
    given = [path for path in lists if "vocab" not in path.name.lower()]
    path = _one(given, files.lists_named("diving48", "test", ".json"), root, "Diving48_V2_test.json")
    vocabularies = [path for path in lists if path not in given] or files.lists_named("diving48", "vocab")
    names = labels if not vocabularies else _vocabulary(vocabularies[0], labels)
    videos, there = [], 0
    for row in _rows(path, ("vid_name", "label")):
        number = row["label"]
        if not isinstance(number, int) or not 0 <= number < len(names):
            raise DatasetError(
                f"{path}: {row['vid_name']} has label {number!r}; expected 0 to {len(names) - 1}"
            )
        place = files.find([str(row["vid_name"])])
        there += place is not None
        videos.append(LabeledVideo(str(place or files.root / f"{row['vid_name']}.mp4"), names[number]))
    if not there:
        raise none_found(files, "diving48", (Path(str(video.path)).name for video in videos))
    return Listing(
        "diving48", labels, tuple(videos), sources=(path.name, *(v.name for v in vocabularies[:1]))
    )


def _vocabulary(path: Path, labels: Sequence[str]) -> tuple[str, ...]:
    """The labels in the order of a vocabulary, a list of ["Back", "15som", "05Twis", "FREE"] and its like."""
    rows = _json(path)
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 4 for row in rows):
        raise DatasetError(f"{path} is no vocabulary; expected a list of four-part dives")
    words = [_dive(path, [str(part) for part in row]) for row in rows]
    if sorted(words) != sorted(labels):
        odd = next((word for word in words if word not in labels), f"{len(words)} dives, expected 48")
        raise DatasetError(f"{path} is not the vocabulary of Diving48: {odd}")
    return tuple(words)


_TAKEOFFS = {"Back": "back", "Forward": "forward", "Inward": "inward", "Reverse": "reverse"}
_POSITIONS = {"FREE": "free", "PIKE": "pike", "TUCK": "tuck", "STR": "straight"}


def _dive(path: Path, parts: list[str]) -> str:
    """A dive in the words of the bundled list."""
    takeoff, turns, twists, position = parts
    if takeoff not in _TAKEOFFS or position not in _POSITIONS:
        raise DatasetError(f"{path}: {'+'.join(parts)} is no dive of Diving48")
    spin = "dive" if turns == "Dive" else f"{_halves(turns.removesuffix('som'))} somersaults"
    twist = "no twist" if twists == "NoTwis" else f"{_halves(twists.removesuffix('Twis'))} twists"
    words = f"{_TAKEOFFS[takeoff]} takeoff, {spin}, {twist}, {_POSITIONS[position]} position"
    return words.replace(", 1 somersaults", ", 1 somersault").replace(", 1 twists", ", 1 twist")


def _halves(digits: str) -> str:
    """`25` is 2.5, `2` is 2."""
    return digits if len(digits) < 2 else f"{digits[:-1]}.{digits[-1]}"


def read_activitynet(root: str, lists: Sequence[Path] = ()) -> Listing:
    """ActivityNet cut to its annotations: clips `v_ID_0.mp4`, `v_ID_1.mp4` … in the order of the annotations.

    Args:
        root: folder of clips and the list.
        lists: `activity_net.v1-3.min.json`; none: found below the root. Its validation set counts.

    Raises:
        DatasetError: no list, an unknown label, or none of the clips.
    """
    labels = read_labels("activitynet200")
    files = Files(root)
    path, videos, there = activitynet_list(files, lists), [], 0
    for name, cuts in activitynet_annotations(path, by_key(labels)).items():
        for number, (label, _) in enumerate(cuts):
            place = files.find([f"v_{name}_{number}", f"{name}_{number}"], [label])
            there += place is not None
            videos.append(LabeledVideo(str(place or files.root / f"v_{name}_{number}.mp4"), label))
    if not there:
        raise none_found(files, "activitynet200", (Path(str(video.path)).name for video in videos))
    return Listing("activitynet200", labels, tuple(videos), sources=(path.name,))


def activitynet_list(files: Files, lists: Sequence[Path]) -> Path:
    """ActivityNet's own list, given or found."""
    found = files.lists_named("activity_net", ".json")
    return _one(lists, found, str(files.root), "activity_net.v1-3.min.json")


def activitynet_annotations(path: Path, known: dict[str, str]) -> dict[str, list[tuple[str, Any]]]:
    """Of each video of the validation set: the label and the segment of each annotation, in their order.

    Args:
        path: of ActivityNet's own list.
        known: labels by their key.

    Raises:
        DatasetError: it is no such list, or has another label.
    """
    table = _json(path)
    database = table.get("database") if isinstance(table, dict) else None
    if not isinstance(database, dict):
        raise DatasetError(f"{path} has no `database`; expected ActivityNet's own list")
    found: dict[str, list[tuple[str, Any]]] = {}
    for name, facts in database.items():
        if facts.get("subset") != "validation":
            continue
        for annotation in facts.get("annotations", ()):
            label = known.get(key(str(annotation.get("label"))))
            if label is None:
                raise DatasetError(
                    f"{path}: {name} has the label {annotation.get('label')!r}, not one of 200"
                )
            found.setdefault(name, []).append((label, annotation.get("segment")))
    return found


def _one(given: Sequence[Path], found: list[Path], root: str, what: str) -> Path:
    """The list that was given, or the one that was found."""
    if given:
        return given[0]
    if not found:
        raise DatasetError(f"no {what} in {root}; put it there or give it with --list")
    if len(found) > 1:
        raise DatasetError(f"{root} holds {found[0].name} and {found[1].name}; say which with --list")
    return found[0]


def _rows(path: Path, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """A JSON list of objects with these fields."""
    rows = _json(path)
    if not isinstance(rows, list) or not rows:
        raise DatasetError(f"{path} is no list of videos; expected [{{{', '.join(fields)}}}, …]")
    for place, row in enumerate(rows):
        if not isinstance(row, dict) or not set(fields) <= set(row):
            raise DatasetError(f"{path}, entry {place}: no {' or '.join(fields)}; expected both")
    return rows


def _json(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path} is not JSON: {error}") from None


def _text(path: Path) -> str:
    """A UTF-8 file, which may be larger than label lists are."""
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise DatasetError(f"{path} is larger than 1 GiB; expected a list of videos")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DatasetError(
            f"cannot read {path}: {error.strerror or error}; expected a list of videos"
        ) from None
    except UnicodeDecodeError:
        raise DatasetError(f"{path} is no UTF-8 text; save it as UTF-8") from None
