"""What a puppet does: for every action, a programme that gives its pose over time.

Motions share their parts (an arm that goes up, a knee that folds, a face turned left), so that an action
never seen is made of parts that were seen in others.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from zeroshot.synthetic.motion import smooth

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from zeroshot.synthetic.motion import Motion, Pose

_STRAIGHT_UP = 2.9


def both(channels: Pose) -> Pose:
    """The same for the right and the left side."""
    return {f"{side}_{name}": value for name, value in channels.items() for side in "rl"}


def _wave01(angle: Tensor) -> Tensor:
    """From 0 (at angle 0) to 1 and back."""
    return 0.5 - 0.5 * torch.cos(angle)


def _key_frames(share: Tensor, times: tuple[float, ...], values: tuple[float, ...]) -> Tensor:
    """Smooth passage through `values` at `times` of a cycle; `share` is (B, T) in [0, 1)."""
    result = torch.full_like(share, values[0])
    for before, after, start, end in zip(times, times[1:], values, values[1:], strict=False):
        result = result + (end - start) * smooth((share - before) / (after - before))
    return result


def _waving(m: Motion) -> Pose:
    swing = 0.55 * m.size * torch.sin(m.turns(1.3))
    arm = m.draw(8, 1.7, 2.2)
    return {"yaw": m.front(), "r_arm_out": arm, "r_fore_out": 2.85 + swing, "r_fore_fwd": arm * 0 + 0.1}


def _raising_arm(m: Motion) -> Pose:
    out = 0.2 + (_STRAIGHT_UP - 0.2) * m.size.clamp(max=1) * m.change()
    return {"yaw": m.front(), "r_arm_out": out, "r_fore_out": out, "r_fore_fwd": out * 0}


def _raising_arms(m: Motion) -> Pose:
    out = 0.2 + (_STRAIGHT_UP - 0.3) * m.size.clamp(max=1) * m.change()
    return {"yaw": m.front(), **both({"arm_out": out, "fore_out": out, "fore_fwd": out * 0})}


def _clapping(m: Motion) -> Pose:
    apart = _wave01(m.turns(1.5))
    forward = m.draw(8, 1.5, 1.9)
    arms = both(
        {
            "arm_out": 0.35 + 0.35 * apart,
            "arm_fwd": 0.35 * forward,
            "fore_out": -0.75 + 1.35 * apart,
            "fore_fwd": forward,
        }
    )
    return {"yaw": m.front(), **arms}


def _punching(m: Motion) -> Pose:
    angle = m.turns(1.0)
    body: Pose = {"yaw": m.sideways(), "pitch": m.size * 0.12, "roll": 0 * angle}
    for side, sign in (("r", 1.0), ("l", -1.0)):
        reach = (sign * torch.sin(angle)).clamp(min=0).sqrt()
        body[f"{side}_arm_fwd"] = 0.35 + 1.25 * reach
        body[f"{side}_fore_fwd"] = 2.35 - 0.75 * reach
        body[f"{side}_fore_out"] = 0.05 + 0 * reach
        body[f"{side}_leg_fwd"] = sign * 0.38 * m.size
        body[f"{side}_knee"] = m.size * 0.25
    return body


def _throwing(m: Motion) -> Pose:
    share = torch.remainder(m.turns(0.8) / (2 * math.pi), 1.0)
    arm = _key_frames(share, (0.0, 0.45, 0.68, 1.0), (0.3, 3.7, 1.0, 0.3))
    fore = _key_frames(share, (0.0, 0.45, 0.68, 1.0), (0.6, 4.9, 1.1, 0.6))
    bend = _key_frames(share, (0.0, 0.45, 0.68, 1.0), (0.05, -0.2, 0.4, 0.05))
    aim = _key_frames(share, (0.0, 0.4, 0.75, 1.0), (0.3, 1.5, 0.2, 0.3))
    legs = {"r_leg_fwd": -0.35 * m.size, "l_leg_fwd": 0.4 * m.size, "l_knee": 0.3 * m.size}
    arms = {"r_arm_fwd": arm, "r_fore_fwd": fore, "l_arm_fwd": aim, "l_fore_fwd": aim}
    return {"yaw": m.sideways(), "pitch": bend, **arms, **legs}


def _kicking(m: Motion) -> Pose:
    share = torch.remainder(m.turns(0.8) / (2 * math.pi), 1.0)
    thigh = _key_frames(share, (0.0, 0.3, 0.55, 1.0), (0.0, -0.6, 1.55, 0.0)) * m.size
    knee = _key_frames(share, (0.0, 0.3, 0.5, 1.0), (0.1, 1.3, 0.1, 0.1))
    arms = {
        "r_arm_fwd": -0.5 * thigh,
        "r_fore_fwd": -0.3 * thigh,
        "l_arm_fwd": 0.6 * thigh,
        "l_fore_fwd": 0.7 * thigh,
    }
    lean = {"yaw": m.sideways(), "pitch": -0.15 * thigh}
    return {**lean, **arms, **both({"arm_out": 0.5 + 0 * thigh}), "r_leg_fwd": thigh, "r_knee": knee}


def _jumping(m: Motion) -> Pose:
    angle = torch.sin(m.turns(0.9))
    crouch, air = (-angle).clamp(min=0), angle.clamp(min=0)
    arms = both({"arm_fwd": -0.6 * crouch + 2.5 * air, "fore_fwd": -0.4 * crouch + 2.6 * air})
    legs = both({"leg_fwd": 0.95 * crouch + 0.3 * air, "knee": 1.7 * crouch + 0.7 * air})
    return {"yaw": m.sideways(0.3, 1.0), "lift": 0.3 * m.size * air, "pitch": 0.5 * crouch, **arms, **legs}


def _jumping_jacks(m: Motion) -> Pose:
    apart = _wave01(m.turns(0.9))
    out = 0.2 + 2.65 * apart
    legs = both({"leg_out": 0.06 + 0.5 * m.size * apart})
    return {
        "yaw": m.front(),
        "lift": 0.07 * torch.sin(m.turns(0.9)).abs(),
        **both({"arm_out": out, "fore_out": out}),
        **legs,
    }


def steps(angle: Tensor, thigh: float, knee: float) -> Pose:
    """Legs of a walk: the knee folds while its thigh comes forward."""
    legs: Pose = {}
    for side, sign in (("r", 1.0), ("l", -1.0)):
        legs[f"{side}_leg_fwd"] = thigh * sign * torch.sin(angle) + 0.12 * knee
        legs[f"{side}_knee"] = 0.1 + knee * (sign * torch.cos(angle)).clamp(min=0)
        legs[f"{side}_leg_out"] = 0 * angle + 0.02
    return legs


def _marching(m: Motion) -> Pose:
    angle = m.turns(0.9)
    body: Pose = {"yaw": m.sideways(0.4, 1.0)}
    for side, sign in (("r", 1.0), ("l", -1.0)):
        up = (sign * torch.sin(angle)).clamp(min=0) * m.size
        body |= {f"{side}_leg_fwd": 1.5 * up, f"{side}_knee": 1.5 * up}
        swing = -0.9 * sign * torch.sin(angle)
        body |= {f"{side}_arm_fwd": swing, f"{side}_fore_fwd": swing}
    return body


def _walking(m: Motion, direction: float) -> Pose:
    angle = m.turns(1.0)
    swing = 0.55 * m.size * torch.sin(angle)
    arms = {"r_arm_fwd": -swing, "r_fore_fwd": 0.25 - swing, "l_arm_fwd": swing, "l_fore_fwd": 0.25 + swing}
    travel = direction * (m.progress - 0.5) * m.draw(8, 0.5, 0.8)
    return {
        "yaw": direction * m.draw(6, 1.0, 1.5),
        "x": travel,
        "pitch": m.size * 0.03,
        **arms,
        **steps(angle, 0.55, 0.8),
    }


def _running(m: Motion, direction: float) -> Pose:
    angle = m.turns(1.5)
    swing = m.size * torch.sin(angle)
    arms = {"r_arm_fwd": -swing, "r_fore_fwd": 1.6 - swing, "l_arm_fwd": swing, "l_fore_fwd": 1.6 + swing}
    travel = direction * (m.progress - 0.5) * m.draw(8, 0.8, 1.2)
    lift = 0.06 * torch.sin(angle).abs()
    body = {"yaw": direction * m.draw(6, 1.1, 1.5), "x": travel, "lift": lift, "pitch": m.size * 0.33}
    return {**body, **arms, **steps(angle, 0.95, 1.75)}


def _squatting_down(m: Motion) -> Pose:
    down = m.change() * m.size
    arms = both({"arm_fwd": 1.5 * down, "fore_fwd": 1.5 * down})
    return {
        "yaw": m.sideways(0.5, 1.3),
        "pitch": 0.45 * down,
        **arms,
        **both({"leg_fwd": 1.5 * down, "knee": 2.35 * down}),
    }


def _bowing(m: Motion) -> Pose:
    down = m.change() * m.size
    hang = m.draw(8, 0.2, 0.9)
    return {
        "yaw": m.sideways(0.7, 1.4),
        "pitch": 1.35 * down,
        **both({"arm_fwd": hang * down, "fore_fwd": hang * down}),
    }


def _leaning(m: Motion, direction: float) -> Pose:
    lean = direction * (0.25 + 0.5 * _wave01(m.turns(0.5))) * m.size
    side = (lean * m.mirror).clamp(min=0)
    other = (-lean * m.mirror).clamp(min=0)
    arms = {
        "r_arm_out": 0.25 + other,
        "r_fore_out": 0.3 + other,
        "l_arm_out": 0.25 + side,
        "l_fore_out": 0.3 + side,
    }
    return {"yaw": m.front(), "roll": lean * m.mirror, **arms, **both({"leg_out": 0.16 * m.size})}


def _turning_left(m: Motion) -> Pose:
    out = m.draw(8, 0.3, 0.7)
    start = m.draw(6, -math.pi, math.pi)
    return {
        "yaw": start - 2 * math.pi * m.draw(9, 0.9, 1.3) * m.progress,
        **both({"arm_out": out, "fore_out": out}),
    }


def _swimming(m: Motion) -> Pose:
    angle = m.turns(0.8)
    kick = 0.3 * torch.sin(3 * angle)
    legs = {"r_leg_fwd": kick - 1.5, "l_leg_fwd": -kick - 1.5, "r_knee": 0.3 + kick, "l_knee": 0.3 - kick}
    arms = {
        "r_arm_fwd": -angle,
        "r_fore_fwd": 0.2 - angle,
        "l_arm_fwd": math.pi - angle,
        "l_fore_fwd": 3.3 - angle,
    }
    yaw = m.sideways(1.1, 1.4)
    return {
        "yaw": yaw,
        "x": yaw.sign() * (m.progress - 0.5) * 0.25,
        "lift": m.draw(8, 0.15, 0.3),
        "pitch": m.size * 0 + 1.5,
        **arms,
        **legs,
    }


def _push_ups(m: Motion) -> Pose:
    low = _wave01(m.turns(0.8)) * m.size
    pitch = 1.12 + 0.28 * low
    arms = both({"arm_fwd": pitch - 1.25 * low, "fore_fwd": pitch + 0.35 * low, "arm_out": 0.1 + 0.3 * low})
    return {"yaw": m.sideways(1.1, 1.4), "pitch": pitch, **arms, **both({"leg_fwd": -pitch})}


def _crawling(m: Motion) -> Pose:
    swing = 0.45 * m.size * torch.sin(m.turns(0.9))
    yaw, pitch = m.sideways(1.0, 1.4), 1.3
    arms = {
        "r_arm_fwd": pitch + swing,
        "r_fore_fwd": pitch + swing,
        "l_arm_fwd": pitch - swing,
        "l_fore_fwd": pitch - swing,
    }
    legs = {"r_leg_fwd": -swing, "l_leg_fwd": swing, **both({"knee": 1.5 + 0 * swing})}
    return {
        "yaw": yaw,
        "x": yaw.sign() * (m.progress - 0.5) * 0.3,
        "pitch": pitch + 0 * swing,
        **arms,
        **legs,
    }


def _climbing(m: Motion) -> Pose:
    angle = m.turns(0.8)
    body: Pose = {"yaw": math.pi + m.front(), "lift": 0.06 + 0.05 * m.size}
    for side, sign in (("r", 1.0), ("l", -1.0)):
        up = 0.5 + 0.5 * sign * torch.sin(angle)
        body |= {f"{side}_arm_out": 1.5 + 1.1 * up, f"{side}_fore_out": 3.3 - 0.2 * up}
        body |= {f"{side}_leg_out": 0.25 + 0.75 * up, f"{side}_leg_fwd": 0.7 * up, f"{side}_knee": 1.6 * up}
    return body


def _dancing(m: Motion) -> Pose:
    angle = m.turns(0.8)
    sway = torch.sin(angle)
    body = {"yaw": m.front() + 0.4 * sway, "x": 0.06 * sway, "roll": 0.25 * m.size * sway}
    for side, sign in (("r", 1.0), ("l", -1.0)):
        body |= {f"{side}_arm_out": 1.45 + 0.9 * sign * sway, f"{side}_fore_out": 2.1 + 1.1 * sign * sway}
        bend = (sign * sway).clamp(min=0)
        body |= {
            f"{side}_leg_out": 0.22 + 0.1 * bend,
            f"{side}_leg_fwd": 0.8 * bend,
            f"{side}_knee": 1.3 * bend,
        }
    return body


def _saluting(m: Motion) -> Pose:
    up = smooth(m.progress * m.draw(8, 3.0, 6.0) + m.draw(9, 0.0, 0.8))
    arm = {"r_arm_out": 0.2 + 1.35 * up, "r_fore_out": 0.2 + 3.75 * up, "r_fore_fwd": 0.15 + 0 * up}
    return {"yaw": m.front(), **arm, **both({"leg_out": 0.03 + 0 * up})}


def _lying_down(m: Motion) -> Pose:
    down = m.change()
    sit, back = smooth(2.2 * down), smooth(2.2 * down - 1.2)
    legs = both({"leg_fwd": 1.5 * sit + 0.05 * back, "knee": 2.3 * sit * (1 - back)})
    arms = both({"arm_fwd": -0.5 * sit * (1 - back), "fore_fwd": -0.4 * sit * (1 - back)})
    return {"yaw": m.sideways(1.1, 1.4), "pitch": 0.35 * sit - 1.88 * back, **arms, **legs}


PROGRAMMES: dict[str, tuple[Callable[[Motion], Pose], bool]] = {
    "waving": (_waving, False),
    "raising an arm": (_raising_arm, False),
    "lowering an arm": (_raising_arm, True),
    "raising both arms": (_raising_arms, False),
    "lowering both arms": (_raising_arms, True),
    "clapping": (_clapping, False),
    "saluting": (_saluting, False),
    "punching": (_punching, False),
    "throwing": (_throwing, False),
    "kicking": (_kicking, False),
    "jumping": (_jumping, False),
    "doing jumping jacks": (_jumping_jacks, False),
    "marching": (_marching, False),
    "walking left": (lambda m: _walking(m, -1.0), False),
    "walking right": (lambda m: _walking(m, 1.0), False),
    "running left": (lambda m: _running(m, -1.0), False),
    "running right": (lambda m: _running(m, 1.0), False),
    "leaning left": (lambda m: _leaning(m, -1.0), False),
    "leaning right": (lambda m: _leaning(m, 1.0), False),
    "turning left": (_turning_left, False),
    "turning right": (_turning_left, True),
    "squatting down": (_squatting_down, False),
    "standing up": (_squatting_down, True),
    "bowing": (_bowing, False),
    "straightening up": (_bowing, True),
    "lying down": (_lying_down, False),
    "getting up": (_lying_down, True),
    "crawling": (_crawling, False),
    "doing push-ups": (_push_ups, False),
    "swimming": (_swimming, False),
    "climbing": (_climbing, False),
    "dancing": (_dancing, False),
}
"""Action → its programme, and whether time runs backwards in it. The order is that of the class indices."""
