"""Makes puppet videos: from a seed, an action and a scene to frames with all their factors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import torch

from zeroshot.errors import OptionError
from zeroshot.synthetic.motion import NUM_MOTION_DRAWS, Motion, pose
from zeroshot.synthetic.paint import make_grid, paint_figure
from zeroshot.synthetic.poses import PROGRAMMES
from zeroshot.synthetic.scenes import NUM_SCENE_DRAWS, TEXTURE_POINTS, paint_scene
from zeroshot.synthetic.skeleton import NUM_LOOK_DRAWS, capsules
from zeroshot.synthetic.world import ACTIONS, SCENES, PuppetVideo, View, composite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from zeroshot.synthetic.skeleton import Capsules

MAX_PIXELS_AT_ONCE = 500_000
Rows: TypeAlias = "tuple[Sequence[int], Sequence[int], Sequence[int]]"
"""Indices of actions, indices of scenes, seeds."""

_Video = TypeVar("_Video")
_NUM_CAMERA_WAVES = 3
_NUM_CAMERA_DRAWS = 2 * _NUM_CAMERA_WAVES + 4 * _NUM_CAMERA_WAVES


def render(action: str, scene: str, seed: int, view: View | None = None) -> PuppetVideo:
    """One video of an action in a scene; the same seed always gives the same video.

    The seed decides the puppet's looks, its way of moving, the scene's details and the camera, each
    independently of the others: another scene with the same seed shows the same puppet elsewhere.

    Raises:
        OptionError: an action or a scene that does not exist.
    """
    return render_many([_index(action, ACTIONS, "action")], [_index(scene, SCENES, "scene")], [seed], view)[0]


def render_many(
    actions: Sequence[int], scenes: Sequence[int], seeds: Sequence[int], view: View | None = None
) -> list[PuppetVideo]:
    """Videos, one a triple of action index, scene index and seed; each is the same whichever stand beside it.

    Args:
        actions: indices into `ACTIONS`.
        scenes: indices into `SCENES`, as many.
        seeds: 0 ≤ seed < 2⁶³, as many.
        view: frames, size, rate, camera; `View()` unless told.

    Raises:
        OptionError: lists of different lengths, an index out of range, a seed that is none.
    """
    view = view or View()
    rows = (actions, scenes, seeds)
    check_rows(rows, (len(ACTIONS), len(SCENES)))
    return in_batches(rows, view, lambda acts, places, some: _render_batch(acts, places, some, view))


def in_batches(
    rows: Rows,
    view: View,
    render: Callable[[Sequence[int], Sequence[int], Sequence[int]], list[_Video]],
) -> list[_Video]:
    """All videos, made so many at a time that memory stays bounded.

    Args:
        rows: as for `check_rows`.
        view: of each video.
        render: is given the actions, scenes and seeds of some rows.
    """
    step = max(1, MAX_PIXELS_AT_ONCE // (view.num_frames * view.size[0] * view.size[1]))
    actions, scenes, seeds = rows
    chosen = (slice(start, start + step) for start in range(0, len(seeds), step))
    return list(chain.from_iterable(render(actions[some], scenes[some], seeds[some]) for some in chosen))


def check_rows(rows: Rows, counts: tuple[int, int]) -> None:
    """Refuse rows of actions, scenes and seeds that cannot be rendered.

    Args:
        rows: indices of actions, indices of scenes, seeds.
        counts: how many actions and scenes there are.

    Raises:
        OptionError: lists of different lengths, an index out of range, a seed that is none.
    """
    actions, scenes, seeds = rows
    if not len(actions) == len(scenes) == len(seeds):
        raise OptionError(
            f"{len(actions)} actions, {len(scenes)} scenes, {len(seeds)} seeds; expected as many of each"
        )
    for indices, count, what in ((actions, counts[0], "action"), (scenes, counts[1], "scene")):
        for index in indices:
            if not 0 <= index < count:
                raise OptionError(f"{what} {index}; expected 0 to {count - 1}")
    for seed in seeds:
        if not 0 <= seed < 2**63:
            raise OptionError(f"seed {seed}; expected a whole number from 0 to 2^63 - 1")


def _index(name: str, names: Sequence[str], what: str) -> int:
    if name not in names:
        raise OptionError(f"no {what} {name!r} among puppets; expected one of: {', '.join(names)}")
    return names.index(name)


@dataclass(frozen=True)
class Draws:
    """Uniform numbers of B videos, float64; textures float32."""

    look: Tensor
    motion: Tensor
    camera: Tensor
    scene: Tensor
    texture: Tensor


def draw(seeds: Sequence[int]) -> Draws:
    """What the seeds of B videos decide."""
    counts = (NUM_LOOK_DRAWS, NUM_MOTION_DRAWS, _NUM_CAMERA_DRAWS, NUM_SCENE_DRAWS, 2 * TEXTURE_POINTS**2)
    look, motion, camera, scene, texture = uniform(seeds, counts)
    lattice = texture.float().view(-1, 2, TEXTURE_POINTS, TEXTURE_POINTS)
    return Draws(look, motion, camera, scene.float(), lattice)


def uniform(seeds: Sequence[int], counts: Sequence[int]) -> tuple[Tensor, ...]:
    """Uniform numbers that B seeds decide, float64: (B, n) for each n of the counts."""
    rows = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        # Nearby seeds give nearby first numbers in some generators; the first ones are thrown away.
        rows.append(torch.rand(16 + sum(counts), generator=generator, dtype=torch.float64)[16:])
    return tuple(torch.stack(rows).split_with_sizes(list(counts), dim=1))


def _render_batch(
    actions: Sequence[int], scenes: Sequence[int], seeds: Sequence[int], view: View
) -> list[PuppetVideo]:
    num_videos, num_frames = len(seeds), view.num_frames
    draws = draw(seeds)
    parts = _figures(actions, draws, view)
    colour, cover = paint_figure(parts, make_grid(view.size))
    shape = (num_videos, num_frames)
    alpha = to_bytes(cover.view(*shape, *view.size))
    figure = to_bytes(colour.reshape(*shape, 3, *view.size))
    background = _backgrounds(scenes, draws, view)
    joints = joints_in_pixels(parts, view, num_videos).numpy()
    return [
        PuppetVideo(
            frames=composite(figure[row], alpha[row], background[row]),
            masks=alpha[row] >= 128,
            background=background[row],
            figure=figure[row],
            alpha=alpha[row],
            joints=joints[row],
            action=int(actions[row]),
            scene=int(scenes[row]),
            seed=int(seeds[row]),
        )
        for row in range(num_videos)
    ]


def clock(motion: Tensor, view: View) -> tuple[Tensor, Tensor]:
    """(B, T) seconds since the first frame, and as a share of the video; `motion` (B, n) are draws."""
    num_frames = view.num_frames
    seconds = torch.arange(num_frames, dtype=torch.float64).expand(len(motion), -1) / view.fps
    # A single frame stands anywhere in the movement, not always at its start.
    progress = seconds * view.fps / (num_frames - 1) if num_frames > 1 else motion[:, -1:]
    return seconds, progress


def _figures(actions: Sequence[int], draws: Draws, view: View) -> Capsules:
    """The puppets of B videos in all their frames; every action's programme runs once, for all its videos."""
    num_videos, num_frames = len(actions), view.num_frames
    seconds, progress = clock(draws.motion, view)
    rows_of: dict[int, list[int]] = {}
    for row, action in enumerate(actions):
        rows_of.setdefault(int(action), []).append(row)
    poses: dict[str, Tensor] = {}
    mirror = torch.empty(num_videos, 1, dtype=torch.float64)
    for action, rows in rows_of.items():
        programme, backwards = PROGRAMMES[ACTIONS[action]]
        times = (seconds.flip(1), progress.flip(1)) if backwards and num_frames > 1 else (seconds, progress)
        motion = Motion(times[0][rows], times[1][rows], draws.motion[rows])
        mirror[rows] = motion.mirror
        for name, channel in pose(programme, motion).items():
            poses.setdefault(name, torch.zeros_like(seconds).contiguous())[rows] = channel
    return capsules(poses, mirror, draws.look, view.size[1] / view.size[0])


