"""How answers change with each number of the tokens, so that a loss can make them change less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def sensitivity(answer: Callable[[Tensor], Tensor], tokens: Tensor) -> Tensor:
    """(B, T, 1+N, C) derivative of each clip's answer with respect to its tokens; can be learned from.

    Args:
        answer: tokens (B, T, 1+N, C) → (B,), a number a clip, which no other clip changes.
        tokens: (B, T, 1+N, C).

    Raises:
        OptionError: the answer does not depend on tokens.
    """
    tokens = tokens.float().detach().requires_grad_()
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # the quick kernels have no second derivative
        total = answer(tokens).sum()
        slope: Tensor | None = None
        if total.requires_grad:
            (slope,) = torch.autograd.grad(total, tokens, create_graph=True, allow_unused=True)
    if slope is None:
        raise OptionError(
            "the dynamic stream reads no tokens: losses on how it changes with them teach nothing; take an "
            "adapter that reads content or correlation"
        )
    return slope
