"""Makes videos of composed actions among other people and moving things, before a moving camera."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from zeroshot.synthetic.gestures import move
from zeroshot.synthetic.grammar import COMPOSED
from zeroshot.synthetic.paint import make_grid, paint_figure
from zeroshot.synthetic.render import (
    Draws,
    check_rows,
    clock,
    draw,
    in_batches,
    joints_in_pixels,
    painted_scenes,
    to_bytes,
    uniform,
)
from zeroshot.synthetic.skeleton import JOINTS, capsules
from zeroshot.synthetic.surroundings import (
    NUM_BYSTANDER_DRAWS,
    NUM_CAMERA_DRAWS,
    NUM_MOVER_DRAWS,
    Surroundings,
    bystander,
    camera_path,
    look_at,
    mover,
    roughened,
    seen_by,
)
from zeroshot.synthetic.world import SCENES, PuppetVideo, View, composite

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


OTHER_SIDE = [JOINTS.index({"r": "l", "l": "r"}.get(name[0], "") + name[1:]) if name[1] == "_" else place
              for place, name in enumerate(JOINTS)]  # fmt: skip
"""For each joint the one that takes its place in a mirror."""


@dataclass(frozen=True, eq=False)
class ComposedVideo(PuppetVideo):
    """One video of a composed action and all that it was made of.

    Who acts is the figure; everybody and everything else belongs to the background, which lies behind.

    Attributes:
        others: (T, H, W) uint8, how much people who stand by and their shadows cover of the background.
        movers: (T, H, W) uint8, how much trees and cars cover, those who stand by aside.
        camera: (T, 3) float32, how far right and down the camera looks, in frame heights, and its zoom.
        done: (T,) float32, from 0 to 1: how much of what the action changes has changed.
    """

    others: NDArray[np.uint8]
    movers: NDArray[np.uint8]
    camera: NDArray[np.float32]
    done: NDArray[np.float32]


def render_composed(
    actions: Sequence[int],
    scenes: Sequence[int],
    seeds: Sequence[int],
    view: View | None = None,
    surroundings: Surroundings | None = None,
) -> list[ComposedVideo]:
    """Videos of composed actions; each is the same whichever stand beside it.

    Where a side is named, a video's figure mirrored is that of its action's `mirrored` with the same seed;
    played backwards it is that of its `reversed`, where that is another verb. `view.camera_jitter` is not
    heeded: see `Surroundings.camera`.

    Args:
        actions: indices into `COMPOSED`.
        scenes: indices into `SCENES`, as many.
        seeds: 0 ≤ seed < 2⁶³, as many.
        view: frames, size and rate; `View()` unless told.
        surroundings: who and what else is there; `Surroundings()`, that is nobody, unless told.

    Raises:
        OptionError: lists of different lengths, an index out of range, a seed that is none.
    """
    view, surroundings = view or View(), surroundings or Surroundings()
    rows = (actions, scenes, seeds)
    check_rows(rows, (len(COMPOSED), len(SCENES)))
    return in_batches(
        rows, view, lambda acts, places, some: _render_batch(acts, places, some, view, surroundings)
    )


def _render_batch(
    actions: Sequence[int], scenes: Sequence[int], seeds: Sequence[int], view: View, around: Surroundings
) -> list[ComposedVideo]:
    shape = (len(seeds), view.num_frames)
    draws, more = draw(seeds), _draw_more(seeds, around)
    seconds, progress = clock(draws.motion, view)
    width = view.size[1] / view.size[0]
    camera = camera_path(more.camera, seconds, progress, around.camera)
    frames = camera.flatten(0, 1).float()

    poses, side, done = move(actions, draws.motion, seconds, progress)
    poses = {**poses, "x": side * poses["x"], "yaw": side * poses["yaw"]}
    parts = seen_by(frames, capsules(poses, side, _placed(draws.look, side, poses["x"]), width))
    colour, cover = paint_figure(parts, make_grid(view.size))
    alpha = to_bytes(cover.view(*shape, *view.size))
    figure = to_bytes(colour.reshape(*shape, 3, *view.size))

    background, others, movers = _behind(scenes, (draws, more), (seconds, camera), view, around)
    joints = joints_in_pixels(parts, view, len(seeds))
    joints = torch.where(side[:, :, None, None] < 0, joints[:, :, OTHER_SIDE], joints)
    return [
        ComposedVideo(
            frames=composite(figure[row], alpha[row], background[row]),
            masks=alpha[row] >= 128,
            background=background[row],
            figure=figure[row],
            alpha=alpha[row],
            joints=joints[row].numpy(),
            action=int(actions[row]),
            scene=int(scenes[row]),
            seed=int(seeds[row]),
            others=others[row],
            movers=movers[row],
            camera=camera[row].float().numpy(),
            done=done[row].float().numpy(),
        )
        for row in range(len(seeds))
    ]


def _placed(look: Tensor, side: Tensor, x: Tensor) -> Tensor:
    """Look draws of who acts: its place mirrored with it, and in the middle if it travels."""
    travels = x.abs().amax(1) > 0
    placed = look.clone()
    placed[:, 17] = 0.5 + side[:, 0] * (look[:, 17] - 0.5) * torch.where(travels, 0.2, 1.0)
    return placed


@dataclass(frozen=True)
class _MoreDraws:
    """Uniform numbers for what is around B videos: the first one's camera, n others and n movers a video."""

    camera: Tensor
    grain: Tensor
    others: Tensor
    movers: Tensor


