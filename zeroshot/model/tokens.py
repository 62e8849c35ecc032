"""The waist's shape: patch tokens of a frame, pooled to a small grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import cat

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    import torch

    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.model.backbone import Backbone


def pooled_grid(grid: tuple[int, int], side: int = 4) -> tuple[int, int]:
    """Rows and columns that `pool_tokens` leaves: `side` of each, or fewer where there are fewer.

    >>> pooled_grid((14, 14)), pooled_grid((3, 7))
    ((4, 4), (3, 4))
    """
    if side < 1 or min(grid) < 1:
        raise OptionError(f"a grid of {grid} patches cannot be pooled to {side} a side; expected 1 or more")
    return min(side, grid[0]), min(side, grid[1])


def pool_tokens(tokens: torch.Tensor, grid: tuple[int, int], side: int = 4) -> torch.Tensor:
    """Tokens (…, 1+N, C) of a gh × gw grid as (…, 1+rows·columns, C): first one kept, patches averaged.

    Args:
        tokens: (…, 1+N, C), the token of the whole frame first, then N = gh·gw patches row by row.
        grid: (gh, gw).
        side: patches a side that are left; 4 keeps a video at 17 tokens a frame. Where gh or gw is no
            multiple of it the windows overlap by one patch.

    Raises:
        OptionError: N is not gh·gw.
    """
    rows, columns = pooled_grid(grid, side)
    *lead, count, width = tokens.shape
    if count != 1 + grid[0] * grid[1]:
        raise OptionError(
            f"{count} tokens a frame; expected {1 + grid[0] * grid[1]} of a grid of {grid} patches"
        )
    if (rows, columns) == tuple(grid):
        return tokens
    patches = tokens[..., 1:, :].reshape(-1, *grid, width).permute(0, 3, 1, 2)
    pooled = F.adaptive_avg_pool2d(patches.float(), (rows, columns)).to(tokens.dtype)
    pooled = pooled.flatten(2).transpose(1, 2).reshape(*lead, rows * columns, width)
    return cat([tokens[..., :1, :], pooled], dim=-2)


def fitting_adapter(adapter: TwoStreamAdapter, backbone: Backbone) -> TwoStreamAdapter:
    """The adapter, if it was made for tokens like this backbone's.

    Raises:
        OptionError: the backbone has no patch tokens, or others.
        ModelError: it reads clips as a whole.
    """
    config = adapter.config
    backbone.require_frames_apart()
    if backbone.grid is None or backbone.token_dim is None:
        raise OptionError(f"{backbone.name} has no patch tokens; an adapter needs a vision transformer")
    found = (backbone.token_dim, backbone.embedding_dim, pooled_grid(backbone.grid, max(config.grid)))
    wanted = (config.token_dim, config.embedding_dim, tuple(config.grid))
    if found != wanted:
        raise OptionError(
            f"the adapter reads tokens of width {wanted[0]}, embeddings of width {wanted[1]} and a grid of "
            f"{wanted[2]}; {backbone.name} has {found[0]}, {found[1]} and {found[2]}: take the backbone that "
            "it was trained on"
        )
    return adapter
