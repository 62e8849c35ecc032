"""Copies of videos mixed with still frames that look like an action by themselves: StillMix.

Source: Li et al., "Mitigating and evaluating static bias of action representations in the background and the
foreground", ICCV 2023. Mixed are pixels, before the network: of tokens mixed with a still frame's nothing but
a factor would reach a stream that subtracts what stands still. Their reference network, trained on single
frames, is here the backbone's own probability of the labels.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zeroshot.errors import OptionError, OutputError, VideoError
from zeroshot.waist.waist import MIXED, read_chosen, write_chosen

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from zeroshot.model.backbone import Backbone
    from zeroshot.video.processes.reader import ClipReader
    from zeroshot.video.sampling import Sampling
    from zeroshot.video.source import VideoSource
    from zeroshot.waist.persons import Shot

BANK = "bank.json"

NUM_SCORED = 256
"""Videos of which every frame is scored."""

NUM_KEPT = 1024
"""Frames of the bank, at most: each is held in memory."""

QUANTILE = 0.5
"""Frames below this share of all scores are not in the bank."""

BETA = (200.0, 200.0)
"""The share of the video in the mixture is drawn from this distribution: about a half."""

_TOO_FEW = "clips are mixed with frames of other videos; expected 2 videos or more"


@dataclass(frozen=True, eq=False)
class FrameMixer:
    """Mixes each clip with a still frame of another video; the same clip always with the same one.

    Attributes:
        keys: n videos that the frames are of.
        frames: (n, 3, h, w) uint8, as the network sees them.
        ending: of the copies' keys.
    """

    keys: tuple[str, ...]
    frames: Tensor
    ending: str = MIXED

    def copy(self, shot: Shot) -> Tensor:
        """(T, 3, h, w) uint8: a clip mixed with a frame of another video.

        Raises:
            OptionError: the bank has frames of this video alone.
        """
        others = [place for place, key in enumerate(self.keys) if key != shot.key]
        if not others:
            raise OptionError(_TOO_FEW)
        draw = _draws(shot.key, shot.number)
        place, share = others[int(draw.integers(len(others)))], float(draw.beta(*BETA))
        return mixed(shot.seen[0], self.frames[place], share)


def _draws(key: str, number: int) -> np.random.Generator:
    """Draws of a clip, the same whatever other videos there are."""
    return np.random.default_rng([int(hashlib.sha256(key.encode()).hexdigest()[:15], 16), number])


def mixed(clip: Tensor, frame: Tensor, share: float) -> Tensor:
    """(T, 3, h, w) uint8: share · clip + (1 − share) · frame.

    Args:
        clip: (T, 3, h, w) uint8.
        frame: (3, h, w) uint8.
        share: 1 is the clip, 0 a still clip of the frame.
    """
    return (share * clip.float() + (1 - share) * frame.float()).round().clamp(0, 255).to(torch.uint8)


def bank_of(scores: NDArray[np.float64], most: int = NUM_KEPT, seed: int = 0) -> NDArray[np.int64]:
    """Places of frames in the bank, in order: drawn among those whose score is not below the quantile.

    Args:
        scores: (n,) largest probability of any label.
        most: frames, at most.
        seed: of the draw.
    """
    allowed = np.flatnonzero(scores >= np.quantile(scores, QUANTILE))
    drawn = np.random.default_rng(seed).permutation(allowed)[:most]
    places: NDArray[np.int64] = np.sort(drawn)
    return places


@dataclass(frozen=True, eq=False)
class FrameScorer:
    """How much a frame looks like one of the labels.

    Attributes:
        backbone: a frozen network.
        texts: (K, D) unit rows of the labels.
        scale: the network's own factor on cosines.
    """

    backbone: Backbone
    texts: Tensor
    scale: float

    def scores(self, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(T,) largest softmax over the labels of frames (T, 3, H, W)."""
        rows = torch.nn.functional.normalize(self.backbone.encode_tokens(frames)[1].float().cpu(), dim=1)
        largest: NDArray[np.float64] = (self.scale * rows @ self.texts.T).softmax(1).amax(1).double().numpy()
        return largest


def learn_mixer(
    scorer: FrameScorer,
    sources: dict[str, VideoSource],
    reader: ClipReader,
    sampling: Sampling,
    folder: Path,
) -> FrameMixer:
    """The mixer of some of the videos: of those frames that were chosen in this folder before, if any.

    Args:
        scorer: says how much a frame looks like an action.
        sources: key → video.
        reader: of videos.
        sampling: of their clips.
        folder: of the tokens.

    Raises:
        OptionError: fewer than two videos can be read.
        OutputError: frames that were chosen before are not there.
    """
    known = read_bank(folder)
    keys = list(dict.fromkeys(key for key, _ in known)) or sorted(sources)[:NUM_SCORED]
    outcomes = reader.read_many(iter([sources[key] for key in keys]), replace(sampling, num_views=1))
    places: list[tuple[str, int]] = []
    seen: list[Tensor] = []
    scores: list[NDArray[np.float64]] = []
    for key, (_, clips) in zip(keys, outcomes, strict=True):
        if isinstance(clips, VideoError):
            continue
        frames = clips[0].frames
        places += [(key, number) for number in range(len(frames))]
        seen.append(scorer.backbone.see_frames(frames))
        if not known:
            scores.append(scorer.scores(frames))
    if len({key for key, _ in places}) < 2:
        raise OptionError(_TOO_FEW)
    kept = known or [places[row] for row in bank_of(np.concatenate(scores))]
    where = {place: row for row, place in enumerate(places)}
    if gone := {key for key, number in kept if (key, number) not in where}:
        raise OutputError(
            f"{folder} holds copies mixed with frames of {len(gone)} videos that cannot be read any more; "
            "choose another folder, or delete this one"
        )
    write_chosen(folder / BANK, kept)
    return FrameMixer(tuple(key for key, _ in kept), torch.cat(seen)[[where[place] for place in kept]])


def read_bank(folder: Path) -> list[tuple[str, int]]:
    """(key, number of the frame) of the bank in a folder; none where there is none yet.

    Raises:
        OutputError: it cannot be read.
    """
    return read_chosen(folder / BANK, _frame)


def _frame(entry: Any) -> tuple[str, int]:  # noqa: ANN401 - any JSON value
    key, number = entry
    return str(key), int(number)
