"""One file of arrays: places that are none of its kind, texts packed and unpacked."""

from __future__ import annotations

import os

import numpy as np
import pytest

from zeroshot.errors import LabelError, OutputError
from zeroshot.store.arrays import (
    ArrayFormat,
    is_of,
    packed_words,
    read_arrays,
    require_place,
    unpacked_words,
    write_arrays,
)

FORM = ArrayFormat("a_mark", 2, "box of numbers", "make one", "make it anew", LabelError)


@pytest.fixture
def box(tmp_path):
    write_arrays(tmp_path / "box", FORM, {"rows": np.eye(2, dtype=np.float32)}, {"said": "ä"})
    return tmp_path / "box"


def test_what_was_written_is_read(box):
    arrays, told = read_arrays(box, FORM, lambda _: True)
    assert arrays["rows"].tolist() == [[1, 0], [0, 1]]
    assert told == {"said": "ä"}
    assert is_of(box, FORM)


def test_another_kind_or_version_is_refused(box):
    other = ArrayFormat("another_mark", 2, "box of words", "make one", "make it anew", LabelError)
    later = ArrayFormat("a_mark", 3, "box of numbers", "make one", "make it anew", LabelError)
    assert not is_of(box, other)
    for form, words in (
        (other, "is not a box of words; make one"),
        (later, "has format 2; this version reads 3"),
    ):
        with pytest.raises(LabelError, match=words):
            read_arrays(box, form, lambda _: True)


def test_a_header_that_is_none(box):
    box.write_bytes((8).to_bytes(8, "little") + b"[1, 2,3]")
    with pytest.raises(LabelError, match="is not a box of numbers or is damaged"):
        read_arrays(box, FORM, lambda _: True)


def test_what_is_no_plain_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, words in (
        ("pipe", "pipe is no plain file; make one"),
        ("", "is a directory and no plain file"),
    ):
        with pytest.raises(LabelError, match=f"box of numbers .*{words}"):
            read_arrays(tmp_path / name, FORM, lambda _: True)


def test_nothing_of_another_kind_is_written_over(box, tmp_path):
    require_place(box, FORM)
    require_place(tmp_path / "new", FORM)
    (tmp_path / "text").write_text("somebody's")
    os.mkfifo(tmp_path / "pipe")
    for name, words in (
        ("text", "is there and is no box"),
        ("", "is a folder"),
        ("pipe", "is no plain file"),
    ):
        with pytest.raises(OutputError, match=words):
            require_place(tmp_path / name, FORM)


def test_texts_are_packed():
    texts = ("waving", "", "ä 手\udc80")
    assert unpacked_words(*packed_words(texts)) == texts
