"""A tiny model, and videos whose tokens it makes."""

from __future__ import annotations

import pytest
from tiny_world import write_checkpoint, write_videos

from zeroshot.checkpoint import load_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    with load_model(str(write_checkpoint(tmp_path_factory.mktemp("models") / "tiny")), device="cpu") as model:
        yield model


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_videos(tmp_path_factory.mktemp("videos"), 6).videos
