"""An exported file of a tiny network, and the classifier that it was made of."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tiny_world import LABELS, frames, write_checkpoint

import zeroshot
from zeroshot.video.write import write_video


@pytest.fixture(scope="package")
def tiny(tmp_path_factory):
    """A checkpoint without an adapter, exported to ONNX; a video; what answers without the file."""
    place = tmp_path_factory.mktemp("exported")
    folder = write_checkpoint(place / "tiny")
    path = place / "tiny.onnx"
    video = place / "block.mp4"
    write_video(video, frames(0, 0, 7), 12.0)
    made = zeroshot.export(str(folder), list(LABELS), output=path)
    with zeroshot.load(str(folder), list(LABELS), device="cpu", num_workers=1) as classifier:
        yield SimpleNamespace(
            folder=folder, path=path, video=video, made=made, classifier=classifier, place=place
        )
