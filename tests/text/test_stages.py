"""How labels start and end: the forms it is told in, the bundled sets, and what is refused with one line.

Covers: text/descriptions, text/stages.
"""

from __future__ import annotations

import json

import pytest

from zeroshot.errors import LabelError
from zeroshot.text.prompts import make_prompts, prompts_digest, read_labels, stages_cut
from zeroshot.text.stages import bundled_stages, stages_digest, stages_in_words
from zeroshot.types import Prompts, Stages

ARM = {"raising an arm": {"start": "arms hanging", "end": ["an arm up", "a hand above the head"]}}


def refusal(*arguments, **options) -> str:
    """The one line with which prompts are refused."""
    with pytest.raises(LabelError) as caught:
        make_prompts(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_list_may_tell_stages_itself(tmp_path):
    told = {**ARM, "waving": None, "bowing": ["a person bows"]}
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(told))
    for source in (told, path, str(path)):
        prompts = make_prompts(source)
        assert prompts.labels == tuple(told)
        assert prompts.texts == (("raising an arm",), ("waving",), ("a person bows",))
        assert prompts.stages == (
            Stages(("arms hanging",), ("an arm up", "a hand above the head")),
            None,
            None,
        )


def test_templates_are_filled_with_stages_and_descriptions_stand_beside_them():
    told = {"raising an arm": {"start": "no {}", "end": "an arm up", "descriptions": "an arm goes up"}}
    prompts = make_prompts(told, ["a photo of {}.", "{}"])
    assert prompts.texts == (("an arm goes up",),)
    (stages,) = prompts.stages
    assert stages.start == ("a photo of no raising an arm.", "no raising an arm")
    assert stages.end == ("a photo of an arm up.", "an arm up")


def test_a_file_of_stages_serves_any_list(tmp_path):
    path = tmp_path / "stages.json"
    path.write_text(json.dumps({**ARM, "of another list": {"start": "a", "end": "b"}}))
    for spelling in ("raising_an_arm", "Raising an arm", "RaisingAnArm"):
        assert make_prompts([spelling, "waving"], None, path).stages[0].start == ("arms hanging",)
    assert make_prompts(["waving", "raising an arm"], None, ARM).stages[0] is None
    assert make_prompts(["waving"]).stages == ()


def test_the_digest_knows_stages_and_is_as_before_without():
    plain, told = make_prompts(["raising an arm"]), make_prompts(["raising an arm"], None, ARM)
    back = {"raising an arm": {"start": ARM["raising an arm"]["end"], "end": "arms hanging"}}
    other = make_prompts(["raising an arm"], None, back)
    assert len({prompts_digest(each) for each in (plain, told, other)}) == 3
    assert stages_digest(told.stages) != stages_digest(other.stages)
    # Written down, as indexes on people's disks have it.
    assert prompts_digest(make_prompts(["archery", "bowling"])) == prompts_digest(
        Prompts(("archery", "bowling"), (("archery",), ("bowling",)))
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"start": "a"}, "says how it starts, not how it ends"),
        ({"end": "a"}, "says how it ends, not how it starts"),
        ({"start": "a", "end": ["b", "A "]}, "ends as it starts ('A')"),
        ({"start": "a", "finish": "b"}, "has 'finish'; expected start, end, descriptions"),
        ({"start": 3, "end": "b"}, "is described by 3"),
        ({"start": " ", "end": "b"}, "has a blank description"),
    ],
)
def test_what_is_no_stage_is_named(value, words, tmp_path):
    path = tmp_path / "stages.json"
    path.write_text(json.dumps({"opening": value}))
    for source in ({"opening": value}, path):
        assert words in refusal(source)
        line = refusal("opening,", None, source)
        assert words in line
        assert "'opening'" in line


def test_sources_that_cannot_serve_are_named(tmp_path):
    path = tmp_path / "stages.json"
    assert "neither a JSON file nor a bundled set; bundled are diving48" in refusal("a,b", None, "ssv3")
    assert "cannot read" in refusal("a,b", None, path)
    path.write_text('{"raising an arm": "no stages"}')
    assert "tells no stages" in refusal("a,b", None, path)
    path.write_text(json.dumps(ARM))
    line = refusal("a,b", None, path)
    assert "tells stages of none of the 2 labels; it has 'raising an arm', the list has 'a'" in line
    path.write_text('{"opening": {"start": "a", "start": "b", "end": "c"}}')
    assert "has 'start' twice" in refusal("opening,", None, path)
    path.write_text('{"opening": {"start": "a", "end": "b"}, "Opening": {"start": "c", "end": "d"}}')
    assert "stands in" in refusal("opening,", None, path)
    assert "has stages in labels, entry 1 and in stages, entry 1" in refusal(ARM, None, ARM)


def test_bundled_sets_are_of_the_bundled_lists():
    lists = {
        "kinetics": {*read_labels("kinetics400"), *read_labels("kinetics600"), *read_labels("kinetics700")}
    }
    assert set(bundled_stages()) == {
        "diving48", "jester", "kinetics", "puppet_actions", "puppet_compositional", "ssv2",
    }  # fmt: skip
    for name, path in bundled_stages().items():
        told = json.loads(path.read_text(encoding="utf-8"))
        assert set(told) <= lists.get(name, set(read_labels(name) if name not in lists else ()))
        labels = "kinetics700" if name == "kinetics" else name
        assert sum(map(bool, make_prompts(labels, None, name).stages)) > 0.8 * len(told)


def test_opposites_in_a_set_go_opposite_ways():
    stages = dict(zip(read_labels("ssv2"), make_prompts("ssv2", None, "ssv2").stages, strict=True))
    for one, other in (
        ("Opening something", "Closing something"),
        ("Moving something up", "Moving something down"),
        ("Pulling something from left to right", "Pushing something from right to left"),
    ):
        assert (stages[one].start, stages[one].end) == (stages[other].end, stages[other].start)


def test_words_with_an_arrow_tell_stages():
    assert stages_in_words("a door opens") is None
    for words in ("a -> b -> c", "-> b", "a ->"):
        with pytest.raises(LabelError, match="expected words on both sides of one arrow"):
            stages_in_words(words)
    with pytest.raises(LabelError, match="ends as it starts"):
        stages_in_words("a door -> A  door")


def test_texts_that_are_cut_are_found_once():
    import numpy as np

    def token_ids(texts: list[str], length: int) -> np.ndarray:
        ids = np.zeros((len(texts), length), np.int64)
        for row, text in enumerate(texts):
            found = list(text.encode())[:length]
            ids[row, : len(found)] = found
        return ids

    long = "an arm that is held up high"
    prompts = make_prompts(["up", "down"], None, {
        "up": {"start": "hanging", "end": long}, "down": {"start": long, "end": "hanging"}
    })  # fmt: skip
    assert stages_cut(prompts, token_ids, 16) == [long]
    assert stages_cut(prompts, token_ids, 40) == []


def test_stages_are_of_the_labels():
    with pytest.raises(LabelError, match="1 labels but stages for 2"):
        Prompts(("a",), (("a",),), (None, None))
    with pytest.raises(LabelError, match="expected a sentence each"):
        Stages((), ("b",))


def test_stages_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.json").write_text('{"waving": {"start": "an arm down", "end": "an arm up"}}')
    (told,) = make_prompts(["waving"], None, "~/mine.json").stages
    assert (told.start, told.end) == (("an arm down",), ("an arm up",))
