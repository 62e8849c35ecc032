"""A network's own modules with their products in another arithmetic: same weights, same shapes, less time."""

from __future__ import annotations

from collections import OrderedDict
from copy import copy
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from zeroshot.model.speed.matmul import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zeroshot.model.speed.matmul import MakeProduct

    Swap = Callable[[Any, MakeProduct], nn.Module | None]


def quick_copy(module: nn.Module, arithmetic: str, swaps: Mapping[type, Swap]) -> nn.Module:
    """The module again, its linear layers in an arithmetic; what is not replaced is shared with the original.

    Args:
        module: frozen, on the processor, in float32.
        arithmetic: a key of `PRODUCTS`; bfloat16 has every weight and buffer in bfloat16.
        swaps: what else is replaced, by its very class; one that gives None leaves the part to be copied.
    """
    if type(module) is nn.Linear:
        return _quick_linear(module, PRODUCTS[arithmetic])
    return _copied(
        module, PRODUCTS[arithmetic], {nn.Linear: _quick_linear, **swaps}, short=arithmetic == "bfloat16"
    )


def short_copy(module: nn.Module) -> nn.Module:
    """The module again with its weights in bfloat16, its products left to the device it is on."""
    return _copied(module, PRODUCTS["bfloat16"], {}, short=True)


def with_parts(module: nn.Module, parts: Mapping[str, nn.Module]) -> nn.Module:
    """The module again with some of its parts replaced, the others shared."""
    twin = copy(module)
    twin._modules = {**module._modules, **parts}
    twin._forward_hooks = OrderedDict()
    return twin


def _copied(module: nn.Module, make: MakeProduct, swaps: Mapping[type, Swap], *, short: bool) -> nn.Module:
    """The module, or what stands for its class, with its own parts copied likewise."""
    twin = copy(module)
    # The copy has its own list of parts and its own hooks; weights are shared until they are cast.
    twin._modules = {}
    for name, part in module._modules.items():
        swap = swaps.get(type(part))
        swapped = None if part is None or swap is None else swap(part, make)
        kept = None if part is None else swapped or _copied(part, make, swaps, short=short)
        twin._modules[name] = kept
    twin._forward_hooks = OrderedDict()
    if short:
        twin._parameters = {name: _short(value) for name, value in module._parameters.items()}
        twin._buffers = {name: _short(value) for name, value in module._buffers.items()}
    return twin


def _short(value: Any) -> Any:  # noqa: ANN401 - a parameter, a buffer or None
    """Real numbers in bfloat16; anything else as it is."""
    if value is None or not value.is_floating_point():
        return value
    rounded = value.detach().bfloat16()
    return nn.Parameter(rounded, requires_grad=False) if isinstance(value, nn.Parameter) else rounded


def _quick_linear(layer: nn.Linear, make: MakeProduct) -> nn.Module:
    """The product of a linear layer."""
    return make(layer.weight, layer.bias, "none")


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
            activation: of the first layer, by its name in `arithmetic.ACTIVATIONS`.
        """
        super().__init__()
        attention, inner, outer = block.attn, block.mlp.c_fc, block.mlp.c_proj
        self._num_heads = attention.num_heads
        self._queries_keys_values = make(attention.in_proj_weight, attention.in_proj_bias, "none")
        self._out = make(attention.out_proj.weight, attention.out_proj.bias, "none")
        self._inner = make(inner.weight, inner.bias, activation)
        self._outer = make(outer.weight, outer.bias, "none")
        short = self._inner.weight.dtype == torch.bfloat16
        self._norms = [_copied(norm, make, {}, short=short) for norm in (block.ln_1, block.ln_2)]
        self._scales = [_copied(scale, make, {}, short=short) for scale in (block.ls_1, block.ls_2)]

    def forward(
        self, tokens: torch.Tensor, attn_mask: None = None, num_kept: int | None = None
    ) -> torch.Tensor:
        """Tokens (B, num_kept or L, C): the first ones alone where the others are not asked for.

        Args:
            tokens: (B, L, C).
            attn_mask: none in a vision tower; the library names it all the same.
            num_kept: tokens that are wanted; None: all.
        """
        normed = self._norms[0](tokens)
        batch, length, width = normed.shape
        parts = self._queries_keys_values(normed).view(batch, length, 3, self._num_heads, -1)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(queries[:, :, :num_kept], keys, values, attn_mask=attn_mask)
        seen = seen.transpose(1, 2).reshape(batch, -1, width)
        tokens = tokens[:, :num_kept] + self._scales[0](self._out(seen))
        result: torch.Tensor = tokens + self._scales[1](self._outer(self._inner(self._norms[1](tokens))))
        return result
