"""Soft-edged shapes on batches of pictures, by sums and products alone: no picture depends on its batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from zeroshot.synthetic.skeleton import Capsules

    Length = float | Tensor


@dataclass(frozen=True)
class Grid:
    """Where the pixels of a picture are; one unit is the height of the frame, y points down.

    Attributes:
        x: (W,) 0 in the middle of the frame.
        y: (H, 1) 0 at the top of the frame, 1 at its bottom.
        pixel: size of a pixel.
    """

    x: Tensor
    y: Tensor
    pixel: float

    @property
    def half_width(self) -> float:
        """Half the picture's width."""
        return self.x.shape[0] * self.pixel / 2

    def inside(self, distance: Tensor) -> Tensor:
        """Coverage in [0, 1] of a shape, from signed distances (negative within)."""
        return (0.5 - distance / self.pixel).clamp(0, 1)


def make_grid(size: tuple[int, int], margin: int = 0) -> Grid:
    """Pixel centres of an H × W frame with `margin` pixels more on each side."""
    height, width = size
    y = (torch.arange(-margin, height + margin, dtype=torch.float32) + 0.5) / height
    x = (torch.arange(-margin, width + margin, dtype=torch.float32) + 0.5 - width / 2) / height
    return Grid(x, y[:, None], 1 / height)


