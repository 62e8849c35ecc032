"""What makes a puppet video hard: people who stand by, trees and cars that move, a moving camera."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from zeroshot.errors import OptionError, require_kinds
from zeroshot.synthetic.gestures import move
from zeroshot.synthetic.grammar import COMPOSED, SEEN
from zeroshot.synthetic.motion import NUM_MOTION_DRAWS
from zeroshot.synthetic.paint import Canvas, Grid
from zeroshot.synthetic.skeleton import NUM_LOOK_DRAWS, Capsules, capsules

if TYPE_CHECKING:
    from torch import Tensor

NUM_CAMERA_DRAWS = 16
NUM_MOVER_DRAWS = 10
NUM_BYSTANDER_DRAWS = NUM_LOOK_DRAWS + NUM_MOTION_DRAWS + 3
"""Uniform numbers that a video's camera takes, each of its moving things, and each who stands by."""

MAX_ZOOM, MAX_PAN, MAX_SHAKE = 0.16, 0.14, 0.03
"""At full strength: logarithm of the magnification, and how far the camera strays, in frame heights."""


@dataclass(frozen=True)
class Surroundings:
    """What there is beside a puppet and its place.

    Attributes:
        persons: how many, the one who acts included; the others stand by, farther back.
        distractors: how many trees that sway and cars that pass.
        camera: 0 (stands still) to 1: how much it pans, zooms and shakes.
        roughness: 0 (plain colours) to 1: how strong the textures from noise are.
    """

    persons: int = 1
    distractors: int = 0
    camera: float = 0.0
    roughness: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what cannot be rendered."""
        require_kinds(self)
        if not 1 <= self.persons <= 5:
            raise OptionError(f"{self.persons} persons; expected 1 to 5")
        if not 0 <= self.distractors <= 10:
            raise OptionError(f"{self.distractors} distractors; expected 0 to 10 trees and cars")
        for what in ("camera", "roughness"):
            if not 0 <= getattr(self, what) <= 1:
                raise OptionError(f"{what} {getattr(self, what)}; expected 0 to 1")

    @property
    def margin(self) -> float:
        """How much more of a place than the frame must be painted on each side, in frame heights."""
        return self.camera * (MAX_PAN + MAX_SHAKE + 0.5 * (math.exp(MAX_ZOOM) - 1) * 2)


def camera_path(draws: Tensor, seconds: Tensor, progress: Tensor, strength: float) -> Tensor:
    """(B, T, 3) where the camera looks (right and down, in frame heights) and how much it magnifies.

    Args:
        draws: (B, NUM_CAMERA_DRAWS) uniform in [0, 1).
        seconds: (B, T).
        progress: (B, T) 0 to 1.
        strength: 0 to 1.
    """
    ramp = (2 * progress - 1)[..., None]
    drift = (2 * draws[:, None, 0:3] - 1) * ramp + 0.3 * (2 * draws[:, None, 3:6] - 1)
    angles = 2 * math.pi * ((2 + 3 * draws[:, None, 6:9]) * seconds[..., None] + draws[:, None, 9:12])
    limit = draws.new_tensor([MAX_PAN, 0.5 * MAX_PAN, MAX_ZOOM])
    shake = draws.new_tensor([MAX_SHAKE, MAX_SHAKE, 0.0]) * torch.sin(angles)
    path = strength * (limit * drift / 1.3 + shake * draws[:, None, 12:13])
    return torch.cat([path[..., :2], path[..., 2:].exp()], -1)


def seen_by(camera: Tensor, parts: Capsules) -> Capsules:
    """The parts of F pictures as cameras (F, 3) see them."""
    zoom = camera[:, 2]
    middle = torch.stack([torch.zeros_like(zoom), torch.full_like(zoom, 0.5)], -1)
    return moved(parts, zoom, middle - zoom[:, None] * (camera[:, :2] + middle))


def moved(parts: Capsules, scale: Tensor, shift: Tensor) -> Capsules:
    """The parts (F pictures) enlarged by `scale` (F,) about the origin, then shifted by (F, 2)."""
    each = scale[:, None, None]
    places = torch.cat([shift, torch.zeros_like(shift[:, :1])], 1)
    return replace(
        parts,
        ends=parts.ends * each + shift.repeat(1, 2)[:, None],
        radii=parts.radii * each,
        shadow=torch.cat(
            [parts.shadow[:, :2] * scale[:, None] + shift, parts.shadow[:, 2:] * scale[:, None]], 1
        ),
        joints=parts.joints * each + places[:, None],
    )


def look_at(painted: Tensor, grid: Grid, camera: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, T, 3, H, W) what cameras (B, T, 3) see of painted places (B, 3, H', W')."""
    height, width = size
    half = torch.tensor([grid.half_width, grid.y.shape[0] * grid.pixel / 2])
    seen = camera.flatten(0, 1).float()
    affine = torch.zeros(len(seen), 2, 3)
    affine[:, 0, 0] = width / height / 2 / seen[:, 2] / half[0]
    affine[:, 1, 1] = 0.5 / seen[:, 2] / half[1]
    affine[:, :, 2] = seen[:, :2] / half
    where = F.affine_grid(affine, [len(seen), 3, height, width], align_corners=False)
    pictures = painted[:, None].expand(-1, camera.shape[1], -1, -1, -1).flatten(0, 1)
    found = F.grid_sample(pictures, where, padding_mode="border", align_corners=False)
    return found.view(*camera.shape[:2], 3, height, width)


