"""Recipes: what depends on the data set, and what settings say of it."""

from __future__ import annotations

import pytest

from zeroshot.bias.manifest import KINDS, USUAL
from zeroshot.bias.recipe import BiasRecipe
from zeroshot.errors import OptionError


@pytest.mark.parametrize(
    ("name", "pictures"), [("hmdb51", 5), ("ucf101", 5), ("kinetics400", 1), ("my.csv", 1)]
)
def test_as_many_pictures_a_clip_as_the_source_has(name, pictures):
    assert BiasRecipe().for_dataset(name).pictures_per_clip == pictures
    assert BiasRecipe(pictures_per_clip=3).for_dataset(name).pictures_per_clip == 3


def test_noise_is_made_when_asked_for():
    assert BiasRecipe().kinds == USUAL
    assert set(KINDS) - set(USUAL) == {"afd"}
    assert BiasRecipe(kinds=("afd",)).kinds == ("original", "background-only", "afd")


def test_settings_begin_with_the_format_so_that_it_is_named_first_where_folders_differ():
    assert next(iter(BiasRecipe().as_dict("motion").items())) == ("format", 3)


@pytest.mark.parametrize("number", [0, -1, 1001])
def test_impossible_numbers_of_pictures(number):
    with pytest.raises(OptionError, match="pictures a clip; expected 1 to 1000"):
        BiasRecipe(pictures_per_clip=number)
