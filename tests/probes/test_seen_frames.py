"""Frames pass the network once, in whatever clips they stand; through its own module they give the same."""

from __future__ import annotations

import pytest
import torch
from tiny_world import write_checkpoint

from zeroshot.checkpoint import load_model
from zeroshot.probes.seen_frames import SeenFrames


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    with load_model(
        str(write_checkpoint(tmp_path_factory.mktemp("seen") / "network")), device="cpu"
    ) as model:
        yield model.backbone


def clips():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, 4, 3, 32, 48), generator=generator, dtype=torch.uint8)


def test_a_shuffled_clip_costs_nothing(backbone, monkeypatch):
    seen, frames = SeenFrames(backbone, 2), clips()
    tokens, embeddings = seen.encode(frames)
    assert tokens.shape[:2] == (3, 4)
    assert embeddings.shape == (3, 4, backbone.embedding_dim)
    monkeypatch.setattr(backbone, "encode_seen_tokens", None)
    again = seen.encode(frames.flip(1))
    assert torch.equal(again[0], tokens.flip(1))
    assert torch.equal(again[1], embeddings.flip(1))


def test_it_is_what_the_backbone_says_and_so_is_the_module_itself(backbone):
    frames = clips()
    _, embeddings = SeenFrames(backbone, 2).encode(frames)
    assert torch.allclose(embeddings[1], backbone.encode_frames(frames[1]).cpu(), atol=1e-5)
    anew = SeenFrames(backbone, 2).encode(frames, anew=True)[1]
    assert torch.allclose(anew, embeddings, atol=1e-5)
    bare, rows = SeenFrames(backbone, None).encode(frames)
    assert bare.shape[-1] == 0
    assert torch.allclose(rows, embeddings, atol=1e-5)


def test_floats_are_levels_as_the_network_sees_them(backbone):
    seen = torch.stack([backbone.see_frames(clip.numpy()) for clip in clips()])
    whole = SeenFrames(backbone, 2).encode(seen)[1]
    assert torch.allclose(SeenFrames(backbone, 2).encode(seen.float())[1], whole, atol=1e-5)
    assert not torch.allclose(SeenFrames(backbone, 2).encode(seen.float() * 0.5)[1], whole, atol=1e-3)


def test_when_memory_is_full_answers_stay_right(backbone, monkeypatch):
    monkeypatch.setattr("zeroshot.probes.seen_frames._MOST_BYTES", 1)
    seen, frames = SeenFrames(backbone, 2), clips()
    assert torch.equal(seen.encode(frames)[1], seen.encode(frames)[1])
