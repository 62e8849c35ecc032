"""Detectors of direction: odd in time, the same every time, and able to tell a turn from its reverse."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from zeroshot.adapter.adapter import TwoStreamAdapter
from zeroshot.adapter.config import AdapterConfig
from zeroshot.adapter.detectors import DirectionDetectors
from zeroshot.errors import OptionError

CONFIG = AdapterConfig(
    12, 16, num_frames=6, grid=(2, 2), hidden_dim=32, num_heads=2, num_layers=1, num_components=8
)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def calibrated(num_frames: int = 6) -> DirectionDetectors:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        detectors = DirectionDetectors(5 * 12, 8, 4, num_frames)
    detectors.calibrate(noise(16, num_frames, 5, 12, seed=1))
    return detectors


def test_a_clip_played_backwards_has_the_opposite_sign():
    clips = noise(5, 6, 5, 12, seed=2)
    found = calibrated()(clips, torch.ones(5))
    assert found.abs().min() > 1e-4
    torch.testing.assert_close(calibrated()(clips.flip(1), torch.ones(5)), -found)


def test_still_clips_and_single_movements_there_and_back():
    still = noise(2, 1, 5, 12).expand(-1, 6, -1, -1)
    size = torch.ones(2)
    assert calibrated()(still, size).abs().max() < 1e-6
    assert torch.equal(calibrated()(torch.zeros(2, 6, 5, 12), size), torch.zeros(2, 4))
    there = noise(2, 3, 5, 12)
    assert calibrated()(torch.cat([there, there.flip(1)], 1), size).abs().max() < 1e-6


@pytest.mark.parametrize("num_frames", [2, 3, 6, 11])
def test_products_against_loops(num_frames):
    """Every product of two readings of two frames, added up one by one in float64."""
    detectors, clips = calibrated(num_frames), noise(3, num_frames, 5, 12, seed=4)
    assert detectors.lags == ((1,) if num_frames == 2 else (1, 2))
    read = (clips.flatten(2) @ detectors.components).double()
    expected = torch.zeros(3, 4, dtype=torch.float64)
    for clip in range(3):
        column = 0
        for lag in detectors.lags:
            for i in range(8):
                for j in range(i + 1, 8):
                    total = 0.0
                    for t in range(num_frames - lag):
                        now, later = read[clip, t], read[clip, t + lag]
                        total += float(now[i] * later[j] - now[j] * later[i])
                    weight = detectors.output.weight[:, column].double()
                    expected[clip] += 0.3 * weight * total / (num_frames - lag)
                    column += 1
    sizes = torch.tensor([1.0, 2.0, 0.5])
    expected = expected.detach() / sizes[:, None].square()
    torch.testing.assert_close(detectors(clips, sizes).double(), expected, rtol=1e-4, atol=1e-6)


def test_components_are_those_of_the_covariance():
    clips = noise(40, 6, 5, 12, seed=5) * torch.logspace(0, -3, 60).reshape(5, 12)
    detectors = calibrated()
    before = torch.random.get_rng_state()
    detectors.calibrate(clips)
    assert torch.equal(torch.random.get_rng_state(), before)
    frames = clips.flatten(2).flatten(0, 1).double()
    values, vectors = torch.linalg.eigh(frames.T @ frames / len(frames))
    values, vectors = values.flip(0)[:8], vectors.flip(1)[:, :8]
    expected = vectors / (values[0] * values).pow(0.25)
    found = detectors.components.double()
    torch.testing.assert_close((found * expected).sum(0).abs(), expected.square().sum(0), rtol=0.02, atol=0)
    again = calibrated()
    again.calibrate(clips)
    assert torch.equal(again.components, detectors.components)


def test_fewer_frames_than_components():
    """Two clips of which one is the other: what is missing stays zero, nothing is divided by it."""
    detectors, clip = calibrated(), noise(1, 3, 5, 12, seed=6)
    detectors.calibrate(clip.expand(2, -1, -1, -1))
    assert torch.isfinite(detectors.components).all()
    assert int((detectors.components.abs().sum(0) > 0).sum()) == 3


def turning(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens of something that turns in noise, begun anywhere, this way or that; views are the same."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    start = 6.28 * torch.rand(count, 1, generator=generator)
    speed = 0.7 + 0.6 * torch.rand(count, 1, generator=generator)
    angle = start + speed * torch.arange(6) * (1 - 2 * labels[:, None])
    front, side = noise(5, 12, seed=90), noise(5, 12, seed=91)
    tokens = angle.cos()[..., None, None] * front + angle.sin()[..., None, None] * side
    return tokens + 1.5 * torch.randn(tokens.shape, generator=generator) + 2, labels


def right_after_training(num_components: int) -> float:
    """Share of new clips whose direction is known after 40 steps on 48 clips."""
    config = AdapterConfig.from_dict({**CONFIG.as_dict(), "num_components": num_components, "reads": "both"})
    adapter = TwoStreamAdapter(config, seed=2).train()
    tokens, labels = turning(48, seed=10)
    adapter.calibrate(tokens)
    texts = F.normalize(noise(2, 16, seed=50), dim=-1)
    optimizer = torch.optim.AdamW(adapter.dynamic.parameters(), lr=2e-3, weight_decay=0.05)
    generator = torch.Generator().manual_seed(0)
    embeddings = F.normalize(noise(200, 6, 16), dim=-1)
    for _ in range(40):
        optimizer.zero_grad()
        found = adapter(tokens, embeddings[:48], generator).dynamic
        F.cross_entropy(20 * found @ texts.T, labels).backward()
        optimizer.step()
    tokens, labels = turning(200, seed=20)
    with torch.no_grad():
        found = adapter.eval()(tokens, embeddings).dynamic
    return float(((found @ texts.T).argmax(1) == labels).float().mean())


def test_they_tell_turning_one_way_from_turning_the_other():
    """From so few clips what else reads the change knows little."""
    with_them, without = right_after_training(8), right_after_training(0)
    assert with_them > 0.85
    assert with_them > without + 0.1


def test_uncalibrated_they_say_nothing():
    adapter = TwoStreamAdapter(CONFIG).eval()
    hidden = adapter(noise(2, 6, 5, 12), F.normalize(noise(2, 6, 16), dim=-1)).dynamic_hidden
    assert hidden.shape == (2, CONFIG.dynamic_dim) == (2, 40)
    assert torch.equal(hidden[:, 32:], torch.zeros(2, 8))
    without = AdapterConfig(12, 16, num_components=0)
    assert (without.num_detectors, without.dynamic_dim) == (0, without.hidden_dim)
    with pytest.raises(OptionError, match=r"num_components is 1; expected 0 or 2 or more"):
        AdapterConfig(12, 16, num_components=1)
