"""Published pairs: plain values alone are read, videos are found by their names, nothing is executed."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from bias_world import number, puppets, recipe, write_world

from zeroshot.bias.make import make_bias_sets
from zeroshot.bias.pair_lists import paired_clips, parse_pairs, read_pairs
from zeroshot.bias.recipe import BiasRecipe
from zeroshot.errors import OptionError


class Mischief:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def test_a_list_as_it_is_published(tmp_path):
    pairs = {
        "archery/abc_000001_000011": ["juggling balls/d.e_000003_000013", 300, 7],
        "x/y.avi": ["v/z.mp4", 1, 2],
    }
    (tmp_path / "same.pickle").write_bytes(pickle.dumps(pairs))
    assert read_pairs(tmp_path / "same.pickle") == {
        "archery/abc_000001_000011": "juggling balls/d.e_000003_000013",
        "x/y": "v/z",
    }


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"a/b": Mischief()}),
        pickle.dumps({"a/b": Path("c")}),
        pickle.dumps(["a/b"]),
        pickle.dumps({"a/b": [3, 4]}),
        pickle.dumps({"a/b": []}),
        pickle.dumps({"a/b": ["c/d", 1, 2]})[:-5],
        b"",
        b"\x80\x05no pickle",
    ],
)
def test_anything_else_is_refused_and_nothing_happens(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    Path("list.pickle").write_bytes(content)
    with pytest.raises(
        OptionError, match=r"list\.pickle is no list of pairs .*expected a pickled dictionary"
    ):
        read_pairs("list.pickle")
    assert [path.name for path in tmp_path.iterdir()] == ["list.pickle"]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(OptionError, match=r"cannot read the pairs .*No such file"):
        read_pairs(tmp_path / "none.pickle")


def test_videos_are_found_by_their_names():
    clips = {"one": "/k/a/one.mp4", "two": "/k/a/two.mp4", "other": "/k/b/two.mp4", "flat": "flat.webm"}
    listed = {
        "else/one": "b/two",
        "a/two": "x/flat",
        "b/two": "a/two",
        "x/flat": "no/body",
        "q/none": "a/one",
    }
    found = paired_clips(clips, listed)
    assert found == {"one": "other", "two": "flat", "other": "two", "flat": ""}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["actionswap.pickle"], "expected PAIRING=FILE with one of same, close, far, random"),
        (["other=a"], "expected PAIRING=FILE"),
        (["same="], "expected PAIRING=FILE"),
        (["same=a", "same=b"], "two lists of pairs for 'same'"),
    ],
)
def test_options_that_say_nothing(words, message):
    with pytest.raises(OptionError, match=message):
        parse_pairs(words)
    with pytest.raises(OptionError, match="no swap-far among the kinds"):
        BiasRecipe(kinds=("swap-same",), pair_lists=("far=a",))


def test_swaps_go_by_the_list(tmp_path):
    split = write_world(tmp_path / "w", puppets(4))
    pairs = {"w/v0": ["w/v3", 6, 0], "w/v2": ["w/v1", 6, 0], "w/v3": ["elsewhere/v9", 6, 0]}
    (tmp_path / "far.pickle").write_bytes(pickle.dumps(pairs))
    chosen = recipe(tmp_path / "w", kinds=("swap-far", "swap-random"), least_person=0.9, most_person=1.0)
    chosen = replace(chosen, pair_lists=(f"far={tmp_path / 'far.pickle'}",))
    made = make_bias_sets(split, tmp_path / "out", chosen)
    swapped = {number(row.source): number(row.background_source) for row in made.of_kind("swap-far")}
    assert swapped == {0: 3, 2: 1}
    assert not made.of_kind("swap-random"), "whose persons are too small: a list's are taken as they are"
    reasons = {number(skip.source): skip.reason for skip in made.skipped if skip.kind == "swap-far"}
    assert reasons == {
        1: "no pair in the list of swap-far",
        3: "its list pairs it with a video that is not here in the list of swap-far",
    }
    assert set(made.settings["pair_lists"]) == {"far"}