_MOST = (4, 10)
"""Others and movers: as many as `Surroundings` allows."""


def _draw_more(seeds: Sequence[int], around: Surroundings) -> _MoreDraws:
    """As many for every `Surroundings`: one more person leaves the others who they are."""
    counts = (NUM_CAMERA_DRAWS, 3, _MOST[0] * NUM_BYSTANDER_DRAWS, _MOST[1] * NUM_MOVER_DRAWS)
    # Another stream than that of the puppet itself, which is the same as in the plain world.
    camera, grain, others, movers = uniform([seed ^ 0x5DEECE66D for seed in seeds], counts)
    others = others.reshape(-1, _MOST[0], NUM_BYSTANDER_DRAWS)[:, : around.persons - 1]
    # The second one stands on the other side than the first.
    others[:, 1:2, -1] = torch.remainder(others[:, :1, -1] + 0.5, 1.0)[:, : others.shape[1] - 1]
    return _MoreDraws(
        camera, grain.float(), others, movers.view(-1, _MOST[1], NUM_MOVER_DRAWS)[:, : around.distractors]
    )


def _behind(
    scenes: Sequence[int],
    draws: tuple[Draws, _MoreDraws],
    when: tuple[Tensor, Tensor],
    view: View,
    around: Surroundings,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """(B, T, 3, H, W) what is behind who acts, (B, T, H, W) cover of people in it and of things."""
    (plain, more), (seconds, camera) = draws, when
    shape, grid = (*seconds.shape, *view.size), make_grid(view.size)
    margin = math.ceil(around.margin * max(view.size)) + 1 if around.camera else 0
    wide = make_grid(view.size, margin)
    painted = painted_scenes(scenes, plain, view, margin)
    if around.roughness:
        painted = roughened(painted, wide, plain.texture, around.roughness, more.grain)
    picture = look_at(painted, wide, camera, view.size).flatten(0, 1)

    frames, width = camera.flatten(0, 1).float(), view.size[1] / view.size[0]
    things = [mover(row, seconds, width) for row in more.movers.unbind(1)]
    people = [bystander(row, seconds, width) for row in more.others.unbind(1)]
    covers = []
    for kind in (things, people):
        covered = torch.zeros(len(picture), *view.size)
        for parts in kind:
            colour, cover = paint_figure(seen_by(frames, parts), grid)
            picture = picture + cover[:, None] * (colour - picture)
            covered = torch.maximum(covered, cover)
        covers.append(to_bytes(covered.view(shape)))
    return to_bytes(picture.view(*shape[:2], 3, *view.size)), covers[1], covers[0]
