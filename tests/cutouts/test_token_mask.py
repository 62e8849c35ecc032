"""Persons found by what moves elsewhere: against loops, on made-up bodies, and on real frames and tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from zeroshot.cutouts.composite import soft_over
from zeroshot.cutouts.inpaint import soft_plate
from zeroshot.cutouts.token_mask import PersonFinder, between, by_colour, motion
from zeroshot.errors import OptionError
from zeroshot.model.backbone import load_backbone
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import ACTIONS, View

GRID = (4, 4)


def made_up_clips(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens, frames and exact masks of bodies of two squares, one above the other: one hops, one rests.

    A token knows how much body its patch shows, among noise; each body and each wall has its own colour.
    """
    generator = torch.Generator().manual_seed(seed)
    random = np.random.default_rng(seed)
    frames = torch.empty(count, 6, 3, 32, 32, dtype=torch.uint8)
    masks = torch.zeros(count, 6, 32, 32)
    for clip in range(count):
        wall, body = random.permutation(8)[:2] * 32 + 10
        frames[clip] = torch.tensor([wall, 255 - wall, wall // 2]).byte()[:, None, None]
        left, hopper = int(random.integers(2, 18)), clip % 2
        for t in range(6):
            for part in range(2):
                x = left + (4 * (t % 3) if part == hopper else 0)
                masks[clip, t, 8 + 8 * part : 16 + 8 * part, x : x + 6] = 1
        ink = torch.tensor([body, body // 2, 255 - body]).byte()[:, None, None]
        frames[clip] = torch.where(masks[clip, :, None] > 0, ink, frames[clip])
    shares = F.avg_pool2d(masks, 8).flatten(2)
    tokens = torch.randn(count, 6, 16, 12, generator=generator)
    tokens[..., 0] += 6 * shares
    return tokens, frames, masks


def recall(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float(found[exact > 0].mean())


def test_what_rests_is_found_by_what_moves_elsewhere():
    tokens, frames, exact = made_up_clips(80)
    finder = PersonFinder.fit([(tokens[:40], frames[:40]), (tokens[40:60], frames[40:60])], GRID)
    found = finder.masks(tokens[60:], frames[60:])
    exact, moving = exact[60:], motion(frames[60:])
    resting = exact * (moving < 0.1)
    assert resting.sum() > 0.3 * exact.sum()
    assert recall(found, resting) > 0.9
    assert recall(found, exact) > 0.9
    assert float(found[exact == 0].mean()) < 0.05


def test_clips_given_in_parts_teach_the_same():
    tokens, frames, _ = made_up_clips(12)
    whole = PersonFinder.fit([(tokens, frames)], GRID)
    parts = PersonFinder.fit(zip(tokens.split(5), frames.split(5), strict=True), GRID)
    torch.testing.assert_close(parts.weights, whole.weights, rtol=1e-3, atol=1e-4)


def test_puppets_are_found_by_the_tokens_of_a_real_network():
    backbone = load_backbone("puppet-tiny", "cpu")
    count, view = 48, View(num_frames=4, size=(64, 64), fps=2.0)
    videos = render_many(
        [row % len(ACTIONS) for row in range(count)], [row % 5 for row in range(count)], range(count), view
    )
    frames = torch.from_numpy(np.stack([video.frames for video in videos]))
    exact = torch.from_numpy(np.stack([video.alpha for video in videos])).reshape(count, 4, 64, 64) > 127
    tokens = backbone.encode_tokens(frames.flatten(0, 1))[0][:, 1:].unflatten(0, (count, 4))
    finder = PersonFinder.fit([(tokens[:32], frames[:32])], backbone.grid)
    found, moving, exact = finder.masks(tokens[32:], frames[32:]) > 0.5, motion(frames[32:]) > 0.5, exact[32:]

    def overlap(mask: torch.Tensor) -> float:
        return float((mask & exact).sum() / (mask | exact).sum())

    assert recall(found.float(), exact) > 0.8 > 1.3 * recall(moving.float(), exact)
    assert overlap(found) > 1.3 * overlap(moving)


def test_threshold_parts_two_groups_like_all_thresholds_tried():
    values = torch.cat([torch.randn(90), 4 + torch.randn(30)]).double()
    spreads = []
    for value in values:
        low, high = values[values <= value], values[values > value]
        gap = float(low.mean() - high.mean()) if len(high) else 0.0
        spreads.append(len(low) * len(high) * gap**2)
    assert between(values) == float(values[int(np.argmax(spreads))])


def test_colours_decide_like_bayes_written_out():
    frames = torch.tensor([[0, 0, 200, 200, 200, 0]]).reshape(1, 1, 1, 1, 6).expand(1, 1, 3, 1, 6).byte()
    likely = torch.tensor([0.5, 0.5, 0.5, 0.1, 0.1, 0.1]).reshape(1, 1, 1, 6)
    chance = prior = likely.flatten().tolist()
    dark = [True, True, False, False, False, True]
    few = 0.1 / 512
    for _ in range(3):
        inside = {shade: sum(c for c, d in zip(chance, dark, strict=True) if d == shade) for shade in (0, 1)}
        outside = {
            shade: sum(1 - c for c, d in zip(chance, dark, strict=True) if d == shade) for shade in (0, 1)
        }
        new = []
        for p, shade in zip(prior, dark, strict=True):
            f = inside[shade] / sum(inside.values()) + few
            g = outside[shade] / sum(outside.values()) + few
            new.append(p * f / (p * f + (1 - p) * g))
        chance = new
    torch.testing.assert_close(by_colour(frames, likely).flatten(), torch.tensor(chance))


def test_what_stays_is_the_median_and_motion_the_distance_from_it():
    clip = torch.full((1, 8, 3, 16, 16), 50, dtype=torch.uint8)
    for t in range(8):
        clip[0, t, :, 2:5, 2 * t : 2 * t + 2] = 250
    moving = motion(clip)
    assert torch.equal(moving == 1, (clip[:, :, 0] == 250))
    assert torch.equal(moving == 0, (clip[:, :, 0] == 50))
    assert motion(clip[:, :1].expand(-1, 5, -1, -1, -1)).max() == 0


def test_a_figure_goes_before_the_other_place_and_leaves_no_trace_in_its_own():
    _, frames, exact = made_up_clips(6)
    walls = frames[:, :1, :, :1, :1].expand_as(frames)
    torch.testing.assert_close(soft_plate(frames, exact), walls.float(), atol=0.6, rtol=0)
    order = torch.tensor([3, 4, 5, 0, 1, 2])
    expected = torch.where(exact[:, :, None] > 0, frames, walls[order])
    swapped = soft_over(frames, exact, soft_plate(frames, exact)[order])
    assert swapped.dtype == torch.uint8
    assert int((swapped.int() - expected.int()).abs().max()) <= 1


def test_a_place_that_never_shows_is_filled_from_around():
    frames = torch.full((1, 3, 3, 7, 9), 90, dtype=torch.uint8)
    masks = torch.zeros(1, 3, 7, 9)
    masks[:, :, 2:5, 3:6] = 1
    frames[:, :, :, 2:5, 3:6] = 255
    assert float((soft_plate(frames, masks) - 90).abs().max()) < 1e-3
    everything = soft_plate(frames, torch.ones_like(masks))
    assert bool(everything.isfinite().all())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t, f: PersonFinder.fit([(t, f[:, :1].expand_as(f))], GRID), "nothing moves"),
        (lambda t, f: PersonFinder.fit([], GRID), "nothing moves"),
        (lambda t, f: PersonFinder.fit([(t, f)], (3, 3)), r"expected \(n, T, 9, C\)"),
        (lambda t, f: PersonFinder.fit([(t, f)], GRID).masks(t[:1], f), "do not fit"),
        (lambda t, f: soft_plate(f, torch.ones(2, 2)), r"masks \(2, 2\) do not fit"),
        (lambda t, f: soft_over(f, f[:, :, 0], f[:2]), r"places \(2, 6, 3, 32, 32\) do not fit"),
    ],
)
def test_errors_are_one_clear_line(call, words):
    tokens, frames, _ = made_up_clips(4)
    with pytest.raises(OptionError, match=words) as error:
        call(tokens, frames)
    assert "\n" not in str(error.value)
