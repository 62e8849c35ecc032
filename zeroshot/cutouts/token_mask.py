"""Where somebody is, at rest too: learned from what moves in other videos, without annotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from zeroshot.cutouts.background import background, change_mask
from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

_RIDGE = 1e-3  # of a patch token's number, whose square is one on average
_STRIDE = 7  # one patch of so many decides on the threshold
_LEVELS = 8  # of each of the three colours
_ROUNDS = 3
_FAINT = 1e-4  # the least share of moving pixels that parts anything
_LEAST, _MOST = 0.01, 0.5  # what patches alone may say; colours say the rest
_FROM, _TO = 0.45, 0.85  # certainty at which a pixel begins to be figure, and is


@dataclass(frozen=True, eq=False)
class FigureFinder:
    """Finds figures by patch tokens and colours.

    What rests in one video moves in another: regression on patch tokens foretells which share of a patch
    moves, and says of legs that stand still that they look like what moves elsewhere. Within a clip the
    colours then draw the line: a pixel is figure as far as its colour is commoner where the patches say so
    than where they do not. Labels, scenes and masks are not needed.

    Attributes:
        weights: (C+1,) of a normalized patch token and of one.
        threshold: share of moving pixels, foretold, that parts figures from places.
        grid: rows and columns of patches.

    Source: figures from what moves after Pathak et al. 2017, by frozen tokens instead of a network of its
    own; colour models after Rother et al. 2004 (GrabCut), as histograms and without a graph.
    """

    weights: Tensor
    threshold: float
    grid: tuple[int, int]

    @classmethod
    def fit(cls, clips: Iterable[tuple[Tensor, Tensor]], grid: tuple[int, int]) -> FigureFinder:
        """The finder of a set of videos whose camera mostly rests, some at a time.

        Args:
            clips: patch tokens (n, T, N, C), row by row of the grid and without the class token, with the
                frames (n, T, 3, H, W) uint8 that the backbone saw.
            grid: rows and columns of patches.

        Raises:
            OptionError: shapes that do not fit, or nothing moves.
        """
        squares: Tensor | None = None
        products: Tensor | None = None
        sampled: list[Tensor] = []
        for tokens, frames in clips:
            _check(tokens, frames, grid)
            rows = _with_one(tokens).flatten(0, 2)
            moving = motion(frames).flatten(0, 1).unsqueeze(1)
            shares = F.adaptive_avg_pool2d(moving, grid).flatten()
            squares = rows.T @ rows if squares is None else squares + rows.T @ rows
            products = rows.T @ shares if products is None else products + rows.T @ shares
            sampled.append(rows[::_STRIDE])
        if squares is None or products is None or float(products[-1]) == 0:
            raise OptionError(
                "nothing moves in these clips; figures are found by what moves: train without swapped ones"
            )
        ridge = _RIDGE * squares[-1, -1] * torch.eye(len(squares), device=squares.device)
        weights = torch.linalg.solve(squares + ridge, products)
        return cls(weights, max(between(torch.cat(sampled) @ weights), _FAINT), grid)

    def masks(self, tokens: Tensor, frames: Tensor) -> Tensor:
        """(n, T, H, W) in [0, 1]: how surely each pixel belongs to a figure.

        Args:
            tokens: patch tokens (n, T, N, C) of the grid.
            frames: (n, T, 3, H, W) uint8.
        """
        size = frames.shape[-2:]
        _check(tokens, frames, self.grid)
        foretold = (_with_one(tokens) @ self.weights).reshape(-1, 1, *self.grid)
        likely = F.interpolate(foretold, size=size, mode="bilinear").reshape(*tokens.shape[:2], *size)
        likely = (likely / (1.5 * self.threshold) - 0.5).clamp(_LEAST, _MOST)
        return ((by_colour(frames, likely) - _FROM) / (_TO - _FROM)).clamp(0, 1)


def motion(frames: Tensor) -> Tensor:
    """(n, T, H, W) in [0, 1]: how far each pixel of (n, T, 3, H, W) is from what stays (`change_mask`)."""
    places = frames.flatten(3).transpose(2, 3).float()
    return change_mask(places, background(places)).reshape(*frames.shape[:2], *frames.shape[-2:])


def between(values: Tensor) -> float:
    """The number that parts values (n,) into two groups whose means lie farthest apart, for their sizes.

    Source: Otsu 1979.
    """
    values = values.flatten().sort().values
    count, sums = torch.arange(1, len(values), device=values.device), values.cumsum(0)
    low, high = sums[:-1] / count, (sums[-1] - sums[:-1]) / (len(values) - count)
    spread = count * (len(values) - count) * (high - low).square()
    return float(values[int(spread.argmax())])


def by_colour(frames: Tensor, likely: Tensor) -> Tensor:
    """(n, T, H, W) chances sharpened by what is common where they are high, clip by clip.

    Args:
        frames: (n, T, 3, H, W) uint8.
        likely: (n, T, H, W) chances in (0, 1) before colours are asked.
    """
    levels = frames.long() * _LEVELS // 256
    colours = ((levels[:, :, 0] * _LEVELS + levels[:, :, 1]) * _LEVELS + levels[:, :, 2]).flatten(1)
    prior = likely.flatten(1)
    chance, few = prior, 0.1 / _LEVELS**3
    for _ in range(_ROUNDS):
        inside, outside = (_histogram(colours, weights) for weights in (chance, 1 - chance))
        speaks = ((inside + few) / (inside + outside + 2 * few)).gather(1, colours)
        chance = prior * speaks / (prior * speaks + (1 - prior) * (1 - speaks))
    return chance.reshape(likely.shape)


def cleared(frames: Tensor, masks: Tensor) -> Tensor:
    """(n, T, 3, H, W) float: clips without their figures.

    Where a mask lies, stands what the place showed there at other times, and what lies around it where it
    never showed.

    Args:
        frames: (n, T, 3, H, W) uint8.
        masks: (n, T, H, W) in [0, 1].
    """
    _check_masks(frames, masks)
    pixels, hidden = frames.float(), masks.unsqueeze(2)
    shown = (1 - hidden).square()  # a trace of somebody is worse than fewer frames
    weight = shown.sum(1)
    place = (pixels * shown).sum(1) / weight.clamp_min(1e-4)
    filled = _filled(place, weight.clamp_max(1))
    return (1 - hidden) * pixels + hidden * filled.unsqueeze(1)


def swap_places(frames: Tensor, masks: Tensor, order: Tensor) -> Tensor:
    """(n, T, 3, H, W) uint8: the figure of each clip before the place of the clip that `order` (n,) names.

    Args:
        frames: (n, T, 3, H, W) uint8.
        masks: (n, T, H, W) in [0, 1], of `FigureFinder.masks` or exact ones.
        order: (n,) rows.
    """
    return before_places(frames, masks, cleared(frames, masks)[order])


def before_places(frames: Tensor, masks: Tensor, places: Tensor) -> Tensor:
    """(n, T, 3, H, W) uint8: figures before given places.

    Args:
        frames: (n, T, 3, H, W) uint8.
        masks: (n, T, H, W) in [0, 1] of the figures.
        places: (n, T, 3, H, W), any type, levels 0 to 255.
    """
    _check_masks(frames, masks)
    if places.shape != frames.shape:
        raise OptionError(f"places {tuple(places.shape)} do not fit frames {tuple(frames.shape)}")
    kept = masks.unsqueeze(2)
    return (kept * frames + (1 - kept) * places).round().clamp(0, 255).to(torch.uint8)


def _filled(x: Tensor, known: Tensor) -> Tensor:
    """Pictures (n, 3, H, W) where `known` (n, 1, H, W) is 1, elsewhere from coarser and coarser ones."""
    if max(x.shape[-2:]) == 1:
        return x
    weight = F.avg_pool2d(known, 2, ceil_mode=True)
    coarse = F.avg_pool2d(x * known, 2, ceil_mode=True) / weight.clamp_min(1e-4)
    around = F.interpolate(_filled(coarse, (4 * weight).clamp_max(1)), size=x.shape[-2:], mode="bilinear")
    return known * x + (1 - known) * around


def _histogram(colours: Tensor, weights: Tensor) -> Tensor:
    """(n, bins) shares of each clip's colours (n, P), counted by weights (n, P)."""
    counts = torch.zeros(len(colours), _LEVELS**3, device=colours.device).scatter_add_(1, colours, weights)
    return counts / counts.sum(1, keepdim=True).clamp_min(1e-6)


def _with_one(tokens: Tensor) -> Tensor:
    """(…, C+1): each token normalized, and a one."""
    rows = F.layer_norm(tokens.float(), tokens.shape[-1:])
    return torch.cat([rows, torch.ones_like(rows[..., :1])], -1)


def _check(tokens: Tensor, frames: Tensor, grid: tuple[int, int]) -> None:
    """Tokens and frames of the same clips, on that grid."""
    fits = tokens.ndim == 4 and frames.ndim == 5 and tokens.shape[:2] == frames.shape[:2]
    if not fits or tokens.shape[2] != grid[0] * grid[1]:
        raise OptionError(
            f"tokens {tuple(tokens.shape)} and frames {tuple(frames.shape)} do not fit; expected "
            f"(n, T, {grid[0] * grid[1]}, C) and (n, T, 3, H, W)"
        )


def _check_masks(frames: Tensor, masks: Tensor) -> None:
    """A level of mask for each pixel."""
    if frames.ndim != 5 or masks.shape != (*frames.shape[:2], *frames.shape[3:]):
        raise OptionError(
            f"masks {tuple(masks.shape)} do not fit frames {tuple(frames.shape)}; expected (n, T, H, W)"
        )
