"""Texts side by side: the embeddings of the library itself, for every kind of text tower, in any batch."""

from __future__ import annotations

import open_clip
import pytest
import torch

from zeroshot.model.networks.open_clip_towers import TextTower, text_tower

VISION = {"image_size": 16, "patch_size": 8, "width": 16, "layers": 1, "head_width": 8}
TEXT = {"context_length": 40, "vocab_size": 100, "width": 16, "heads": 2, "layers": 3}


def network(custom: bool = False, **text) -> torch.nn.Module:
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = kind(embed_dim=12, vision_cfg=VISION, text_cfg={**TEXT, **text}).eval()
        for parameter in module.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    return module


def ids(*lengths: int) -> torch.Tensor:
    """Texts of so many tokens, between a token that begins and the largest, which ends; zeros after it."""
    draw = torch.Generator().manual_seed(0)
    rows = torch.zeros(len(lengths), TEXT["context_length"], dtype=torch.long)
    for row, length in zip(rows, lengths, strict=True):
        row[: length + 1] = torch.randint(2, 90, (length + 1,), generator=draw)
        row[length + 1] = 99
    return rows


def tower(module: torch.nn.Module) -> TextTower:
    found = text_tower(module)
    assert found is not None
    return found


@pytest.mark.parametrize("custom", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        {},
        {"pool_type": "eos", "eos_id": 99},
        {"pool_type": "last"},
        {"pool_type": "first"},
        {"proj_type": "none", "width": 12},
        {"proj_bias": True, "ls_init_value": 0.5},
    ],
)
def test_embeddings_are_those_of_the_library(custom, text):
    module, tokens = network(custom, **text), ids(3, 1, 12, 5, 38, 1)
    with torch.inference_mode():
        torch.testing.assert_close(
            tower(module).embed(tokens), module.encode_text(tokens), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("pool", ["argmax", "last"])
def test_a_tower_without_a_causal_mask_sees_the_padding(pool):
    module, tokens = network(custom=True, no_causal_mask=True, pool_type=pool), ids(3, 1, 12)
    assert tower(module).lengths(tokens).tolist() == [40, 40, 40]
    with torch.inference_mode():
        torch.testing.assert_close(
            tower(module).embed(tokens), module.encode_text(tokens), rtol=1e-5, atol=1e-5
        )


def test_no_token_is_read_that_no_embedding_depends_on():
    module, seen = network(), []
    module.transformer.resblocks[0].ln_1.register_forward_pre_hook(
        lambda _, inputs: seen.append(len(inputs[0]))
    )
    with torch.inference_mode():
        tower(module).embed(ids(3, 1, 7))
    assert seen == [5 + 3 + 9]
    assert tower(module).lengths(ids(3, 1, 7)).tolist() == [5, 3, 9]
    assert tower(network(pool_type="last")).lengths(ids(3, 1)).tolist() == [40, 40], "the last is padding"


def test_a_text_is_the_same_whatever_lies_beside_it():
    module, tokens = network(), ids(3, 1, 12, 5, 3, 38, 1)
    with torch.inference_mode():
        rows = tower(module).embed(tokens)
        alone = torch.cat([tower(module).embed(row[None]) for row in tokens])
        other = tower(module).embed(tokens.flip(0)).flip(0)
    torch.testing.assert_close(rows, alone, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(rows, other, rtol=1e-5, atol=1e-5)


def test_other_towers_are_read_by_the_library():
    assert text_tower(network(custom=True, embed_cls=True)) is None
    assert text_tower(network(qk_norm=True)) is None
    module = network(custom=True)
    module.text.use_pad_mask = True
    assert text_tower(module) is None
    module.text = torch.nn.Identity()
    assert text_tower(module) is None
