"""From poses to what is drawn: tapered capsules in the picture, with depth and colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

NUM_LOOK_DRAWS = 24
"""Uniform numbers that one puppet's build, clothes and place take."""

THIGH, SHIN, FOOT = 0.245, 0.235, 0.09
TORSO, NECK, HEAD = 0.29, 0.075, 0.085
UPPER_ARM, FOREARM = 0.175, 0.16
SHOULDER, HIP = 0.135, 0.07
"""Lengths of the body's parts in statures."""

SKINS = ((0.98, 0.84, 0.72), (0.91, 0.71, 0.55), (0.76, 0.55, 0.40), (0.55, 0.37, 0.25), (0.36, 0.23, 0.16))
HAIRS = ((0.10, 0.08, 0.07), (0.30, 0.18, 0.10), (0.85, 0.68, 0.32), (0.62, 0.26, 0.12), (0.72, 0.72, 0.72))


@dataclass(frozen=True)
class Capsules:
    """P tapered capsules in each of F pictures, the farthest first; lengths in picture heights, y down.

    Attributes:
        ends: (F, P, 4) x and y of one end, x and y of the other.
        radii: (F, P, 2) radius at each end.
        colours: (F, P, 3) in [0, 1].
        shadow: (F, 4) x, y, half width and half height of the shadow on the ground.
        joints: (F, J, 3) where the `JOINTS` are: x, y, and how much nearer than the hips.
    """

    ends: Tensor
    radii: Tensor
    colours: Tensor
    shadow: Tensor
    joints: Tensor


def _direction(out: Tensor, forward: Tensor, side: float) -> Tensor:
    """(..., 3) lateral, up, forward: unit vector of a limb that hangs down at (0, 0)."""
    level = torch.cos(out)
    return torch.stack([side * torch.sin(out), -level * torch.cos(forward), level * torch.sin(forward)], -1)


