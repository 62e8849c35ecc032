"""How far the fused stream goes: as far as the ranking of the known labels asks for."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

from zeroshot.adapter.adapter import TwoStreamAdapter
from zeroshot.adapter.config import AdapterConfig
from zeroshot.adapter.fusion import careful_rows, fused_rows
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
    return careful_rows(anchor, correction, torch.tensor(weight), torch.tensor(excess), texts)


@pytest.mark.parametrize("weight", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("excess", [0.01, 0.3, 1.0])
def test_the_known_labels_are_ranked_first_as_with_the_full_weight(rows, weight, excess):
    anchor, correction, texts = rows
    full = best(anchor + weight * correction, texts)
    found = careful(rows, weight, excess)
    assert torch.equal(best(found, texts), full)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(NUM_VIDEOS))
    assert not torch.equal(full, best(anchor, texts))


def test_no_smaller_step_would_do(rows):
    """With no excess the answer ties with the label that was ahead, and a step less leaves it behind."""
    anchor, _, texts = rows
    turned = best(careful(rows, excess=0.05), texts)
    changed = turned != best(anchor, texts)
    assert 3 < int(changed.sum()) < NUM_VIDEOS
    tied = (careful(rows, excess=0.0) @ texts.T)[changed]
    two = tied.topk(2, dim=1).values
    torch.testing.assert_close(two[:, 0], two[:, 1], rtol=0, atol=1e-5)
    torch.testing.assert_close(tied.gather(1, turned[changed][:, None])[:, 0], two[:, 0], rtol=0, atol=1e-5)


def test_videos_that_clip_ranks_so_already_are_left_where_they_are(rows):
    anchor, correction, texts = rows
    same = best(anchor + correction, texts) == best(anchor, texts)
    assert 0 < int(same.sum()) < NUM_VIDEOS
    assert torch.equal(careful(rows, excess=0.0)[same], anchor[same])
    assert not torch.equal(careful(rows, excess=0.05)[same], anchor[same])


def test_more_excess_leads_farther_from_the_anchor(rows):
    anchor = rows[0]
    near = [(anchor * careful(rows, excess=excess)).sum(1) for excess in (0.0, 0.1, 0.5, 1.0)]
    for closer, farther in itertools.pairwise(near):
        assert bool((farther <= closer + 1e-6).all())
        assert float(farther.mean()) < float(closer.mean())


def test_it_leans_towards_the_text_of_its_answer(rows):
    anchor, correction, texts = rows
    answer = best(anchor + correction, texts)
    plain = fused_rows(anchor, correction, torch.tensor(1.0))
    gained = ((careful(rows, excess=1.0) - plain) * texts[answer]).sum(1)
    assert bool((gained > 0).all())


def test_an_adapter_that_knows_labels_goes_no_farther_than_they_ask(rows):
    anchor, correction, texts = rows
    config = AdapterConfig(token_dim=8, embedding_dim=WIDTH, num_frames=4, grid=(2, 2), hidden_dim=16,
                           num_components=0, fusion="residual", num_known_labels=NUM_LABELS)  # fmt: skip
    adapter = TwoStreamAdapter(config)
    adapter.set_known_texts(texts)
    adapter.set_fused_excess(0.3)
    torch.testing.assert_close(adapter.fuse(anchor, correction, 1.0), careful(rows, excess=0.3))
    torch.testing.assert_close(adapter.fuse(anchor, correction, 1.0, 0.5), careful(rows, excess=0.5))
    assert torch.equal(adapter.fuse(anchor, correction, 0.0), anchor)
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
