"""From tokens to vectors: the streams of all videos of a waist, in the order filmed or another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from zeroshot.adapter.adapter import mean_embedding
from zeroshot.errors import OptionError
from zeroshot.model.model import STREAMS
from zeroshot.types import Streams

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.model.model import Model
    from zeroshot.waist.waist import Waist

    Edit = Callable[[torch.Tensor], torch.Tensor]

_ROWS_AT_ONCE = 64


@torch.no_grad()
def read_streams(
    adapter: TwoStreamAdapter, waist: Waist, device: torch.device | str = "cpu", edit: Edit | None = None
) -> Streams:
    """Streams of all n videos of a waist, on the CPU; the middle sampling of each.

    Args:
        adapter: is put into evaluation mode and back.
        waist: of the tokens that the adapter was made for.
        device: where the adapter is.
        edit: of the frames (B, T, …) of tokens and of embeddings alike, such as another order; None is none.
    """
    training = adapter.training
    adapter.eval()
    parts = []
    for start in range(0, len(waist), _ROWS_AT_ONCE):
        tokens, embeddings = waist.batch(range(start, min(start + _ROWS_AT_ONCE, len(waist))))
        if edit is not None:
            tokens, embeddings = edit(tokens), edit(embeddings)
        parts.append(adapter(tokens.to(device), embeddings.to(device)))
    adapter.train(training)
    names = (*STREAMS, "static_hidden", "dynamic_hidden", "anchor")
    return Streams(*(torch.cat([getattr(part, name).cpu() for part in parts]) for name in names))


@torch.no_grad()
def vectors_by_stream(model: Model, waist: Waist, edit: Edit | None = None) -> dict[str, NDArray[np.float32]]:
    """Stream → (n, D) unit rows of all n videos of a waist; without an adapter `clip` is the only one.

    Args:
        model: whose backbone made the tokens.
        waist: the videos; the middle sampling of each is read.
        edit: as in `read_streams`.

    Raises:
        OptionError: tokens of another backbone.
    """
    if waist.settings.fingerprint not in {"", model.fingerprint}:
        raise OptionError(
            f"the tokens are of the backbone {waist.settings.backbone} ({waist.settings.fingerprint[:12]}), "
            f"not of {model.name} ({model.fingerprint[:12]}); take that one, or write tokens with this one"
        )
    if model.adapter is None:
        parts = []
        for start in range(0, len(waist), _ROWS_AT_ONCE):
            _, embeddings = waist.batch(range(start, min(start + _ROWS_AT_ONCE, len(waist))))
            parts.append(mean_embedding(embeddings if edit is None else edit(embeddings)))
        rows: NDArray[np.float32] = torch.cat(parts).numpy()
        return {"clip": rows}
    streams = read_streams(model.adapter, waist, model.backbone.device, edit)
    return {name: getattr(streams, name).numpy() for name in STREAMS}
