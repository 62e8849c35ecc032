"""Protocols by name: which videos are ranked among which labels, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.datasets.files_on_disk import bundled_lines, by_key, key
from zeroshot.datasets.splits import LabeledVideo, Split, digest_of
from zeroshot.errors import DatasetError, OptionError, counted
from zeroshot.video.source import Stretch, is_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from zeroshot.datasets.listing import Listing

NUM_DRAWS = 10
BASE, NOVEL = "base", "novel"


@dataclass(frozen=True, eq=False)
class Round:
    """Videos that are ranked among one list of labels.

    Attributes:
        name: such as "test split 1".
        labels: K names in words; the place is the row of a score. Labels without a video compete as well.
        videos: n labeled videos.
        expected_seen: labels that a model may have been trained on by the rules of the protocol.
    """

    name: str
    labels: tuple[str, ...]
    videos: tuple[LabeledVideo, ...]
    expected_seen: frozenset[str] = frozenset()

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
        shape: `mean` over the rounds, `sides` (base, novel and their harmonic mean), or `generalized`.
        published: name in words → name as the data set spells it, where they differ.
        sources: lists that were read.
        notes: what a reader of the figures should know.
    """

    protocol: str
    data: str
    rounds: tuple[Round, ...]
    shape: str = "mean"
    published: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Every label of any round, once, in the order of the first that has it."""
        return tuple(dict.fromkeys(label for one in self.rounds for label in one.labels))

    @cached_property
    def videos(self) -> tuple[LabeledVideo, ...]:
        """Every video of any round, once, by its path."""
        found = {pool_key(video): video for one in self.rounds for video in one.videos}
        return tuple(found.values())


def pool_key(video: LabeledVideo) -> str | int | Stretch:
    """What makes a video one: its path, the stretch of it, or the frames themselves."""
    if isinstance(video.path, Stretch):
        return video.path
    return str(video.path) if is_path(video.path) else id(video.path)


@dataclass(frozen=True)
class Protocol:
    """A way to evaluate.

    Attributes:
        build: the plan for a listing, and seen labels where the user named some.
        data: the only data set that it is for, or None.
        about: one line.
    """

    build: Callable[[str, Listing, frozenset[str]], EvaluationPlan]
    data: str | None
    about: str


def plan_for(protocol: str, listing: Listing, seen: Sequence[str] = ()) -> EvaluationPlan:
    """The plan of that protocol for a listing.

    Args:
        protocol: one of `PROTOCOLS`.
        listing: of its data set.
        seen: labels that had training videos; for `generalized`.

    Raises:
        OptionError: an unknown protocol (the message lists them), or one for another data set.
        LabelError: seen labels that the data set lacks.
    """
    chosen = protocol_named(protocol)
    if chosen.data not in {None, listing.name}:
        raise OptionError(f"{protocol} is for {chosen.data}, not for {listing.name}")
    return chosen.build(protocol, listing, frozenset(seen))


def protocol_named(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        OptionError: there is none; the message lists them.
    """
    if name not in PROTOCOLS:
        raise OptionError(f"protocol {name!r}; expected one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def plan_of_split(split: Split) -> EvaluationPlan:
    """One round: all videos among all labels."""
    return EvaluationPlan("split", split.name, (Round(split.name, split.labels, split.videos),))


def _plan(
    protocol: str, listing: Listing, rounds: Sequence[Round], shape: str = "mean", notes: Sequence[str] = ()
) -> EvaluationPlan:
    published = dict(zip(listing.labels, listing.published, strict=True)) if listing.published else {}
    title = listing.title or listing.name
    return EvaluationPlan(
        protocol, title, tuple(rounds), shape, published, listing.sources, (*listing.notes, *notes)
    )


def _whole(protocol: str, listing: Listing, _: frozenset[str]) -> EvaluationPlan:
    """All videos among all labels."""
    return _plan(protocol, listing, [Round("all videos", listing.labels, listing.videos)])


def _test_splits(protocol: str, listing: Listing, _: frozenset[str]) -> EvaluationPlan:
    """Each official test split."""
    rounds = [
        Round(f"test split {number}", listing.labels, tuple(listing.videos[row] for row in rows))
        for number, rows in enumerate(listing.tests, start=1)
        if rows
    ]
    if not rounds:
        raise DatasetError(f"{listing.name} has no test splits; give its lists with --list")
    notes = [] if len(rounds) == 3 else [f"{len(rounds)} of the three official test splits"]
    return _plan(protocol, listing, rounds, notes=notes)


def _half_classes(protocol: str, listing: Listing, _: frozenset[str]) -> EvaluationPlan:
    """Half the labels, ten draws; videos of the other half are left aside."""
    rounds = []
    half = len(listing.labels) // 2
    if half < 2:
        raise OptionError(
            f"{listing.name} has {counted(len(listing.labels), 'label')}; half of them is no choice"
        )
    for draw in range(NUM_DRAWS):
        rows = np.sort(np.random.default_rng(draw).permutation(len(listing.labels))[:half])
        labels = tuple(listing.labels[row] for row in rows)
        rounds.append(_among(f"draw {draw + 1}", labels, listing.videos))
    notes = [
        f"{half} of {len(listing.labels)} labels, drawn {NUM_DRAWS} times (seeds 0 to {NUM_DRAWS - 1}); the "
        "draws share videos, so that ± says how much the choice of labels matters, not how sure the mean is"
    ]
    return _plan(protocol, listing, rounds, notes=notes)


def _k600(protocol: str, listing: Listing, _: frozenset[str]) -> EvaluationPlan:
    """The three sets of 160 labels that Kinetics-400 lacks."""
    lines = [line.split(" ", 1) for line in bundled_lines("kinetics600_zeroshot160")]
    sets = [tuple(label for which, label in lines if str(number) in which) for number in (1, 2, 3)]
    union, shared = set().union(*sets), set(sets[0]).intersection(*sets[1:])
    rounds = [_among(f"set {number}", labels, listing.videos) for number, labels in enumerate(sets, start=1)]
    notes = [
        f"the three sets of 160 labels overlap: {len(union)} in all, {len(shared)} in all three; ± is not "
        "over independent draws",
        "papers take different clips of these labels (about 14,000 a set, or about 7,260 of the validation "
        f"set); here {', '.join(str(len(one.videos)) for one in rounds)}",
    ]
    return _plan(protocol, listing, rounds, notes=notes)


def _base_to_novel(protocol: str, listing: Listing, _: frozenset[str]) -> EvaluationPlan:
    """Base labels among themselves, novel labels among themselves, and the harmonic mean."""
    known = ("hmdb51", "ucf101", "kinetics400", "ssv2")
    if listing.name not in known:
        raise OptionError(f"base-to-novel halves exist for {', '.join(known)}; not for {listing.name}")
    base = {by_key(listing.labels)[key(line)] for line in bundled_lines(f"{listing.name}_base")}
    videos = tuple(listing.videos[row] for row in listing.tests[0]) if listing.tests else listing.videos
    halves = {
        BASE: tuple(label for label in listing.labels if label in base),
        NOVEL: tuple(label for label in listing.labels if label not in base),
    }
    rounds = [_among(name, labels, videos, base) for name, labels in halves.items()]
    notes = [
        "published figures train on the base labels, 16 videos each, with three seeds: give a model each"
    ]
    if listing.tests:
        notes.append("videos of test split 1")
    return _plan(protocol, listing, rounds, "sides", notes)


def _generalized(protocol: str, listing: Listing, seen: frozenset[str]) -> EvaluationPlan:
    """All videos among all labels, seen and unseen labels told apart."""
    known = by_key(listing.labels)
    if lacking := sorted(label for label in seen if key(label) not in known):
        raise OptionError(f"seen label {lacking[0]!r} is none of the {len(known)} labels of {listing.name}")
    mine = frozenset(known[key(label)] for label in seen)
    if not mine or len(mine) == len(listing.labels):
        raise OptionError(
            f"{len(mine)} of {len(listing.labels)} labels are seen; generalized needs seen and unseen ones: "
            "name the seen ones with --seen, or take a checkpoint whose record names its labels"
        )
    rows = list(listing.tests[0]) if listing.tests else range(len(listing.videos))
    videos = tuple(listing.videos[row] for row in rows)
    notes = [f"{len(mine)} seen and {len(listing.labels) - len(mine)} unseen labels compete"]
    return _plan(protocol, listing, [Round("all", listing.labels, videos, mine)], "generalized", notes)


def _among(
    name: str,
    labels: tuple[str, ...],
    videos: Sequence[LabeledVideo],
    expected_seen: set[str] | frozenset[str] = frozenset(),
) -> Round:
    """The videos of these labels."""
    chosen = frozenset(labels)
    mine = tuple(video for video in videos if video.label in chosen)
    if not mine:
        raise DatasetError(f"{name}: no listed video has one of its {len(labels)} labels")
    return Round(name, labels, mine, chosen & frozenset(expected_seen))


PROTOCOLS: Mapping[str, Protocol] = {
    "hmdb51-zeroshot": Protocol(_test_splits, "hmdb51", "three official test splits, mean ± std"),
    "ucf101-zeroshot": Protocol(_test_splits, "ucf101", "three official test splits, mean ± std"),
    "hmdb51-full": Protocol(_whole, "hmdb51", "every video"),
    "ucf101-full": Protocol(_whole, "ucf101", "every video"),
    "k400": Protocol(_whole, "kinetics400", "the listed validation set"),
    "k600": Protocol(_whole, "kinetics600", "the listed validation set"),
    "k700": Protocol(_whole, "kinetics700", "the listed validation set"),
    "k600-zeroshot160": Protocol(_k600, "kinetics600", "three sets of 160 labels that Kinetics-400 lacks"),
    "ssv2": Protocol(_whole, "ssv2", "the validation set"),
    "diving48": Protocol(_whole, "diving48", "the test list"),
    "activitynet200": Protocol(_whole, "activitynet200", "trimmed clips of the validation set"),
    "half-classes": Protocol(_half_classes, None, "half the labels, ten draws; any data set"),
    "base-to-novel": Protocol(
        _base_to_novel, None, "base and novel labels of hmdb51, ucf101, kinetics400, ssv2"
    ),
    "generalized": Protocol(_generalized, None, "seen and unseen labels compete; any data set"),
    "folders": Protocol(_whole, "folders", "a folder a label"),
    "csv": Protocol(_whole, "csv", "a table of path, label"),
}
