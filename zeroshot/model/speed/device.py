"""Where a network runs, and how exactly its products are computed there."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import torch

from zeroshot.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Largest error of a fast float32 product that counts as exact; bfloat16 would be out by 2e-3.
_EXACT = 1e-5


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name`.

    >>> choose_device("cpu")
    device(type='cpu')

    Args:
        name: "auto" (a CUDA device, else Apple's, else the processor), "cpu", "cuda", "cuda:1", "mps".

    Raises:
        ModelError: unknown, or this computer has none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind not in {"cpu", "cuda", "mps"} or (number and not number.isdecimal()) or name.endswith(":"):
        raise ModelError(f"device {name!r} is unknown; expected auto, cpu, cuda, cuda:1 or mps")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if int(number or 0) >= counts[kind]:
        there = f"{counts[kind]} of that kind" if counts[kind] else "none of that kind"
        raise ModelError(f"device {name!r} is not there: this computer has {there}; use --device auto or cpu")
    return torch.device(name)


@contextmanager
def exact_and_fast(device: torch.device) -> Iterator[None]:
    """Runs float32 products on the processor through the faster of two libraries, where that stays exact.

    "medium" precision lets torch choose oneDNN instead of MKL, which is about twice as fast on processors
    of AMD and still computes in float32 there; on processors with bfloat16 matrix units it may round, which
    is tried out once, and then it is left alone. The setting belongs to the whole process and is put back
    at the end.

    Args:
        device: of the network; other devices than the processor keep their setting, where "medium" would
            round.
    """
    before = torch.get_float32_matmul_precision()
    if device.type != "cpu" or before == "medium" or not _medium_is_exact():
        yield
        return
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@cache
def _medium_is_exact() -> bool:
    """Whether float32 products keep their digits under "medium" precision on this processor."""
    generator = torch.Generator().manual_seed(0)
    left = torch.randn((256, 768), generator=generator)
    right = torch.randn((768, 768), generator=generator) / 768**0.5
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        fast = left @ right, torch.nn.functional.linear(left, right)
    finally:
        torch.set_float32_matmul_precision(before)
    exact = left.double() @ right.double(), torch.nn.functional.linear(left.double(), right.double())
    return all(bool((a - b).abs().max() < _EXACT) for a, b in zip(fast, exact, strict=True))