def _backgrounds(scenes: Sequence[int], draws: Draws, view: View) -> NDArray[np.uint8]:
    """(B, T, 3, H, W) uint8: each place painted once, a little larger, then seen through a moving camera."""
    height = view.size[0]
    margin = math.ceil(view.camera_jitter * height) + 1 if view.camera_jitter else 0
    painted = painted_scenes(scenes, draws, view, margin)
    if not margin:
        still: NDArray[np.uint8] = to_bytes(painted)[:, None].repeat(view.num_frames, axis=1)
        return still
    offsets = margin + view.camera_jitter * height * _camera(draws.camera, view)
    return to_bytes(_crops(painted, offsets, view.size))


def painted_scenes(scenes: Sequence[int], draws: Draws, view: View, margin: int) -> Tensor:
    """(B, 3, H + 2m, W + 2m): the place of each video, those of one kind painted together.

    Args:
        scenes: indices into `SCENES`.
        draws: of B videos.
        view: their height and width.
        margin: m, pixels beyond each edge.
    """
    grid, (height, width) = make_grid(view.size, margin), view.size
    painted = torch.empty(len(scenes), 3, height + 2 * margin, width + 2 * margin)
    for scene in sorted(set(scenes)):
        rows = [row for row, other in enumerate(scenes) if other == scene]
        painted[rows] = paint_scene(SCENES[scene], grid, draws.scene[rows], draws.texture[rows])
    return painted


