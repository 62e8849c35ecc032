"""Which action is seen where: pairs of action and scene with a bias that is known exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from zeroshot.errors import OptionError, require_number, require_whole
from zeroshot.synthetic.grammar import COMPOSED
from zeroshot.synthetic.world import SCENES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOME_SCENES: dict[str, str] = {
    "waving": "beach",
    "raising an arm": "office",
    "lowering an arm": "street",
    "raising both arms": "stage",
    "lowering both arms": "farm",
    "clapping": "night city",
    "saluting": "snow",
    "punching": "kitchen",
    "throwing": "playground",
    "kicking": "street",
    "jumping": "playground",
    "doing jumping jacks": "office",
    "marching": "mountains",
    "walking left": "forest",
    "walking right": "desert",
    "running left": "farm",
    "running right": "beach",
    "leaning left": "library",
    "leaning right": "kitchen",
    "turning left": "night city",
    "turning right": "snow",
    "squatting down": "gym",
    "standing up": "living room",
    "bowing": "stage",
    "straightening up": "library",
    "lying down": "living room",
    "getting up": "forest",
    "crawling": "desert",
    "doing push-ups": "gym",
    "swimming": "swimming pool",
    "climbing": "mountains",
    "dancing": "swimming pool",
}
"""Action → the scene it is mostly seen in: two a scene, those of an order pair never in the same."""


COMPOSED_HOMES: dict[str, str] = {
    action.name: SCENES[(7 * place + place // len(SCENES)) % len(SCENES)]
    for place, action in enumerate(COMPOSED)
}
"""The same for composed actions; no order pair has one home."""


def home_scenes(
    actions: Sequence[int], scenes: Sequence[int], homes: Mapping[str, str] = HOME_SCENES
) -> tuple[int, ...]:
    """The home of each action among the scenes allowed, as scene indices.

    An action whose home is allowed keeps it. The others, in the order given, each go to the scene that is
    home to the fewest so far, the first of them where several are.

    Args:
        actions: indices into the keys of `homes`.
        scenes: indices into `SCENES`, one or more.
        homes: action → scene, in the order of the class indices.
    """
    names = tuple(homes)
    wanted = [SCENES.index(homes[names[action]]) for action in actions]
    load = {scene: wanted.count(scene) for scene in scenes}
    found = []
    for home in wanted:
        scene = home if home in load else min(load, key=lambda candidate: load[candidate])
        load[scene] += home not in load
        found.append(scene)
    return tuple(found)


def sample_pairs(
    num_videos: int,
    *,
    coupling: float,
    seed: int,
    actions: Sequence[int] | None = None,
    scenes: Sequence[int] | None = None,
    homes: Mapping[str, str] = HOME_SCENES,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Action and scene indices of `num_videos` videos, as two tuples.

    Actions are balanced: each occurs ⌊n/K⌋ or ⌈n/K⌉ times, in random order. Given its action, a
    video's scene is the action's home with probability `coupling`, and otherwise uniform over all S scenes,
    home included; so a video is at home with probability coupling + (1 − coupling) / S.

    Args:
        num_videos: n.
        coupling: ρ in [0, 1]; at 0 action and scene are independent, at 1 the scene gives the action away.
        seed: of the draw.
        actions: indices to draw from; all unless told.
        scenes: indices to draw from; all unless told.
        homes: action → scene, in the order of the class indices.

    Raises:
        OptionError: a coupling outside [0, 1], no videos, an empty choice.
    """
    actions = range(len(homes)) if actions is None else actions
    scenes = range(len(SCENES)) if scenes is None else scenes
    require_number("coupling", coupling)
    if not 0 <= coupling <= 1:
        raise OptionError(f"coupling {coupling}; expected a share from 0 (independent) to 1 (always at home)")
    require_whole("num_videos", num_videos)
    if not actions or not scenes:
        raise OptionError(f"{len(actions)} actions in {len(scenes)} scenes; expected one or more of each")
    at = home_scenes(actions, scenes, homes)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(num_videos, generator=generator).tolist()
    # Which actions get one video more than others is drawn as well.
    first = torch.randperm(len(actions), generator=generator).tolist()
    at_home = (torch.rand(num_videos, generator=generator) < coupling).tolist()
    anywhere = torch.randint(len(scenes), (num_videos,), generator=generator).tolist()
    rows = [first[place % len(actions)] for place in order]
    drawn = [
        at[row] if home else scenes[other] for row, home, other in zip(rows, at_home, anywhere, strict=True)
    ]
    return tuple(actions[row] for row in rows), tuple(drawn)
