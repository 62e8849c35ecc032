"""From tokens to vectors: the streams of all videos of a waist."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from zeroshot.model.model import STREAMS
from zeroshot.types import Streams

if TYPE_CHECKING:
    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.waist.waist import Waist

_ROWS_AT_ONCE = 64


@torch.no_grad()
def read_streams(adapter: TwoStreamAdapter, waist: Waist, device: torch.device | str = "cpu") -> Streams:
    """Streams of all n videos of a waist, on the CPU; the middle sampling of each.

    Args:
        adapter: is put into evaluation mode and back.
        waist: of the tokens that the adapter was made for.
        device: where the adapter is.
    """
    training = adapter.training
    adapter.eval()
    parts = []
    for start in range(0, len(waist), _ROWS_AT_ONCE):
        tokens, embeddings = waist.batch(range(start, min(start + _ROWS_AT_ONCE, len(waist))))
        parts.append(adapter(tokens.to(device), embeddings.to(device)))
    adapter.train(training)
    names = (*STREAMS, "static_hidden", "dynamic_hidden", "anchor", "correction")
    return Streams(*(torch.cat([getattr(part, name).cpu() for part in parts]) for name in names))
