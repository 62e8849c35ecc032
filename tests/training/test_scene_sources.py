"""Who says where the videos happen: the videos' own table, the network's list, the bundled one, or nobody."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from zeroshot.errors import LabelError, ModelError
from zeroshot.resources import checkpoints_folder, prompts_folder
from zeroshot.text.lists import bundled_lists
from zeroshot.text.prompts import make_prompts, read_labels
from zeroshot.training.scene_sources import check_source, guess_prompts, own_scenes


def test_the_bundled_places_are_those_of_places365_each_in_one_group():
    groups = json.loads((prompts_folder() / "scenes" / "places.json").read_text(encoding="utf-8"))
    texts = [text for group in groups.values() for text in group]
    named = [re.fullmatch(r"a photo of (?:a|an(?= [aeiou])) (.+)\.", text)[1] for text in texts]
    assert sorted(named) == sorted(read_labels("places365"))
    assert 24 <= len(groups) <= 60
    assert min(map(len, groups.values())) > 1
    prompts = guess_prompts("auto")
    assert prompts.labels == tuple(groups)
    assert prompts.texts[0] == tuple(groups[prompts.labels[0]])


def test_a_list_of_ones_own_is_asked_in_one_sentence():
    assert guess_prompts("beach, gym").texts == (("a photo of a beach.",), ("a photo of a gym.",))
    for source in ("auto", "given", "none", "guess", "places", "beach, gym"):
        check_source(source)
    with pytest.raises(LabelError, match="cannot find the file"):
        check_source("nowhere.txt")


def test_a_network_names_its_own_scenes(tmp_path):
    puppets = read_labels("puppet")
    assert own_scenes("puppet-tiny") == puppets
    assert own_scenes("ViT-B-32/random") == ()
    shutil.copy(checkpoints_folder() / "puppet-tiny" / "config.json", tmp_path / "config.json")
    assert own_scenes(str(tmp_path)) == puppets
    # A word would be opened as the file of a list because somebody's checkpoint says so.
    for wrong in ("puppet", "/etc/hostname", ["beach"], [1, 2], {"a": 1}):
        (tmp_path / "config.json").write_text(json.dumps({"scenes": wrong}))
        with pytest.raises(ModelError, match="expected a list of names, two or more") as error:
            own_scenes(str(tmp_path))
        assert "\n" not in str(error.value)


def test_bundled_scenes_are_lists_like_any_other():
    assert bundled_lists()["places"].suffix == ".json"
    assert len(make_prompts("places").labels) == len(make_prompts("Places").labels) == 46
