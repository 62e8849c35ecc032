"""The compositional world for the debiasing benchmark: composed actions, some combinations never trained on.

What is seen and unseen is what `zeroshot.synthetic.grammar` says: combinations that a backbone trained by
`examples/train_compositional.py` has not met either. Persons, swapped sets and couplings are as in today's
world; who stands by, trees, cars and the camera belong to the background, and stay with it.
"""

from __future__ import annotations

from functools import partial

from debias_world import VIEW, World, WorldSize

from zeroshot.synthetic.compositional import render_composed
from zeroshot.synthetic.coupling import COMPOSED_HOMES
from zeroshot.synthetic.grammar import COMPOSED, SEEN, UNSEEN
from zeroshot.synthetic.surroundings import Surroundings

CALM = Surroundings(camera=0.3)
BUSY = Surroundings(persons=3, distractors=3, camera=1.0)

PAIRS = tuple(
    (action.name, action.reversed.name)
    for place, action in enumerate(COMPOSED)
    if action.reversed is not None and COMPOSED.index(action.reversed) > place
)
"""Actions that differ in nothing but the order of their frames, each pair once."""


def compositional_world(places: tuple[int, ...], base: int, surroundings: Surroundings) -> World:
    """138 seen and 43 unseen actions among what `surroundings` say."""
    return World(
        seen=tuple(action.name for action in SEEN),
        unseen=tuple(action.name for action in UNSEEN),
        pairs=PAIRS,
        home_of=COMPOSED_HOMES,
        render=partial(render_composed, view=VIEW, surroundings=surroundings),
        places=places,
        base=base,
        sizes=(WorldSize(966, 138, 4, 4), WorldSize(414, 138, 2, 2), WorldSize(138, 138, 1, 1)),
        stages="puppet_compositional",
    )
