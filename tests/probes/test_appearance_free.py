"""Movement alone is told from noise; one frame of it tells nothing."""

from __future__ import annotations

import numpy as np
import torch

from zeroshot.cutouts.optical_flow import backward_flow
from zeroshot.probes.appearance_free import appearance_free, without_appearance
from zeroshot.probes.callable_subject import Function
from zeroshot.probes.subject import Clips


def clips(count=16, frames=4):
    """Textured pictures that move right or left as a whole."""
    draw = np.random.default_rng(0)
    targets, table = np.arange(count) % 2, []
    for target in targets:
        picture = np.repeat(np.repeat(draw.integers(0, 256, (3, 16, 24), dtype=np.uint8), 2, 1), 2, 2)
        starts = [4 + 3 * (t if target else frames - 1 - t) for t in range(frames)]
        table.append(np.stack([picture[:, :, start : start + 32] for start in starts]))
    stacked = torch.from_numpy(np.stack(table))
    return Clips(lambda rows: stacked[list(rows)], ("right", "left"), targets)


def mean_way(frames):
    """(B, 2) by which way pixels come: what a reader of movement alone would say."""
    scores = []
    for clip in frames.clamp(0, 255).to(torch.uint8).numpy():
        across = float(np.median(np.stack(list(backward_flow(clip)))[1:, 0]))
        scores.append([-across, across])
    return np.array(scores)


def test_a_reader_of_movement_is_right_and_of_one_frame_at_chance():
    found = appearance_free(Function("way", mean_way), clips())
    seen = found.by_stream["answer"]
    assert seen.moving.hits >= 13
    assert seen.still.hits == 8  # nothing moves: the first label
    assert seen.as_dict()["moving"]["videos"] == 16


def test_a_frame_is_noise_and_the_same_again():
    frames = clips().batch([0, 1])
    made = without_appearance(frames, 5)
    assert made.shape == frames.shape
    assert torch.equal(made, without_appearance(frames, 5))
    first = made[0, 1].double()
    assert abs(float(first.mean()) - 127.5) < 6
    assert (
        abs(float(torch.corrcoef(torch.stack([first.flatten(), frames[0, 1].double().flatten()]))[0, 1]))
        < 0.1
    )


def test_tokens_cannot_be_made_so():
    tokens = Clips(lambda rows: torch.zeros(len(rows), 4, 7), ("a", "b"), np.array([0, 1]))
    assert "it needs frames" in appearance_free(Function("way", mean_way), tokens).notes[0]
