"""The API as people use it who come from sentence-transformers, torchvision, joblib and DataLoader."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import pytest
import typed_tour
from torch.utils.data import DataLoader

import zeroshot

HERE = Path(__file__).parent
CLIPS = HERE.parent / "examples" / "clips"


def test_a_tour(tmp_path):
    found = typed_tour.tour(CLIPS, tmp_path / "embeddings")
    assert found["same"]
    assert found["kept"]
    assert [error is None for error in found["errors"]] == [True, True, True, False]
    assert found["segments"] > 1
    assert found["shapes"] == ((1, 128), (3, 128), (3, 128), (3, 3), len(list(CLIPS.glob("*.mp4"))))
    assert [shape for shape, _ in found["batches"]] == [(2, 128), (1, 128)]
    assert len(found["labels"]) == 3


def best(classifier: zeroshot.Classifier, path: str) -> str:
    return classifier.rank(path)[0].label


def names() -> list[str]:
    return [str(path) for path in sorted(CLIPS.glob("*.mp4"))[:2]]


@pytest.fixture(scope="module")
def classifier():
    with zeroshot.load("puppet-tiny", "puppet_actions", device="cpu", num_workers=1) as classifier:
        yield classifier


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_workers_of_a_data_loader_that_are_forked(classifier):
    videos = [Path(name) for name in names()]
    loader = DataLoader(
        typed_tour.Frames(videos, classifier.model), num_workers=1, multiprocessing_context="fork"
    )
    found = {name: vectors.numpy() for vectors, (name,) in loader}
    for path in videos:
        assert abs(found[path.name] - classifier.model.embed_videos(path)).max() < 1e-5


@pytest.mark.slow
def test_workers_that_are_spawned(classifier):
    expected = [best(classifier, name) for name in names()]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        assert list(pool.map(best, [classifier] * 2, names())) == expected


@pytest.mark.slow
def test_joblib(classifier):
    expected = [best(classifier, name) for name in names()]
    work = joblib.Parallel(n_jobs=2)
    assert work(joblib.delayed(best)(classifier, name) for name in names()) == expected


@pytest.mark.slow
def test_type_checkers_have_nothing_to_say():
    """`mypy --strict` of a user's file, as `pyright` of it."""
    commands = [[sys.executable, "-m", "mypy", "--strict", "typed_tour.py"]]
    if shutil.which("pyright"):
        commands.append(["pyright", "--pythonpath", sys.executable, "typed_tour.py"])
    for command in commands:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False, timeout=110)
        assert done.returncode == 0, done.stdout
