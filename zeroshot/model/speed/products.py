"""Products of frozen layers in three arithmetics, float32, bfloat16 and 8-bit integers, and quick copies."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from copy import copy
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MakeProduct: TypeAlias = "Callable[[torch.Tensor, torch.Tensor | None, str], Product]"
"""From weight (N, K), bias (N,) or None and the name of an activation to the module of a product."""

Swap: TypeAlias = "Callable[[Any, MakeProduct], nn.Module | None]"
"""From a part of a network to what stands for it in a copy; None where the part is copied as it is."""

# How oneDNN calls an activation that it computes together with a product, and its variant.
_FUSED = {
    "none": ("none", ""),
    "gelu": ("gelu", "none"),
    "gelu_tanh": ("gelu", "tanh"),
    "silu": ("swish", ""),
}
ACTIVATIONS = tuple(_FUSED)

_LEVELS = 127  # of an 8-bit number on either side of zero
_SHIFT = 1.5 * 2**23 + _LEVELS + 1  # float32 has no bits behind the point there; the lowest eight say 128
_PACKED_ROWS = 256  # rows for which weights are laid out; any number of rows may come
_TANH, _CUBIC = 2 * (2 / math.pi) ** 0.5, 0.044715  # of GELU's approximation by tanh
_SMALLEST = 1e-30  # below every activation, above a division by zero
_TOO_SLOW = 20.0  # times slower than float32 on a small product: a stand-in without a kernel, given up
_REPEATS = 15


def activate(values: torch.Tensor, activation: str) -> torch.Tensor:
    """The activation of values, written over them.

    Args:
        values: any shape.
        activation: one of `ACTIVATIONS`.
    """
    if activation == "gelu":
        return torch.ops.aten.gelu_(values)  # type: ignore[no-any-return]
    if (
        activation == "gelu_tanh"
    ):  # as x · sigmoid(2 √(2/π) (x + 0.044715 x³)), a third of the time of torch's own
        inner = torch.addcmul(
            values.new_full((values.shape[-1],), _TANH), values, values, value=_TANH * _CUBIC
        )
        return values.mul_(inner.mul_(values).sigmoid_())
    if activation == "silu":
        return F.silu(values, inplace=True)
    return values


class Product(nn.Module):
    """x (…, K) → x Wᵀ + b (…, N), and the two things that a transformer does with it next."""

    weight: torch.Tensor

    def added(self, total: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """(…, N), another tensor: a total (…, N) and the product of x (…, K)."""
        result: torch.Tensor = total + self(x)
        return result

    def write(self, x: torch.Tensor, places: torch.Tensor) -> None:
        """Put the product of x (…, K) where `places` (…, a, b, …) lie in memory, whose last axes make N."""
        places.copy_(self(x).view(places.shape))


class PackedProduct(Product):
    """The product in the weight's own type, the weight laid out once as oneDNN reads it."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, activation: str = "none") -> None:
        """Lay the weight out.

        Args:
            weight: (N, K) float32 or bfloat16; kept by reference, because libraries look at its type.
            bias: (N,), or None.
            activation: of the result; one of `ACTIVATIONS`.
        """
        super().__init__()
        self.weight = weight
        self._bias = bias
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _PACKED_ROWS)
        self._name, self._algorithm = _FUSED[activation]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(…, N) of (…, K)."""
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self._packed, self._bias, self._name, [], self._algorithm
        )
        return product


class Int8Product(Product):
    """The product in float32, multiplied as 8-bit integers and added up in 32 bits, exactly.

    Each row of W has a scale of its own, and each row of x one that is found when it comes: so no row of a
    batch changes another's result.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, activation: str = "none") -> None:
        """Round the weight.

        Args:
            weight: (N, K) float32; kept by reference, because libraries look at its type.
            bias: (N,), or None.
            activation: of the result; one of `ACTIVATIONS`.

        Raises:
            RuntimeError: this processor has no exact sums of 8-bit products.
        """
        super().__init__()
        if not _adds_exactly():
            raise RuntimeError("this processor adds 8-bit products up in 16 bits, where they overflow")
        self.weight = weight
        self._bias = bias
        self._activation = activation
        self._scales = weight.detach().abs().amax(dim=1).clamp_min(_SMALLEST) / _LEVELS
        levels = (weight.detach() / self._scales[:, None]).round().to(torch.int8)
        self._packed = torch.ops.onednn.qlinear_prepack(levels, None)
        self._zeros = torch.zeros(len(weight), dtype=torch.int32)
        self._shift = torch.full((weight.shape[1],), _SHIFT)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(…, N) of (…, K)."""
        product, sizes = self._multiplied(x)
        if self._bias is None:
            product.mul_(sizes)
        else:
            torch.addcmul(self._bias, product, sizes, out=product)
        return activate(product, self._activation).view(*x.shape[:-1], -1)

    def added(self, total: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """See `Product.added`; scaling and adding are one pass over memory."""
        product, sizes = self._multiplied(x)
        sizes = sizes.view(*total.shape[:-1], 1)
        result = torch.addcmul(total, product.view(total.shape), sizes)
        return result if self._bias is None else result.add_(self._bias)

    def write(self, x: torch.Tensor, places: torch.Tensor) -> None:
        """See `Product.write`; scaling and placing are one pass over memory."""
        product, sizes = self._multiplied(x)
        leading, axes = x.shape[:-1], places.shape[x.ndim - 1 :]
        product, sizes = product.view(places.shape), sizes.view(*leading, *[1] * len(axes))
        if self._bias is None:
            torch.mul(product, sizes, out=places)
        else:
            torch.addcmul(self._bias.view(axes), product, sizes, out=places)

    def _multiplied(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Sums (R, N) times the scales of W, and the scale of each of the R rows of x, (R, 1)."""
        rows = x.reshape(-1, x.shape[-1])
        sizes = torch.maximum(rows.amax(dim=1, keepdim=True), rows.amin(dim=1, keepdim=True).neg_())
        sizes = sizes.clamp_min_(_SMALLEST).div_(_LEVELS)
        # So large a number is added that no bits are left behind the point: the lowest eight of the sum are
        # the level, unsigned around 128, as processors multiply with signed weights in one instruction.
        shifted = torch.addcmul(self._shift, rows, sizes.reciprocal())
        levels = shifted.view(torch.int32).to(torch.uint8)
        packed = (self._packed, self._scales, self._zeros)
        product: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            levels, 1.0, _LEVELS + 1, *packed, None, 1.0, 0, torch.float32, "none", [], ""
        )
        return product, sizes


