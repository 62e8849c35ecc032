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
from zeroshot.synthetic.poses import both, steps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from zeroshot.synthetic.motion import Pose


@dataclass(frozen=True)
class Gesture:
    """What a gesture may use, for B videos of T frames.

    Attributes:
        motion: draws and clock; runs backwards where the gesture is played so.
        passes: (B, T) how often it has been done, from 0 to 1, 2 (twice) or 3 (there, back and there again).
        total: (B, 1) passes of the whole video.
        pace: (B, 1) 0 to 1, how fast a walk is.
    """

    motion: Motion
    passes: Tensor
    total: Tensor
    pace: Tensor

    @property
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
        return 2 * math.pi * self.passes * torch.where(self.motion.draws[:, 9:10] < 0.5, -1.0, 1.0)


def _straight(out: Tensor) -> Pose:
    """An arm or a leg held straight to the side."""
    return {"arm_out": out, "fore_out": out, "fore_fwd": 0 * out}


def _arm_raise(g: Gesture) -> Pose:
    return _straight(0.2 + 2.65 * g.motion.size.clamp(max=1) * g.change)


def _arm_bend(g: Gesture) -> Pose:
    return {"arm_out": 0.25 + 0.3 * g.change, "fore_out": 0.25 + 2.35 * g.change * g.motion.size}


def _arm_swing(g: Gesture) -> Pose:
    return _straight(0.22 + 1.25 * g.motion.size * g.reach)


def _arm_wave(g: Gesture) -> Pose:
    return {
        "arm_out": g.motion.draw(8, 1.6, 1.9) + 0 * g.reach,
        "fore_out": 1.9 + 1.5 * g.motion.size * g.reach,
    }


def _arm_circle(g: Gesture) -> Pose:
    return _straight(g.motion.draw(8, 0.2, 0.5) + g.turn)


def _punch(g: Gesture) -> Pose:
    return {"arm_out": 0.5 + 1.05 * g.reach, "fore_out": 2.7 - 1.15 * g.reach}


def _leg_raise(g: Gesture) -> Pose:
    return {"leg_out": 0.09 + 1.1 * g.motion.size * g.change}


def _leg_bend(g: Gesture) -> Pose:
    return {
        "leg_out": 0.09 + 0.35 * g.change,
        "leg_fwd": 1.3 * g.motion.size * g.change,
        "knee": 1.9 * g.change,
    }


def _leg_swing(g: Gesture) -> Pose:
    return {"leg_out": 0.09 + 0.75 * g.motion.size * g.reach}


def _leg_wave(g: Gesture) -> Pose:
    return {"leg_out": 0.45 + 0.7 * g.motion.size * g.reach, "knee": 0.3 + 0 * g.reach}


def _leg_circle(g: Gesture) -> Pose:
    fold = 0.6 * torch.sin(g.turn)
    return {"leg_out": 0.6 - 0.4 * torch.cos(g.turn), "leg_fwd": fold, "knee": 0.8 * fold.clamp(min=0)}


def _kick(g: Gesture) -> Pose:
    folded = torch.sin(2 * math.pi * g.passes).abs()
    thrust = 0.09 + 1.0 * g.motion.size * g.reach
    return {"leg_out": thrust, "leg_fwd": 0.9 * folded, "knee": 1.7 * folded}


def _squat(g: Gesture) -> Pose:
    down = g.change * g.motion.size
    arms, legs = {"arm_fwd": 1.5 * down, "fore_fwd": 1.5 * down}, {"leg_fwd": 1.5 * down, "knee": 2.35 * down}
    return {"yaw": g.motion.sideways(0.4, 1.2), "pitch": 0.45 * down, **both(arms), **both(legs)}


def _bow(g: Gesture) -> Pose:
    down = g.change * g.motion.size
    hang = g.motion.draw(8, 0.2, 0.9) * down
    return {
        "yaw": g.motion.sideways(0.7, 1.4),
        "pitch": 1.35 * down,
        **both({"arm_fwd": hang, "fore_fwd": hang}),
    }


