"""What messages are made of: numbers with their nouns, and foreign text on one line."""

from __future__ import annotations

import doctest

import pytest

from zeroshot import errors
from zeroshot.errors import counted, printable


def test_examples_in_the_docstrings():
    assert doctest.testmod(errors).failed == 0


def test_numbers_and_nouns_agree():
    assert [counted(number, "video") for number in (0, 1, 2, 12345)] == [
        "0 videos", "1 video", "2 videos", "12,345 videos",
    ]  # fmt: skip


@pytest.mark.parametrize("hostile", ["\x1b[2J", "a\nb", "a\rb", "\u202egpj.exe", "\x07", "\x9b31m", "\ud800"])
def test_foreign_text_stays_on_its_line_and_says_nothing_to_a_terminal(hostile):
    shown = printable(hostile)
    assert shown.isprintable()
    assert shown != hostile
    shown.encode()


def test_ordinary_names_stay_as_they_are():
    for name in ("übung 1.mp4", "视频.mp4", "a'b\"c.mp4", "🏊‍♀️.mp4"):
        assert printable(name) == name


def test_every_error_is_one_that_users_can_repair():
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    assert len(kinds) > 5
    assert all(issubclass(each, errors.ZeroshotError) for each in kinds)
