"""Texts in batches of like length: a batch costs what its longest text does, for each text in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from zeroshot.model.speed.threads import map_apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.model.networks.network import Network

_ALIKE = 2  # times the tokens of the shortest text of a batch that its longest may have


def batches_alike(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Places of all texts in batches, shorter texts first; those of one length stay in their order.

    >>> batches_alike([8, 72, 8, 16], 32)
    [[0, 2, 3], [1]]

    Args:
        lengths: tokens that a network reads of each.
        most: texts in a batch.
    """
    batches: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        last = batches[-1] if batches else []
        if last and len(last) < most and lengths[place] <= _ALIKE * lengths[last[0]]:
            last.append(place)
        else:
            batches.append([place])
    return batches


def encode_alike(network: Network, texts: list[str], most: int, *, apart: bool) -> list[torch.Tensor]:
    """A unit row (1, D) of each text, in their order.

    Args:
        network: that reads them.
        texts: any number.
        most: of them in one forward pass.
        apart: whether batches are shared out among threads.
    """
    lengths = network.text_lengths(texts) if len(texts) > 1 else [1] * len(texts)
    batches = batches_alike(lengths, most)
    some = [[texts[place] for place in batch] for batch in batches]
    parts = map_apart(network.embed_texts, some) if apart else [network.embed_texts(part) for part in some]
    rows = dict(
        zip(
            (place for batch in batches for place in batch),
            (row for part in parts for row in F.normalize(part, dim=-1).split(1)),
            strict=True,
        )
    )
    return [rows[place] for place in range(len(texts))]
