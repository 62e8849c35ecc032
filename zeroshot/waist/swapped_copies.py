"""Copies of videos in which the figure stands before another video's place."""

from __future__ import annotations

import hashlib
import json
import math
from collections import deque
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from zeroshot.cutouts.composite import soft_over
from zeroshot.cutouts.finder import all_read
from zeroshot.cutouts.finders import TOKENS, open_finder
from zeroshot.cutouts.inpaint import soft_plate
from zeroshot.cutouts.mask_files import is_mask_video
from zeroshot.cutouts.token_mask import FigureFinder
from zeroshot.errors import OptionError, OutputError, VideoError
from zeroshot.store.files import write_whole
from zeroshot.video.decoders.all_frames import Film
from zeroshot.video.source import name_of
from zeroshot.waist.waist import SWAPPED, WaistRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from torch import Tensor

    from zeroshot.cutouts.finder import Finder, Found
    from zeroshot.model.backbone import Backbone
    from zeroshot.types import Clip
    from zeroshot.video.processes.reader import ClipReader
    from zeroshot.video.sampling import Sampling
    from zeroshot.video.source import VideoSource

PLACES = "places.json"

NUM_LEARNED = 128
"""Videos that teach where figures are."""

NUM_PLACES = 64
"""Videos among them whose places are kept: each clip is held in memory."""


class Shot:
    """One clip of a video, to be cut out of its place.

    Attributes:
        key: of the video.
        source: the video.
        clip: T frames.
        seen: (1, T, 3, h, w) uint8, the frames as the network sees them.
    """

    def __init__(
        self, backbone: Backbone, key: str, source: VideoSource, clip: Clip, tokens: Tensor | None = None
    ) -> None:
        """Take a clip.

        Args:
            backbone: a frozen vision transformer.
            key: of the video.
            source: the video.
            clip: T frames.
            tokens: (T, 1+N, C) of the frames, not pooled; None encodes them once somebody asks.
        """
        self.key, self.source, self.clip = key, source, clip
        self.seen = backbone.see_frames(clip.frames)[None]
        self._backbone = backbone
        self._tokens = None if tokens is None else _patches(tokens)

    @property
    def tokens(self) -> Tensor:
        """(1, T, N, C) of the patches, on the CPU."""
        if self._tokens is None:
            self._tokens = _patches(self._backbone.encode_tokens(self.clip.frames)[0])
        return self._tokens

    def shrink(self) -> None:
        """Hold tokens that were asked for in half the memory."""
        if self._tokens is not None:
            self._tokens = self._tokens.half()


def _patches(tokens: Tensor) -> Tensor:
    """(1, T, N, C) of (T, 1+N, C)."""
    return tokens[:, 1:].cpu()[None]


class OwnTokens:
    """Figures by the very tokens that the waist is made of: nothing is computed twice."""

    def __init__(self, backbone: Backbone) -> None:
        """Take the network; it has not learned anything yet."""
        self._grid = backbone.grid or (1, 1)
        self._figures: FigureFinder | None = None

    def learn(self, shots: Iterable[Shot]) -> None:
        """How figures look, by what moves in some videos.

        Raises:
            OptionError: nothing moves in them.
        """
        self._figures = FigureFinder.fit(((shot.tokens, shot.seen) for shot in shots), self._grid)

    def masks(self, shot: Shot) -> Tensor:
        """(1, T, h, w) in [0, 1] of a clip as the network sees it."""
        if self._figures is None:
            raise OptionError("figures are found by tokens once videos have taught how they look")
        return self._figures.masks(shot.tokens, shot.seen)

    def nobody(self, shot: Shot) -> str:  # noqa: ARG002 - a video without a figure is another's place alone
        """Nothing: a copy without a figure is let pass."""
        return ""


class OtherFinder:
    """Figures by any finder, in frames as they come from the decoder."""

    def __init__(self, finder: Finder, backbone: Backbone, reader: ClipReader) -> None:
        """Take a finder.

        Args:
            finder: of persons.
            backbone: to which the masks are cut.
            reader: decodes whole videos, where masks of every frame lie in files.
        """
        self._finder, self._backbone, self._reader = finder, backbone, reader
        self._held: tuple[str, Film, Found] | None = None

    def learn(self, shots: Iterable[Shot]) -> None:
        """What the finder wants to learn; the rest of the clips is read all the same."""
        frames = (shot.clip.frames for shot in shots)
        self._finder = self._finder.taught_by(frames)
        deque(frames, maxlen=0)

    def masks(self, shot: Shot) -> Tensor:
        """(1, T, h, w) in [0, 1] of a clip as the network sees it.

        Raises:
            VideoError: a mask that should be there is not, or is another video's.
        """
        mask, clip = self._finder.mask_of(shot.source), shot.clip
        if mask is None:
            levels = self._finder.find(Film(clip, 1.0, clip.frames.shape[2:])).levels
        else:
            film, found = self._of_every_frame(shot, mask)
            apart = np.abs(film.clip.seconds[None] - clip.seconds[:, None])
            levels = found.levels[apart.argmin(1)]
        seen = self._backbone.see_frames(levels[:, None].repeat(3, 1))
        return seen[None, :, 0].float() / 255

    def nobody(self, shot: Shot) -> str:
        """One line on a video without a figure."""
        words = self._finder.nobody(self._finder.mask_of(shot.source))
        return f"{words} {name_of(shot.source)}; give it a mask with a person, or leave it out"

    def _of_every_frame(self, shot: Shot, mask: Path) -> tuple[Film, Found]:
        """The whole video and what its mask says; kept for the video's next clip."""
        if self._held is None or self._held[0] != shot.key:
            group = [shot.source, *([mask] if is_mask_video(mask) else [])]
            side = min(shot.clip.frames.shape[2:])  # as far as the clip was reduced, if it was
            with closing(self._reader.read_films([group], math.inf, side)) as films:
                film, *shown = all_read(next(films))
            self._held = (shot.key, film, self._finder.find(film, mask, *shown))
        return self._held[1:]


