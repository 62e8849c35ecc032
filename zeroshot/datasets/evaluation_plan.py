"""What a protocol asks for on one data set: rounds of videos that are ranked among labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from zeroshot.datasets.files_on_disk import by_key, key
from zeroshot.datasets.splits import digest_of
from zeroshot.datasets.units import pool_key
from zeroshot.errors import OptionError
from zeroshot.text.prompts import read_labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zeroshot.datasets.listing import Listing
    from zeroshot.datasets.splits import LabeledVideo

BASE, NOVEL = "base", "novel"
SEVERAL_LABELS = "several labels"
"""The shape of a plan whose videos show several labels each."""

_PART_OF_UCF101 = 10  # so many labels and all of them UCF101's: a part of it, and no list by chance


@dataclass(frozen=True, eq=False)
class Round:
    """Videos that are ranked among one list of labels.

    Attributes:
        name: such as "test split 1".
        labels: K names in words; the place is the row of a score. Labels without a video compete as well.
        videos: n labeled videos.
        expected_seen: labels that a model may have been trained on by the rules of the protocol.
        examples: videos whose labels the model is shown before it is asked; none are asked.
    """

    name: str
    labels: tuple[str, ...]
    videos: tuple[LabeledVideo, ...]
    expected_seen: frozenset[str] = frozenset()
    examples: tuple[LabeledVideo, ...] = ()

    @property
    def digest(self) -> str:
        """Changes with any label and any video's name."""
        return digest_of(self.labels, self.videos)


@dataclass(frozen=True, eq=False)
class EvaluationPlan:
    """What a protocol asks for on one data set.

    Attributes:
        protocol: its name.
        data: name of the data set.
        rounds: one or more.
        shape: `mean` over the rounds, `sides` (base, novel and their harmonic mean), `generalized`, or
            `several labels` a video.
        published: name in words → name as the data set spells it, where they differ.
        sources: lists that were read.
        notes: what a reader of the figures should know.
        parts: what is called how and is the mean of so many rounds: the first part is the figure, the others
            stand beside it. None: all rounds are the figure.
        num_views: temporal views that its published figures have; None: those of whoever looks.
    """

    protocol: str
    data: str
    rounds: tuple[Round, ...]
    shape: str = "mean"
    published: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    parts: tuple[tuple[str, int], ...] = ()
    num_views: int | None = None

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Every label of any round, once, in the order of the first that has it."""
        return tuple(dict.fromkeys(label for one in self.rounds for label in one.labels))

    @property
    def num_counted(self) -> int | None:
        """So many of the first rounds are the figure, the others stand beside it; None: all are."""
        return self.parts[0][1] if self.parts else None

    @cached_property
    def videos(self) -> tuple[LabeledVideo, ...]:
        """Every video of any round, once, by its path."""
        found = {pool_key(video): video for one in self.rounds for video in one.videos}
        return tuple(found.values())

    @cached_property
    def examples(self) -> tuple[LabeledVideo, ...]:
        """Every example of any round, once."""
        return tuple({pool_key(video): video for one in self.rounds for video in one.examples}.values())


def plan_of(
    protocol: str, listing: Listing, rounds: Sequence[Round], shape: str = "mean", notes: Sequence[str] = ()
) -> EvaluationPlan:
    """The plan of some rounds of a listing, with what must not be taken for something else.

    Args:
        protocol: its name.
        listing: of the data set.
        rounds: one or more.
        shape: as of `EvaluationPlan`; that of several labels a video is seen from the videos.
        notes: beside those of the listing.

    Raises:
        OptionError: videos with several labels in a protocol that needs one.
    """
    published = dict(zip(listing.labels, listing.published, strict=True)) if listing.published else {}
    title = listing.title or listing.name
    said = [*listing.notes, *notes, *_cautions(listing, rounds)]
    if any(video.others for video in listing.videos):
        if shape != "mean" or len(rounds) > 1 or rounds[0].examples:
            raise OptionError(f"{protocol} needs one label a video, and {title} has several")
        shape = SEVERAL_LABELS
        said.append(
            "several labels a video: mAP is the mean over labels of the average precision of the videos that "
            "they rank; top-1 and top-5 count a video as right by any of its labels"
        )
    return EvaluationPlan(protocol, title, tuple(rounds), shape, published, listing.sources, tuple(said))


def _cautions(listing: Listing, rounds: Sequence[Round]) -> list[str]:
    """What must not be taken for something else."""
    words = []
    if any(len(one.labels) == 1 for one in rounds):
        words.append(
            "a list of one label: each answer is that label, so that 100 % means nothing; rank among more"
        )
    if listing.name in {"folders", "csv"} and _is_part_of_ucf101(listing.labels):
        words.append(
            f"{len(listing.labels)} of the 101 labels of UCF101 (what mteb calls UCF101 has 51 labels): "
            "not UCF101, and no figure to stand beside its figures"
        )
    return words


def _is_part_of_ucf101(labels: Sequence[str]) -> bool:
    """Whether these are some of UCF101's labels and nothing else, and so many that it is no chance."""
    known, mine = set(by_key(read_labels("ucf101"))), {key(label) for label in labels}
    return mine < known and len(mine) >= _PART_OF_UCF101
