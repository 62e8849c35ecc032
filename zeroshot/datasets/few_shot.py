"""K-shot: a few labeled videos of each label, by a paper's lists or a seeded draw, and others to test on."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.datasets.draws import few_of_each
from zeroshot.datasets.units import pool_key
from zeroshot.errors import DatasetError, OptionError, counted
from zeroshot.text.lists import read_text
from zeroshot.video.source import name_of, path_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.datasets.listing import Listing
    from zeroshot.datasets.splits import LabeledVideo

SHOTS = (2, 4, 8, 16)
_SEED = 0
_LIST = re.compile(r"few_?shot_(\d+)(?!\d)")


@dataclass(frozen=True, eq=False)
class FewShot:
    """Which videos are shown and which are asked.

    Attributes:
        examples: K of each label, or fewer where a label has no more.
        tested: the videos that the figure counts.
        source: where the examples are from, in a line.
    """

    examples: tuple[LabeledVideo, ...]
    tested: tuple[LabeledVideo, ...]
    source: str


def is_few_shot_list(path: Path) -> bool:
    """Whether a list names examples, by its name: `train1_few_shot_16.txt`."""
    return _LIST.search(path.name.lower()) is not None


def few_shot(listing: Listing, shots: int) -> FewShot:
    """K examples of each label and the videos to test on.

    Of a data set with a training set (split 1 of UCF101 and HMDB51) the examples are of that, and its test
    set is asked. Of class folders and tables the examples are drawn and all other videos are asked.

    Args:
        listing: of the data set.
        shots: K.

    Raises:
        DatasetError: no training videos are known, a label has no video left to test on, a list names what is
            no training video, or an example is tested on.
    """
    training, tested = _sides(listing)
    lists = [path for path in listing.few_shot if _shots_of(path) == shots]
    if lists:
        examples = _listed(lists, training, shots)
        source = f"{counted(len(examples), 'example')} by {lists[0].name}"
    else:
        examples = _drawn(training, shots)
        source = f"{counted(len(examples), 'example')} drawn: up to {shots} of each label, seed {_SEED}"
    if training is listing.videos:
        shown = {pool_key(video) for video in examples}
        tested = tuple(video for video in tested if pool_key(video) not in shown)
        _refuse_spent(listing, tested, shots)
    _refuse_overlap(examples, tested)
    if bare := len(set(listing.labels) - {video.label for video in examples}):
        source += f"; {bare} of {len(listing.labels)} labels have no training video, and so no example"
    return FewShot(examples, tested, source)


def _sides(listing: Listing) -> tuple[tuple[LabeledVideo, ...], tuple[LabeledVideo, ...]]:
    """Videos that examples may be of, and those that are tested on."""
    if listing.training:
        return listing.training, listing.videos
    if listing.tests:
        if not listing.trains:
            raise DatasetError(
                f"no list names the training videos of {listing.name}; put its own lists beside the videos, "
                "or give them with --list"
            )
        rows, asked = listing.trains[0], listing.tests[0]
        return tuple(listing.videos[row] for row in rows), tuple(listing.videos[row] for row in asked)
    if listing.name not in {"folders", "csv"}:
        raise OptionError(
            f"few-shot needs a training set, and {listing.name} has none here; it can be read of hmdb51, "
            "ucf101, ssv2, folders and csv"
        )
    return listing.videos, listing.videos


def _shots_of(path: Path) -> int:
    found = _LIST.search(path.name.lower())
    return int(found[1]) if found else 0


def _listed(lists: Sequence[Path], training: Sequence[LabeledVideo], shots: int) -> tuple[LabeledVideo, ...]:
    """The training videos that a list of `file index` names; the number is left aside, the file tells."""
    if len(lists) > 1:
        raise DatasetError(f"{lists[0]} and {lists[1]} both list {shots} shots; say which with --list")
    known = {Path(path_of(video.path)).stem: video for video in training}
    examples = []
    for line, text in enumerate(read_text(lists[0]).splitlines(), start=1):
        if not text.strip():
            continue
        file, _, number = text.strip().rpartition(" ")
        stem = Path(file if file and number.isdigit() else text.strip()).stem
        if stem not in known:
            raise DatasetError(f"{lists[0]}, line {line}: {stem} is no training video that a list names")
        examples.append(known[stem])
    return tuple(examples)


def _drawn(training: Sequence[LabeledVideo], shots: int) -> tuple[LabeledVideo, ...]:
    """K of each label by a seed, whatever the order and the folder of the videos."""
    rows: dict[str, list[LabeledVideo]] = defaultdict(list)
    for video in sorted(training, key=lambda video: (video.label, Path(path_of(video.path)).name)):
        rows[video.label].append(video)
    return tuple(video for some in few_of_each(rows, shots, _SEED).values() for video in some)


def _refuse_overlap(examples: Sequence[LabeledVideo], tested: Sequence[LabeledVideo]) -> None:
    """Refuse examples that are tested on."""
    asked = {pool_key(video) for video in tested}
    if again := next((video for video in examples if pool_key(video) in asked), None):
        raise DatasetError(f"{name_of(again.path)} is an example and tested on; take one of the lists away")


def _refuse_spent(listing: Listing, tested: Sequence[LabeledVideo], shots: int) -> None:
    """Refuse labels all of whose videos are examples."""
    left = {video.label for video in tested}
    if spent := [label for label in listing.labels if label not in left]:
        raise DatasetError(
            f"{spent[0]!r} has no video left to test on beside {counted(shots, 'example')}; take fewer "
            "shots, or leave the label out"
        )
