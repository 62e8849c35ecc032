"""What videos are taken for: labels in a mirror, and scenes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from training_world import CONFIG, one_line

from zeroshot.errors import OptionError
from zeroshot.training.label_targets import Scenes, given_scenes, mirrored_label
from zeroshot.training.loop import fit


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("turning left", "turning right"),
        ("SwipeRight", "SwipeLeft"),
        ("turn_left", "turn_right"),
        ("moving something from left to right", "moving something from right to left"),
        ("LEFT hand up, leftwards", "RIGHT hand up, rightwards"),
        ("turning clockwise", "turning counterclockwise"),
        ("Counter-clockwise turn", "Clockwise turn"),
        ("standing upright in bright light", "standing upright in bright light"),
        ("waving", "waving"),
    ],
)
def test_left_and_right_change_places_in_a_mirror(label, expected):
    assert mirrored_label(label) == expected


def test_scenes_that_nothing_can_be_learned_from(world):
    train_, held_out, texts = world
    one = replace(train_, rows=tuple(replace(row, scene="beach") for row in train_.rows))
    with pytest.raises(
        OptionError, match=r"there is 1 scene \(beach\); scene losses need 2 or more"
    ) as error:
        given_scenes(one, held_out)
    one_line(error)
    some = replace(train_, rows=(replace(train_.rows[0], scene=None), *train_.rows[1:]))
    with pytest.raises(
        OptionError, match=r"1 of 60 videos have no scene \(first: row 0\); give all of them one"
    ):
        given_scenes(some)
    none = replace(train_, rows=tuple(replace(row, scene=None) for row in train_.rows))
    assert given_scenes(none) is None
    with pytest.raises(OptionError, match="scenes are given for 2 videos; training has 60"):
        fit(train_, held_out, texts, CONFIG, scenes=Scenes(("a", "b"), torch.tensor([0, 1])))
