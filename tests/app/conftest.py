"""A classifier of puppets, and the server that asks it, in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

import zeroshot

CLIPS = Path(__file__).parents[2] / "examples" / "clips"


@pytest.fixture(scope="session")
def classifier() -> zeroshot.Classifier:
    return zeroshot.load("puppet-tiny", "puppet_actions", device="cpu", num_workers=1)


@pytest.fixture(scope="session")
def archive(classifier, tmp_path_factory) -> Path:
    """Embeddings of three clips."""
    folder = tmp_path_factory.mktemp("archive") / "puppets"
    zeroshot.embed(sorted(CLIPS.glob("*.mp4"))[:3], folder, model=classifier.model)
    return folder


@pytest.fixture(scope="session")
def served(tmp_path_factory) -> Path:
    """A folder that is served, and beside it what is not."""
    place = tmp_path_factory.mktemp("served")
    folder = place / "videos"
    folder.mkdir()
    (folder / "waving.mp4").write_bytes((CLIPS / "waving_beach.mp4").read_bytes())
    (folder / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    (place / "secret.mp4").write_bytes((CLIPS / "waving_beach.mp4").read_bytes())
    (folder / "link.mp4").symlink_to(place / "secret.mp4")
    (folder / "round.mp4").symlink_to(folder / "round.mp4")
    (place / "videos-too").mkdir()
    (place / "videos-too" / "secret.mp4").write_bytes(b"x")
    return folder


@pytest.fixture(scope="module")
def asking(classifier, served, archive):
    """Asks a server of puppets."""
    settings = zeroshot.Serving(folders=[served], embeddings=[archive], most_upload_bytes=1 << 20)
    with TestClient(zeroshot.asgi_app(classifier, settings), base_url="http://127.0.0.1:8000") as client:
        yield client
