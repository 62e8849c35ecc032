"""The attack stays within its bounds, finds the gradient, and changes an answer that is easily changed."""

from __future__ import annotations

import numpy as np
import torch

from zeroshot.probes.callable_subject import Function
from zeroshot.probes.motion_attack import attack, estimated_gradient, motion_attack
from zeroshot.probes.motion_noise import NoiseField
from zeroshot.probes.subject import Clips

CLIP = torch.from_numpy(np.random.default_rng(0).integers(60, 196, (3, 3, 16, 16), dtype=np.uint8))


def fragile(frames):
    """Label 0 while the first frame's left half is no lighter than it was by two levels."""
    lighter = frames.float()[:, 0, :, :, :8].mean((1, 2, 3)) - CLIP.float()[0, :, :, :8].mean()
    return torch.stack([2 - lighter, lighter], 1).softmax(1).double().numpy()


def test_an_answer_is_changed_within_reach():
    seen = []

    def watched(frames):
        seen.append(float((frames - CLIP.float()).abs().max()) if len(frames) == 1 else 0.0)
        return fragile(frames)

    looks = attack(watched, CLIP, 0)
    assert looks is not None
    assert looks <= 3000
    assert max(seen) <= 0.03 * 255 + 1e-4
    assert attack(fragile, CLIP, 0) == looks
    assert attack(fragile, CLIP, 0, reach=0.0, most_queries=30) is None


def test_the_mean_of_estimates_is_the_gradients_direction():
    weights = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 3, 4, 4))).float()
    clip = torch.full((1, 3, 4, 4), 120.0)

    def linear(frames):
        return np.exp((frames.float() * weights).sum((1, 2, 3, 4)).double().numpy() / 5000)[:, None]

    draw = np.random.default_rng(2)
    total, alike = torch.zeros_like(clip), []
    for number in range(400):
        noise = torch.from_numpy(draw.standard_normal(clip.shape).astype(np.float32))
        total += estimated_gradient(linear, clip, 0, torch.zeros_like(clip), noise)
        if number + 1 in {4, 40, 400}:
            alike.append(float(torch.cosine_similarity(total.flatten(), weights.flatten(), dim=0)))
    assert alike[0] < alike[1] < alike[2]
    assert alike[2] > 0.9


def test_noise_is_another_in_each_frame():
    """The trap of one field for all frames: a stream that subtracts their mean would see nothing of it."""
    noise = NoiseField(CLIP, np.random.default_rng(0)).draw()
    change = noise - noise.mean(0)
    assert np.square(change).mean() > 0.3 * np.square(noise).mean()


def test_what_is_looked_at_are_levels():
    """At the ends of the scale too: no look at a changed clip is darker than black or lighter than white."""
    ends = torch.where(CLIP > 128, 255, 0).to(torch.uint8)
    seen = []

    def watched(frames):
        if len(frames) == 1:
            seen.append((float(frames.min()), float(frames.max())))
        return np.array([[0.9, 0.1]] * len(frames))

    assert attack(watched, ends, 0, most_queries=15) is None
    assert len(seen) == 5
    assert min(low for low, _ in seen) >= 0
    assert max(high for _, high in seen) <= 255


def test_the_probe_counts_clips_that_were_right():
    table = torch.stack([CLIP, CLIP])
    clips = Clips(lambda rows: table[list(rows)], ("a", "b"), np.array([0, 1]))
    found = motion_attack(Function("fragile", lambda frames: np.log(fragile(frames))), clips)
    assert found.by_stream["answer"].changed.total == 1  # the other was wrong as filmed
    assert found.by_stream["answer"].changed.hits == 1
    wrong = Clips(lambda rows: table[list(rows)], ("a", "b"), np.array([1, 1]))
    never = motion_attack(Function("fragile", lambda frames: np.log(fragile(frames))), wrong)
    assert never.notes == ("no attack: no clip is answered rightly",)
