"""Protocols by name: which videos are ranked among which labels, and how often."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from zeroshot.datasets.draws import NUM_DRAWS, OPEN_VCLIP_SEED, numpy_halves, open_vclip_halves
from zeroshot.datasets.evaluation_plan import BASE, NOVEL, EvaluationPlan, Round, plan_of
from zeroshot.datasets.few_shot import SHOTS, few_shot
from zeroshot.datasets.files_on_disk import bundled_lines, by_key, key
from zeroshot.datasets.listing import Listing
from zeroshot.datasets.units import counted_once
from zeroshot.datasets.untrimmed import LOCALIZATION
from zeroshot.errors import DatasetError, OptionError, counted
from zeroshot.text.prompts import read_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from zeroshot.datasets.splits import LabeledVideo, Split

_EXCHANGED = (("kick", "kick ball"), ("sword", "sword exercise"))  # in the lists of HMDB51 that TC-CLIP reads
_SUPERVISED_VIEWS = 4


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


def plan_for(
    protocol: str, listing: Listing, seen: Sequence[str] = (), *, several_labels: bool = False
) -> EvaluationPlan:
    """The plan of that protocol for a listing.

    Args:
        protocol: one of `PROTOCOLS`.
        listing: of its data set.
        seen: labels that had training videos; for `generalized`.
        several_labels: whether a file that the listing has under several labels is right by any of them.

    Raises:
        OptionError: an unknown protocol (the message lists them), or one for another data set.
        DatasetError: a file has two labels, and one is expected.
        LabelError: seen labels that the data set lacks.
    """
    chosen = protocol_named(protocol)
    if chosen.data not in {None, listing.name}:
        raise OptionError(f"{protocol} is for {chosen.data}, not for {listing.name}")
    if not listing.tests:  # those of UCF101 and HMDB51 are each once, by their names
        videos, repeats = counted_once(listing.videos, several_labels=several_labels)
        notes = () if not repeats else (_repeated(repeats, several_labels),)
        listing = replace(listing, videos=videos, notes=(*listing.notes, *notes))
    return chosen.build(protocol, listing, frozenset(seen))


def _repeated(rows: int, several_labels: bool) -> str:
    """What a reader is told of rows that name a file which a row above names."""
    words = "a video counts once" + (", and is right by each of its labels" if several_labels else "")
    return f"{counted(rows, 'row')} of the list name a file that stands above; {words}"


def protocol_named(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        OptionError: there is none; the message lists them.
    """
    if name in LOCALIZATION:
        raise OptionError(f"{name} finds events in time, which zeroshot.localize measures; take that for it")
    if name not in PROTOCOLS:
        raise OptionError(f"protocol {name!r}; expected one of {', '.join([*PROTOCOLS, *LOCALIZATION])}")
    return PROTOCOLS[name]


def plan_of_split(split: Split, *, several_labels: bool = False) -> EvaluationPlan:
    """One round: all videos among all labels.

    Args:
        split: whose videos they are.
        several_labels: as for `plan_for`.

    Raises:
        DatasetError: a file has two labels, and one is expected.
    """
    listing = Listing("csv", split.labels, split.videos, title=split.name)
    plan = plan_for("csv", listing, several_labels=several_labels)
    return replace(plan, protocol="split", rounds=(replace(plan.rounds[0], name=split.name),))


def _whole(protocol: str, listing: Listing, _: frozenset[str]) -> EvaluationPlan:
    """All videos among all labels."""
    return plan_of(protocol, listing, [Round("all videos", listing.labels, listing.videos)])


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
    return plan_of(protocol, listing, rounds, notes=notes)


def _half_classes(protocol: str, listing: Listing, _: frozenset[str]) -> EvaluationPlan:
    """Half the labels, ten draws as BIKE and Text4Vis make them; videos of the other half are left aside."""
    words = f"by numpy.random.seed(0) to ({NUM_DRAWS - 1}) and permutation, as BIKE and Text4Vis draw them"
    return _halves(protocol, listing, listing.videos, numpy_halves(len(listing.labels)), words)


def _half_classes_open_vclip(protocol: str, listing: Listing, _: frozenset[str]) -> EvaluationPlan:
    """Half the labels, ten draws as Open-VCLIP makes them, on the videos of training and test split 1."""
    words = f"by random.seed({OPEN_VCLIP_SEED}) and shuffle, one after the other, as Open-VCLIP draws them"
    videos = listing.videos
    if listing.tests:
        if not listing.trains:
            raise DatasetError(
                f"{protocol} takes the training and the test videos of split 1, and no list here names the "
                f"former; put the lists of {listing.name} beside the videos, or give them with --list"
            )
        rows = sorted({*listing.trains[0], *listing.tests[0]})
        videos = tuple(listing.videos[row] for row in rows)
        words += f"; {counted(len(videos), 'video')}, of training and test split 1"
    return _halves(protocol, listing, videos, open_vclip_halves(len(listing.labels)), words)


def _halves(
    protocol: str, listing: Listing, videos: Sequence[LabeledVideo], draws: list[list[int]], words: str
) -> EvaluationPlan:
    """A round a draw, among its labels."""
    if (half := len(draws[0])) < 2:
        raise OptionError(
            f"{listing.name} has {counted(len(listing.labels), 'label')}; half of them is no choice"
        )
    rounds = [
        _among(f"draw {number}", tuple(listing.labels[row] for row in rows), videos)
        for number, rows in enumerate(draws, start=1)
    ]
    notes = [
        f"{half} of {len(listing.labels)} labels, drawn {len(draws)} times {words}; the draws share videos, "
        "so that ± says how much the choice of labels matters, not how sure the mean is; ± is over n − 1, "
        "theirs over n: 0.949 of it"
    ]
    return plan_of(protocol, listing, rounds, notes=notes)