def joints_in_pixels(parts: Capsules, view: View, num_videos: int) -> Tensor:
    """(B, T, J, 3) where the joints of figures are in the picture, in pixels, with their depth."""
    corner = torch.tensor([view.size[1] / view.size[0] / 2, 0.0, 0.0])
    joints: Tensor = (parts.joints + corner) * view.size[0]
    return joints.view(num_videos, view.num_frames, *parts.joints.shape[1:])


def _camera(draws: Tensor, view: View) -> Tensor:
    """(B, T, 2) where the camera looks, down and right, within [-1, 1]: waves of random phase and size."""
    seconds = (torch.arange(view.num_frames, dtype=torch.float64) / view.fps)[:, None, None]
    size, speed, phase = draws.view(-1, 1, 3, 2, _NUM_CAMERA_WAVES).unbind(2)
    waves = torch.sin(2 * math.pi * ((0.2 + 1.3 * speed) * seconds + phase))
    offsets: Tensor = (size * waves).sum(-1) / _NUM_CAMERA_WAVES
    return offsets


def _crops(pictures: Tensor, offsets: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, T, 3, H, W) from (B, 3, H + 2m, W + 2m): crops at (B, T, 2) offsets, bilinear between pixels."""
    whole = offsets.floor()
    share = (offsets - whole).float()[..., None, None, None]
    video = torch.arange(len(pictures))[:, None, None, None]
    rows = whole[..., 0, None].long() + torch.arange(size[0] + 1)
    columns = whole[..., 1, None].long() + torch.arange(size[1] + 1)
    # Advanced indices first: (B, T, H + 1, W + 1, 3), then channels to the front.
    crop = pictures.permute(0, 2, 3, 1)[video, rows[..., :, None], columns[..., None, :]].permute(
        0, 1, 4, 2, 3
    )
    down, across = share[:, :, 0], share[:, :, 1]
    crop = crop[..., :-1, :] * (1 - down) + crop[..., 1:, :] * down
    return crop[..., :-1] * (1 - across) + crop[..., 1:] * across


def to_bytes(values: Tensor) -> NDArray[np.uint8]:
    """Numbers in [0, 1] as uint8 levels, rounded to the nearest."""
    levels: NDArray[np.uint8] = (values.clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()
    return levels
