"""Every way of training by its name: what `zeroshot train --method` knows."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from zeroshot.training.methods.conditional_adversary import CONDITIONAL_ADVERSARY
from zeroshot.training.methods.independent import INDEPENDENT
from zeroshot.training.methods.minimax import MINIMAX
from zeroshot.training.methods.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zeroshot.training.methods.method import Method

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "streams": STREAMS,
        "independent": INDEPENDENT,
        "minimax": MINIMAX,
        "conditional_adversary": CONDITIONAL_ADVERSARY,
    }
)

DEFAULT_METHOD = "streams"
