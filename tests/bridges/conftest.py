"""Two videos and a damaged one, and a tiny model."""

from __future__ import annotations

import pytest
from tiny_world import LABELS, write_checkpoint, write_videos

import zeroshot


@pytest.fixture(scope="package")
def videos(tmp_path_factory) -> list[str]:
    """Four good files, and a damaged one second to last."""
    folder = tmp_path_factory.mktemp("bridged")
    paths = [video.path for video in write_videos(folder, 4).videos]
    (folder / "damaged.mp4").write_bytes(b"no video")
    return [*paths[:3], str(folder / "damaged.mp4"), paths[3]]


@pytest.fixture(scope="package")
def folder(tmp_path_factory) -> str:
    """A checkpoint folder."""
    return str(write_checkpoint(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture(scope="package")
def classifier(folder):
    with zeroshot.load(folder, list(LABELS), device="cpu", num_workers=1) as classifier:
        yield classifier
