"""Long videos in which labels happen at some times and not at others: THUMOS14 and ActivityNet, uncut."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.datasets.files_on_disk import Files, by_key, key, none_found
from zeroshot.datasets.kinetics_ssv2_diving import activitynet_annotations, activitynet_list
from zeroshot.errors import DatasetError, OptionError, counted
from zeroshot.text.lists import read_text
from zeroshot.text.prompts import read_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class Happening:
    """A stretch of a video in which a label happens, in seconds from its first frame."""

    label: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class UntrimmedVideo:
    """A long video and what happens in it."""

    path: str
    happenings: tuple[Happening, ...]


@dataclass(frozen=True, eq=False)
class Untrimmed:
    """A data set of long videos.

    Attributes:
        name: of the data set.
        labels: K names in words.
        videos: n; one that is missing has the place where it was expected.
        sources: the lists that were read.
        notes: what a reader of the figures should know.
    """

    name: str
    labels: tuple[str, ...]
    videos: tuple[UntrimmedVideo, ...]
    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LocalizationProtocol:
    """A way to evaluate events found in time.

    Attributes:
        read: from the root and lists given by hand.
        thresholds: of the temporal IoU that mAP is averaged over.
        about: one line.
        published: what a reader may hold the figure against, a line each.
    """

    read: Callable[[str, Sequence[Path]], Untrimmed]
    thresholds: tuple[float, ...]
    about: str
    published: tuple[str, ...] = ()


def localization_named(name: str) -> LocalizationProtocol:
    """The protocol of that name.

    Raises:
        OptionError: there is none; the message lists them.
    """
    if name not in LOCALIZATION:
        raise OptionError(f"protocol {name!r}; expected one of {', '.join(LOCALIZATION)}")
    return LOCALIZATION[name]


def read_thumos14(root: str, lists: Sequence[Path] = ()) -> Untrimmed:
    """The test set of THUMOS14 by its annotations, a file a label: `video_test_0000324  49.2 53.5`.

    Args:
        root: folder of videos and annotations.
        lists: `BaseballPitch_test.txt` and its like; none: found below the root. `Ambiguous_test.txt` is left
            aside.

    Raises:
        DatasetError: no annotations, a line that is none, or none of the videos.
    """
    known = by_key(read_labels("thumos14"))
    files = Files(root)
    paths = {
        label: path
        for path in (lists or files.lists_named("_test", ".txt"))
        if (label := known.get(key(path.stem.lower().removesuffix("_test"))))
    }
    if not paths:
        raise DatasetError(f"no annotations in {root}; looked for BaseballPitch_test.txt and its like")
    found: dict[str, list[Happening]] = {}
    for label, path in paths.items():
        for line, text in enumerate(read_text(path).splitlines(), start=1):
            if parts := text.split():
                happening = _happening(label, parts[1:], f"{path}, line {line}")
                found.setdefault(parts[0], []).append(happening)
    source = f"{counted(len(paths), 'annotation file')} of test videos"
    lacking = [f"no annotations of {label}, which competes all the same" for label in known.values()]
    notes = [line for label, line in zip(known.values(), lacking, strict=True) if label not in paths]
    return _untrimmed("thumos14", files, tuple(known.values()), found, (source,), notes)


def read_activitynet_untrimmed(root: str, lists: Sequence[Path] = ()) -> Untrimmed:
    """The validation set of ActivityNet, uncut: `v_ID.mp4`, by its own list.

    Args:
        root: folder of videos and the list.
        lists: `activity_net.v1-3.min.json`; none: found below the root.

    Raises:
        DatasetError: no list, an unknown label, an annotation without a segment, or none of the videos.
    """
    labels = read_labels("activitynet200")
    files = Files(root)
    path = activitynet_list(files, lists)
    found, degenerate = {}, 0
    for name, cuts in activitynet_annotations(path, by_key(labels)).items():
        happenings = []
        for label, segment in cuts:
            parts = segment if isinstance(segment, list) else []
            if len(parts) == 2 and parts[0] == parts[1]:
                degenerate += 1
                continue
            happenings.append(_happening(label, parts, f"{path}: {name}"))
        found[f"v_{name}"] = happenings
    notes = [f"{counted(degenerate, 'annotation')} without any length left out"] if degenerate else []
    return _untrimmed("activitynet", files, labels, found, (path.name,), notes)


def _happening(label: str, parts: Sequence[Any], where: str) -> Happening:
    """A label with its start and end."""
    try:
        start, end = (float(part) for part in parts)
    except (TypeError, ValueError):
        start = end = math.nan
    if not 0 <= start < end < math.inf:
        shown = " ".join(map(str, parts))
        raise DatasetError(f"{where}: {shown!r}; expected a start and a later end, in seconds")
    return Happening(label, start, end)


def _untrimmed(
    name: str,
    files: Files,
    labels: tuple[str, ...],
    found: Mapping[str, Sequence[Happening]],
    sources: tuple[str, ...],
    notes: Sequence[str],
) -> Untrimmed:
    """Every annotated video, there or not."""
    videos, there = [], 0
    for stem in sorted(found):
        path = files.find([stem, stem.removeprefix("v_")])
        there += path is not None
        videos.append(UntrimmedVideo(str(path or files.root / f"{stem}.mp4"), tuple(found[stem])))
    if not there:
        raise none_found(files, name, (Path(video.path).name for video in videos))
    return Untrimmed(name, labels, tuple(videos), sources, tuple(notes))


LOCALIZATION: Mapping[str, LocalizationProtocol] = {
    "thumos14": LocalizationProtocol(
        read_thumos14,
        (0.3, 0.4, 0.5, 0.6, 0.7),
        "events in the test videos of THUMOS14, average mAP",
        (
            "training-free figures of the field on THUMOS14, average mAP in %: similarity of texts and "
            "frames 9.4, T3AL 9.2, LLT 12.8; they are means over splits in which a half or a quarter of the "
            "20 labels compete, here all do",
        ),
    ),
    "activitynet": LocalizationProtocol(
        read_activitynet_untrimmed,
        tuple(round(0.5 + 0.05 * step, 2) for step in range(10)),
        "events in the validation videos of ActivityNet, average mAP",
    ),
}
