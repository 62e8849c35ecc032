"""Data sets by name: which videos a folder should hold, what each is called, where the list is from."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.datasets.charades import read_charades
from zeroshot.datasets.few_shot import is_few_shot_list
from zeroshot.datasets.files_on_disk import Files, by_key, key
from zeroshot.datasets.kinetics_ssv2_diving import (
    read_activitynet,
    read_diving48,
    read_kinetics,
    read_mimetics,
    read_ssv2,
)
from zeroshot.datasets.listing import Listing
from zeroshot.datasets.splits import LabeledVideo, Split, read_split
from zeroshot.datasets.ucf_hmdb import read_hmdb51, read_ucf101
from zeroshot.errors import DatasetError, OptionError, counted
from zeroshot.text.prompts import read_labels, spaced_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from zeroshot.text.prompts import LabelSource


@dataclass(frozen=True)
class Kind:
    """A data set that can be read by name.

    Attributes:
        read: from the root and lists given by hand.
        about: one line.
    """

    read: Callable[[str, Sequence[Path]], Listing]
    about: str


def open_split(source: str | os.PathLike[str]) -> Split:
    """The labeled videos of a CSV file, of a folder a label, or of a data set that is known by its look.

    Raises:
        LabelError: the file cannot be read.
        DatasetError: the folder is none of these.
    """
    if _is_list(source):
        return read_split(source)
    listing = read_dataset(source)
    return Split.of(listing.name, listing.videos)


def require_there(source: str | os.PathLike[str]) -> None:
    """Refuse what `open_split` would not find, before anything else is imported for it.

    Raises:
        LabelError: there is no such list.
        DatasetError: there is no such folder.
    """
    if not os.path.exists(source):  # noqa: PTH110 - any text
        open_split(source)


def read_dataset(
    root: str | os.PathLike[str],
    kind: str | None = None,
    *,
    lists: Sequence[str | os.PathLike[str]] = (),
    labels: LabelSource | None = None,
) -> Listing:
    """Every video that the data set's list names, those that are missing with the place they should have.

    Args:
        root: its folder; a CSV file for `csv`.
        kind: one of `DATASETS`; None: told by what lies in the folder.
        lists: its lists, where they lie elsewhere or several are there.
        labels: the labels, in the order of their class index, of a data set that has none of its own
            (`folders`, `csv`); None: those found, in alphabetical order.

    Raises:
        DatasetError: the root is wrong (the message says what was looked for), or a list contradicts the
            labels or itself.
        OptionError: no such kind, or labels for a data set that has its own.
    """
    name = kind or detect(root)
    if name not in DATASETS:
        raise OptionError(f"data set {name!r}; expected one of {', '.join(DATASETS)}")
    if labels is None:
        given = [Path(path) for path in lists]
        few = tuple(path for path in given if is_few_shot_list(path))
        listing = DATASETS[name].read(str(root), [path for path in given if path not in few])
        return replace(listing, few_shot=few or listing.few_shot)
    if name not in {"folders", "csv"}:
        raise OptionError(f"{name} has labels of its own; leave them out")
    known = read_labels(labels, spaced=False)
    return (_read_folders if name == "folders" else _read_table)(str(root), [], known)


def detect(root: str | os.PathLike[str]) -> str:
    """Which data set lies there, by its videos' names and its lists.

    Raises:
        DatasetError: it is none that has a name, and neither a CSV file nor class folders.
    """
    if _is_list(root):
        return "csv"
    files = Files(root)
    stems = files.stems
    if any(stem.startswith("v_") and "_g" in stem and "_c" in stem for stem in stems[:1000]):
        return "ucf101"
    if any("_np1_" in stem or "_np2_" in stem for stem in stems[:1000]):
        return "hmdb51"
    if files.lists_named("charades"):
        return "charades"
    if files.lists_named("mimetics", ".csv"):
        return "mimetics"
    if files.lists_named("diving48"):
        return "diving48"
    if files.lists_named("activity_net"):
        return "activitynet200"
    if files.lists_named("validation", ".json"):
        return "ssv2"
    for name in ("kinetics700", "kinetics600", "kinetics400"):
        if files.lists_named(name) or name in key(str(files.root.name)):
            return name
    if len({path.parent for path in files.videos}) > 1:
        return "folders"
    raise DatasetError(
        f"cannot tell which data set lies in {root}: looked for names of videos, lists and class folders; "
        "name a CSV file with path,label, lay the videos out as LABEL/video, or say it with --data of "
        f"`zeroshot evaluate` ({', '.join(DATASETS)})"
    )


def _is_list(source: str | os.PathLike[str]) -> bool:
    """Whether it is a file, or a pipe as `<(command)` of a shell names it."""
    return Path(source).is_file() or Path(source).is_fifo()


def _read_folders(root: str, lists: Sequence[Path], labels: Sequence[str] | None = None) -> Listing:
    """A folder a label, videos at any depth inside."""
    _refuse_lists(lists, "folders")
    files = Files(root)
    rows = [(path, path.relative_to(files.root).parts) for path in files.videos]
    if loose := [path for path, parts in rows if len(parts) == 1]:
        raise DatasetError(
            f"{loose[0]} lies in no class folder; expected {root}/LABEL/video, or name the data set"
        )
    if not rows:
        raise DatasetError(f"{root} holds no videos; looked for {root}/LABEL/video to the bottom")
    published = sorted({parts[0] for _, parts in rows})
    known = by_key(labels or [spaced_name(name) for name in published])
    for path, parts in rows:
        if key(parts[0]) not in known:
            raise DatasetError(
                f"{path} lies in the folder {parts[0]!r}, which is none of the {len(known)} labels; "
                "expected a folder named after one"
            )
    videos = [LabeledVideo(str(path), known[key(parts[0])]) for path, parts in rows]
    there = f"{counted(len(published), 'folder')} with {counted(len(videos), 'video')}"
    source = f"{there}; what is missing cannot be known"
    title = files.root.resolve().name
    return Listing("folders", tuple(known.values()), tuple(videos), sources=(source,), title=title)


def _read_table(root: str, lists: Sequence[Path], labels: Sequence[str] | None = None) -> Listing:
    """A CSV file of path, label and maybe scene."""
    _refuse_lists(lists, "csv")
    split = read_split(root)
    return relabeled(split, split.labels if labels is None else labels)


def relabeled(split: Split, labels: Sequence[str]) -> Listing:
    """A split whose videos are ranked among these labels, some of which may have no video.

    Args:
        split: the videos.
        labels: in the order of the class index; spelled alike but for case, spaces and marks.

    Raises:
        DatasetError: a video has none of them.
    """
    given, alike = set(labels), by_key(labels)
    own = {label: label if label in given else alike.get(key(label), "") for label in split.labels}
    if unknown := [label for label, found in own.items() if not found]:
        more = f", nor {'is' if len(unknown) == 2 else 'are'} {counted(len(unknown) - 1, 'other')}"
        raise DatasetError(
            f"{split.name} has videos of {unknown[0]!r}, which is none of the {len(labels)} labels"
            f"{more if len(unknown) > 1 else ''}; add it"
        )
    videos = tuple(
        replace(video, label=own[video.label], others=tuple(own[label] for label in video.others))
        for video in split.videos
    )
    return Listing("csv", tuple(labels), videos, sources=(split.name,), title=split.name)


def _refuse_lists(lists: Sequence[Path], kind: str) -> None:
    if lists:
        raise OptionError(f"{kind} needs no list, {lists[0]} was given; leave it out or name the data set")


def _kinetics(name: str) -> Callable[[str, Sequence[Path]], Listing]:
    return lambda root, lists: read_kinetics(root, lists, name)


DATASETS: Mapping[str, Kind] = {
    "ucf101": Kind(read_ucf101, "v_Class_g01_c01.avi; test lists bundled, or testlist01.txt … where there"),
    "hmdb51": Kind(read_hmdb51, "…_class_f_cm_np1_fr_med_0.avi; test splits bundled, or where there"),
    "kinetics400": Kind(_kinetics("kinetics400"), "CSV of label, youtube_id, time_start, time_end, split"),
    "kinetics600": Kind(_kinetics("kinetics600"), "the same"),
    "kinetics700": Kind(_kinetics("kinetics700"), "the same"),
    "mimetics": Kind(read_mimetics, "CSV as of Kinetics, of 50 of its labels; ID_000010_000020.mp4"),
    "charades": Kind(
        read_charades, "Charades_v1_test.csv, Charades_v1_classes.txt; ID.mp4, several labels a video"
    ),
    "ssv2": Kind(read_ssv2, "validation.json of id, template; number.webm"),
    "diving48": Kind(read_diving48, "Diving48_V2_test.json, Diving48_vocab.json; vid_name.mp4"),
    "activitynet200": Kind(read_activitynet, "activity_net*.json; trimmed clips v_ID_0.mp4, v_ID_1.mp4 …"),
    "folders": Kind(_read_folders, "a folder a label"),
    "csv": Kind(_read_table, "path, label, maybe scene"),
}
