"""What is left of an answer when nothing but movement is: noise that moves as the clip does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zeroshot.cutouts.appearance_free import appearance_free as moving_noise
from zeroshot.probes.frame_order import rearrange
from zeroshot.probes.probe import Finding, spoken
from zeroshot.reports.document import Bar, Bars, Table, percent
from zeroshot.statistics.intervals import Count
from zeroshot.statistics.metrics import correct

if TYPE_CHECKING:
    from torch import Tensor

    from zeroshot.probes.subject import Clips, Rows, Subject

_TITLE = "Right, when noise moves as the clip does"
_MEANINGS = {
    "appearance-free": "right about noise that moves as the clip does: no frame of it tells anything",
    "one frame of it": "right about its middle frame alone, repeated: more than chance would mean that a "
    "frame does tell something",
}


@dataclass(frozen=True)
class AppearanceFree:
    """Hits of one stream on moving noise, and on one frame of it."""

    moving: Count
    still: Count

    def as_dict(self) -> dict[str, Any]:
        """Counts first."""
        named = {"moving": self.moving, "still": self.still}
        return {
            name: {"hits": count.hits, "videos": count.total, "accuracy": count.estimate().as_dict()}
            for name, count in named.items()
        }


def appearance_free(subject: Subject, clips: Clips) -> Finding:
    """Accuracy on appearance-free clips, and on one frame of them.

    Source: Ilic et al., "Is appearance free action recognition possible?", ECCV 2022.
    """
    if clips.batch([0]).ndim != 5:
        note = "no appearance-free probe: it needs frames, and these clips are tokens"
        return Finding(_TITLE, notes=(note,), meanings=_MEANINGS)
    outcomes = clips.ask(partial(_both, subject), partial(without_appearance, seed=clips.seed))
    found = {
        stream: AppearanceFree(*(Count.of(correct(scores, clips.targets)) for scores in both.swapaxes(0, 1)))
        for stream, both in outcomes.items()
    }
    chance = 1 / len(clips.labels)
    rows = [
        ("appearance-free", *(percent(each.moving.estimate()) for each in found.values())),
        ("one frame of it", *(percent(each.still.estimate()) for each in found.values())),
    ]
    bars = [
        Bar(f"appearance-free, {stream}", each.moving.estimate(), place)
        for place, (stream, each) in enumerate(found.items())
    ]
    own = found[subject.stream].moving
    beyond = "" if own.estimate().low > chance else ", no more than chance gives"
    verdict = (
        f"On noise that moves as the clips do {spoken(subject.stream)} is right in {own.share:.0%}{beyond}."
    )
    table = Table(("%, with 95 % intervals", *found), rows)
    return Finding(_TITLE, table, Bars(bars, chance), meanings=_MEANINGS, by_stream=found, verdict=verdict)


def _both(subject: Subject, noise: Tensor) -> Rows:
    """Stream → (B, 2, K) scores of moving noise and of one frame of the same: making it takes longest."""
    moving, still = subject.answer(noise), subject.answer(rearrange(noise, "frozen"))
    return {stream: np.stack([scores, still[stream]], 1) for stream, scores in moving.items()}


def without_appearance(frames: Tensor, seed: int) -> Tensor:
    """(B, T, 3, H, W) uint8: each clip as noise that moves as it does; the same noise for the same seed."""
    clips = frames.clamp(0, 255).to(torch.uint8).numpy()
    return torch.from_numpy(np.stack([moving_noise(clip, np.random.default_rng(seed)) for clip in clips]))