def _tc_clip_lists(protocol: str, listing: Listing, seen: frozenset[str]) -> EvaluationPlan:
    """The test splits by the lists that TC-CLIP reads, two pairs of labels exchanged, and by files' names."""
    ours = _test_splits(protocol, listing, seen)
    other = dict(_EXCHANGED) | {second: first for first, second in _EXCHANGED}
    rounds = []
    for one in ours.rounds:
        videos = tuple(replace(video, label=other.get(video.label, video.label)) for video in one.videos)
        rounds.append(replace(one, name=f"{one.name}, TC-CLIP's list", videos=videos))
    exchanged = sum(video.label in other for video in ours.rounds[0].videos)
    pairs = " and ".join(f"{first} with {second}" for first, second in _EXCHANGED)
    note = (
        f"the lists that TC-CLIP reads exchange {pairs}: {exchanged} of {len(ours.rounds[0].videos)} videos "
        f"of {ours.rounds[0].name} have another label than their files' names say; the first figure is by "
        "those lists, the second by the files' names, which are right"
    )
    parts = (("TC-CLIP's lists", len(rounds)), ("the files' names", len(ours.rounds)))
    return replace(ours, rounds=(*rounds, *ours.rounds), notes=(*ours.notes, note), parts=parts)


def _few_shot(shots: int, protocol: str, listing: Listing, _: frozenset[str]) -> EvaluationPlan:
    """K examples of each label are shown, others are asked."""
    chosen = few_shot(listing, shots)
    one = Round(f"{shots} shots", listing.labels, chosen.tested, examples=chosen.examples)
    notes = [
        f"{chosen.source}; nothing is trained: published few-shot figures tune the network on the examples",
        "the figure weighs the labels' texts and the examples together; texts alone and examples alone stand "
        "beside it",
    ]
    if listing.tests:
        notes.append("examples of training split 1, videos of test split 1")
    return plan_of(protocol, listing, [one], notes=notes)


def _supervised(protocol: str, listing: Listing, _: frozenset[str]) -> EvaluationPlan:
    """All videos among labels that the model was trained on."""
    one = Round("all videos", listing.labels, listing.videos, frozenset(listing.labels))
    notes = [
        "supervised: a model trained on these labels is meant, so that this is no figure on unseen classes",
        f"published figures take {_SUPERVISED_VIEWS} temporal views × 3 crops along the longer side (its "
        "beginning, middle and end) of the short side resized to 224",
    ]
    return replace(plan_of(protocol, listing, [one], notes=notes), num_views=_SUPERVISED_VIEWS)


def _among_all_of_kinetics(protocol: str, listing: Listing, _: frozenset[str]) -> EvaluationPlan:
    """All videos among the 400 labels of Kinetics-400, of which the data set has some."""
    return plan_of(protocol, listing, [Round("all videos", read_labels("kinetics400"), listing.videos)])


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
    return plan_of(protocol, listing, rounds, notes=notes)


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
    return plan_of(protocol, listing, rounds, "sides", notes)


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
    return plan_of(protocol, listing, [Round("all", listing.labels, videos, mine)], "generalized", notes)


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
    "hmdb51-tc-clip": Protocol(
        _tc_clip_lists, "hmdb51", "three test splits as TC-CLIP lists them, two pairs of labels exchanged"
    ),
    "ucf101-full": Protocol(_whole, "ucf101", "every video"),
    "k400": Protocol(_whole, "kinetics400", "the listed validation set"),
    "k400-supervised": Protocol(_supervised, "kinetics400", "the same for models trained on it, 4 views"),
    "k600": Protocol(_whole, "kinetics600", "the listed validation set"),
    "k700": Protocol(_whole, "kinetics700", "the listed validation set"),
    "k600-zeroshot160": Protocol(_k600, "kinetics600", "three sets of 160 labels that Kinetics-400 lacks"),
    "ssv2": Protocol(_whole, "ssv2", "the validation set"),
    "diving48": Protocol(_whole, "diving48", "the test list"),
    "charades": Protocol(_whole, "charades", "the test list, several labels a video: mAP"),
    "mimetics": Protocol(_whole, "mimetics", "actions mimed, among its 50 labels"),
    "mimetics-k400": Protocol(
        _among_all_of_kinetics, "mimetics", "actions mimed, among the 400 labels of Kinetics-400"
    ),
    "activitynet200": Protocol(_whole, "activitynet200", "trimmed clips of the validation set"),
    "half-classes": Protocol(_half_classes, None, "half the labels, ten draws of BIKE's; any data set"),
    "half-classes-open-vclip": Protocol(
        _half_classes_open_vclip, None, "half the labels, ten draws and videos of Open-VCLIP's"
    ),
    **{
        f"few-shot-{shots}": Protocol(
            partial(_few_shot, shots), None, f"{shots} examples a label; hmdb51, ucf101, ssv2, folders, csv"
        )
        for shots in SHOTS
    },
    "base-to-novel": Protocol(
        _base_to_novel, None, "base and novel labels of hmdb51, ucf101, kinetics400, ssv2"
    ),
    "generalized": Protocol(_generalized, None, "seen and unseen labels compete; any data set"),
    "folders": Protocol(_whole, "folders", "a folder a label"),
    "csv": Protocol(_whole, "csv", "a table of path, label"),
}
