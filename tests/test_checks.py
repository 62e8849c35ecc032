"""The order in which a verb looks at what it was given."""

from __future__ import annotations

import pytest

from zeroshot.checks import ORDER, Checks
from zeroshot.errors import LabelError, OutputError


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