@cache
def _adds_exactly() -> bool:
    """Whether the largest 8-bit numbers add up rightly: without VNNI pairs of products overflow unseen."""
    levels = torch.full((1, 64), 255, dtype=torch.uint8)
    weight = torch.full((16, 64), 127, dtype=torch.int8)
    packed = (
        torch.ops.onednn.qlinear_prepack(weight, None),
        torch.ones(16),
        torch.zeros(16, dtype=torch.int32),
    )
    found = torch.ops.onednn.qlinear_pointwise(
        levels, 1.0, _LEVELS + 1, *packed, None, 1.0, 0, torch.float32, "none", [], ""
    )
    return bool((found == 64 * 127 * 127).all())


PRODUCTS: Mapping[str, MakeProduct] = {
    "float32": PackedProduct,
    "bfloat16": lambda weight, bias, activation: PackedProduct(
        weight.bfloat16(), None if bias is None else bias.bfloat16(), activation
    ),
    "int8": Int8Product,
}
"""How a product is made in each arithmetic; the input of a bfloat16 product is bfloat16."""


@cache
def product_seconds() -> Mapping[str, float]:
    """Processor seconds of one product of 256 × 768 × 768 in each arithmetic that there is a kernel for.

    Measured once in a process, in turn, on one thread, by that thread's own clock, the best of several: so
    other work on the machine changes little. Takes a tenth of a second.
    """
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        runs = {name: run for name in PRODUCTS if (run := _trial(name, 256, 768)) is not None}
        best = dict.fromkeys(runs, float("inf"))
        for _ in range(_REPEATS):
            for name, run in runs.items():
                best[name] = min(best[name], _seconds(run))
    finally:
        torch.set_num_threads(num_threads)
    return best


@cache
def has_float32() -> bool:
    """Whether `product_seconds` has float32, found without the time that it takes."""
    return _trial("float32", 32, 128) is not None


def _trial(name: str, num_rows: int, width: int) -> Callable[[], Any] | None:
    """A product to be timed; None where there is no kernel, or one that is a stand-in."""
    small, large = _product(name, 32, 128), _product(name, num_rows, width)
    if small is None or large is None:
        return None
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn((32, 128), generator=generator), torch.randn((128, 128), generator=generator)
    small()
    plain = min(_seconds(lambda: F.linear(left, right)) for _ in range(_REPEATS))
    if min(_seconds(small) for _ in range(3)) > _TOO_SLOW * plain + 1e-3:
        return None
    large()
    return large


def _product(name: str, num_rows: int, width: int) -> Callable[[], Any] | None:
    """A product of random numbers, or None where torch cannot compute it."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn((width, width), generator=generator)
    x = torch.randn((num_rows, width), generator=generator)
    try:
        with torch.inference_mode():
            module = PRODUCTS[name](weight, None, "none")
            module(rows := x.bfloat16() if name == "bfloat16" else x)
    except (RuntimeError, AttributeError, NotImplementedError):
        return None

    def run() -> None:
        with torch.inference_mode():
            module(rows)

    return run


def _seconds(run: Callable[[], Any]) -> float:
    """How long this thread works on one run."""
    start = time.thread_time()
    run()
    return time.thread_time() - start


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
