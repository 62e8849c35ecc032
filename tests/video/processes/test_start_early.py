"""A decoding process that is started before it is known what is to be read.

Covers: zeroshot/video/processes/pool.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from zeroshot.video.processes import pool
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling

CLIP = str(Path(__file__).parents[3] / "examples" / "clips" / "waving_beach.mp4")


@pytest.fixture
def early():
    """A child that waits; it is ended afterwards if nobody took it."""
    pool.start_early()
    ((_, child),) = pool._early
    yield child
    pool._early.clear()
    child.kill()


def children(reader: ClipReader) -> list[object]:
    """Those of a reader that have started."""
    return [driver._child for driver in reader._crew._drivers if driver._child is not None]


def test_the_first_reader_takes_it_and_no_other(early):
    pool.start_early()
    assert len(pool._early) == 1, "one is enough"
    with ClipReader(1) as first, ClipReader(1) as second:
        assert len(first.read(CLIP, Sampling(4))[0].frames) == 4
        second.read(CLIP, Sampling(4))
        assert children(first) == [early]
        assert children(second) != [early]
    assert early.is_lost(), "it ends with the reader that took it"


def test_who_wants_another_limit_starts_its_own(early):
    with ClipReader(1, memory_limit_bytes=4 << 30) as reader:
        reader.read(CLIP, Sampling(4))
        assert children(reader) != [early]
    assert not early.is_lost()


def test_one_that_has_died_is_replaced(early):
    early._process.kill()
    early._process.wait()
    with ClipReader(1) as reader:
        assert len(reader.read(CLIP, Sampling(4))) == 1
