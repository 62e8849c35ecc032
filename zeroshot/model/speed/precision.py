"""How fast frames are encoded, and how near the result stays to the library's own float32."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import torch
import torch.nn.functional as F

from zeroshot.errors import ModelError, OptionError
from zeroshot.model.speed.device import exact_and_fast
from zeroshot.model.speed.matmul import product_seconds
from zeroshot.model.speed.threads import map_apart

if TYPE_CHECKING:
    from collections.abc import Callable

    from zeroshot.model.networks.network import Network

R = TypeVar("R")

PROMISES = {"exact": 0.99999, "fast": 0.9995, "fastest": 0.999}
"""The levels, and the least cosine of an embedding to the one that the library computes in float32."""

# An arithmetic that keeps fewer digits must be so many times faster than float32 to be worth it.
_WORTH = 1.15
_TRIED_FRAMES = 4
# Most tokens in one pass of quick products: what stands between them stays in a core's own cache. And the
# fewest that a core is given: below them reading the weights takes longer than the products.
_MOST_TOKENS, _FEWEST_TOKENS = 400, 100
_WORDS = {"float32": "float32", "bfloat16": "bfloat16", "int8": "8-bit integers"}


@dataclass(frozen=True)
class _Way:
    """One way to encode frames: the library's own network, or a copy in another arithmetic."""

    network: Network
    arithmetic: str | None


