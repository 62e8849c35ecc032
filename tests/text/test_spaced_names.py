"""Names in words: what a machine spelled is split, what a person wrote stays."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from zeroshot.text.prompts import spaced_name

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ApplyEyeMakeup", "apply eye makeup"),
        ("YoYo", "yo yo"),
        ("brush_hair", "brush hair"),
        ("__brush__hair_", "brush hair"),
        ("brushHair", "brush hair"),
        ("Brush_EyeMakeup", "Brush eye makeup"),
        ("WatchingTVShows", "watching TV shows"),
        ("PlayingDVDs", "playing DVDs"),
        ("MP3Player", "MP3 player"),
        ("3DPrinting", "3D printing"),
        ("DoAFlip", "do a flip"),
        ("VitaminC", "vitamin C"),
        ("HTMLParser", "HTML parser"),
        ("iPhoneUnboxing", "iPhone unboxing"),
        ("Blow-DryHair", "blow-dry hair"),
        ("ИгратьФутбол", "играть футбол"),
        ("  playing \t cello ", "playing cello"),
    ],
)
def test_machine_names_become_words(name, words):
    assert spaced_name(name) == words


@pytest.mark.parametrize(
    "name",
    ["NASA", "iPhone", "3D", "BMX", "TVs", "Archery", "archery", "jack-o-lantern", "弓道", "🏹", "a", "_",
     "watching YouTube", "passing American football (in game)", "Diving48", "Back+15som+05Twis", "x/YoYo"],
)  # fmt: skip
def test_names_that_stay(name):
    assert spaced_name(name) == name


NAMES = st.text(st.sampled_from("abzABZ059_-' éÉжЖ弓🏹.")) | st.text()


@untimed
@given(NAMES)
@example("0aÉ _")
def test_spacing_twice_is_spacing_once(name):
    assert spaced_name(spaced_name(name)) == spaced_name(name)


@untimed
@given(NAMES)
def test_spacing_keeps_every_letter(name):
    def letters(text):
        return "".join(text.replace("_", " ").split()).casefold()

    assert letters(spaced_name(name)) == letters(name)


@untimed
@given(st.lists(st.from_regex(r"[A-Z][a-z]{2,8}", fullmatch=True), min_size=2, max_size=6))
def test_camel_case_is_undone(words):
    assert spaced_name("".join(words)).split() == [word.lower() for word in words]