def roughened(painted: Tensor, grid: Grid, texture: Tensor, amount: float, draws: Tensor) -> Tensor:
    """Places (B, 3, H, W) with noise of three sizes laid over them, a little coloured.

    Args:
        painted: in [0, 1].
        grid: their pixels.
        texture: (B, 2, g, g) lattices.
        amount: 0 to 1.
        draws: (B, 3) uniform in [0, 1): size of the grain.
    """
    canvas = Canvas(grid, draws, texture)
    light = canvas.noise(3.0) + canvas.noise(7.0, 1) + canvas.noise(15.0) - 1.5
    tint = painted.new_tensor([1.0, 0.0, -1.0])[:, None, None] * (canvas.noise(5.0, 1) - 0.5)[:, None]
    return (painted + amount * draws[:, :1, None, None] * 0.6 * (light[:, None] + 0.5 * tint)).clamp(0, 1)


_STOOD_BY = [row for row, one in enumerate(COMPOSED) if one in SEEN and one.manner == "slowly" and one.part]
"""Actions whose postures somebody who stands by may have."""


def bystander(draws: Tensor, seconds: Tensor, width: float) -> Capsules:
    """Somebody who stands by in a posture that some seen action has a moment of, farther back.

    Args:
        draws: (B, NUM_BYSTANDER_DRAWS) uniform in [0, 1): looks, motion; which moment, how near, and where.
        seconds: (B, T): who stands breathes.
        width: of the picture in heights.
    """
    look, motion, place = draws.split_with_sizes([NUM_LOOK_DRAWS, NUM_MOTION_DRAWS, 3], dim=1)
    chosen = [_STOOD_BY[int(share * len(_STOOD_BY))] for share in motion[:, 10].tolist()]
    moment = place[:, :1].expand_as(seconds)
    poses, side, _ = move(chosen, motion, seconds, moment)
    look = look.clone()
    look[:, 17] = 0.5
    parts = capsules({**poses, "x": 0 * poses["x"], "yaw": side * poses["yaw"]}, side, look, width)
    scale = 0.55 + 0.15 * place[:, 1]
    x = (0.22 + 0.25 * place[:, 1]) * width * torch.where(place[:, 2] < 0.5, -1.0, 1.0)
    shift = torch.stack([x, 0.78 - 0.88 * scale], -1).float()
    frames = seconds.shape[1]
    return moved(parts, scale.float().repeat_interleave(frames), shift.repeat_interleave(frames, 0))


_CAR = ((-0.1, 0, 0.1, 0, 0.045), (-0.045, -0.055, 0.05, -0.055, 0.035), (-0.07, 0.045, -0.07, 0.045, 0.026),
        (0.07, 0.045, 0.07, 0.045, 0.026), (0.13, 0, 0.13, 0, 0.014))  # fmt: skip
_TREE = ((0, 0, 0, -0.2, 0.02), (-0.05, -0.22, 0.05, -0.22, 0.06), (0, -0.29, 0, -0.29, 0.07),
         (-0.05, -0.33, -0.05, -0.33, 0.04), (0.05, -0.33, 0.05, -0.33, 0.04))  # fmt: skip
"""Capsules: x, y of one end, x, y of the other, radius."""


def mover(draws: Tensor, seconds: Tensor, width: float) -> Capsules:
    """A car that passes or a tree that sways, one a video.

    Args:
        draws: (B, NUM_MOVER_DRAWS) uniform in [0, 1).
        seconds: (B, T).
        width: of the picture in heights.
    """
    kind, place, speed, phase, size, red, green, blue, *_ = draws[:, :, None].unbind(1)
    is_car, span = kind < 0.5, width + 0.5
    travelled = torch.where(speed < 0.5, -1.0, 1.0) * (0.25 + 0.5 * phase) * seconds
    x = torch.where(
        is_car, torch.remainder(place * span + travelled, span) - span / 2, (place - 0.5) * 1.1 * width
    )
    sway = 0.05 * torch.sin(2 * math.pi * ((0.5 + 0.7 * speed) * seconds + phase)) * ~is_car
    shapes = torch.where(is_car[..., None], draws.new_tensor(_CAR), draws.new_tensor(_TREE))[:, None]
    higher = -shapes[..., 1:4:2] / 0.3
    ends = shapes[..., :4].expand(-1, seconds.shape[1], -1, -1).clone()
    ends[..., 0::2] += sway[..., None, None] * higher
    ends *= (0.8 + 0.6 * size)[..., None, None]
    ends[..., 0::2] += x[..., None, None]
    ends[..., 1::2] += torch.where(is_car, 0.7, 0.74)[..., None, None]
    radii = (shapes[..., 4:] * (0.8 + 0.6 * size)[..., None, None]).expand(-1, seconds.shape[1], -1, 2)
    paint = torch.cat([red, green, blue], 1)[:, None]
    leaves = paint * draws.new_tensor([0.3, 0.5, 0.2]) + draws.new_tensor([0.05, 0.3, 0.05])
    dark = torch.tensor([[0.0], [0.0], [1.0], [1.0], [0.0]], dtype=draws.dtype)
    trunk = torch.tensor([[1.0], [0.0], [0.0], [0.0], [0.0]], dtype=draws.dtype)
    body = 0.15 + 0.8 * paint * (1 - 0.9 * dark)
    crown = leaves * (1 - trunk) + draws.new_tensor([0.3, 0.2, 0.12]) * trunk
    colours = torch.where(is_car[..., None], body, crown)[:, None].expand(-1, seconds.shape[1], -1, -1)
    nowhere = ends.new_tensor([-9.0, -9.0, 0.1, 0.1]).expand(*seconds.shape, 4)
    parts = (ends, radii, colours, nowhere, ends[..., :3])
    return Capsules(*(part.flatten(0, 1).float() for part in parts))