class Canvas:
    """B pictures of one scene that are painted on, with the draws that make each of them different.

    Every shape takes (B, 1, 1) tensors or plain numbers; colours are (B, 3, 1, 1) in [0, 1].
    """

    def __init__(self, grid: Grid, draws: Tensor, texture: Tensor) -> None:
        """Start black.

        Args:
            grid: the pixels.
            draws: (B, n) uniform in [0, 1); taken one column after the other.
            texture: (B, 2, g, g) uniform in [0, 1): lattices of the value noise.
        """
        self.grid = grid
        self.pixels = torch.zeros(len(draws), 3, grid.y.shape[0], grid.x.shape[0])
        self._draws = draws
        self._next = 0
        self._texture = texture

    def draw(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(B, 1, 1) fresh numbers, uniform in [low, high)."""
        column = self._draws[:, self._next, None, None]
        self._next += 1
        return low + (high - low) * column

    def colour(self, red: float, green: float, blue: float, spread: float = 0.05) -> Tensor:
        """(B, 3, 1, 1) the colour named, up to `spread` lighter or darker, half that warmer or colder."""
        light, warm = self.draw(-spread, spread), self.draw(-spread, spread) / 2
        base = self.pixels.new_tensor([red, green, blue])[:, None, None]
        tilt = self.pixels.new_tensor([1.0, 0.0, -1.0])[:, None, None]
        return (base + light[:, None] + warm[:, None] * tilt).clamp(0, 1)

    def hue(self, lightness: float = 1.0) -> Tensor:
        """(B, 3, 1, 1) any strong colour."""
        wheel = self.draw()[:, None] * 6 - self.pixels.new_tensor([3.0, 5.0, 1.0])[:, None, None]
        turn = torch.minimum(wheel.abs(), 6 - wheel.abs())
        return ((2.0 - turn).clamp(0, 1) * 0.75 + 0.15) * lightness

    def fill(self, colour: Tensor) -> None:
        """Paint everything."""
        self.pixels = colour.expand_as(self.pixels).clone()

    def _blend(self, coverage: Tensor, colour: Tensor) -> None:
        """Paint where `coverage`, which broadcasts to (B, H, W), is above 0."""
        self.pixels = self.pixels + coverage.unsqueeze(-3) * (colour - self.pixels)

    def fade(self, top: Tensor, bottom: Tensor, end: Length = 1.0) -> None:
        """Paint everything, from one colour at the top to another at height `end` and below."""
        share = (self.grid.y / end).clamp(0, 1)
        self.fill(top)
        self._blend(share, bottom)

    def below(self, y: Length, colour: Tensor) -> None:
        """Paint all that lies under a height."""
        self._blend(self.grid.inside(y - self.grid.y), colour)

    def box(self, x: Length, y: Length, half_width: Length, half_height: Length, colour: Tensor) -> None:
        """Paint an upright rectangle around (x, y)."""
        across = self.grid.inside((self.grid.x - x).abs() - half_width)
        down = self.grid.inside((self.grid.y - y).abs() - half_height)
        self._blend(across * down, colour)

    def disc(self, x: Length, y: Length, radius: Length, colour: Tensor, flatness: Length = 1.0) -> None:
        """Paint a disc, `flatness` times as high as wide."""
        across, down = self.grid.x - x, (self.grid.y - y) / flatness
        distance = (across * across + down * down).sqrt() - radius
        self._blend(self.grid.inside(distance), colour)

    def triangle(self, x: Length, top: Length, bottom: Length, half_width: Length, colour: Tensor) -> None:
        """Paint a triangle that stands on its base."""
        slope = half_width / (bottom - top)
        side = ((self.grid.x - x).abs() - (self.grid.y - top) * slope) * 0.7
        self._blend(self.grid.inside(torch.maximum(side, self.grid.y - bottom)), colour)

    def line(
        self, start: tuple[Length, Length], end: tuple[Length, Length], radius: Length, colour: Tensor
    ) -> None:
        """Paint a stroke with round ends."""
        run, drop = end[0] - start[0], end[1] - start[1]
        across, down = self.grid.x - start[0], self.grid.y - start[1]
        along = ((across * run + down * drop) / (run * run + drop * drop + 1e-9)).clamp(0, 1)
        across, down = across - along * run, down - along * drop
        distance = (across * across + down * down).sqrt() - radius
        self._blend(self.grid.inside(distance), colour)

    def stripes(
        self,
        period: float,
        duty: float,
        colour: Tensor,
        top: Length = -1.0,
        bottom: Length = 2.0,
        *,
        upright: bool = True,
    ) -> None:
        """Paint parallel bars between two heights, `duty` of each period covered; a draw shifts them."""
        axis = self.grid.x if upright else self.grid.y
        place = torch.remainder(axis / period + self.draw(), 1.0)
        bars = self.grid.inside(((place - 0.5).abs() - duty / 2) * period)
        rows = self.grid.inside(top - self.grid.y) * self.grid.inside(self.grid.y - bottom)
        self._blend(bars * rows, colour)

    def roughen(self, amount: float, cells: float, top: Length = -1.0, bottom: Length = 2.0) -> None:
        """Lighten and darken by value noise of `cells` lattice cells a frame height, between two heights."""
        rows = self.grid.inside(top - self.grid.y) * self.grid.inside(self.grid.y - bottom)
        self.pixels = self.pixels + amount * ((self.noise(cells) - 0.5) * rows)[:, None]

    def noise(self, cells: float, layer: int = 0) -> Tensor:
        """(B, H, W) value noise in [0, 1]: bilinear between the texture's lattice points."""
        lattice = self._texture[:, layer]
        count = lattice.shape[-1]
        y, x = (self.grid.y[:, 0] + 1) * cells, (self.grid.x + 4) * cells
        row, column = y.floor(), x.floor()
        down, across = (y - row)[:, None], x - column
        top, bottom = (torch.remainder(row.long() + k, count)[:, None] for k in (0, 1))
        left, right = (torch.remainder(column.long() + k, count) for k in (0, 1))
        upper = lattice[:, top, left] * (1 - across) + lattice[:, top, right] * across
        lower = lattice[:, bottom, left] * (1 - across) + lattice[:, bottom, right] * across
        return upper * (1 - down) + lower * down


def paint_figure(parts: Capsules, grid: Grid) -> tuple[Tensor, Tensor]:
    """(F, 3, H, W) colour and (F, H, W) coverage in [0, 1] of puppets with darker rims and a soft shadow."""
    layers = torch.zeros(len(parts.ends), grid.y.shape[0], grid.x.shape[0], 4)
    sx, sy, rx, ry = (column[:, None, None] for column in parts.shadow.unbind(-1))
    across, down = (grid.x - sx) / rx, (grid.y - sy) / ry
    layers[..., 3] = (1.2 - across * across - down * down).clamp(0, 1) * 0.4
    for part in range(parts.ends.shape[1]):
        _paint_part(layers, grid, parts.ends[:, part], parts.radii[:, part], parts.colours[:, part])
    colour, alpha = layers[..., :3], layers[..., 3]
    return (colour / alpha.clamp(min=1e-4)[..., None]).permute(0, 3, 1, 2), alpha


def _paint_part(layers: Tensor, grid: Grid, ends: Tensor, radii: Tensor, colour: Tensor) -> None:
    """Lay one capsule a picture over `layers` (F, H, W, premultiplied RGB and coverage), in place.

    Only a window around each capsule is computed. Its size is that of the largest in the batch, but outside
    its capsule a pixel keeps its value to the bit, so the batch leaves no trace.
    """
    reach = radii.amax(1) + grid.pixel
    window = []
    for axis, origin in ((1, float(grid.y[0, 0])), (0, float(grid.x[0]))):
        pair = ends[:, axis::2]
        first = ((pair.amin(1) - reach - origin) / grid.pixel).floor().long()
        last = ((pair.amax(1) + reach - origin) / grid.pixel).ceil().long()
        length = layers.shape[2 - axis]
        count = min(int((last - first).max()) + 1, length)
        window.append(first.clamp(0, length - count)[:, None] + torch.arange(count))
    rows, columns = window[0][:, :, None], window[1][:, None, :]
    ax, ay, bx, by = (column[:, None, None] for column in ends.unbind(-1))
    thick, thin = (column[:, None, None] for column in radii.unbind(-1))
    run, drop = bx - ax, by - ay
    across, down = grid.x[columns] - ax, grid.y[:, 0][rows] - ay
    along = ((across * run + down * drop) / (run * run + drop * drop + 1e-9)).clamp(0, 1)
    across, down = across - along * run, down - along * drop
    distance = (across * across + down * down).sqrt() - thick + along * (thick - thin)
    cover = grid.inside(distance)
    # The rim is a darker shade: it tells an arm before the chest from the chest.
    shade = 0.62 + 0.38 * (-distance / (0.35 * torch.maximum(thick, thin))).clamp(0, 1)
    paint = torch.cat([colour[:, None, None] * shade[..., None], torch.ones_like(cover)[..., None]], -1)
    place = (torch.arange(len(layers))[:, None, None], rows, columns)
    layers[place] = layers[place] * (1 - cover)[..., None] + paint * cover[..., None]
