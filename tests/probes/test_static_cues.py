"""A planted kind of frame that costs one label is found, and nothing where answers are drawn."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
import torch

from zeroshot.probes.callable_subject import Function
from zeroshot.probes.static_cues import cluster_frames, fewer_by_chance, static_cues
from zeroshot.probes.subject import Clips

COUNT = 120


def clips(shape=()):
    """Frames whose first number is the label's, whose second is the light: dark in 4 of 10 clips."""
    draw = np.random.default_rng(0)
    targets, dark = np.arange(COUNT) % 3, draw.random(COUNT) < 0.4
    frames = torch.zeros(COUNT, 5, 2, *shape)
    frames[:, :, 0] = torch.from_numpy(targets).float().reshape(-1, 1, *[1] * len(shape))
    frames[:, :, 1] = torch.from_numpy(np.where(dark, -3.0, 3.0)).float().reshape(-1, 1, *[1] * len(shape))
    return Clips(lambda rows: frames[list(rows)], ("run", "jump", "swim"), targets), dark


def fooled(frames):
    """Answers rightly, but `swim` for whatever runs in the dark."""
    rows = frames.mean(1).numpy()
    answers = rows[:, 0].astype(int)
    answers[(answers == 0) & (rows[:, 1] < 0)] = 2
    return 4 * np.eye(3)[answers]


def looks(frames):
    rows = frames.mean(1).numpy()
    noise = np.random.default_rng(1).normal(size=(len(rows), 6)) * 0.05
    return {"answer": np.concatenate([rows[:, 1:2], noise], axis=1)}


def test_a_planted_cue_is_found_first():
    world, dark = clips()
    found = static_cues(Function("fooled", fooled, looks), world)
    first = next(iter(found.by_stream.values()))
    assert (first.label, first.answer, first.cost) == ("run", "swim", 1.0)
    assert first.p_value < 0.001
    assert dark[first.clip]
    assert set(first.clips) == set(np.flatnonzero(dark & (world.targets == 0)).tolist())
    assert found.verdict == "A kind of frame costs the answer 100 points on 'run'."


def test_answers_that_are_drawn_have_no_cue():
    world, _ = clips()
    answers = np.eye(3)[np.random.default_rng(2).permutation(world.targets)]

    def drawn(frames):
        return answers[: len(frames)] if len(frames) == COUNT else np.eye(3)[:1].repeat(len(frames), 0)

    found = static_cues(Function("drawn", drawn, looks), Clips(world.batch, world.labels, world.targets))
    assert found.verdict == ""
    assert all(cue.p_value > 0.05 for cue in found.by_stream.values())


def test_the_number_of_clusters_is_the_worlds():
    centres = np.eye(10)[:10] * 5
    rows = np.repeat(centres, 12, axis=0) + np.random.default_rng(3).normal(size=(120, 10)) * 0.1
    clusters = cluster_frames(rows[:, None])[:, 0].reshape(10, 12)
    assert all(len(set(group)) == 1 for group in clusters)
    assert len(set(clusters[:, 0])) == 10


def test_chance_is_fishers():
    having, others = np.array([False] * 4 + [True]), np.array([True] * 5)
    expected = sum(comb(6, k) * comb(4, 5 - k) for k in (0, 1)) / comb(10, 5)
    assert fewer_by_chance(having, others) == pytest.approx(expected)
