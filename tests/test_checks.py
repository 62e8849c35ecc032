"""The order in which a verb looks at what it was given, what is ranked, and what puppet-tiny cannot know."""

from __future__ import annotations

import pytest

import zeroshot
from zeroshot.checks import ORDER, Checks, labels_to_rank, puppets_note
from zeroshot.errors import IndexFileError, LabelError, OptionError, OutputError


def refuse(kind, text):
    raise kind(text)


def test_checks_run_in_one_order_however_they_are_added():
    seen = []
    first = Checks()
    for about in reversed(ORDER):
        first.add(about, lambda about=about: seen.append(about))
    assert seen == []
    first.run()
    assert seen == list(ORDER)


def test_the_first_mistake_ends_it():
    first = Checks()
    first.add("output", lambda: refuse(OutputError, "a full folder"))
    first.add("words", lambda: refuse(LabelError, "a misspelt list"))
    with pytest.raises(LabelError, match="a misspelt list"):
        first.run()


def test_what_was_found_is_looked_up_once():
    looks = []
    first = Checks()
    found = first.add("words", lambda: looks.append("once") or ("waving",))
    doubled = first.add("output", lambda: found() * 2)
    first.run()
    assert found() == ("waving",)
    assert doubled() == ("waving", "waving")
    assert looks == ["once"]


def looked_at(*words, **settings):
    first = Checks()
    found = labels_to_rank(first, *words, **settings)
    first.run()
    return found()


def test_labels_become_sentences():
    assert looked_at("waving,kicking", "a person {}").texts == (("a person waving",), ("a person kicking",))
    assert looked_at(["brush_hair", "jump"], spaced=False).labels == ("brush_hair", "jump")


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        ((None,), OptionError, "give either labels or index"),
        (("a,b", None, "x.index"), OptionError, "give either labels or index"),
        (("a,a",), LabelError, "already"),
        (("a,b", "no placeholder"), LabelError, "{}"),
        ((None, "no placeholder", "gone.index"), LabelError, "{}"),
        ((None, None, "gone.index"), IndexFileError, "gone.index"),
    ],
)
def test_mistakes_are_found_when_the_checks_run(words, kind, message):
    first = Checks()
    labels_to_rank(first, *words)
    with pytest.raises(kind, match=message):
        first.run()


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"labels": "a,a"}, LabelError),
        ({"labels": "a,b", "templates": "none of them"}, LabelError),
        ({"index": "gone.index"}, IndexFileError),
        ({}, OptionError),
    ],
)
def test_load_looks_at_words_before_weights(monkeypatch, settings, kind):
    def refuse(*_, **__):
        pytest.fail("weights were asked for")

    monkeypatch.setattr("zeroshot.model.backbone.load_backbone", refuse)
    with pytest.raises(kind):
        zeroshot.load("ViT-B-32/openai", **settings)


def test_puppets_know_their_actions_in_any_spelling():
    assert puppets_note("puppet-tiny", ["Waving", "walking  left"]) == ""
    assert puppets_note("ViT-B-32/openai", ["archery"]) == ""


def test_words_that_are_no_puppets_are_named_once():
    note = puppets_note("puppet-tiny", ["waving", "archery", "yoga"])
    assert "'archery' and 1 more" in note
    assert "\n" not in note


def test_a_text_to_search_for_may_say_more_than_an_action():
    assert puppets_note("puppet-tiny", ["a person waving"], are_sentences=True) == ""
    note = puppets_note("puppet-tiny", ["a goal"], are_sentences=True, made="moments/")
    assert note.endswith(
        "mean nothing; moments/ was made with it: make another without --model for the real world"
    )
    assert "'a goal'" in puppets_note("puppet-tiny", ["a goal"], are_sentences=True)
