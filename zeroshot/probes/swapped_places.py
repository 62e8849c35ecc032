"""Whom a model follows where a person moves before another video's place: the person, or the place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zeroshot.errors import OptionError
from zeroshot.probes.linear_scene import fit_logistic
from zeroshot.probes.probe import Finding, of_stream
from zeroshot.probes.subject import checked_rows
from zeroshot.reports.document import Bar, Bars, Table, percent
from zeroshot.statistics.intervals import Count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.probes.subject import Clips, Subject, Swaps

_PENALTY = 10.0
_TITLE = "Whom the answer follows: the person, or the place behind"
_MEANINGS = {
    "person": "the answer is the action of the person who is seen",
    "place": "the answer is the action of the video that the place is from",
    "neither": "the answer is another label",
    "person's action, read": "a linear classifier of actions, made of the clips as filmed, reads the "
    "person's action from the layer of the swapped clip",
    "place's scene, read": "a linear classifier of scenes, made so, reads the scene that stands behind",
}


@dataclass(frozen=True)
class Followed:
    """Of the swapped clips whose person and place are of different labels, how many answers follow which.

    Attributes:
        person: answers that are the person's action.
        place: answers that are the action of the place's video.
        read_person: of a linear classifier of actions; None where a layer was not asked.
        read_place: of a linear classifier of scenes; None where scenes are not known.
    """

    person: Count | None
    place: Count | None
    read_person: Count | None
    read_place: Count | None

    def as_dict(self) -> dict[str, Any]:
        """Counts first."""
        found = {}
        for name, count in vars(self).items():
            shown = None if count is None else {"hits": count.hits, "videos": count.total}
            found[name] = (
                None if shown is None or count is None else {**shown, "share": count.estimate().as_dict()}
            )
        return found


def swapped_places(subject: Subject, clips: Clips) -> Finding:
    """How many answers follow the person, and how many the place; and what is read from each layer."""
    swaps = clips.swaps
    differ = (
        np.zeros(0, bool) if swaps is None else clips.targets[swaps.persons] != clips.targets[swaps.places]
    )
    if swaps is None or not differ.any():
        note = "no swap probe: it needs clips of persons before the places of videos of other labels"
        return Finding(_TITLE, notes=(note,), meanings=_MEANINGS)
    answers = clips.ask_swaps(subject.answer)
    units, filmed = clips.ask_swaps(subject.units), clips.ask(subject.units)
    found = {}
    for name in dict.fromkeys([*answers, *units]):
        scores = answers.get(name)
        read = _read(filmed[name], units[name], clips, swaps) if name in units else (None, None)
        person, place = (None, None) if scores is None else follows(scores, clips.targets, swaps)
        found[name] = Followed(person, place, *read)
    streams = {name: each for name, each in found.items() if each.person is not None}
    return Finding(
        _TITLE,
        _table(found),
        Bars(_bars(streams), 1 / len(clips.labels)),
        meanings=_MEANINGS,
        by_stream=found,
        verdict=_verdict(subject.stream, found.get(subject.stream)),
    )


def follows(scores: NDArray[Any], targets: NDArray[np.int64], swaps: Swaps) -> tuple[Count, Count]:
    """Answers that are the person's action, and answers that are the place's, of clips where they differ.

    Args:
        scores: (m, K) of the swapped clips.
        targets: (n,) of the clips that they are made of.
        swaps: m of them.
    """
    persons, places = targets[swaps.persons], targets[swaps.places]
    differ, answers = persons != places, np.asarray(scores).argmax(1)
    return Count.of((answers == persons)[differ]), Count.of((answers == places)[differ])


def _read(
    filmed: NDArray[Any], moved: NDArray[Any], clips: Clips, swaps: Swaps
) -> tuple[Count | None, Count | None]:
    """What classifiers of the clips as filmed read from the swapped ones: action and scene.

    Where a person's or a place's own video taught them they are flattered, the two alike.
    """
    differ = clips.targets[swaps.persons] != clips.targets[swaps.places]
    action = _classified(filmed, clips.targets, moved) == clips.targets[swaps.persons]
    if not clips.scenes or None in clips.scenes or len(set(clips.scenes)) < 2:
        return Count.of(action[differ]), None
    scenes = np.unique([str(scene) for scene in clips.scenes], return_inverse=True)[1]
    elsewhere = scenes[swaps.persons] != scenes[swaps.places]
    scene = _classified(filmed, scenes, moved) == scenes[swaps.places]
    return Count.of(action[differ]), Count.of(scene[elsewhere]) if elsewhere.any() else None


def _classified(rows: NDArray[Any], classes: NDArray[np.int64], moved: NDArray[Any]) -> NDArray[np.int64]:
    """(m,) what a linear classifier of rows (n, U) says of others (m, U)."""
    present, targets = np.unique(classes, return_inverse=True)
    if len(present) < 2:
        raise OptionError("the clips have one label alone; a swap probe needs 2 or more")
    classifier = fit_logistic(checked_rows(rows), torch.from_numpy(targets), len(present), _PENALTY)
    found: NDArray[np.int64] = present[classifier(checked_rows(moved)).argmax(1).numpy()]
    return found


def _table(found: dict[str, Followed]) -> Table:
    """A row a figure, a column a stream."""

    def row(name: str, counts: list[Count | None]) -> tuple[str, ...]:
        return name, *("–" if count is None else percent(count.estimate()) for count in counts)

    each = list(found.values())
    rows = [
        row("person", [one.person for one in each]),
        row("place", [one.place for one in each]),
        row("person's action, read", [one.read_person for one in each]),
        row("place's scene, read", [one.read_place for one in each]),
    ]
    return Table(("%, with 95 % intervals", *found), rows)


def _bars(streams: dict[str, Followed]) -> list[Bar]:
    """Person and place of each stream."""
    bars = []
    for place, (name, each) in enumerate(streams.items()):
        for what, count in (("person", each.person), ("place", each.place)):
            if count is not None:
                bars.append(Bar(f"follows the {what}, {name}", count.estimate(), place))
    return bars


def _verdict(stream: str, found: Followed | None) -> str:
    """Of the stream that answers."""
    if found is None or found.person is None or found.place is None:
        return ""
    return (
        f"Before another video's place, answers{of_stream(stream)} follow that place in "
        f"{found.place.share:.0%} of {found.place.total} clips and the person in {found.person.share:.0%}."
    )
