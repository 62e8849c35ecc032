"""Parts of vision transformers put together from quick products: cutting into patches, and one block."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from zeroshot.model.speed.products import short_copy, with_parts

if TYPE_CHECKING:
    from zeroshot.model.speed.products import MakeProduct, Product

_QUICK = 1.702  # of QuickGELU
_MOST_SCORES = 1 << 19  # of attention at a time: two megabytes


class QuickPatches(nn.Module):
    """Pixels (B, 3, h, w) → (B, C, gh, gw): a convolution whose windows do not overlap, as one product."""

    def __init__(self, convolution: nn.Conv2d, make: MakeProduct) -> None:
        """Take a convolution whose windows do not overlap."""
        super().__init__()
        self._size = convolution.kernel_size
        self._product = make(convolution.weight.flatten(1), convolution.bias, "none")
        self.weight = self._product.weight  # libraries look at its type

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, C, gh, gw), channels last in memory: a row of C for each patch."""
        (h, w), (batch, channels) = self._size, pixels.shape[:2]
        rows, columns = pixels.shape[2] // h, pixels.shape[3] // w
        cut = pixels[:, :, : rows * h, : columns * w].reshape(batch, channels, rows, h, columns, w)
        patches = cut.permute(0, 2, 4, 1, 3, 5).reshape(batch, rows * columns, channels * h * w)
        embedded: torch.Tensor = self._product(patches)
        return embedded.view(batch, rows, columns, -1).permute(0, 3, 1, 2)


def quick_patches(convolution: nn.Conv2d, make: MakeProduct) -> QuickPatches | None:
    """A convolution as a product of patches, where its windows lie side by side; else None."""
    plain = (convolution.padding, convolution.dilation, convolution.groups) == ((0, 0), (1, 1), 1)
    return (
        QuickPatches(convolution, make) if plain and convolution.kernel_size == convolution.stride else None
    )


class QuickBlock(nn.Module):
    """One block of a transformer, tokens (B, L, C) → (B, L, C): normed first, attention, then two layers."""

    def __init__(self, block: Any, make: MakeProduct, activation: str) -> None:  # noqa: ANN401
        """Take open_clip's block apart.

        Args:
            block: a `ResidualAttentionBlock` whose attention is torch's own, batch first.
            make: of the products.
            activation: of the first layer: one of `ACTIVATIONS`, or "quick_gelu".
        """
        super().__init__()
        attention, inner, outer = block.attn, block.mlp.c_fc, block.mlp.c_proj
        self._num_heads = attention.num_heads
        self._queries_keys_values = make(attention.in_proj_weight, attention.in_proj_bias, "none")
        self._out = make(attention.out_proj.weight, attention.out_proj.bias, "none")
        if activation == "quick_gelu":
            self._inner, self._outer = _quick_gelu_layers(inner, outer, make)
        else:
            self._inner = make(inner.weight, inner.bias, activation)
            self._outer = make(outer.weight, outer.bias, "none")
        short = self._out.weight.dtype == torch.bfloat16
        own = short_copy if short else partial(with_parts, parts={})
        self._norms = [own(norm) for norm in (block.ln_1, block.ln_2)]
        self._scales = [
            None if isinstance(scale, nn.Identity) else own(scale) for scale in (block.ls_1, block.ls_2)
        ]

    def forward(
        self, tokens: torch.Tensor, attn_mask: None = None, num_kept: int | None = None
    ) -> torch.Tensor:
        """Tokens (B, num_kept or L, C): the first ones alone where the others are not asked for.

        Args:
            tokens: (B, L, C).
            attn_mask: none in a vision tower; the library names it all the same.
            num_kept: tokens that are wanted; None: all.
        """
        del attn_mask
        seen = self._attended(self._norms[0](tokens), num_kept)
        tokens = _added(tokens[:, :num_kept], self._out, seen, self._scales[0])
        return _added(tokens, self._outer, self._inner(self._norms[1](tokens)), self._scales[1])

    def _attended(self, normed: torch.Tensor, num_kept: int | None) -> torch.Tensor:
        """What the first tokens see in all, (B, num_kept or L, C), of normed tokens (B, L, C)."""
        batch, length, width = normed.shape
        heads = self._num_heads
        if by_products(normed):
            parts = normed.new_empty((3, batch, heads, length, width // heads))
            self._queries_keys_values.write(normed, parts.permute(1, 3, 0, 2, 4))
            seen = attention_by_products(parts[0, :, :, :num_kept], parts[1], parts[2])
        else:
            parts = self._queries_keys_values(normed).view(batch, length, 3, heads, -1)
            queries, keys, values = parts.permute(2, 0, 3, 1, 4)
            seen = F.scaled_dot_product_attention(queries[:, :, :num_kept], keys, values)
        return seen.transpose(1, 2).reshape(batch, -1, width)


def _added(tokens: torch.Tensor, product: Product, x: torch.Tensor, scale: nn.Module | None) -> torch.Tensor:
    """Tokens plus the product of x, each channel of it scaled where the network does that."""
    if scale is None:
        return product.added(tokens, x)
    total: torch.Tensor = tokens + scale(product(x))
    return total


def _quick_gelu_layers(inner: nn.Linear, outer: nn.Linear, make: MakeProduct) -> tuple[Product, Product]:
    """Two layers with QuickGELU between them: x · sigmoid(1.702 x) is SiLU of 1.702 x, divided by 1.702."""
    bias = None if inner.bias is None else inner.bias.detach() * _QUICK
    layers = (
        make(inner.weight.detach() * _QUICK, bias, "silu"),
        make(outer.weight.detach() / _QUICK, outer.bias, "none"),
    )
    for layer in layers:
        layer.weight = layer.weight.new_empty(0)  # these are copies, which nobody needs any more
    return layers


def by_products(tokens: torch.Tensor) -> bool:
    """Whether attention is quicker by plain products: of float32, where torch may choose among libraries."""
    return tokens.dtype == torch.float32 and torch.get_float32_matmul_precision() == "medium"


def attention_by_products(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """What queries (B, H, M, d) see, (B, H, M, d), as `scaled_dot_product_attention` has it.

    Torch's own cuts the work into so small products that a library's general ones are twice as fast on
    processors of AMD; scores of a few heads at a time stay in a core's own cache.

    Args:
        queries: (B, H, M, d).
        keys: (B, H, L, d), without gaps in memory.
        values: (B, H, L, d), likewise.
    """
    (batch, heads, num, size), length = queries.shape, keys.shape[2]
    flat = (queries.reshape(-1, num, size), keys.view(-1, length, size), values.view(-1, length, size))
    seen = queries.new_empty((batch * heads, num, size))
    group = max(1, _MOST_SCORES // (num * length))
    scores = queries.new_empty((min(group, batch * heads), num, length))
    for start in range(0, batch * heads, group):
        some_queries, some_keys, some_values = (part[start : start + group] for part in flat)
        some = scores[: len(some_queries)]
        torch.baddbmm(some, some_queries, some_keys.mT, beta=0, alpha=size**-0.5, out=some)
        torch.bmm(some.softmax(dim=-1), some_values, out=seen[start : start + group])
    return seen.view(batch, heads, num, size)
