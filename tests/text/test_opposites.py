"""What an action is called backwards: the bundled table, and names that only seem to have an opposite."""

from __future__ import annotations

import pytest

from zeroshot.errors import LabelError
from zeroshot.synthetic.world import ORDER_PAIRS
from zeroshot.text.opposites import read_pairs, reversed_names
from zeroshot.text.prompts import read_labels


def test_order_pairs_of_puppets_are_opposites():
    for one, other in ORDER_PAIRS:
        assert other in reversed_names(one)
        assert one in reversed_names(other)


@pytest.mark.parametrize(
    ("label", "backwards"),
    [
        ("Opening something", "Closing something"),
        ("Pushing Hand Away", "Pulling Hand In"),
        ("Swiping Left", "Swiping Right"),
        ("opening_door", "closing_door"),
        ("a person lowering an arm", "a person raising an arm"),
        ("putting a book into a bag", "taking a book out of a bag"),
        ("Pulling something from left to right", "Pushing something from right to left"),
        ("Moving something and something closer to each other",
         "Moving something and something away from each other"),
    ],
)  # fmt: skip
def test_names_keep_their_spelling(label, backwards):
    assert reversed_names(label) == (backwards,)
    assert label in reversed_names(backwards)


@pytest.mark.parametrize(
    "label",
    [
        "waving", "walking left", "running right", "throwing a ball", "push ups", "fly tying", "lock picking",
        "turning left", "shoot bow", "opening and closing a door", "raising an arm, then lowering it",
        "Putting something onto something else that cannot support it so it falls down",
        "Plugging something into something but pulling it right out as you remove your hand",
        "Moving something across a surface without it falling down", "disclosing a secret",
    ],
)  # fmt: skip
def test_no_false_opposites(label):
    expected = ("turning right",) if label == "turning left" else ()
    assert reversed_names(label) == expected


def test_every_opposite_leads_back():
    for name in ("ssv2", "jester", "kinetics700", "puppet_actions"):
        for label in read_labels(name):
            for backwards in reversed_names(label):
                assert label.casefold() in {each.casefold() for each in reversed_names(backwards)}, label


def test_one_of_several():
    assert set(reversed_names("standing up")) == {"sitting down", "squatting down"}


@pytest.mark.parametrize(
    "line", ["raising", "raising / lowering / holding", "putting … in / taking", "a / a"]
)
def test_a_line_that_is_no_pair_is_named(tmp_path, line):
    path = tmp_path / "pairs.txt"
    path.write_text(f"# pairs\n\n{line}\n")
    with pytest.raises(LabelError, match=r"line 3 is .*expected 'raising / lowering'"):
        read_pairs(path)
