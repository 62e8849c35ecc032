"""How far the fused stream goes: as far as the ranking of the known labels asks for."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from zeroshot.adapter.adapter import TwoStreamAdapter
from zeroshot.adapter.config import AdapterConfig
from zeroshot.adapter.fusion import careful_weight, fused_rows
from zeroshot.errors import OptionError

NUM_VIDEOS, NUM_LABELS, WIDTH = 40, 7, 16


@pytest.fixture
def rows():
    """Anchors, corrections and texts of known labels, at random."""
    generator = torch.Generator().manual_seed(3)
    anchor, correction, texts = (
        torch.randn(count, WIDTH, generator=generator) for count in (NUM_VIDEOS, NUM_VIDEOS, NUM_LABELS)
    )
    return F.normalize(anchor, dim=1), 0.8 * F.normalize(correction, dim=1), F.normalize(texts, dim=1)


def best(rows, texts):
    return (rows @ texts.T).argmax(1)


def careful(rows, weight=1.0, excess=0.05):
    anchor, correction, texts = rows
    return careful_weight(anchor, correction, torch.tensor(weight), torch.tensor(excess), texts)


@pytest.mark.parametrize("weight", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("excess", [0.01, 0.3, 1.0])
def test_the_known_labels_are_ranked_as_with_the_full_weight(rows, weight, excess):
    anchor, correction, texts = rows
    found = careful(rows, weight, excess)
    full = best(fused_rows(anchor, correction, torch.tensor(weight)), texts)
    assert torch.equal(best(fused_rows(anchor, correction, found), texts), full)
    assert bool(((found >= 0) & (found <= weight)).all())
    assert not torch.equal(full, best(anchor, texts))


def test_no_smaller_weight_would_do_as_a_search_in_small_steps_says(rows):
    anchor, correction, texts = rows
    least = careful(rows, excess=0.0)[:, 0]
    full = best(anchor + correction, texts)
    for video in range(NUM_VIDEOS):
        steps = torch.linspace(0, 1, 2001)
        answers = best(anchor[video] + steps[:, None] * correction[video], texts)
        wrong = (answers != full[video]).nonzero()[:, 0]
        needed = float(steps[wrong[-1]]) if len(wrong) else 0.0
        assert float(least[video]) == pytest.approx(needed, abs=1e-3)


def test_videos_that_clip_ranks_so_already_are_left_where_they_are(rows):
    anchor, correction, texts = rows
    same = best(anchor + correction, texts) == best(anchor, texts)
    assert 0 < int(same.sum()) < NUM_VIDEOS
    least = careful(rows, excess=0.0)
    assert torch.equal(least[:, 0] == 0, same)
    assert torch.equal(fused_rows(anchor, correction, least)[same], anchor[same])


def test_excess_leads_from_the_least_weight_to_the_full_one(rows):
    least, half, full = (careful(rows, excess=excess) for excess in (0.0, 0.5, 1.0))
    torch.testing.assert_close(half, (least + full) / 2)
    assert torch.equal(full, torch.ones_like(full))


def test_an_adapter_that_knows_labels_goes_no_farther_than_they_ask(rows):
    anchor, correction, texts = rows
    config = AdapterConfig(token_dim=8, embedding_dim=WIDTH, num_frames=4, grid=(2, 2), hidden_dim=16,
                           num_components=0, fusion="residual", num_known_labels=NUM_LABELS)  # fmt: skip
    adapter = TwoStreamAdapter(config)
    adapter.set_known_texts(texts)
    adapter.set_fused_excess(0.05)
    torch.testing.assert_close(
        adapter.fuse(anchor, correction, 1.0), fused_rows(anchor, correction, careful(rows))
    )
    assert torch.equal(adapter.fuse(anchor, correction, 0.0), anchor)
    torch.testing.assert_close(
        adapter.fuse(anchor, correction, 1.0, 1.0), F.normalize(anchor + correction, dim=1)
    )
    assert {"known_texts", "fused_excess"} <= set(adapter.state_dict())
    still = torch.zeros_like(correction)
    torch.testing.assert_close(adapter.fuse(anchor, still, 1.0), anchor)


def test_what_it_cannot_know_is_refused():
    plain = TwoStreamAdapter(AdapterConfig(token_dim=8, embedding_dim=WIDTH, num_frames=4, grid=(2, 2)))
    assert not {"known_texts", "fused_excess"} & set(plain.state_dict())
    with pytest.raises(OptionError, match="knows no labels; make it with num_known_labels of 1 or more"):
        plain.set_fused_excess(0.5)
    with pytest.raises(OptionError, match=r"shape \(3, 16\); expected \(0, 16\)"):
        plain.set_known_texts(torch.zeros(3, WIDTH))
    config = AdapterConfig(token_dim=8, embedding_dim=WIDTH, num_frames=4, grid=(2, 2), num_known_labels=2)
    with pytest.raises(OptionError, match=r"fused excess is 1\.5; expected a share from 0 to 1"):
        TwoStreamAdapter(config).set_fused_excess(1.5)