def _bend(vectors: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """(..., 3) vectors of the torso's frame as the hips see them."""
    lateral, up, forward = vectors.unbind(-1)
    up, forward = (
        up * torch.cos(pitch) - forward * torch.sin(pitch),
        up * torch.sin(pitch) + forward * torch.cos(pitch),
    )
    lateral, up = (
        lateral * torch.cos(roll) + up * torch.sin(roll),
        up * torch.cos(roll) - lateral * torch.sin(roll),
    )
    return torch.stack([lateral, up, forward], -1)


def _vector(like: Tensor, lateral: float, up: float, forward: float) -> Tensor:
    return like.new_tensor([lateral, up, forward]).expand(*like.shape, 3)


def joints(pose: dict[str, Tensor]) -> dict[str, Tensor]:
    """Joint → (B, T, 3) lateral, up, forward from the hips' middle, in statures, before yaw."""
    pitch, roll = pose["pitch"], pose["roll"]
    found = {"hips": _vector(pitch, 0, 0, 0)}

    def of_torso(lateral: float, up: float, forward: float) -> Tensor:
        return _bend(_vector(pitch, lateral, up, forward), pitch, roll)

    found["chest"] = of_torso(0, TORSO - 0.02, 0)
    found["neck"] = of_torso(0, TORSO + 0.03, 0)
    found["head"] = of_torso(0, TORSO + NECK + HEAD * 0.7, 0.01)
    found["crown"] = of_torso(0, TORSO + NECK + HEAD * 1.25, 0.01)
    found["hair"] = of_torso(0, TORSO + NECK + HEAD * 1.5, -0.03)
    found["nape"] = of_torso(0, TORSO + NECK + HEAD * 0.7, -0.05)
    for side, sign in (("r", 1.0), ("l", -1.0)):
        found[f"{side}_eye"] = of_torso(sign * 0.036, TORSO + NECK + HEAD * 1.0, 0.085)
        shoulder = of_torso(sign * SHOULDER, TORSO, 0)
        upper = _bend(_direction(pose[f"{side}_arm_out"], pose[f"{side}_arm_fwd"], sign), pitch, roll)
        fore = _bend(_direction(pose[f"{side}_fore_out"], pose[f"{side}_fore_fwd"], sign), pitch, roll)
        elbow = shoulder + UPPER_ARM * upper
        wrist = elbow + FOREARM * fore
        found |= {f"{side}_shoulder": shoulder, f"{side}_elbow": elbow, f"{side}_wrist": wrist}
        found[f"{side}_hand"] = wrist + 0.03 * fore
        found |= _leg(pose, side, sign)
    return found


def _leg(pose: dict[str, Tensor], side: str, sign: float) -> dict[str, Tensor]:
    out, forward, knee_angle = (pose[f"{side}_{name}"] for name in ("leg_out", "leg_fwd", "knee"))
    hip = _vector(out, sign * HIP, -0.02, 0)
    knee = hip + THIGH * _direction(out, forward, sign)
    shin = forward - knee_angle
    ankle = knee + SHIN * _direction(0.6 * out, shin, sign)
    flat = 1 - ((shin.abs() - 0.7) / 0.6).clamp(0, 1)
    toe = ankle + FOOT * _direction(0.25 + 0 * out, torch.pi / 2 + shin * (1 - flat), sign)
    return {f"{side}_hip": hip, f"{side}_knee": knee, f"{side}_ankle": ankle, f"{side}_toe": toe}


_BODY: tuple[tuple[str, str, float, float, str, float], ...] = (
    ("hips", "chest", 0.088, 0.108, "shirt", 0.0),
    ("r_hip", "l_hip", 0.075, 0.075, "trousers", 0.004),
    ("neck", "head", 0.04, 0.04, "skin", 0.0),
    ("head", "crown", HEAD, HEAD * 0.92, "skin", 0.01),
    ("nape", "hair", HEAD * 0.88, HEAD * 0.98, "hair", 0.0),
    ("r_eye", "r_eye", 0.016, 0.016, "eyes", 0.012),
    ("l_eye", "l_eye", 0.016, 0.016, "eyes", 0.012),
)
_LIMBS: tuple[tuple[str, str, float, float, str, float], ...] = (
    ("shoulder", "elbow", 0.050, 0.044, "sleeves", 0.035),
    ("elbow", "wrist", 0.042, 0.034, "forearms", 0.045),
    ("hand", "hand", 0.046, 0.046, "skin", 0.05),
    ("hip", "knee", 0.066, 0.054, "trousers", 0.006),
    ("knee", "ankle", 0.051, 0.040, "shins", 0.008),
    ("ankle", "toe", 0.041, 0.036, "shoes", 0.01),
)
PARTS = _BODY + tuple(
    (f"{side}_{start}", f"{side}_{end}", first, second, colour, near)
    for side in "rl"
    for start, end, first, second, colour, near in _LIMBS
)
"""Every part drawn: from joint, to joint, radius at each, colour, how much nearer it counts than it is."""


JOINTS = (
    "hips", "neck", "head", "r_eye", "l_eye",
    "r_shoulder", "r_elbow", "r_hand", "r_hip", "r_knee", "r_ankle", "r_toe",
    "l_shoulder", "l_elbow", "l_hand", "l_hip", "l_knee", "l_ankle", "l_toe",
)  # fmt: skip
"""Joints that videos tell of; a mirrored puppet has `r` and `l` exchanged."""


def _from_hue(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """(B, 3) RGB from (B,) hue, saturation, value."""
    corners = hue.new_tensor([0.0, 2 / 3, 1 / 3])
    wheel = ((torch.remainder(hue[:, None] + corners, 1.0) * 6 - 3).abs() - 1).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] * (1 - wheel))


