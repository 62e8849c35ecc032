"""How composed actions are moved: for every gesture, the pose at each moment of its own clock.

Gestures are written for the picture's right; the left is their mirror image. All of them look the same
played backwards unless they lead somewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from zeroshot.synthetic.grammar import COMPOSED, VERBS, leads_somewhere
from zeroshot.synthetic.motion import Motion, pose
from zeroshot.synthetic.poses import PROGRAMMES, both, steps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from zeroshot.synthetic.motion import Pose


@dataclass(frozen=True)
class Gesture(Motion):
    """What a gesture may use, for B videos of T frames; `change` follows the passes.

    Attributes:
        passes: (B, T) how often it has been done, from 0 to 1, 2 (twice) or 3 (there, back and there again).
        total: (B, 1) passes of the whole video.
        pace: (B, 1) 0 to 1, how fast a walk is.
    """

    passes: Tensor
    total: Tensor
    pace: Tensor

    def change(self) -> Tensor:
        """(B, T) from 0 to 1 at one pass, back to 0 at two."""
        return 0.5 - 0.5 * torch.cos(math.pi * self.passes)

    @property
    def reach(self) -> Tensor:
        """(B, T) from 0 to 1 and back in one pass."""
        return 0.5 - 0.5 * torch.cos(2 * math.pi * self.passes)

    @property
    def turn(self) -> Tensor:
        """(B, T) angle, once around in one pass, this way or that."""
        return 2 * math.pi * self.passes * torch.where(self.draws[:, 9:10] < 0.5, -1.0, 1.0)


def _straight(out: Tensor) -> Pose:
    """An arm held straight to the side."""
    return {"arm_out": out, "fore_out": out, "fore_fwd": 0 * out}


def _bend_leg(g: Gesture) -> Pose:
    change = g.change()
    return {"leg_out": 0.09 + 0.35 * change, "leg_fwd": 1.3 * g.size * change, "knee": 1.9 * change}


def _circle_leg(g: Gesture) -> Pose:
    fold = 0.6 * torch.sin(g.turn)
    return {"leg_out": 0.6 - 0.4 * torch.cos(g.turn), "leg_fwd": fold, "knee": 0.8 * fold.clamp(min=0)}


def _kick(g: Gesture) -> Pose:
    folded = torch.sin(2 * math.pi * g.passes).abs()
    return {"leg_out": 0.09 + 1.0 * g.size * g.reach, "leg_fwd": 0.9 * folded, "knee": 1.7 * folded}


ONE_SIDED: dict[tuple[str, str], Callable[[Gesture], Pose]] = {
    ("raise", "arm"): lambda g: _straight(0.2 + 2.65 * g.size.clamp(max=1) * g.change()),
    ("bend", "arm"): lambda g: {"arm_out": 0.25 + 0.3 * g.change(), "fore_out": 0.25 + 2.35 * g.change()},
    ("swing", "arm"): lambda g: _straight(0.22 + 1.25 * g.size * g.reach),
    ("wave", "arm"): lambda g: {"arm_out": g.draw(8, 1.6, 1.9), "fore_out": 1.9 + 1.5 * g.size * g.reach},
    ("circle", "arm"): lambda g: _straight(g.draw(8, 0.2, 0.5) + g.turn),
    ("punch", "arm"): lambda g: {"arm_out": 0.5 + 1.05 * g.reach, "fore_out": 2.7 - 1.15 * g.reach},
    ("raise", "leg"): lambda g: {"leg_out": 0.09 + 1.1 * g.size * g.change()},
    ("bend", "leg"): _bend_leg,
    ("swing", "leg"): lambda g: {"leg_out": 0.09 + 0.75 * g.size * g.reach},
    ("wave", "leg"): lambda g: {"leg_out": 0.45 + 0.7 * g.size * g.reach, "knee": 0 * g.passes + 0.3},
    ("circle", "leg"): _circle_leg,
    ("kick", "leg"): _kick,
}
"""What one arm or leg does, the other hanging."""


def _lean(g: Gesture) -> Pose:
    lean = 0.7 * g.size * g.change()
    arm = {"l_arm_out": 0.25 + lean, "l_fore_out": 0.3 + lean}
    return {"roll": lean, **arm, **both({"leg_out": 0.16 + 0 * lean})}


def _travel(g: Gesture, running: float) -> Pose:
    """To the right: longer steps and folded arms for who runs, more of them for who is quick."""
    angle = 2 * math.pi * ((1.2 + 1.2 * g.pace + 0.6 * running) * g.passes + g.draw(3, 0, 1))
    swing = (0.5 + 0.5 * running) * g.size * torch.sin(angle)
    bent = 0.25 + 1.35 * running
    arms = {"r_arm_fwd": -swing, "r_fore_fwd": bent - swing, "l_arm_fwd": swing, "l_fore_fwd": bent + swing}
    body = {
        "yaw": g.draw(6, 1.1, 1.5),
        "x": (g.passes - 0.5) * (0.55 + 0.45 * g.pace + 0.15 * running),
        "lift": 0.06 * running * torch.sin(angle).abs(),
        "pitch": 0.04 + 0.28 * running + 0 * angle,
    }
    return {**body, **arms, **steps(angle, 0.55 + 0.4 * running, 0.8 + 0.9 * running)}


def _jump(g: Gesture) -> Pose:
    height = -torch.cos(2 * math.pi * g.passes)
    crouch, air = (-height).clamp(min=0), height.clamp(min=0)
    arms = both({"arm_fwd": -0.6 * crouch, "fore_fwd": -0.4 * crouch, "arm_out": 0.22 + 1.2 * air})
    legs = both({"leg_fwd": 0.95 * crouch + 0.3 * air, "knee": 1.7 * crouch + 0.7 * air})
    return {"lift": 0.3 * g.size * air, "pitch": 0.4 * crouch, **arms, **legs}


WHOLE: dict[str, Callable[[Gesture], Pose]] = {
    "squat": PROGRAMMES["squatting down"][0],
    "bow": PROGRAMMES["bowing"][0],
    "lean": _lean,
    "turn": lambda g: {"yaw": math.pi / 2 * g.size * g.change()},
    "walk": lambda g: _travel(g, 0.0),
    "run": lambda g: _travel(g, 1.0),
    "jump": _jump,
    "jump aside": lambda g: {**_jump(g), "x": 0.75 * (g.passes / g.total - 0.5)},
}
"""What the whole body does."""


def _pose(gesture: str, limb: str, g: Gesture) -> Pose:
    """Every channel of a gesture with one limb, with both or with the whole body, for somebody at ease."""
    channels: Pose = {"yaw": g.front()}
    if not limb:
        channels |= WHOLE[gesture](g)
    elif limb == "arms":
        channels |= both(ONE_SIDED[gesture, "arm"](g))
    else:
        channels |= {f"r_{name}": value for name, value in ONE_SIDED[gesture, limb](g).items()}
    return pose(lambda _: channels, g)


def move(
    actions: Sequence[int], draws: Tensor, seconds: Tensor, progress: Tensor
) -> tuple[Pose, Tensor, Tensor]:
    """Poses of B videos of composed actions.

    Args:
        actions: B indices into `COMPOSED`.
        draws: (B, NUM_MOTION_DRAWS) uniform in [0, 1).
        seconds: (B, T) since the first frame.
        progress: (B, T) the same as a share of the video.

    Returns:
        Channel → (B, T); (B, 1) +1 where the picture's right is meant, −1 for its left; (B, T) from 0 to 1,
        how far what is to change has changed.
    """
    poses: dict[str, Tensor] = {}
    side, done = torch.ones_like(seconds[:, :1]), torch.empty_like(seconds)
    groups: dict[tuple[str, str], list[int]] = {}
    for row, index in enumerate(actions):
        action, verb = COMPOSED[index], VERBS[COMPOSED[index].verb]
        limb = action.part.split()[-1] if " " in action.part else ""
        groups.setdefault((verb.gesture, limb), []).append(row)
        # Walking backwards to the left is walking to the right, played backwards.
        swaps = verb.backwards and verb.stages == VERBS[verb.gesture].stages
        left = action.part.startswith("left") != (swaps and action.part != "")
        side[row] = -1.0 if left else 1.0
    backwards = torch.tensor([VERBS[COMPOSED[index].verb].backwards for index in actions])[:, None]
    # A single frame stands anywhere in the movement whichever way it runs.
    flips = backwards & (seconds.shape[1] > 1)
    clock = torch.where(flips, seconds.flip(1), seconds), torch.where(flips, progress.flip(1), progress)
    passes, total, pace = _passes(actions, draws, clock[1])
    for (gesture, limb), rows in groups.items():
        g = Gesture(*(part[rows] for part in (*clock, draws, passes, total, pace)))
        for name, channel in _pose(gesture, limb, g).items():
            poses.setdefault(name, torch.zeros_like(seconds).contiguous())[rows] = channel
        done[rows] = g.change()
    return poses, side, torch.where(backwards, 1 - done, done)


def _passes(actions: Sequence[int], draws: Tensor, progress: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B, T) passes of each video's gesture so far; (B, 1) all its passes, and the pace of a walk."""
    rows = []
    for index in actions:
        manner, verb = COMPOSED[index].manner, VERBS[COMPOSED[index].verb]
        many = 1.0 if manner != "twice" else 3.0 if leads_somewhere(verb) else 2.0
        rows.append((many, manner == "once", manner == "quickly", "quickly" in verb.manners))
    total, once, quickly, travels = progress.new_tensor(rows)[:, :, None].unbind(1)
    early, late = draws[:, 4:5], draws[:, 5:6]
    length = 0.3 + 0.12 * late
    start = torch.where(once > 0, 0.05 + (0.9 - length) * early, 0.08 * early * (1 - travels))
    end = torch.where(once > 0, start + length, 1 - 0.08 * late * (1 - travels))
    return total * ((progress - start) / (end - start)).clamp(0, 1), total, quickly
