"""What stands still in a clip, and how far each place is from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def background(x: Tensor) -> Tensor:
    """(B, …) what stays: the median over the T frames of clips (B, T, …), entry by entry."""
    return x.float().median(1).values


def change_mask(x: Tensor, still: Tensor, sharpness: float = 3.0) -> Tensor:
    """(B, T, places) in [0, 1]: how far a place is from the background, against the clip's largest change.

    Args:
        x: (B, T, places, channels).
        still: (B, places, channels).
        sharpness: 1 is proportional to the distance; more makes anything in motion count as foreground.
    """
    distance = (x - still.unsqueeze(1)).square().mean(-1).sqrt()
    largest = distance.flatten(1).quantile(0.99, dim=1).clamp_min(1e-6)[:, None, None]
    return (sharpness * distance / largest).clamp(0, 1)