def colours(draws: Tensor) -> dict[str, Tensor]:
    """Colour name → (B, 3): clothes, skin and hair that a puppet's look draws give."""
    rows = draws.new_tensor(SKINS)[(draws[:, 0] * len(SKINS)).long()]
    hair = draws.new_tensor(HAIRS)[(draws[:, 1] * len(HAIRS)).long()]
    skin = rows * (0.92 + 0.12 * draws[:, 2:3])
    shirt = _from_hue(draws[:, 3], 0.25 + 0.7 * draws[:, 4], 0.45 + 0.5 * draws[:, 5])
    trousers = _from_hue(draws[:, 6], 0.15 + 0.6 * draws[:, 7], 0.25 + 0.6 * draws[:, 8])
    short_sleeves, shorts = draws[:, 9:10] < 0.5, draws[:, 10:11] < 0.4
    shoes = _from_hue(draws[:, 11], 0.6 * draws[:, 12], 0.15 + 0.75 * draws[:, 13])
    found = {"skin": skin.clamp(0, 1), "hair": hair, "shirt": shirt, "trousers": trousers, "shoes": shoes}
    found["sleeves"] = shirt * 0.86
    found["forearms"] = torch.where(short_sleeves, found["skin"], shirt * 0.86)
    found["shins"] = torch.where(shorts, found["skin"], trousers * 0.9)
    found["eyes"] = torch.full_like(skin, 0.08)
    return found


def capsules(pose: dict[str, Tensor], mirror: Tensor, draws: Tensor, width: float) -> Capsules:
    """The parts of B puppets in T frames each, F = B·T pictures, ready to be painted from back to front.

    Args:
        pose: channel → (B, T), see `poses`.
        mirror: (B, 1) of ±1; −1 exchanges the body's left and right.
        draws: (B, NUM_LOOK_DRAWS) uniform in [0, 1).
        width: of the picture, in picture heights: where the puppet may stand.
    """
    stature = 0.52 + 0.18 * draws[:, 14:15]
    girth = 0.9 + 0.3 * draws[:, 15:16]
    ground = 0.85 + 0.09 * draws[:, 16:17]
    place = (draws[:, 17:18] - 0.5) * 0.3 * width
    cos, sin = torch.cos(pose["yaw"]), torch.sin(pose["yaw"])
    flat: dict[str, Tensor] = {}
    for name, joint in joints(pose).items():
        lateral, up, forward = joint[..., 0] * mirror, joint[..., 1], joint[..., 2]
        flat[name] = torch.stack([lateral * cos + forward * sin, up, forward * cos - lateral * sin], -1)
    standing = torch.stack([joint[..., 1] for joint in flat.values()]).amin(0) - 0.04
    across = torch.stack([joint[..., 0] for joint in flat.values()])
    middle = ((across.amin(0) + across.amax(0)) / 2).mean(1, keepdim=True)

    starts = torch.stack([flat[part[0]] for part in PARTS], 2)
    stops = torch.stack([flat[part[1]] for part in PARTS], 2)
    near = starts.new_tensor([part[5] for part in PARTS])
    order = (starts[..., 2] + stops[..., 2] + 2 * near).argsort(dim=2, stable=True)
    x = place + stature * (pose["x"] - middle)
    lifted = pose["lift"] - standing
    y = ground - stature * lifted
    axes = stature[..., None, None] * stature.new_tensor([1.0, -1.0, 1.0])
    hips = torch.stack([x, y, torch.zeros_like(x)], -1)[:, :, None]
    starts, stops = hips + axes * starts, hips + axes * stops
    named = hips + axes * torch.stack([flat[name] for name in JOINTS], 2)
    ends = torch.cat([starts[..., :2], stops[..., :2]], -1)
    thin = 0.8 + 0.2 * cos.abs()
    radii = starts.new_tensor([[part[2], part[3]] for part in PARTS]).expand(*cos.shape, -1, -1).clone()
    radii[:, :, 0] = radii[:, :, 0] * thin[..., None]
    radii = radii * (stature * (0.6 + 0.4 * girth))[..., None, None]
    names = colours(draws)
    painted = torch.stack([names[part[4]] for part in PARTS], 1)[:, None].expand(*cos.shape, -1, -1)
    spread = stature * (across.amax(0) - across.amin(0)) / 2 + 0.02
    shadow = torch.stack(
        [x + stature * (across.amin(0) + across.amax(0)) / 2, ground + 0 * x, spread, 0.18 * spread], -1
    )

    def sort(values: Tensor) -> Tensor:
        index = order[..., None].expand(*order.shape, values.shape[-1])
        return values.gather(2, index).flatten(0, 1).float()

    ground_and_joints = shadow.flatten(0, 1).float(), named.flatten(0, 1).float()
    return Capsules(sort(ends), sort(radii), sort(painted), *ground_and_joints)
