"""Copies of videos in which the person stands before another video's place, or is not there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from zeroshot.cutouts.composite import soft_over
from zeroshot.cutouts.finders import TOKENS, open_finder
from zeroshot.cutouts.inpaint import soft_plate
from zeroshot.errors import OptionError, VideoError
from zeroshot.waist.persons import OtherFinder, OwnTokens, Shot, masks_in
from zeroshot.waist.waist import EMPTIED, SWAPPED, WaistRow, read_chosen, write_chosen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from torch import Tensor

    from zeroshot.model.backbone import Backbone
    from zeroshot.video.processes.reader import ClipReader
    from zeroshot.video.sampling import Sampling
    from zeroshot.video.source import VideoSource
    from zeroshot.waist.settings import Copies

PLACES = "places.json"

NUM_LEARNED = 128
"""Videos that teach where persons are."""

NUM_PLACES = 64
"""Videos among them whose places are kept: each clip is held in memory."""


@dataclass(frozen=True, eq=False)
class PlaceSwapper:
    """Puts persons before other videos' places; the same video always before the same one.

    Attributes:
        ending: of the copies' keys.
        persons: finds them.
        learned: keys of the videos that taught it.
        places: (P, T, 3, h, w) uint8, clips of `place_keys(learned)` as the network sees them, without
            their persons.
    """

    persons: OwnTokens | OtherFinder
    learned: list[str]
    places: Tensor
    ending: str = SWAPPED

    @classmethod
    def learn(cls, persons: OwnTokens | OtherFinder, shots: Iterable[Shot]) -> PlaceSwapper:
        """The swapper that some videos teach.

        Args:
            persons: finds them, once it has seen the videos.
            shots: clips of videos, read one by one.

        Raises:
            OptionError: fewer than two videos, or nothing moves in them.
        """
        learned: list[str] = []
        kept: list[Shot] = []

        def reading() -> Iterator[Shot]:
            for shot in shots:
                learned.append(shot.key)
                yield shot
                if len(kept) < NUM_PLACES:
                    shot.shrink()
                    kept.append(shot)

        persons.learn(reading())
        places, lost = [], set()
        for shot in kept:
            try:
                places.append(soft_plate(shot.seen, persons.masks(shot)))
            except VideoError:  # its own copy will say so
                lost.add(shot.key)
        if len(places) < 2:
            raise OptionError("places are swapped between 2 videos or more; train without swapped copies")
        rounded = torch.cat(places).round().clamp(0, 255).to(torch.uint8)
        lenders = [shot.key for shot in kept if shot.key not in lost]
        return cls(persons, lenders if lost else learned, rounded)

    def copy(self, shot: Shot) -> Tensor:
        """(T, 3, h, w) uint8: a video's person before another's place, as the network sees it.

        Raises:
            VideoError: it has no person, where that is known for sure.
        """
        masks = masks_in(shot, self.persons)
        place = self.places[partner(shot.key, place_keys(self.learned))]
        return soft_over(shot.seen, masks, place.unsqueeze(0))[0]


@dataclass(frozen=True, eq=False)
class PersonRemover:
    """Takes persons out of their videos.

    Attributes:
        ending: of the copies' keys.
        persons: finds them, and has learned how they look.
    """

    persons: OwnTokens | OtherFinder
    ending: str = EMPTIED

    def copy(self, shot: Shot) -> Tensor:
        """(T, 3, h, w) uint8: the place without the person, as the network sees it.

        Raises:
            VideoError: it has no person, where that is known for sure.
        """
        plate = soft_plate(shot.seen, masks_in(shot, self.persons))
        return plate[0].round().clamp(0, 255).to(torch.uint8)


def place_keys(learned: list[str]) -> list[str]:
    """Which of the videos that taught a swapper lend their places."""
    return learned[:NUM_PLACES]


def partner(key: str, places: list[str]) -> int:
    """Which of the videos `places` lends its place to the video of a key: any but itself, always the same."""
    row = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % len(places)
    return row if places[row] != key else (row + 1) % len(places)


def learn_swapper(
    backbone: Backbone,
    sources: dict[str, VideoSource],
    reader: ClipReader,
    sampling: Sampling,
    folder: Path,
    copies: Copies,
) -> PlaceSwapper | None:
    """What some of the videos teach of persons and places: those that taught it in this folder before.

    None where they teach nothing and copies are not required.

    Args:
        backbone: a frozen vision transformer.
        sources: key → video.
        reader: of videos.
        sampling: of their clips.
        folder: of the tokens.
        copies: say who finds the persons, and whether there have to be copies.

    Raises:
        OptionError: they teach nothing, and copies are required.
    """
    masks = copies.masks
    persons = OwnTokens(backbone) if masks == TOKENS else OtherFinder(open_finder(masks), backbone, reader)
    taught = read_places(folder)
    keys = taught or sorted(sources)[:NUM_LEARNED]
    outcomes = reader.read_many(iter([sources[key] for key in keys]), replace(sampling, num_views=1))
    shots = (
        Shot(backbone, key, source, clips[0])
        for key, (source, clips) in zip(keys, outcomes, strict=True)
        if not isinstance(clips, VideoError)
    )
    try:
        swapper = PlaceSwapper.learn(persons, shots)
    except OptionError:
        if copies.required or taught:
            raise
        return None
    write_chosen(folder / PLACES, swapper.learned)
    return swapper


def read_places(folder: Path) -> list[str]:
    """Keys of the videos that taught the copies in a folder; none where there are none yet.

    Raises:
        OutputError: they cannot be read.
    """
    return read_chosen(folder / PLACES, str)


def swapped_rows(rows: list[WaistRow], folder: Path) -> list[WaistRow]:
    """Rows of the copies, if any: the label is the person's, the scene that of the place's own video."""
    taught = read_places(folder)
    if not taught:
        return []
    scenes = {row.key: row.scene for row in rows}
    places = place_keys(taught)
    return [
        WaistRow(row.path, row.label, scenes.get(places[partner(row.key, places)]), row.key + SWAPPED)
        for row in rows
    ]
