"""Places with walls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zeroshot.synthetic.paint import Canvas


def kitchen(c: Canvas) -> None:
    """Tiles, cupboards, a worktop with pots, a fridge, a chequered floor."""
    c.fill(c.colour(0.93, 0.9, 0.8))
    c.stripes(0.09, 0.08, c.colour(0.8, 0.76, 0.66), 0.0, 0.7)
    c.stripes(0.09, 0.08, c.colour(0.8, 0.76, 0.66), 0.0, 0.7, upright=False)
    doors = c.colour(0.36, 0.55, 0.5, 0.12)
    for cupboard in range(5):
        c.box((cupboard - 2) * 0.34, 0.12, 0.155, 0.1, doors)
        c.box((cupboard - 2) * 0.34, 0.6, 0.155, 0.12, doors * 0.9)
    c.box(0.0, 0.47, 2.0, 0.018, c.colour(0.4, 0.28, 0.2))
    for _ in range(3):
        c.box(c.draw(-0.8, 0.8), 0.415, c.draw(0.03, 0.06), 0.04, c.hue(0.85))
    x = c.draw(0.3, 0.7) * c.draw(-1.0, 1.0).sign()
    c.box(x, 0.42, 0.15, 0.31, c.colour(0.88, 0.9, 0.92))
    c.box(x, 0.34, 0.15, 0.005, c.colour(0.5, 0.5, 0.52))
    c.below(0.72, c.colour(0.85, 0.78, 0.68))
    c.stripes(0.2, 0.5, c.colour(0.55, 0.35, 0.28), 0.72, 0.82)
    c.stripes(0.26, 0.5, c.colour(0.55, 0.35, 0.28), 0.82, 1.2)


def gym(c: Canvas) -> None:
    """Blue wall with a stripe, wall bars, dumb-bells, an orange wooden floor."""
    c.fill(c.colour(0.25, 0.38, 0.62))
    c.below(c.draw(0.3, 0.36), c.colour(0.85, 0.86, 0.88))
    c.below(c.draw(0.4, 0.44), c.colour(0.22, 0.33, 0.55))
    x = c.draw(-0.7, 0.7)
    for rung in range(8):
        c.box(x, 0.08 + 0.075 * rung, 0.17, 0.011, c.colour(0.76, 0.56, 0.3))
    for rail in (-0.17, 0.17):
        c.box(x + rail, 0.36, 0.014, 0.34, c.colour(0.6, 0.42, 0.22))
    c.below(0.7, c.colour(0.8, 0.52, 0.26))
    c.stripes(0.12, 0.07, c.colour(0.6, 0.36, 0.18), 0.7, upright=False)
    for _ in range(2):
        x, y = c.draw(-0.7, 0.7), c.draw(0.74, 0.8)
        c.line((x - 0.06, y), (x + 0.06, y), 0.01, c.colour(0.6, 0.6, 0.62))
        for end in (-0.07, 0.07):
            c.box(x + end, y, 0.016, 0.035, c.colour(0.1, 0.1, 0.12))
    c.box(c.draw(-0.4, 0.4), c.draw(0.88, 0.96), c.draw(0.3, 0.5), 0.045, c.hue(0.8))


def stage(c: Canvas) -> None:
    """Darkness between red curtains, a cone of light, boards."""
    c.fill(c.colour(0.1, 0.06, 0.12, 0.03))
    x = c.draw(-0.35, 0.35)
    c.triangle(x, -0.1, 0.82, c.draw(0.35, 0.5), c.colour(0.45, 0.4, 0.3))
    c.below(0.74, c.colour(0.4, 0.25, 0.14))
    c.stripes(0.14, 0.07, c.colour(0.25, 0.15, 0.08), 0.74)
    c.disc(x, 0.86, 0.42, c.colour(0.75, 0.6, 0.38), flatness=0.25)
    width, red = c.draw(0.16, 0.26), c.colour(0.65, 0.06, 0.1)
    for side in (-1.0, 1.0):
        for fold in range(4):
            middle = side * (c.grid.half_width - width * (fold + 0.5) / 4)
            c.box(middle, 0.4, width / 8, 0.5, red * (0.7 + 0.3 * (fold % 2)))
    c.box(0.0, 0.03, 2.0, 0.08, red * 0.85)
    for _ in range(3):
        c.disc(c.draw(-0.8, 0.8), 0.13, 0.025, c.colour(1.0, 0.95, 0.7))


def swimming_pool(c: Canvas) -> None:
    """White tiles, turquoise water with lane ropes."""
    c.fill(c.colour(0.86, 0.92, 0.94))
    c.stripes(0.12, 0.06, c.colour(0.68, 0.8, 0.86), 0.0, 0.4)
    c.stripes(0.12, 0.06, c.colour(0.68, 0.8, 0.86), 0.0, 0.4, upright=False)
    for _ in range(2):
        c.box(c.draw(-0.7, 0.7), c.draw(0.1, 0.18), c.draw(0.1, 0.18), 0.06, c.colour(0.62, 0.84, 0.97))
    edge = c.draw(0.36, 0.44)
    c.below(edge, c.colour(0.72, 0.7, 0.66))
    c.below(edge + 0.04, c.colour(0.1, 0.68, 0.8))
    c.roughen(0.3, 11, edge + 0.05)
    for lane in range(3):
        y = edge + 0.1 + lane * 0.2 + c.draw(0.0, 0.06)
        c.box(0.0, y, 2.0, 0.01 + 0.005 * lane, c.colour(0.95, 0.95, 0.95))
        c.stripes(0.12, 0.5, c.colour(0.9, 0.2, 0.15), y - 0.012, y + 0.012)


def office(c: Canvas) -> None:
    """Grey wall, a window with blinds, desks with screens, a grey carpet."""
    c.fill(c.colour(0.76, 0.78, 0.78))
    for _ in range(2):
        x = c.draw(-0.75, 0.75)
        c.box(x, 0.2, 0.2, 0.15, c.colour(0.93, 0.95, 0.97))
        for slat in range(5):
            c.box(x, 0.09 + 0.055 * slat, 0.2, 0.008, c.colour(0.62, 0.65, 0.68))
    c.below(0.68, c.colour(0.42, 0.46, 0.52))
    c.roughen(0.08, 20, 0.68)
    for desk in range(3):
        x = (desk - 1) * 0.6 + c.draw(-0.1, 0.1)
        c.box(x, 0.54, 0.22, 0.016, c.colour(0.68, 0.54, 0.38))
        for leg in (-0.2, 0.2):
            c.box(x + leg, 0.63, 0.01, 0.09, c.colour(0.3, 0.3, 0.32))
        screen = x + c.draw(-0.08, 0.08)
        c.box(screen, 0.44, 0.1, 0.065, c.colour(0.1, 0.1, 0.12))
        c.box(screen, 0.44, 0.088, 0.053, c.colour(0.3, 0.55, 0.85, 0.15))
        c.box(screen, 0.515, 0.012, 0.02, c.colour(0.15, 0.15, 0.16))
    x = c.draw(0.4, 0.8) * c.draw(-1.0, 1.0).sign()
    c.box(x, 0.72, 0.05, 0.05, c.colour(0.85, 0.85, 0.82))
    c.disc(x, 0.6, 0.09, c.colour(0.16, 0.45, 0.2), flatness=1.2)


def library(c: Canvas) -> None:
    """Shelves full of coloured books, a brown floor."""
    c.fill(c.colour(0.3, 0.18, 0.1))
    for shelf in range(4):
        top = 0.015 + 0.17 * shelf
        for period in (0.11, 0.17, 0.23):
            c.stripes(period, 0.3, c.hue(0.75), top + c.draw(0.0, 0.03), top + 0.145)
    c.stripes(0.17, 0.1, c.colour(0.4, 0.25, 0.14), 0.155, 0.18, upright=False)
    for post in range(4):
        c.box((post - 1.5) * 0.55 + c.draw(-0.05, 0.05), 0.34, 0.018, 0.36, c.colour(0.42, 0.26, 0.14))
    c.below(0.7, c.colour(0.5, 0.36, 0.26))
    c.roughen(0.06, 14, 0.7)
    c.disc(c.draw(-0.3, 0.3), 0.95, c.draw(0.4, 0.6), c.colour(0.45, 0.12, 0.14), flatness=0.25)


def living_room(c: Canvas) -> None:
    """Warm wall with a picture, a sofa, a lamp, a rug."""
    c.fill(c.colour(0.9, 0.72, 0.6, 0.08))
    x, y = c.draw(-0.6, 0.6), c.draw(0.15, 0.25)
    c.box(x, y, 0.14, 0.1, c.colour(0.35, 0.22, 0.14))
    c.box(x, y, 0.12, 0.08, c.hue())
    c.below(0.7, c.colour(0.6, 0.42, 0.28))
    sofa, x = c.hue(0.7), c.draw(-0.35, 0.35)
    c.box(x, 0.52, 0.38, 0.09, sofa)
    c.box(x, 0.63, 0.36, 0.07, sofa * 1.15)
    for end in (-0.4, 0.4):
        c.box(x + end, 0.6, 0.05, 0.12, sofa * 0.85)
    for _ in range(2):
        c.box(x + c.draw(-0.28, 0.28), 0.53, 0.06, 0.05, c.hue())
    x = c.draw(0.6, 0.8) * c.draw(-1.0, 1.0).sign()
    c.box(x, 0.5, 0.01, 0.22, c.colour(0.25, 0.2, 0.18))
    c.triangle(x, 0.16, 0.32, 0.1, c.colour(1.0, 0.9, 0.6))
    c.disc(c.draw(-0.2, 0.2), 0.9, c.draw(0.4, 0.6), c.hue(0.8), flatness=0.2)
    c.disc(c.draw(-0.1, 0.1), 0.9, 0.3, c.hue(0.9), flatness=0.2)
