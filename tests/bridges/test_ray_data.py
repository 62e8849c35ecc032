"""Columns in, columns out; with Ray Data itself where it is installed."""

from __future__ import annotations

import os

import numpy as np
import pytest
from tiny_world import LABELS

from zeroshot.bridges.ray_data import EmbedVideos, RankVideos
from zeroshot.errors import OptionError


def test_embeddings_and_errors(videos, folder, classifier):
    batch = {"path": np.array(videos), "note": np.arange(5)}
    found = EmbedVideos(folder, device="cpu")(batch)
    assert list(found) == ["path", "note", "embedding", "error"]
    assert found["embedding"].shape == (5, 24)
    good = [0, 1, 2, 4]
    wanted = classifier.model.embed_videos([videos[row] for row in good])
    assert found["embedding"][good] == pytest.approx(wanted, abs=1e-5)
    assert np.isnan(found["embedding"][3]).all()
    assert "damaged.mp4" in found["error"][3]
    assert [found["error"][row] for row in good] == [""] * 4
    assert list(batch) == ["path", "note"]


def test_labels(videos, classifier):
    best = RankVideos(classifier.model, list(LABELS))({"video": videos[:1], "x": [1]} | {"path": videos})
    rankings = list(classifier.rank_many(videos, 2))
    assert best["label"].tolist() == [r.predictions[0].label if r.predictions else "" for r in rankings]
    two = RankVideos(classifier.model, list(LABELS), k=2, column="video")({"video": np.array(videos)})
    assert two["label"].shape == two["score"].shape == (5, 2)
    assert two["probability"][0].tolist() == pytest.approx(
        [p.probability for p in rankings[0].predictions], abs=1e-5
    )
    assert np.isnan(two["score"][3]).all()
    assert "damaged.mp4" in two["error"][3]


def test_what_makes_no_sense(classifier):
    with pytest.raises(OptionError, match="column 'path' is not there; expected one of file"):
        EmbedVideos(classifier.model)({"file": []})
    with pytest.raises(OptionError, match="k is 0"):
        RankVideos(classifier.model, list(LABELS), k=0)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_a_dataset_of_ray(videos, folder, classifier):
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False, logging_level="ERROR")
    try:
        stage = ray.data.from_items([{"path": path} for path in videos]).map_batches(
            EmbedVideos, fn_constructor_args=[folder], fn_constructor_kwargs={"device": "cpu"}, concurrency=1
        )
        rows = {row["path"]: row for row in stage.take_all()}
    finally:
        ray.shutdown()
    assert "damaged.mp4" in rows[videos[3]]["error"]
    wanted = classifier.model.embed_videos([videos[0]])[0]
    assert rows[videos[0]]["embedding"] == pytest.approx(wanted, abs=1e-5)
