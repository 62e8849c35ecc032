"""I(scene; row | label): nothing of a row that is the label, all of one that is the scene."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zeroshot.errors import OptionError
from zeroshot.probes.scene_information import information_beyond


def world(count=600, seed=0):
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    scenes = np.where(draw.random(count) < 0.6, labels, draw.integers(0, 3, count))
    return draw, labels, scenes


def test_a_row_that_is_the_label_says_nothing_more():
    _, labels, scenes = world()
    found = information_beyond(np.eye(3)[labels], scenes, labels)
    assert abs(found.nats.value) < 0.01


def test_a_row_that_is_the_scene_says_all():
    _, labels, scenes = world()
    found = information_beyond(10 * np.eye(3)[scenes], scenes, labels)
    shares = np.array([[np.mean(scenes[labels == y] == z) for z in range(3)] for y in range(3)])
    entropy = -(shares * np.log(shares)).sum(1).mean()
    assert found.left_open == pytest.approx(entropy, abs=0.03)
    assert 0.95 < found.share.value <= 1
    assert found.nats.value > max(found.null)


def test_a_normal_row_has_the_closed_form():
    """Two scenes, even in every label; a row of their sign and noise: an integral over one number."""
    draw = np.random.default_rng(1)
    labels, scenes = np.arange(3000) % 3, draw.integers(0, 2, 3000)
    rows = (2 * scenes - 1)[:, None] * 0.7 + draw.normal(size=(3000, 1))
    x = np.linspace(-8, 8, 4001)
    normal = [np.exp(-((x - sign * 0.7) ** 2) / 2) / math.sqrt(2 * math.pi) for sign in (-1, 1)]
    mixed = (normal[0] + normal[1]) / 2
    expected = sum(0.5 * np.sum(p * np.log(np.maximum(p, 1e-300) / mixed)) * (x[1] - x[0]) for p in normal)
    found = information_beyond(rows, scenes, labels)
    assert found.nats.low < expected < found.nats.high


def test_noise_says_nothing_and_averages_no_more_than_the_rows():
    draw, labels, scenes = world(seed=2)
    rows = 1.5 * np.eye(3)[scenes] + draw.normal(size=(600, 3))
    assert information_beyond(draw.normal(size=(600, 20)), scenes, labels).nats.low < 0.01
    whole = information_beyond(rows, scenes, labels).nats.value
    assert information_beyond(rows.mean(1, keepdims=True), scenes, labels).nats.value < whole
    assert whole < information_beyond(rows, scenes, labels).left_open


def test_a_label_that_gives_the_scene_away_leaves_nothing_open():
    labels = np.arange(60) % 3
    with pytest.raises(OptionError, match="the label gives the scene away in all videos"):
        information_beyond(np.eye(3)[labels], labels, labels)
