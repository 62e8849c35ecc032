"""Places under the sky."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from zeroshot.synthetic.paint import Canvas


def _clouds(c: Canvas, colour: Tensor, count: int, lowest: float) -> None:
    for _ in range(count):
        x, y = c.draw(-0.8, 0.8), c.draw(0.03, lowest)
        size = c.draw(0.05, 0.1)
        c.disc(x, y, size * 1.6, colour, flatness=0.35)
        c.disc(x + size, y - size * 0.2, size, colour, flatness=0.5)


def _conifer(c: Canvas, x: Tensor, foot: Tensor, height: Tensor, colour: Tensor) -> None:
    c.box(x, foot - height * 0.08, height * 0.05, height * 0.1, c.colour(0.28, 0.18, 0.1))
    c.triangle(x, foot - height, foot - height * 0.4, height * 0.2, colour)
    c.triangle(x, foot - height * 0.75, foot - height * 0.12, height * 0.28, colour * 0.92)


def beach(c: Canvas) -> None:
    """Sky, sea with waves, yellow sand, an umbrella, perhaps a palm."""
    horizon = c.draw(0.36, 0.46)
    c.fade(c.colour(0.35, 0.66, 0.95), c.colour(0.78, 0.9, 0.98), horizon)
    c.disc(c.draw(-0.6, 0.6), c.draw(0.06, 0.2), c.draw(0.05, 0.08), c.colour(1.0, 0.95, 0.6))
    _clouds(c, c.colour(0.97, 0.98, 1.0), 2, 0.25)
    c.below(horizon, c.colour(0.08, 0.42, 0.68))
    shore = horizon + c.draw(0.14, 0.24)
    c.stripes(0.05, 0.2, c.colour(0.35, 0.66, 0.82), horizon, shore, upright=False)
    c.below(shore - 0.015, c.colour(0.93, 0.96, 0.98))
    c.below(shore + 0.01, c.colour(0.93, 0.82, 0.55))
    c.roughen(0.08, 14, shore + 0.02)
    x, foot = c.draw(0.25, 0.75) * c.draw(-1.0, 1.0).sign(), shore + c.draw(0.05, 0.2)
    c.line((x, foot), (x + 0.03, foot - 0.36), 0.009, c.colour(0.92, 0.92, 0.9))
    c.triangle(x + 0.03, foot - 0.42, foot - 0.28, 0.19, c.hue())
    for _ in range(3):
        c.disc(c.draw(-0.8, 0.8), c.draw(0.75, 1.0), c.draw(0.01, 0.03), c.hue(0.9), flatness=0.6)


def forest(c: Canvas) -> None:
    """Dark green depth, many trunks, leaves, brown ground."""
    floor = c.draw(0.62, 0.7)
    c.fade(c.colour(0.16, 0.32, 0.14), c.colour(0.3, 0.46, 0.2), floor)
    c.roughen(0.22, 9)
    for depth in range(9):
        near = depth / 8
        x = c.draw(-1.0, 1.0)
        c.box(
            x,
            0.2,
            c.draw(0.015, 0.03) * (1 + 1.4 * near),
            0.48 + 0.12 * near,
            c.colour(0.32, 0.22, 0.14, 0.07) * (0.75 + 0.25 * near),
        )
    for _ in range(9):
        c.disc(
            c.draw(-1.0, 1.0),
            c.draw(-0.05, 0.22),
            c.draw(0.08, 0.18),
            c.colour(0.14, 0.4, 0.12, 0.09),
            flatness=0.7,
        )
    c.below(floor, c.colour(0.33, 0.27, 0.14))
    c.roughen(0.2, 16, floor)
    for _ in range(5):
        c.disc(
            c.draw(-0.9, 0.9),
            c.draw(0.7, 1.0),
            c.draw(0.03, 0.09),
            c.colour(0.2, 0.42, 0.14, 0.08),
            flatness=0.4,
        )


def snow(c: Canvas) -> None:
    """Pale sky, white hills, snowy firs, falling flakes."""
    c.fade(c.colour(0.66, 0.75, 0.86), c.colour(0.86, 0.9, 0.95), 0.5)
    c.disc(c.draw(-0.8, 0.0), 0.95, c.draw(0.5, 0.65), c.colour(0.83, 0.88, 0.95), flatness=0.9)
    c.disc(c.draw(0.0, 0.8), 1.0, c.draw(0.5, 0.65), c.colour(0.88, 0.92, 0.97), flatness=0.9)
    for _ in range(5):
        x, foot, height = c.draw(-0.95, 0.95), c.draw(0.52, 0.66), c.draw(0.2, 0.4)
        _conifer(c, x, foot, height, c.colour(0.18, 0.36, 0.32))
        c.triangle(x, foot - height, foot - height * 0.72, height * 0.1, c.colour(0.96, 0.98, 1.0))
    c.below(c.draw(0.6, 0.68), c.colour(0.94, 0.96, 0.99, 0.02))
    c.roughen(0.06, 8, 0.6)
    for _ in range(12):
        c.disc(c.draw(-0.9, 0.9), c.draw(0.0, 1.0), c.draw(0.008, 0.014), c.colour(1.0, 1.0, 1.0, 0.0))


def street(c: Canvas) -> None:
    """Houses with windows, a pavement, a grey road with a broken line, a car."""
    c.fade(c.colour(0.55, 0.72, 0.9), c.colour(0.8, 0.86, 0.92), 0.5)
    for house in range(5):
        x, top = (house - 2) * 0.42 + c.draw(-0.06, 0.06), c.draw(0.02, 0.25)
        wall = c.colour(0.68, 0.45, 0.36, 0.14)
        c.box(x, (top + 0.68) / 2, 0.21, (0.68 - top) / 2, wall)
        for column in range(2):
            for row in range(3):
                c.box(
                    x + (column - 0.5) * 0.2,
                    top + 0.09 + 0.16 * row,
                    0.045,
                    0.05,
                    c.colour(0.72, 0.84, 0.92, 0.03),
                )
    c.below(0.66, c.colour(0.66, 0.65, 0.63))
    road = c.draw(0.72, 0.77)
    c.below(road, c.colour(0.32, 0.32, 0.34))
    c.stripes(0.3, 0.5, c.colour(0.92, 0.9, 0.8), 0.88, 0.9)
    x, body = c.draw(-0.9, 0.9), c.hue(0.9)
    c.box(x, road - 0.06, 0.17, 0.04, body)
    c.box(x, road - 0.12, 0.09, 0.035, body * 0.8)
    for wheel in (-0.1, 0.1):
        c.disc(x + wheel, road - 0.015, 0.032, c.colour(0.08, 0.08, 0.08))
    c.roughen(0.05, 16, road)


def desert(c: Canvas) -> None:
    """Hot pale sky, orange dunes, cacti."""
    c.fade(c.colour(0.45, 0.62, 0.82), c.colour(0.97, 0.85, 0.62), 0.55)
    c.disc(c.draw(-0.7, 0.7), c.draw(0.08, 0.2), 0.07, c.colour(1.0, 0.97, 0.82))
    for dune in range(4):
        size = c.draw(0.5, 0.9)
        c.disc(
            c.draw(-1.1, 1.1),
            0.62 + 0.08 * dune + size * 0.3,
            size,
            c.colour(0.85 - 0.05 * dune, 0.52 - 0.04 * dune, 0.25, 0.04),
            flatness=0.35,
        )
    c.below(0.75, c.colour(0.86, 0.55, 0.28))
    c.roughen(0.1, 10, 0.7)
    for _ in range(2):
        x, foot, height = c.draw(0.2, 0.8) * c.draw(-1.0, 1.0).sign(), c.draw(0.66, 0.76), c.draw(0.2, 0.32)
        green = c.colour(0.22, 0.45, 0.2)
        c.line((x, foot), (x, foot - height), 0.028, green)
        c.line((x, foot - height * 0.4), (x + 0.09, foot - height * 0.45), 0.018, green)
        c.line((x + 0.09, foot - height * 0.45), (x + 0.09, foot - height * 0.8), 0.018, green)


def playground(c: Canvas) -> None:
    """Lawn, a slide, a swing, all in toy colours."""
    lawn = c.draw(0.5, 0.58)
    c.fade(c.colour(0.5, 0.78, 0.98), c.colour(0.85, 0.94, 0.98), lawn)
    _clouds(c, c.colour(1.0, 1.0, 1.0, 0.02), 2, 0.2)
    c.below(lawn, c.colour(0.42, 0.75, 0.28))
    c.roughen(0.1, 16, lawn)
    side = c.draw(-1.0, 1.0).sign()
    x = side * c.draw(0.35, 0.6)
    c.line((x, 0.3), (x, 0.7), 0.018, c.colour(0.9, 0.2, 0.15))
    c.line((x + 0.1 * side, 0.3), (x + 0.1 * side, 0.7), 0.018, c.colour(0.9, 0.2, 0.15))
    c.line((x, 0.32), (x - 0.34 * side, 0.7), 0.03, c.colour(0.98, 0.82, 0.15))
    x = -side * c.draw(0.35, 0.6)
    frame = c.hue()
    for foot in (-0.2, 0.2):
        c.line((x + foot * 0.6, 0.25), (x + foot, 0.72), 0.014, frame)
    c.line((x - 0.12, 0.25), (x + 0.12, 0.25), 0.014, frame)
    swing = c.draw(-0.08, 0.08)
    c.line((x, 0.25), (x + swing, 0.58), 0.006, c.colour(0.3, 0.3, 0.3))
    c.box(x + swing, 0.59, 0.05, 0.012, c.colour(0.15, 0.3, 0.85))
    c.disc(c.draw(-0.5, 0.5), c.draw(0.85, 1.0), c.draw(0.12, 0.25), c.colour(0.9, 0.78, 0.5), flatness=0.25)


def night_city(c: Canvas) -> None:
    """Dark sky with a moon, towers with lit windows, a lamp."""
    c.fade(c.colour(0.03, 0.04, 0.14, 0.02), c.colour(0.16, 0.1, 0.3, 0.04), 0.7)
    c.disc(c.draw(-0.7, 0.7), c.draw(0.06, 0.16), 0.055, c.colour(0.95, 0.94, 0.8))
    for tower in range(6):
        x, top = (tower - 2.5) * 0.33 + c.draw(-0.05, 0.05), c.draw(0.08, 0.4)
        c.box(x, (top + 0.75) / 2, 0.14, (0.75 - top) / 2, c.colour(0.08, 0.08, 0.14, 0.03))
        for column in range(3):
            c.box(
                x + (column - 1) * 0.08,
                top + 0.05 + c.draw(0, 0.25),
                0.018,
                0.022,
                c.colour(1.0, 0.85, 0.4, 0.08),
            )
            c.box(
                x + (column - 1) * 0.08,
                top + 0.12 + c.draw(0, 0.3),
                0.018,
                0.022,
                c.colour(0.9, 0.75, 0.5, 0.08),
            )
    c.below(0.74, c.colour(0.14, 0.14, 0.2, 0.03))
    x = c.draw(0.25, 0.75) * c.draw(-1.0, 1.0).sign()
    c.line((x, 0.76), (x, 0.36), 0.01, c.colour(0.3, 0.3, 0.34))
    c.disc(x, 0.36, 0.045, c.colour(1.0, 0.92, 0.6))
    c.disc(x, 0.8, 0.22, c.colour(0.42, 0.38, 0.32), flatness=0.2)


def mountains(c: Canvas) -> None:
    """Grey peaks with snow on top over an alpine meadow."""
    c.fade(c.colour(0.4, 0.6, 0.92), c.colour(0.8, 0.88, 0.97), 0.5)
    _clouds(c, c.colour(0.95, 0.96, 0.98), 1, 0.12)
    for peak in range(4):
        x, top = (peak - 1.5) * 0.5 + c.draw(-0.15, 0.15), c.draw(0.08, 0.28)
        rock, half = c.colour(0.45, 0.43, 0.5, 0.07), c.draw(0.35, 0.5)
        c.triangle(x, top, 0.68, half, rock)
        c.triangle(x, top, top + 0.13, half * 0.13 / (0.68 - top), c.colour(0.95, 0.96, 0.99, 0.03))
    meadow = c.draw(0.6, 0.68)
    c.below(meadow, c.colour(0.5, 0.58, 0.3))
    c.roughen(0.15, 12, meadow)
    for _ in range(4):
        c.disc(
            c.draw(-0.8, 0.8),
            c.draw(0.7, 0.98),
            c.draw(0.03, 0.07),
            c.colour(0.55, 0.54, 0.55, 0.08),
            flatness=0.6,
        )


def farm(c: Canvas) -> None:
    """A red barn, a fence, rows of crop."""
    field = c.draw(0.5, 0.56)
    c.fade(c.colour(0.58, 0.76, 0.92), c.colour(0.93, 0.93, 0.85), field)
    c.below(field, c.colour(0.8, 0.7, 0.3))
    c.stripes(0.09, 0.45, c.colour(0.5, 0.56, 0.2), field + 0.12, upright=False)
    c.roughen(0.12, 18, field)
    x, size = c.draw(-0.6, 0.6), c.draw(0.85, 1.15)
    c.box(x, field - 0.1 * size, 0.2 * size, 0.14 * size, c.colour(0.7, 0.15, 0.12))
    c.triangle(x, field - 0.38 * size, field - 0.22 * size, 0.24 * size, c.colour(0.42, 0.12, 0.1))
    c.box(x, field - 0.06 * size, 0.06 * size, 0.1 * size, c.colour(0.95, 0.92, 0.88))
    rail = field + 0.08
    for height in (0.0, 0.05):
        c.box(0.0, rail + height, 2.0, 0.008, c.colour(0.93, 0.92, 0.88))
    c.stripes(0.16, 0.12, c.colour(0.93, 0.92, 0.88), rail - 0.03, rail + 0.09)
