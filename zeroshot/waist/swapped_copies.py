"""Copies of videos in which the figure stands before another video's place."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from zeroshot.cutouts.token_mask import FigureFinder, before_places, cleared
from zeroshot.errors import OptionError, OutputError, VideoError
from zeroshot.store.files import write_whole
from zeroshot.waist.waist import SWAPPED, WaistRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.model.backbone import Backbone
    from zeroshot.video.processes.reader import ClipReader
    from zeroshot.video.sampling import Sampling
    from zeroshot.video.source import VideoSource

PLACES = "places.json"

NUM_LEARNED = 128
"""Videos that teach where figures are."""

NUM_PLACES = 64
"""Videos among them whose places are kept: each clip is held in memory."""


@dataclass(frozen=True, eq=False)
class PlaceSwapper:
    """Puts figures before other videos' places; the same video always before the same one.

    Attributes:
        backbone: whose tokens find the figures.
        finder: of figures.
        learned: keys of the videos that taught it.
        places: (P, T, 3, h, w) uint8, clips of `place_keys(learned)` as the network sees them, without
            their figures.
    """

    backbone: Backbone
    finder: FigureFinder
    learned: list[str]
    places: torch.Tensor

    @classmethod
    def learn(cls, backbone: Backbone, clips: Iterable[tuple[str, NDArray[np.uint8]]]) -> PlaceSwapper:
        """The swapper that some videos teach.

        Args:
            backbone: a frozen vision transformer.
            clips: key and frames (T, 3, H, W) uint8 of videos, read one by one.

        Raises:
            OptionError: fewer than two videos, or nothing moves in them.
        """
        learned: list[str] = []
        kept: list[tuple[torch.Tensor, torch.Tensor]] = []

        def reading() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            for key, frames in clips:
                seen = backbone.see_frames(frames)
                tokens = backbone.encode_tokens(frames)[0][:, 1:].cpu()[None]
                learned.append(key)
                if len(kept) < NUM_PLACES:
                    kept.append((seen[None], tokens.half()))
                yield tokens, seen[None]

        finder = FigureFinder.fit(reading(), backbone.grid or (1, 1))
        if len(kept) < 2:
            raise OptionError("places are swapped between 2 videos or more; train without swapped copies")
        places = [cleared(seen, finder.masks(tokens, seen)) for seen, tokens in kept]
        rounded = torch.cat(places).round().clamp(0, 255).to(torch.uint8)
        return cls(backbone, finder, learned, rounded)

    def copy(self, key: str, frames: NDArray[np.uint8], tokens: torch.Tensor) -> torch.Tensor:
        """(T, 3, h, w) uint8: a video's figure before another's place, as the network sees it.

        Args:
            key: of the video.
            frames: (T, 3, H, W) uint8.
            tokens: (T, 1+N, C) of the same frames, not pooled.
        """
        seen = self.backbone.see_frames(frames)[None]
        masks = self.finder.masks(tokens[None, :, 1:].cpu(), seen)
        place = self.places[partner(key, place_keys(self.learned))]
        return before_places(seen, masks, place.unsqueeze(0))[0]


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
) -> PlaceSwapper:
    """What some of the videos teach of figures and places: those that taught it in this folder before."""
    keys = read_places(folder) or sorted(sources)[:NUM_LEARNED]
    outcomes = reader.read_many(iter([sources[key] for key in keys]), replace(sampling, num_views=1))
    swapper = PlaceSwapper.learn(
        backbone,
        (
            (key, clips[0].frames)
            for key, (_, clips) in zip(keys, outcomes, strict=True)
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