class Precision:
    """The vision tower at a speed level, held to the level's promise on the first frames that come.

    A level is a promise: the least cosine to the library's float32. Of the arithmetics that this processor is
    quick at, the quickest that keeps it is taken; that none does, the library's own remains.

    Attributes:
        asked: the level that was asked for.
        level: the one in force; "exact" where nothing quicker kept the promise asked for.
        note: one line that says what was chosen and why.
    """

    def __init__(self, network: Network, device: torch.device, level: str = "exact") -> None:
        """Choose by what the processor is quick at; the first frames decide.

        Args:
            network: on its device, frozen, in float32.
            device: where that is.
            level: "exact", "fast" or "fastest".

        Raises:
            OptionError: another level.
        """
        self.asked = self.level = require_level(level)
        self._plain = _Way(network, None)
        self._device = device
        self._waiting = _arithmetics(network, device, level)
        self._cosines: list[str] = []
        self._way = self._next_way()
        self._settled = self._held = False
        self.note = self._words()
        if self._way.arithmetic in {None, "float32"} and level != "exact":
            self._settle()

    @property
    def arithmetic(self) -> str:
        """What frames are multiplied in: "float32", "bfloat16" or "int8"."""
        return self._way.arithmetic or "float32"

    def embed_pixels(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D) float32, not normalized, of pixels (B, 3, h, w)."""
        self.settle(pixels)
        if self._way.arithmetic is None:
            with exact_and_fast(self._device):
                return self._way.network.embed_pixels(pixels)
        return torch.cat(self._mapped(partial(self._embed, self._way), pixels))

    def embed_tokens(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, 1+N, C) and embeddings (B, D), float32, of pixels (B, 3, h, w)."""
        self.settle(pixels)
        if self._way.arithmetic is None:
            with exact_and_fast(self._device):
                return self._way.network.embed_tokens(pixels)
        tokens, embeddings = zip(*self._mapped(self._tokens, pixels), strict=True)
        return torch.cat(tokens).float(), torch.cat(embeddings).float()

    def settle(self, pixels: torch.Tensor) -> None:
        """Hold the way chosen to the promise on a few of these frames, once; fall back until it is kept.

        Args:
            pixels: (B, 3, h, w) that stand for what is to come; B ≥ 1.

        Raises:
            ModelError: the level does not keep its promise, and was to be held.
        """
        if self._settled or not len(pixels):
            return
        rows = torch.linspace(0, len(pixels) - 1, min(_TRIED_FRAMES, len(pixels))).round().long()
        with torch.inference_mode():
            tried = pixels[rows.to(pixels.device)]
            exact = self._plain.network.embed_pixels(tried)
            while self._way.arithmetic is not None:
                cosine = float(F.cosine_similarity(self._embed(self._way, tried), exact).min())
                self._cosines.append(f"{_WORDS[self.arithmetic]} {_shown(cosine)}")
                if cosine >= PROMISES[self.asked]:
                    break
                self._way = self._next_way()
        if self._held and self.arithmetic == "float32" and self.asked != "exact":
            raise self._broken()
        self._settle()

    def hold(self) -> None:
        """Let nothing change any more: a level that does not keep its promise is an error from now on."""
        self._held = True

    def _broken(self) -> ModelError:
        """What stands against going on at a level that was to be held."""
        return ModelError(
            f"precision {self.asked} is not kept on these frames (cosine to the library's float32: "
            f"{', '.join(self._cosines)}; expected {PROMISES[self.asked]:g} or more); choose precision exact"
        )

    def _settle(self) -> None:
        """Stay with the way chosen."""
        self._settled = True
        self.level = self.asked if self.arithmetic != "float32" else "exact"
        self.note = self._words()

    def _next_way(self) -> _Way:
        """The next quickest of what is left to try."""
        if not self._waiting:
            return self._plain
        arithmetic = self._waiting.pop(0)
        return _Way(self._plain.network.quick(arithmetic), arithmetic)

    def _embed(self, way: _Way, pixels: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D) float32 by one way."""
        return way.network.embed_pixels(self._cast(pixels)).float()

    def _tokens(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, 1+N, C) and embeddings (B, D) by the way chosen."""
        return self._way.network.embed_tokens(self._cast(pixels))

    def _mapped(self, work: Callable[[torch.Tensor], R], pixels: torch.Tensor) -> list[R]:
        """What comes of the parts of a batch."""
        parts = self._parts(pixels)
        if self._device.type == "cpu" and self._way.network.is_reentrant:
            return map_apart(work, parts)
        return [work(part) for part in parts]

    def _cast(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels as the way chosen reads them."""
        return pixels.bfloat16() if self._way.arithmetic == "bfloat16" else pixels

    def _parts(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """As many frames at a time as are encoded fastest."""
        if self._device.type != "cpu":
            return (pixels,)
        gh, gw = self._plain.network.facts.grid or (1, 1)
        fewest, most = (max(1, tokens // (1 + gh * gw)) for tokens in (_FEWEST_TOKENS, _MOST_TOKENS))
        share = math.ceil(len(pixels) / torch.get_num_threads())
        return torch.split(pixels, min(most, max(fewest, share)))

    def _words(self) -> str:
        """The note."""
        how = "the library's own float32" if self._way.arithmetic is None else _WORDS[self._way.arithmetic]
        if self._way.arithmetic == "float32":
            how = "float32, weights laid out once"
        tried = f"; cosine to the library's float32 on the first frames: {', '.join(self._cosines)}"
        kept = f" (at least {PROMISES[self.asked]:g} is kept)" if self._cosines else ""
        asked = "" if self.level == self.asked else f" instead of {self.asked}"
        return f"precision {self.level}{asked}: {how}{tried if self._cosines else ''}{kept}"


def require_level(level: str) -> str:
    """The level, if it is one.

    Raises:
        OptionError: it is none.
    """
    if level not in PROMISES:
        raise OptionError(f"precision is {level!r}; expected one of {', '.join(PROMISES)}")
    return level


def _arithmetics(network: Network, device: torch.device, level: str) -> list[str]:
    """What is worth trying for a level, quickest first."""
    if network.facts.grid is None:
        return []
    if device.type != "cpu":
        return ["bfloat16"] if level != "exact" and device.type == "cuda" else []
    seconds = product_seconds()
    if "float32" not in seconds:
        return []
    worth = [
        name for name, taken in seconds.items() if name != "float32" and taken * _WORTH < seconds["float32"]
    ]
    return [*sorted(worth, key=seconds.__getitem__), "float32"] if level != "exact" else ["float32"]


def _shown(cosine: float) -> str:
    """A cosine with digits enough to tell it from 1, rounded down."""
    return f"{math.floor(cosine * 1e6) / 1e6:.6f}" if math.isfinite(cosine) else str(cosine)
