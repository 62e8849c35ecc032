"""What poses are made of: channels, and the clock and the draws that an action's programme reads.

Angles are in radians, lengths in statures (the puppet's own height).  Channels, all zero where it stands
at ease:

* `x` along the picture, `lift` above the ground, `yaw` of the whole body (0 looks at us, π/2 to the right of
  the picture), `pitch` (forwards) and `roll` (sideways) of the torso above the hips;
* for each side `r` and `l`: `arm_out`, `arm_fwd` of the upper arm, `fore_out`, `fore_fwd` of the forearm,
  both seen from the torso (0 hangs down, π/2 points outwards or forwards, π points up); `leg_out`, `leg_fwd`
  of the thigh and `knee`, which folds the shin backwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Pose = dict[str, Tensor]

NUM_MOTION_DRAWS = 12
"""Uniform numbers that one video's motion takes."""

SIDED = ("arm_out", "arm_fwd", "fore_out", "fore_fwd", "leg_out", "leg_fwd", "knee")
CHANNELS = ("x", "lift", "yaw", "pitch", "roll", *(f"{side}_{name}" for side in "rl" for name in SIDED))
"""Names of all channels of a pose."""


@dataclass(frozen=True)
class Motion:
    """What an action's programme may use, for B videos of T frames.

    Attributes:
        seconds: (B, T) time since the first frame; runs backwards for the second action of an order pair.
        progress: (B, T) the same as a share of the video, 0 to 1.
        draws: (B, NUM_MOTION_DRAWS) uniform in [0, 1): how this video differs from others of its action.
    """

    seconds: Tensor
    progress: Tensor
    draws: Tensor

    def draw(self, column: int, low: float, high: float) -> Tensor:
        """(B, 1) numbers, uniform in [low, high)."""
        return low + (high - low) * self.draws[:, column : column + 1]

    @property
    def mirror(self) -> Tensor:
        """(B, 1) of +1 or −1: which arm or leg, and which way it looks where the action leaves that open."""
        return torch.where(self.draws[:, 0:1] < 0.5, -1.0, 1.0).to(self.draws)

    @property
    def size(self) -> Tensor:
        """(B, 1) how large the movement is, around 1."""
        return self.draw(1, 0.85, 1.1)

    def turns(self, cycles_per_second: float) -> Tensor:
        """(B, T) angle of a repeated movement: random phase, speed within ±25 %."""
        cycles = self.seconds * self.draw(2, 0.75, 1.25) * cycles_per_second + self.draw(3, 0, 1)
        return 2 * math.pi * cycles

    def change(self) -> Tensor:
        """(B, T) from 0 to 1, smoothly: starts in the first quarter of the video, ends in the last."""
        start, end = self.draw(4, 0.0, 0.25), self.draw(5, 0.75, 1.0)
        return smooth((self.progress - start) / (end - start))

    def front(self) -> Tensor:
        """(B, 1) yaw: looks at us, more or less."""
        return self.draw(6, -0.35, 0.35)

    def sideways(self, low: float = 0.9, high: float = 1.4) -> Tensor:
        """(B, 1) yaw: looks to one side, which is left open."""
        return self.draw(6, low, high) * torch.where(self.draws[:, 7:8] < 0.5, -1.0, 1.0).to(self.draws)


def pose(programme: Callable[[Motion], Pose], motion: Motion) -> Pose:
    """Every channel (B, T): an action's programme over a body at ease that breathes a little."""
    shape = motion.seconds.shape
    breath = 0.04 * torch.sin(motion.turns(0.4))
    full = {name: torch.zeros(shape, dtype=motion.seconds.dtype) for name in CHANNELS}
    for side in "rl":
        full |= {f"{side}_{name}_out": 0.22 + breath for name in ("arm", "fore")}
        full[f"{side}_fore_fwd"] = 0.15 + breath
        full[f"{side}_leg_out"] = full[f"{side}_leg_out"] + 0.09
    full |= programme(motion)
    return {name: channel.expand(shape) for name, channel in full.items()}


def smooth(share: Tensor) -> Tensor:
    """The share, held within 0 and 1, with a slow start and a slow end."""
    share = share.clamp(0, 1)
    return share * share * (3 - 2 * share)
