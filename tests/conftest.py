"""What several test files share: real clips, where somebody has them, and made ones."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

# One thread, before anything loads torch: networks this small are faster so, and sums of several threads may
# differ in their last bits from run to run.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests find nothing that earlier ones kept, and leave nothing in the user's cache.
os.environ["ZEROSHOT_CACHE"] = "off"

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# The same examples in every run: a test that fails for others fails here too. Look for new ones with
# pytest --hypothesis-profile default --hypothesis-seed random
settings.register_profile("steady", derandomize=True)
settings.load_profile("steady")

_CLIPS = Path(os.environ.get("ZEROSHOT_TEST_CLIPS", Path(__file__).parents[2] / "shared" / "clips"))


def pytest_collection_finish() -> None:
    """What lives as long as the run is no longer looked through for garbage: half a second each time."""
    gc.freeze()


@pytest.fixture(scope="session")
def real_clips() -> list[Path]:
    """Videos of the real world, of several codecs; the test is skipped where there are none."""
    clips = sorted(path for path in _CLIPS.glob("*") if path.suffix in {".avi", ".mp4", ".mkv", ".mpg"})
    if not clips:
        pytest.skip(f"no real clips in {_CLIPS}; name a folder of videos in ZEROSHOT_TEST_CLIPS")
    return clips


@pytest.fixture(scope="session", autouse=True)
def kept_children() -> Iterator[None]:
    """Readers take over the decoding children of those before them; not in tests/video, which tests these."""
    from kept_children import Lease, end_all

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zeroshot.video.processes.reader.Crew", Lease)
        yield
        end_all()


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    """A folder with a tiny checkpoint and a split of tiny videos."""
    from training_world import write_folder

    return write_folder(tmp_path_factory.mktemp("training"))


@pytest.fixture(scope="session")
def trained(place) -> tuple[Path, object]:
    """A finished training on them: its folder, and what it returned."""
    from training_world import run_train

    return place / "out", run_train(place, place / "out")


@pytest.fixture
def fake_hub(tmp_path, monkeypatch):
    """A model hub on this machine, which this process takes for the hub, with an empty cache."""
    from fake_hub import FakeHub
    from huggingface_hub import constants

    hub = FakeHub(tmp_path / "hub-cache")
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    told = {"ENDPOINT": hub.url, "HUGGINGFACE_CO_URL_TEMPLATE": template, "HF_HUB_CACHE": str(hub.cache)}
    for name, value in {**told, "HF_HUB_OFFLINE": False, "HF_HUB_DISABLE_XET": True}.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, value in hub.environment.items():
        monkeypatch.setenv(name, value)
    yield hub
    hub.close()