@dataclass(frozen=True, eq=False)
class PlaceSwapper:
    """Puts figures before other videos' places; the same video always before the same one.

    Attributes:
        figures: finds them.
        learned: keys of the videos that taught it.
        places: (P, T, 3, h, w) uint8, clips of `place_keys(learned)` as the network sees them, without
            their figures.
    """

    figures: OwnTokens | OtherFinder
    learned: list[str]
    places: Tensor

    @classmethod
    def learn(cls, figures: OwnTokens | OtherFinder, shots: Iterable[Shot]) -> PlaceSwapper:
        """The swapper that some videos teach.

        Args:
            figures: finds them, once it has seen the videos.
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

        figures.learn(reading())
        places, lost = [], set()
        for shot in kept:
            try:
                places.append(soft_plate(shot.seen, figures.masks(shot)))
            except VideoError:  # its own copy will say so
                lost.add(shot.key)
        if len(places) < 2:
            raise OptionError("places are swapped between 2 videos or more; train without swapped copies")
        rounded = torch.cat(places).round().clamp(0, 255).to(torch.uint8)
        lenders = [shot.key for shot in kept if shot.key not in lost]
        return cls(figures, lenders if lost else learned, rounded)

    def copy(self, shot: Shot) -> Tensor:
        """(T, 3, h, w) uint8: a video's figure before another's place, as the network sees it.

        Raises:
            VideoError: it has no figure, where that is known for sure.
        """
        masks = self.figures.masks(shot)
        if not masks.any() and (words := self.figures.nobody(shot)):
            raise VideoError(words)
        place = self.places[partner(shot.key, place_keys(self.learned))]
        return soft_over(shot.seen, masks, place.unsqueeze(0))[0]


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
    masks: str = TOKENS,
) -> PlaceSwapper:
    """What some of the videos teach of figures and places: those that taught it in this folder before.

    Args:
        backbone: a frozen vision transformer.
        sources: key → video.
        reader: of videos.
        sampling: of their clips.
        folder: of the tokens.
        masks: who finds the figures, see `Copies`.
    """
    figures = OwnTokens(backbone) if masks == TOKENS else OtherFinder(open_finder(masks), backbone, reader)
    keys = read_places(folder) or sorted(sources)[:NUM_LEARNED]
    outcomes = reader.read_many(iter([sources[key] for key in keys]), replace(sampling, num_views=1))
    swapper = PlaceSwapper.learn(
        figures,
        (
            Shot(backbone, key, source, clips[0])
            for key, (source, clips) in zip(keys, outcomes, strict=True)
            if not isinstance(clips, VideoError)
        ),
    )
    write_whole(folder / PLACES, (json.dumps(swapper.learned) + "\n").encode())
    return swapper


def refuse_gone(folder: Path, sources: dict[str, VideoSource]) -> None:
    """Copies stay as they are only as long as the videos that taught them are there."""
    if missing := [key for key in read_places(folder) if key not in sources]:
        raise OutputError(
            f"{folder} holds copies before the places of {len(missing)} videos that are not among these; "
            "choose another folder, or delete this one"
        )


def read_places(folder: Path) -> list[str]:
    """Keys of the videos that taught the copies in a folder; none where there are none yet.

    Raises:
        OutputError: they cannot be read.
    """
    path = folder / PLACES
    if not path.is_file():
        return []
    try:
        return [str(key) for key in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise OutputError(f"{path} is damaged; choose another folder, or delete this one") from error


def copied_rows(rows: list[WaistRow], folder: Path) -> list[WaistRow]:
    """Rows of the copies, if any: the label is the figure's, the scene that of the place's own video."""
    taught = read_places(folder)
    if not taught:
        return []
    scenes = {row.key: row.scene for row in rows}
    places = place_keys(taught)
    return [
        WaistRow(row.path, row.label, scenes.get(places[partner(row.key, places)]), row.key + SWAPPED)
        for row in rows
    ]
