"""Where the person is in a clip as the network sees it: by its own tokens, or by any finder of persons."""

from __future__ import annotations

import math
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from zeroshot.cutouts.finder import Footage, all_read
from zeroshot.cutouts.token_mask import PersonFinder
from zeroshot.errors import OptionError
from zeroshot.video.decoders.all_frames import Film
from zeroshot.video.source import MaskFile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from zeroshot.cutouts.finder import Finder
    from zeroshot.model.backbone import Backbone
    from zeroshot.types import Clip
    from zeroshot.video.processes.reader import ClipReader
    from zeroshot.video.source import VideoSource


@dataclass(eq=False)
class Shot:
    """One clip of a video, to be cut out of its place.

    Attributes:
        backbone: a frozen vision transformer.
        key: of the video.
        source: the video.
        clip: T frames.
        read: (T, 1+N, C) tokens of the frames, not pooled, where they are known.
        number: of the clip among those of its video.
        masks: (1, T, h, w) in [0, 1] of the person, once somebody looked for it.
    """

    backbone: Backbone
    key: str
    source: VideoSource
    clip: Clip
    read: Tensor | None = None
    number: int = 0
    masks: Tensor | None = None

    @cached_property
    def seen(self) -> Tensor:
        """(1, T, 3, h, w) uint8, the frames as the network sees them."""
        return self.backbone.see_frames(self.clip.frames)[None]

    @cached_property
    def tokens(self) -> Tensor:
        """(1, T, N, C) of the patches, on the CPU; encoded only where somebody asks."""
        read = self.backbone.encode_tokens(self.clip.frames)[0] if self.read is None else self.read
        return read[:, 1:].cpu()[None]

    def shrink(self) -> None:
        """Hold tokens in half the memory, if there are any."""
        if "tokens" in vars(self):
            self.tokens = self.tokens.half()


def masks_in(shot: Shot, persons: OwnTokens | OtherFinder) -> Tensor:
    """(1, T, h, w) in [0, 1] of the person in a clip, looked for once for all its copies.

    Raises:
        VideoError: it has no person, where that is known for sure.
    """
    if shot.masks is None:
        shot.masks = persons.masks(shot)
        persons.refuse_nobody(shot, shot.masks)
    return shot.masks


def person_shares(masks: Tensor, grid: tuple[int, int]) -> NDArray[np.uint8]:
    """(T, N) share of each patch that is the person's, 255 all of it.

    Args:
        masks: (1, T, h, w) in [0, 1].
        grid: rows and columns of N patches.
    """
    shares = F.adaptive_avg_pool2d(masks[0, :, None].float(), grid).flatten(1)
    rounded: NDArray[np.uint8] = (255 * shares).round().to(torch.uint8).cpu().numpy()
    return rounded


class OwnTokens:
    """Persons by the very tokens that the waist is made of: nothing is computed twice."""

    def __init__(self, backbone: Backbone) -> None:
        """Take the network; it has not learned anything yet."""
        self._grid = backbone.grid or (1, 1)
        self._persons: PersonFinder | None = None

    def learn(self, shots: Iterable[Shot]) -> None:
        """How persons look, by what moves in some videos.

        Raises:
            OptionError: nothing moves in them.
        """
        self._persons = PersonFinder.fit(((shot.tokens, shot.seen) for shot in shots), self._grid)

    def masks(self, shot: Shot) -> Tensor:
        """(1, T, h, w) in [0, 1]."""
        if self._persons is None:
            raise OptionError("persons are found by tokens once videos have taught how they look")
        return self._persons.masks(shot.tokens, shot.seen)

    def refuse_nobody(self, shot: Shot, masks: Tensor) -> None:
        """A copy without a person is let pass: tokens are never sure that there is none."""


class _EveryFrame(NamedTuple):
    """What a mask says of a whole video: its key, (T,) when each frame is shown, (T, H, W) levels."""

    key: str
    seconds: NDArray[np.float64]
    levels: NDArray[np.uint8]


class OtherFinder:
    """Persons by any finder of persons, in frames as they come from the decoder."""

    def __init__(self, finder: Finder, backbone: Backbone, reader: ClipReader) -> None:
        """Take a finder.

        Args:
            finder: of persons.
            backbone: to what it sees the masks are cut.
            reader: decodes whole videos, where masks of every frame lie in files.
        """
        self._finder, self._backbone, self._reader = finder, backbone, reader
        self._held: _EveryFrame | None = None

    def learn(self, shots: Iterable[Shot]) -> None:
        """What the finder wants to learn; the rest of the clips is read all the same."""
        frames = (shot.clip.frames for shot in shots)
        self._finder = self._finder.taught_by(frames)
        deque(frames, maxlen=0)

    def masks(self, shot: Shot) -> Tensor:
        """(1, T, h, w) in [0, 1].

        Raises:
            VideoError: a mask that should be there is not, or is another video's.
        """
        mask, clip = self._finder.mask_of(shot.source), shot.clip
        if mask is None:
            levels = self._finder.find(Footage(Film(clip, 1.0, clip.frames.shape[2:]))).levels
        else:
            _, seconds, of_all = self._of_every_frame(shot, mask)
            levels = of_all[np.abs(seconds - clip.seconds[:, None]).argmin(1)]
        seen = self._backbone.see_frames(levels[:, None].repeat(3, 1))
        return seen[None, :, 0].float() / 255

    def refuse_nobody(self, shot: Shot, masks: Tensor) -> None:
        """Refuse a copy without a person, which would teach that another's place is the action.

        Raises:
            VideoError: there is none.
        """
        if not masks.any():
            raise self._finder.nobody_in(shot.source)

    def _of_every_frame(self, shot: Shot, mask: Path) -> _EveryFrame:
        """What the mask says, kept for the video's next clip."""
        if self._held is None or self._held.key != shot.key:
            group = [shot.source, MaskFile(mask)]
            side = min(shot.clip.frames.shape[2:])  # as far as the clip was reduced, if it was
            with closing(self._reader.read_films([group], math.inf, side)) as films:
                film, shown = all_read(next(films))
            levels = self._finder.find(Footage(film, mask, shown)).levels
            self._held = _EveryFrame(shot.key, film.clip.seconds, levels)
        return self._held
