"""What a data set should hold: every video that its lists name, there or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zeroshot.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    from zeroshot.datasets.splits import LabeledVideo


@dataclass(frozen=True, eq=False)
class Listing:
    """The videos of a data set, as its lists name them.

    Attributes:
        name: of the data set.
        labels: K names in words, in the order of the class index.
        videos: n rows; one that is missing has the place where it was expected.
        published: K names as the data set spells them (CamelCase, codes); empty where that is `labels`.
        tests: rows of each official test split; empty where there are none.
        trains: rows of each official training split, where lists name them; empty where none does.
        training: videos of a training set that is no part of `videos`.
        few_shot: lists of a few training videos a label, which lie with the data set or were given.
        sources: the lists that were read, a line each.
        title: what a report calls it; empty: the name.
        notes: what a reader of the figures should know.
    """

    name: str
    labels: tuple[str, ...]
    videos: tuple[LabeledVideo, ...]
    published: tuple[str, ...] = ()
    tests: tuple[tuple[int, ...], ...] = ()
    trains: tuple[tuple[int, ...], ...] = ()
    training: tuple[LabeledVideo, ...] = ()
    few_shot: tuple[Path, ...] = ()
    sources: tuple[str, ...] = ()
    title: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an empty listing and labels that the class list lacks."""
        if not self.videos:
            raise DatasetError(f"{self.name} lists no videos; expected one or more")
        if self.published and len(self.published) != len(self.labels):
            raise DatasetError(f"{len(self.published)} published names for {len(self.labels)} labels")
        used = {label for video in self.videos for label in video.labels}
        if unknown := sorted(used - set(self.labels)):
            raise DatasetError(
                f"{self.name} has videos of {unknown[0]!r}, which is none of its {len(self.labels)} labels"
            )
