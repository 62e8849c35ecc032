"""Files with bits flipped, stretches overwritten, ends cut off: each an answer or one line, no child lost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import odd_files as odd
import pytest
from processes import children

from zeroshot.errors import VideoError
from zeroshot.video.decoders import decord as decord_reader
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling

if TYPE_CHECKING:
    from pathlib import Path

EIGHT = Sampling(8)


def mutations(folder: Path, number: int, seed: int) -> list[Path]:
    """Small files of several formats with bits flipped, stretches overwritten, or the end cut off."""
    rng = np.random.default_rng(seed)
    small = {"num_frames": 30}
    seeds = [
        odd.encode(folder / "seed.mp4", *odd.H264, **small),
        odd.encode(folder / "front.mp4", *odd.H264, "-movflags", "+faststart", **small),
        odd.encode(folder / "seed.mkv", *odd.H264, **small),
        odd.encode(folder / "seed.avi", *odd.MPEG4, **small),
        odd.encode(folder / "seed.ts", *odd.H264, **small),
        odd.encode(
            folder / "seed.webm", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", **small
        ),
        odd.encode(folder / "seed.gif", "-vf", "format=gray", **small),
    ]
    made = []
    for index in range(number):
        source = seeds[index % len(seeds)]
        data = bytearray(source.read_bytes())
        kind = rng.integers(4)
        if kind == 0:
            data = data[: rng.integers(1, len(data))]
        elif kind == 1:
            first = rng.integers(len(data))
            stretch = data[first : first + rng.integers(1, 400)]
            data[first : first + len(stretch)] = rng.bytes(len(stretch))
        else:
            end = len(data) if kind == 2 else min(2000, len(data))  # everywhere, or in the header
            for place in rng.integers(0, end, rng.integers(1, 60)):
                data[place] ^= 1 << rng.integers(8)
        path = folder / f"mutation{index}{source.suffix}"
        path.write_bytes(bytes(data))
        made.append(path)
    return made


def survive(folder: Path, number: int, seed: int, decoder: str) -> None:
    """Each mutation is an answer or one line, and no child is left."""
    paths = mutations(folder, number, seed)
    before = children() if sys.platform.startswith("linux") else set()
    answers = 0
    with ClipReader(2, time_limit_seconds=10.0, decoder=decoder) as reader:
        for path, result in reader.read_many(paths, EIGHT):
            if isinstance(result, VideoError):
                assert "\n" not in str(result), path
                assert str(path) in str(result)
                assert "took longer" not in str(result), path
            else:
                assert result[0].frames.shape[:2] == (8, 3)
                assert np.isfinite(result[0].seconds).all()
                answers += 1
    assert answers > number / 4
    if sys.platform.startswith("linux"):
        assert children() <= before  # one that waited for a first reader may have served this one


def test_sixty_mutations(tmp_path):
    survive(tmp_path, 60, 0, "auto")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("decoder", ["auto", "decord"])
def test_five_hundred_mutations(tmp_path, decoder):
    if decoder == "auto":
        survive(tmp_path, 500, 1, decoder)
        return
    if not decord_reader.is_installed():
        pytest.skip("decord has no wheel here")
    with ClipReader(2, time_limit_seconds=5.0, decoder=decoder) as reader:
        for path, result in reader.read_many(mutations(tmp_path, 200, 2), EIGHT):
            assert isinstance(result, tuple) or str(path) in str(result)
