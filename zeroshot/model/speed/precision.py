"""How fast frames are encoded, and how near the result stays to the library's own float32."""

from __future__ import annotations

import math
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import torch
import torch.nn.functional as F

from zeroshot.errors import ModelError, OptionError
from zeroshot.model.speed.blocks import QuickBlock
from zeroshot.model.speed.products import has_float32, product_seconds
from zeroshot.model.speed.threads import joined, map_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from zeroshot.model.networks.network import Network

R = TypeVar("R")

PROMISES = {"exact": 0.99999, "fast": 0.9995, "fastest": 0.999}
"""The levels, and the least cosine of an embedding to the one that the library computes in float32."""

# An arithmetic that keeps fewer digits must be so many times faster than float32 to be worth it.
_WORTH = 1.15
# Frames that a copy is tried on. How far digits are dropped depends on the frame; another order of sums in
# float32 is as near on any, and the library's own product may be slow.
_TRIED_FRAMES = {"float32": 1, "bfloat16": 4, "int8": 4}
# Most tokens in one pass of quick products: what stands between them stays in a core's own cache. And the
# fewest that a core is given: below them reading the weights takes longer than the products.
_MOST_TOKENS, _FEWEST_TOKENS = 400, 100
_WORDS = {"float32": "float32", "bfloat16": "bfloat16", "int8": "8-bit integers"}
# Largest error of a fast float32 product that counts as exact; bfloat16 would be out by 2e-3.
_EXACT = 1e-5


