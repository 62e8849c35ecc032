"""Lists that come through a pipe, and one that nobody writes into."""

from __future__ import annotations

import os
import threading

import pytest

from zeroshot.datasets.splits import read_split
from zeroshot.errors import LabelError
from zeroshot.store import pipes
from zeroshot.text.prompts import read_labels


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "list.txt")
    return tmp_path / "list.txt"


@pytest.mark.parametrize("read", [read_labels, read_split])
def test_a_pipe_that_nobody_writes_into_is_one_line(pipe, monkeypatch, read):
    monkeypatch.setattr(pipes, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(LabelError, match=r"list\.txt: nobody writes into this pipe; expected a"):
        read(pipe)


@pytest.mark.parametrize("text", ["waving\njumping\n", "waving\n" + "x" * 100_000 + "\n"])
def test_what_somebody_writes_is_read_whole(pipe, text):
    writer = threading.Thread(target=pipe.write_text, args=(text,))
    writer.start()
    assert read_labels(pipe) == tuple(text.split())
    writer.join()


def test_no_more_is_read_than_is_asked_for(tmp_path, pipe):
    (tmp_path / "file").write_bytes(b"0123456789")
    assert pipes.content_of(tmp_path / "file", 4) == b"0123"
    writer = threading.Thread(target=pipe.write_bytes, args=(b"0123456789",))
    writer.start()
    assert pipes.content_of(pipe, 4) == b"0123"
    writer.join()
