"""Noise of equal size that moves, stands still or flickers; who sees change alone sees no still noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zeroshot.probes.callable_subject import Function
from zeroshot.probes.motion_noise import KINDS, Noise, margins, motion_noise
from zeroshot.probes.subject import Clips


def clip(shift=2, count=5):
    """A textured picture that moves right by `shift` pixels a frame."""
    picture = np.random.default_rng(0).integers(60, 196, (3, 24, 24 + shift * count), dtype=np.uint8)
    picture = np.repeat(np.repeat(picture, 2, 1), 2, 2)[:, :32, : 32 + shift * count]
    frames = [picture[:, :, shift * (count - t) : shift * (count - t) + 32] for t in range(count)]
    return torch.from_numpy(np.stack(frames))


@pytest.mark.parametrize("kind", KINDS)
def test_noise_has_exactly_its_size_and_is_the_same_again(kind):
    frames = clip()[None]
    noisy = Noise(kind, 3).on(frames, 8)
    assert torch.equal((noisy - frames.float()).abs(), torch.full(noisy.shape, 8.0))
    assert torch.equal(Noise(kind, 3).on(frames, 8), noisy)
    assert Noise(kind, 3).on(frames, 0) is frames


def test_moving_noise_moves_along():
    noise = (Noise("motion", 0).on(clip()[None], 8) - clip()[None].float())[0]
    inner = noise[1:, 0, 8:-8, 10:-8] == noise[:-1, 0, 8:-8, 8:-10]
    assert inner.float().mean() > 0.9
    still = Noise("still", 0).on(clip()[None], 8)[0] - clip().float()
    assert torch.equal(still[0], still[-1])


def test_a_linear_reader_of_change_does_not_see_still_noise():
    table = torch.stack([clip(shift) for shift in (1, 2, 3, 2)])
    weights = torch.from_numpy(np.random.default_rng(1).normal(size=(5, 3, 32, 32))).float()
    weights = weights - weights.mean(0)

    def change(frames):
        score = (frames.float() * weights).sum((1, 2, 3, 4))
        return torch.stack([score, -score], 1).double().numpy()

    clips = Clips(lambda rows: table[list(rows)], ("a", "b"), np.array([0, 1, 0, 1]), videos=tuple("wxyz"))
    found = motion_noise(Function("change", change), clips)
    effects = {name: effect.change.value for name, effect in found.by_stream.items()}
    assert effects["answer, still, 8"] < 1e-3 * effects["answer, frames, 8"]
    assert effects["answer, frames, 8"] == pytest.approx(2 * effects["answer, frames, 4"], rel=0.01)
    tokens = Clips(lambda rows: table[list(rows)].flatten(2), ("a", "b"), np.array([0, 1, 0, 1]))
    assert "it needs frames" in motion_noise(Function("change", change), tokens).notes[0]


def test_margins():
    scores = np.array([[0.5, 0.2, 0.4], [0.1, 0.3, 0.9]])
    assert margins(scores, np.array([0, 1])) == pytest.approx([0.1, -0.6])