def _lean(g: Gesture) -> Pose:
    lean = 0.7 * g.motion.size * g.change
    arm = {"l_arm_out": 0.25 + lean, "l_fore_out": 0.3 + lean}
    return {"roll": lean, **arm, **both({"leg_out": 0.16 + 0 * lean})}


def _turn(g: Gesture) -> Pose:
    return {"yaw": math.pi / 2 * g.motion.size * g.change}


def _travel(g: Gesture, running: float) -> Pose:
    """To the right: longer steps and folded arms for who runs, more of them for who is quick."""
    angle = 2 * math.pi * ((1.2 + 1.2 * g.pace + 0.6 * running) * g.passes + g.motion.draw(3, 0, 1))
    swing = (0.5 + 0.5 * running) * g.motion.size * torch.sin(angle)
    bent = 0.25 + 1.35 * running
    arms = {"r_arm_fwd": -swing, "r_fore_fwd": bent - swing, "l_arm_fwd": swing, "l_fore_fwd": bent + swing}
    way = 0.55 + 0.45 * g.pace + 0.15 * running
    body = {
        "yaw": g.motion.draw(6, 1.1, 1.5),
        "x": (g.passes - 0.5) * way,
        "lift": 0.06 * running * torch.sin(angle).abs(),
        "pitch": 0.04 + 0.28 * running + 0 * angle,
    }
    return {**body, **arms, **steps(angle, 0.55 + 0.4 * running, 0.8 + 0.9 * running)}


def _jump(g: Gesture) -> Pose:
    height = -torch.cos(2 * math.pi * g.passes)
    crouch, air = (-height).clamp(min=0), height.clamp(min=0)
    arms = both({"arm_fwd": -0.6 * crouch, "fore_fwd": -0.4 * crouch, "arm_out": 0.22 + 1.2 * air})
    legs = both({"leg_fwd": 0.95 * crouch + 0.3 * air, "knee": 1.7 * crouch + 0.7 * air})
    return {"lift": 0.3 * g.motion.size * air, "pitch": 0.4 * crouch, **arms, **legs}


def _jump_aside(g: Gesture) -> Pose:
    return {**_jump(g), "x": 0.75 * (g.passes / g.total - 0.5)}


_ONE_SIDED: dict[tuple[str, str], Callable[[Gesture], Pose]] = {
    ("raise", "arm"): _arm_raise, ("bend", "arm"): _arm_bend, ("swing", "arm"): _arm_swing,
    ("wave", "arm"): _arm_wave, ("circle", "arm"): _arm_circle, ("punch", "arm"): _punch,
    ("raise", "leg"): _leg_raise, ("bend", "leg"): _leg_bend, ("swing", "leg"): _leg_swing,
    ("wave", "leg"): _leg_wave, ("circle", "leg"): _leg_circle, ("kick", "leg"): _kick,
}  # fmt: skip
_WHOLE: dict[str, Callable[[Gesture], Pose]] = {
    "squat": _squat, "bow": _bow, "lean": _lean, "turn": _turn,
    "walk": lambda g: _travel(g, 0.0), "run": lambda g: _travel(g, 1.0),
    "jump": _jump, "jump aside": _jump_aside,
}  # fmt: skip


def _programme(gesture: str, limb: str, g: Gesture) -> Pose:
    """A gesture with one limb, with both or with the whole body, for somebody who faces us."""
    front: Pose = {"yaw": g.motion.front()}
    if not limb:
        return front | _WHOLE[gesture](g)
    channels = _ONE_SIDED[gesture, limb.removesuffix("s")](g)
    if limb == "arms":
        return front | both(channels)
    return front | {f"r_{name}": value for name, value in channels.items()}


def _poses(gesture: str, limb: str, g: Gesture) -> Pose:
    """Every channel of a gesture, over a body at ease."""
    return pose(lambda _: _programme(gesture, limb, g), g.motion)


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
        motion = Motion(clock[0][rows], clock[1][rows], draws[rows])
        g = Gesture(motion, passes[rows], total[rows], pace[rows])
        for name, channel in _poses(gesture, limb, g).items():
            poses.setdefault(name, torch.zeros_like(seconds).contiguous())[rows] = channel
        done[rows] = g.change
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
