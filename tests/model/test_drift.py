"""Which way a video goes: a drift that still things have no part in, and a change between two texts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import zeroshot
from zeroshot.errors import LabelError
from zeroshot.model.drift import centered_times, drift, stage_changes
from zeroshot.model.model import Model
from zeroshot.text.prompts import make_prompts
from zeroshot.types import Clip
from zeroshot.video.sampling import Sampling


@pytest.fixture(scope="module")
def model() -> zeroshot.Model:
    return zeroshot.load_model("puppet-tiny", device="cpu")


def unit(rows: np.ndarray) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.from_numpy(rows).float(), dim=-1)


@pytest.mark.parametrize("seconds", [[0, 1, 2, 3], [5.0, 5.1, 9.0], [3, 2, 1], [7.5, 8.0]])
def test_times_sum_to_zero_and_reach_one(seconds):
    times = centered_times(np.array(seconds, float))
    assert abs(times.sum()) < 1e-6
    assert np.abs(times).max() == 1
    assert np.array_equal(np.argsort(times), np.argsort(seconds))


@pytest.mark.parametrize("seconds", [[4.0], [2.0, 2.0, 2.0]])
def test_one_moment_has_no_order(seconds):
    assert not centered_times(np.array(seconds)).any()


def test_drift_is_the_weighted_mean_and_blind_to_what_rests():
    rng = np.random.default_rng(0)
    times = torch.from_numpy(centered_times(np.arange(8.0)))
    moving, rest = rng.normal(size=(8, 16)), rng.normal(size=(1, 16))
    rows = unit(moving)
    expected = np.mean([float(time) * row.double().numpy() for time, row in zip(times, rows, strict=True)], 0)
    np.testing.assert_allclose(drift(rows, times).numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(drift(rows.flip(0), times), -drift(rows, times), atol=1e-6)
    added = rows + torch.from_numpy(rest).float()
    np.testing.assert_allclose(drift(added, times), drift(rows, times), atol=1e-6)
    assert not drift(unit(rest).expand(8, -1), times).any()
    assert float(drift(rows, times).norm()) <= 1


def test_a_model_gives_the_drift_of_its_own_frames(model):
    frames = np.random.default_rng(1).integers(0, 255, (8, 3, 64, 64), np.uint8)
    seconds = np.array([0, 1, 2, 3, 4, 5, 6, 9.0])
    (row,) = model.embed_clips([Clip(frames, seconds)], drifts=True)
    expected = drift(torch.from_numpy(model.embed_frames(frames)), torch.from_numpy(centered_times(seconds)))
    np.testing.assert_allclose(row[0], model.embed_clips([Clip(frames, seconds)])[0], atol=1e-6)
    np.testing.assert_allclose(row[1], expected, atol=1e-5)


def test_views_are_averaged_and_every_way_of_asking_gives_the_same(model):
    frames = np.random.default_rng(2).integers(0, 255, (40, 3, 64, 64), np.uint8)
    sampling = Sampling(8, num_views=2)
    ((_, both),) = model.embed_many([frames], sampling=sampling, drifts=True)
    ((_, streams),) = model.embed_streams([frames], sampling=sampling, drifts=True)
    assert streams.shape == (4, model.embedding_dim)
    np.testing.assert_allclose(streams[[2, 3]], both, atol=1e-6)
    views = [frames[start::5][:8] for start in (1, 3)]
    ((_, alone),) = model.embed_many([views[0]], drifts=True)
    assert alone.shape == (2, model.embedding_dim)
    assert np.isfinite(both).all()
    assert both[1].any()


def test_the_backbone_alone_is_read_along_with_an_adapter(model):
    frames = np.random.default_rng(4).integers(0, 255, (40, 3, 64, 64), np.uint8)
    sampling = Sampling(8, num_views=2)
    ((_, rows),) = model.embed_streams([frames], sampling=sampling, drifts=True, plain=True)
    ((_, streams),) = model.embed_streams([frames], sampling=sampling, drifts=True)
    assert rows.shape == (5, model.embedding_dim)
    np.testing.assert_allclose(rows[[0, 1, 2, 4]], streams, atol=1e-6)
    alone = Model(model.backbone, sampling=sampling)
    ((_, expected),) = alone.embed_many([frames])
    np.testing.assert_allclose(rows[3], expected, atol=1e-6)


def test_changes_are_differences_of_unit_means(model):
    prompts = make_prompts(["waving", "bowing"], None, {"bowing": {"start": "upright", "end": ["a", "b"]}})
    changes = stage_changes(model.embed_prompts, prompts)
    start, one, other = model.embed_texts(["upright", "a", "b"])
    end = (one + other) / np.linalg.norm(one + other)
    assert not changes[0].any()
    np.testing.assert_allclose(changes[1], end - start, atol=1e-6)


def test_stages_that_are_equal_once_they_are_cut_are_named(model):
    words = "a person on a stage in a forest at night with one arm to the left and the other " * 2
    told = {"bowing": {"start": words + "up", "end": words + "down"}}
    with pytest.raises(LabelError, match="'bowing' ends as it starts, as far as the model reads") as caught:
        stage_changes(model.embed_prompts, make_prompts(["bowing"], None, told))
    assert "\n" not in str(caught.value)
