"""Where puppets are: sixteen places that look different from each other and are never twice the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.synthetic.indoors import gym, kitchen, library, living_room, office, stage, swimming_pool
from zeroshot.synthetic.outdoors import (
    beach,
    desert,
    farm,
    forest,
    mountains,
    night_city,
    playground,
    snow,
    street,
)
from zeroshot.synthetic.paint import Canvas

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from zeroshot.synthetic.paint import Grid

NUM_SCENE_DRAWS = 160
TEXTURE_POINTS = 24
"""What one video's scene takes: uniform numbers, and points a side of two lattices of noise."""

PAINTERS: dict[str, Callable[[Canvas], None]] = {
    "beach": beach,
    "forest": forest,
    "snow": snow,
    "street": street,
    "kitchen": kitchen,
    "gym": gym,
    "desert": desert,
    "stage": stage,
    "swimming pool": swimming_pool,
    "office": office,
    "playground": playground,
    "night city": night_city,
    "mountains": mountains,
    "library": library,
    "living room": living_room,
    "farm": farm,
}
"""Scene → what paints it. The order is that of the scene indices."""


def paint_scene(name: str, grid: Grid, draws: Tensor, texture: Tensor) -> Tensor:
    """(B, 3, H, W) pictures in [0, 1] of one place, each with its own light and clutter.

    Args:
        name: a key of `PAINTERS`.
        grid: the pixels.
        draws: (B, NUM_SCENE_DRAWS) uniform in [0, 1).
        texture: (B, 2, TEXTURE_POINTS, TEXTURE_POINTS) uniform in [0, 1).
    """
    canvas = Canvas(grid, draws, texture)
    light = canvas.draw(0.82, 1.12)[:, None]
    PAINTERS[name](canvas)
    return (canvas.pixels * light).clamp(0, 1)
