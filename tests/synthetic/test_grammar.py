"""The grammar of composed actions: names, opposites, stages, and what is kept back."""

import json

from zeroshot.resources import prompts_folder
from zeroshot.synthetic.coupling import COMPOSED_HOMES
from zeroshot.synthetic.grammar import COMPOSED, COMPOSED_NAMES, POSTURES, SEEN, UNSEEN, VERBS, Action
from zeroshot.synthetic.world import ACTIONS, SCENES
from zeroshot.training.label_targets import mirrored_rows


def test_as_many_actions_as_promised_each_with_its_own_name():
    assert 150 <= len(set(COMPOSED_NAMES)) == len(COMPOSED) <= 300
    assert not set(COMPOSED_NAMES) & set(ACTIONS)
    assert all(name == " ".join(name.lower().split()) for name in COMPOSED_NAMES)


def test_names_stand_in_a_label_list():
    path = prompts_folder() / "labels" / "puppet_compositional.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert tuple(line for line in lines if not line.startswith("#")) == COMPOSED_NAMES


def test_stages_stand_in_a_file_for_the_label_list():
    path = prompts_folder() / "stages" / "puppet_compositional.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    assert told == {
        action.name: {"start": action.stages[0], "end": action.stages[1]}
        for action in COMPOSED
        if action.stages
    }


def test_opposites_are_actions_and_lead_back():
    for action in COMPOSED:
        assert action.mirrored in COMPOSED
        assert action.mirrored.mirrored == action
        back = action.reversed
        assert (back is None) == (action.stages is None), action.name
        if back is not None:
            assert back in COMPOSED
            assert back.reversed == action
            assert back.stages == action.stages[::-1]
            assert back.mirrored == action.mirrored.reversed


def test_some_names_and_stages():
    told = {action.name: action.stages for action in COMPOSED}
    assert told["raising the left arm twice"] == ("left arm down", "left arm up")
    assert told["lowering both arms slowly"] == ("both arms up", "both arms down")
    assert told["walking backwards to the left quickly"] == ("on the right", "on the left")
    assert told["waving the left arm once"] is None
    assert Action("walk", "right", "slowly").reversed == Action("walk back", "left", "slowly")


def test_stages_are_told_in_words_of_postures():
    for action in COMPOSED:
        for stage in action.stages or ():
            kind = next((kind for kind in ("arm", "leg") if kind in stage), None)
            words = stage.split()[-1:] if kind else [stage]
            allowed = POSTURES[kind] if kind else (*POSTURES["trunk"], *POSTURES["face"], *POSTURES["place"])
            assert set(words) <= set(allowed), stage


def test_whole_combinations_are_kept_back_and_their_parts_are_seen():
    """A verb and what it goes with, or a verb and its manner, never appear together in training."""
    assert not set(SEEN) & set(UNSEEN)
    assert set(SEEN) | set(UNSEEN) == set(COMPOSED)
    assert 0.15 < len(UNSEEN) / len(COMPOSED) < 0.35
    seen_pairs = {(a.verb, a.part) for a in SEEN} | {(a.verb, a.manner) for a in SEEN}
    for action in UNSEEN:
        new_part = (action.verb, action.part) not in seen_pairs
        new_manner = (action.verb, action.manner) not in seen_pairs
        assert new_part or new_manner, action
        assert action.verb in {seen.verb for seen in SEEN}
        assert action.part in {seen.part for seen in SEEN}
        assert action.manner in {seen.manner for seen in SEEN}


def test_no_changed_copy_of_a_training_video_shows_what_is_kept_back():
    for action in SEEN:
        assert action.mirrored in SEEN
        assert action.reversed is None or action.reversed in SEEN
    names = [action.name for action in SEEN]
    rows = mirrored_rows(names)
    assert [names[int(row)] for row in rows] == [action.mirrored.name for action in SEEN]


def test_pairs_of_opposites_are_at_home_in_different_scenes():
    assert tuple(COMPOSED_HOMES) == COMPOSED_NAMES
    assert set(COMPOSED_HOMES.values()) == set(SCENES)
    for action in COMPOSED:
        home = COMPOSED_HOMES[action.name]
        assert action.reversed is None or COMPOSED_HOMES[action.reversed.name] != home
        assert action.mirrored == action or COMPOSED_HOMES[action.mirrored.name] != home


def test_every_verb_is_used_and_every_reversal_is_one():
    assert {action.verb for action in COMPOSED} == set(VERBS)
    for name, verb in VERBS.items():
        assert verb.reversal is None or VERBS[verb.reversal].reversal == name
