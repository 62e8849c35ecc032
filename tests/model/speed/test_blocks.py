"""Blocks of quick products: the library's own block, to rounding, whatever stands beside a frame."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from open_clip.transformer import QuickGELU, ResidualAttentionBlock
from torch import nn

from zeroshot.model.speed import blocks
from zeroshot.model.speed.precision import exact_and_fast
from zeroshot.model.speed.products import PRODUCTS, product_seconds

CPU = torch.device("cpu")
NEAR = {"float32": 1e-5, "bfloat16": 0.1, "int8": 0.1}


def tokens_of(number: int, *, seed: int = 0) -> torch.Tensor:
    return torch.randn((number, 10, 64), generator=torch.Generator().manual_seed(seed))


def block_of(name: str, activation: str = "gelu", **options) -> tuple[nn.Module, blocks.QuickBlock]:
    """The library's block, its weights scattered, and the quick one."""
    if name not in product_seconds():
        pytest.skip(f"this processor has no {name}")
    layer = QuickGELU if activation == "quick_gelu" else nn.GELU
    theirs = (
        ResidualAttentionBlock(64, 4, act_layer=layer, **options).eval().requires_grad_(requires_grad=False)
    )
    generator = torch.Generator().manual_seed(1)
    for parameter in theirs.parameters():
        parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return theirs, blocks.QuickBlock(theirs, PRODUCTS[name], activation)


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("by_products", [True, False])
@pytest.mark.parametrize(("activation", "options"), [("gelu", {"ls_init_value": 0.5}), ("quick_gelu", {})])
def test_a_block_is_the_librarys(name, by_products, activation, options):
    theirs, ours = block_of(name, activation, **options)
    tokens = tokens_of(3)
    dtype = torch.bfloat16 if name == "bfloat16" else torch.float32
    with torch.inference_mode():
        expected = theirs(tokens)
        with exact_and_fast(CPU) if by_products else nullcontext():
            found, first = ours(tokens.to(dtype)).float(), ours(tokens.to(dtype), num_kept=1).float()
    assert (found - expected).abs().max() < NEAR[name]
    assert (first - expected[:, :1]).abs().max() < NEAR[name]
    assert torch.equal(tokens, tokens_of(3)), "the block's own input is left alone"


def test_frames_of_8_bit_blocks_do_not_depend_on_each_other():
    _, ours = block_of("int8")
    tokens = tokens_of(7, seed=3)
    with torch.inference_mode(), exact_and_fast(CPU):
        together = ours(tokens)
        for part in (1, 2, 3):
            assert torch.equal(torch.cat([ours(some) for some in tokens.split(part)]), together)


def test_attention_by_products_is_torchs_own(monkeypatch):
    generator = torch.Generator().manual_seed(2)
    queries, keys, values = (torch.randn((3, 4, 9, 16), generator=generator) for _ in range(3))
    expected = F.scaled_dot_product_attention(queries, keys, values)
    found = blocks.attention_by_products(queries, keys, values)
    assert (found - expected).abs().max() < 1e-5
    monkeypatch.setattr(blocks, "_MOST_SCORES", 5 * 9 * 9)  # five heads at a time: two groups, then two
    assert (blocks.attention_by_products(queries, keys, values) - expected).abs().max() < 1e-5
    first = blocks.attention_by_products(queries[:, :, :1], keys, values)
    assert (first - expected[:, :, :1]).abs().max() < 1e-5
