"""Where somebody is, at rest too: learned from what moves in other videos, without annotation."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zeroshot.cutouts.finder import Finder, Found
from zeroshot.errors import ModelError, OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from zeroshot.cutouts.finder import Footage
    from zeroshot.model.backbone import Backbone

_RIDGE = 1e-3  # of a patch token's number, whose square is one on average
_STRIDE = 7  # one patch of so many decides on the threshold
_LEVELS = 8  # of each of the three colours
_ROUNDS = 3
_FAINT = 1e-4  # the least share of moving pixels that parts anything
_LEAST, _MOST = 0.01, 0.5  # what patches alone may say; colours say the rest
_AT_ONCE = 64  # frames whose colours are counted together; bounds the memory
_FROM, _TO = 0.45, 0.85  # certainty at which a pixel begins to be person, and is


@dataclass(frozen=True, eq=False)
class PersonFinder:
    """Finds persons by patch tokens and colours.

    What rests in one video moves in another: regression on patch tokens foretells which share of a patch
    moves, and says of legs that stand still that they look like what moves elsewhere. Within a clip the
    colours then draw the line: a pixel is person as far as its colour is commoner where the patches say so
    than where they do not. Labels, scenes and masks are not needed.

    Attributes:
        weights: (C+1,) of a normalized patch token and of one.
        threshold: share of moving pixels, foretold, that parts persons from places.
        grid: rows and columns of patches.

    Source: persons from what moves after Pathak et al. 2017, by frozen tokens instead of a network of its
    own; colour models after Rother et al. 2004 (GrabCut), as histograms and without a graph.
    """

    weights: Tensor
    threshold: float
    grid: tuple[int, int]

    @classmethod
    def fit(cls, clips: Iterable[tuple[Tensor, Tensor]], grid: tuple[int, int]) -> PersonFinder:
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
                "nothing moves in these clips; persons are found by what moves: train without swapped ones"
            )
        ridge = _RIDGE * squares[-1, -1] * torch.eye(len(squares), device=squares.device)
        weights = torch.linalg.solve(squares + ridge, products)
        return cls(weights, max(between(torch.cat(sampled) @ weights), _FAINT), grid)

    def masks(self, tokens: Tensor, frames: Tensor) -> Tensor:
        """(n, T, H, W) in [0, 1]: how surely each pixel belongs to a person.

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


class TokenFinder(Finder):
    """Persons by the patch tokens of a frozen network, taught by other videos of the set.

    The network sees each frame whole, pressed into its square, since a person may stand where it would cut.

    Attributes:
        name: "tokens".
        fingerprint: of the network.
    """

    name = "tokens"

    def __init__(self, backbone: Backbone, persons: PersonFinder | None = None) -> None:
        """Take a network.

        Args:
            backbone: a frozen vision transformer.
            persons: what it has learned; None before it was taught.

        Raises:
            ModelError: the network has no patch tokens.
        """
        if backbone.grid is None:
            raise ModelError(f"{backbone.name} has no patch tokens; take a vision transformer")
        self._backbone, self._grid, self._persons = backbone, backbone.grid, persons
        self._alone = Lock()  # one thread at a time: a network takes all cores as it is
        self.fingerprint = backbone.fingerprint
        self.finds_nobody = f"{backbone.name} finds nobody in"

    def taught_by(self, clips: Iterable[NDArray[np.uint8]]) -> TokenFinder:
        """The finder that knows what moves in some clips of the set.

        Raises:
            OptionError: nothing moves in any.
        """
        lessons = ((self._tokens(seen)[None], seen[None]) for seen in map(self._pressed, clips))
        return TokenFinder(self._backbone, PersonFinder.fit(lessons, self._grid))

    def find(self, footage: Footage) -> Found:
        """What looks like what moves elsewhere, some frames at a time."""
        if self._persons is None:
            raise OptionError("persons are found by tokens once clips of the set have taught how they look")
        frames = torch.from_numpy(np.ascontiguousarray(footage.film.clip.frames))
        parts = []
        for some in torch.split(frames, _AT_ONCE):
            tokens = self._tokens(self._pressed(some.numpy()))
            parts.append(self._persons.masks(tokens[None], some[None])[0])
        return Found((255 * torch.cat(parts)).round().to(torch.uint8).numpy())

    def _pressed(self, frames: NDArray[np.uint8]) -> Tensor:
        """(T, 3, h, w) uint8: whole frames (T, 3, H, W) in the network's size."""
        pixels = torch.from_numpy(np.ascontiguousarray(frames)).float()
        size = self._backbone.preprocess.size
        made = F.interpolate(pixels, size, mode="bilinear", antialias=True)
        return made.round().clamp(0, 255).to(torch.uint8)

    def _tokens(self, seen: Tensor) -> Tensor:
        """(T, N, C) patch tokens."""
        with self._alone:
            return self._backbone.encode_seen_tokens(seen)[0][:, 1:].cpu()


def motion(frames: Tensor) -> Tensor:
    """(n, T, H, W) in [0, 1]: how far each pixel of (n, T, 3, H, W) is from its median over time.

    Three times the distance, against the clip's largest: anything in motion counts, however faint.
    """
    places = frames.flatten(3).transpose(2, 3).float()
    distance = (places - places.median(1).values.unsqueeze(1)).square().mean(-1).sqrt()
    largest = distance.flatten(1).quantile(0.99, dim=1).clamp_min(1e-6)[:, None, None]
    change = (3 * distance / largest).clamp(0, 1)
    return change.reshape(*frames.shape[:2], *frames.shape[-2:])


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