class Precision:
    """Frames through a network at a speed level, held to the level's promise on the first that come.

    A level is a promise: the least cosine to the library's float32. Of the arithmetics that this processor is
    quick at, the quickest that keeps it is taken, in a copy of the network; where none does, the library's
    own network remains. Copies are made when the first frames come: texts alone need none.

    Attributes:
        asked: the level that was asked for.
    """

    def __init__(self, network: Network, level: str = "exact") -> None:
        """Nothing is chosen yet.

        Args:
            network: on its device, frozen, in float32.
            level: "exact", "fast" or "fastest".

        Raises:
            OptionError: another level.
        """
        self.asked = require_level(level)
        self._library = network
        self._waiting: list[str] | None = None  # arithmetics still to be tried; None: nobody asked yet
        self._chosen = network
        self._cosines: list[str] = []
        self._settled = self._held = False

    @property
    def level(self) -> str:
        """The level in force; "exact" where nothing quicker keeps the promise asked for."""
        return "exact" if self.asked == "exact" or self.arithmetic == "float32" else self.asked

    @property
    def library(self) -> Network:
        """The library's own network, in float32."""
        return self._library

    @property
    def arithmetic(self) -> str:
        """What frames are multiplied in: "float32", "bfloat16" or "int8"; settled on the first frames."""
        return self._in_force().arithmetic or "float32"

    @property
    def note(self) -> str:
        """One line: the speed level, the arithmetic, and what was found on the first frames."""
        arithmetic, promise = self._in_force().arithmetic, PROMISES[self.asked]
        how = "the library's own float32" if arithmetic is None else _WORDS[arithmetic]
        if arithmetic == "float32":
            how = "float32, weights laid out once"
        asked = "" if self.level == self.asked else f" instead of {self.asked}"
        line = f"precision {self.level}{asked}: {how}"
        if not self._cosines:
            return line
        tried = f"cosine to the library's float32 on the first frames: {', '.join(self._cosines)}"
        return f"{line}; {tried} (at least {promise:g} is kept)"

    def embed_pixels(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D) float32, not normalized, of pixels (B, 3, h, w)."""
        self.settle(pixels)
        network = self._in_force()
        with _matrix_products(network):
            if network.arithmetic is None:
                return network.embed_pixels(pixels)
            return joined(self._mapped(network.embed_pixels, pixels)).float()

    def embed_tokens(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, 1+N, C) and embeddings (B, D), float32, of pixels (B, 3, h, w)."""
        self.settle(pixels)
        network = self._in_force()
        with _matrix_products(network):
            if network.arithmetic is None:
                return network.embed_tokens(pixels)
            tokens, embeddings = zip(*self._mapped(network.embed_tokens, pixels), strict=True)
        return joined(tokens).float(), joined(embeddings).float()

    def settle(self, pixels: torch.Tensor) -> None:
        """Hold what was chosen to the promise on a few of these frames, once; fall back until it is kept.

        Args:
            pixels: (B, 3, h, w) that stand for what is to come; B ≥ 1.

        Raises:
            ModelError: the level does not keep its promise, and was to be held.
        """
        network = self._in_force()
        if self._settled or not len(pixels):
            return
        number = min(len(pixels), _TRIED_FRAMES.get(network.arithmetic or "", 1))
        rows = torch.linspace(0, len(pixels) - 1, number).round().long()
        with torch.inference_mode():
            tried = pixels[rows.to(pixels.device)]
            exact = self._library.embed_pixels(tried)
            while network.arithmetic is not None:
                with _matrix_products(network):
                    found = network.embed_pixels(_cast(tried, network)).float()
                cosine = float(F.cosine_similarity(found, exact).min())
                self._cosines.append(f"{_WORDS[network.arithmetic]} {_shown(cosine)}")
                if cosine >= PROMISES[self.asked]:
                    break
                network = self._chosen = self._next()
        if self._held and self.arithmetic == "float32" and self.asked != "exact":
            raise ModelError(
                f"precision {self.asked} is not kept on these frames (cosine to the library's float32: "
                f"{', '.join(self._cosines)}; expected {PROMISES[self.asked]:g} or more); "
                "choose precision exact"
            )
        self._settled = True

    def hold(self) -> None:
        """Let level and arithmetic change no more, as what is kept beside them would not mix.

        From now on frames that come first, and on which the level does not keep its promise, are a
        ModelError.
        """
        self._held = True

    def _in_force(self) -> Network:
        """The network that frames pass through: the quickest candidate, until frames have decided."""
        if self._waiting is None:
            self._waiting = _arithmetics(self._library, self.asked)
            self._chosen = self._next()
            # Nothing quicker than float32 here: there is no promise to be tried.
            self._settled = self.asked != "exact" and self._chosen.arithmetic in {None, "float32"}
        return self._chosen

    def _next(self) -> Network:
        """A copy in the next quickest arithmetic of those left to try; with none left the library's own."""
        return self._library.quick(self._waiting.pop(0)) if self._waiting else self._library

    def _mapped(self, work: Callable[[torch.Tensor], R], pixels: torch.Tensor) -> list[R]:
        """What comes of the parts of a batch, of as many frames each as are encoded fastest."""
        network, pixels = self._chosen, _cast(pixels, self._chosen)
        if network.device.type != "cpu":
            return [work(pixels)]
        gh, gw = network.facts.grid or (1, 1)
        fewest, most = (max(1, tokens // (1 + gh * gw)) for tokens in (_FEWEST_TOKENS, _MOST_TOKENS))
        share = math.ceil(len(pixels) / torch.get_num_threads())
        parts = torch.split(pixels, min(most, max(fewest, share)))
        large = len(parts) == 1 and len(pixels) * (1 + gh * gw) > _MOST_TOKENS
        apart = network.is_reentrant and not large
        return map_apart(work, parts) if apart else [work(part) for part in parts]


def require_level(level: str) -> str:
    """The level, if it is one.

    Raises:
        OptionError: it is none.
    """
    if level not in PROMISES:
        raise OptionError(f"precision is {level!r}; expected one of {', '.join(PROMISES)}")
    return level


def _cast(pixels: torch.Tensor, network: Network) -> torch.Tensor:
    """Pixels as a network in its arithmetic reads them."""
    return pixels.bfloat16() if network.arithmetic == "bfloat16" else pixels


def _arithmetics(network: Network, level: str) -> list[str]:
    """What is worth trying for a level, quickest first."""
    if network.facts.grid is None:
        return []
    if network.device.type != "cpu":
        return ["bfloat16"] if level != "exact" and network.device.type == "cuda" else []
    if level == "exact":
        return ["float32"] if has_float32() else []
    seconds = product_seconds()
    if "float32" not in seconds:
        return []
    worth = [
        name for name, taken in seconds.items() if name != "float32" and taken * _WORTH < seconds["float32"]
    ]
    return [*sorted(worth, key=seconds.__getitem__), "float32"]


def _shown(cosine: float) -> str:
    """A cosine with digits enough to tell it from 1, rounded down."""
    return f"{math.floor(cosine * 1e6) / 1e6:.6f}" if math.isfinite(cosine) else str(cosine)


def _matrix_products(network: Network) -> AbstractContextManager[None]:
    """Decides which library multiplies within a pass: the faster one where that gains more than it costs.

    Torch's own attention is several times slower by that library, so that quick copies want it for blocks
    alone that do without.
    """
    quick = network.arithmetic is not None
    has_blocks = quick and any(isinstance(part, QuickBlock) for part in network.module.modules())
    return nullcontext() if quick and not has_blocks else exact_and_fast(network.device)


@contextmanager
def exact_and_fast(device: torch.device) -> Iterator[None]:
    """Runs float32 products on the processor through the faster of two libraries, where that stays exact.

    "medium" precision lets torch choose oneDNN instead of MKL, which is about twice as fast on processors
    of AMD and still computes in float32 there; on processors with bfloat16 matrix units it may round, which
    is tried out once, and then it is left alone. The setting belongs to the whole process and is put back
    at the end.

    Args:
        device: of the network; other devices than the processor keep their setting, where "medium" would
            round. On a GPU convolutions, with which frames are cut into patches, round to 10 bits unless
            told not to.
    """
    before = torch.get_float32_matmul_precision()
    if device.type == "cuda":
        rounds = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = False
        try:
            yield
        finally:
            torch.backends.cudnn.allow_tf32 = rounds
        return
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
