"""Where the names of points stand in a chart: beside their points, and over nothing else that is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

HEIGHT = 14.0
"""Of a name, in pixels."""
_BASELINE = 10.5  # of a letter, below the top of its box
_NEAR = 11.0  # from the middle of a dot to its name
_STEP, _FARTHEST = 7.0, 130.0  # of looking farther away
_PADDING = 2.0


class Box(NamedTuple):
    """A part of a picture: its left, upper, right and lower end, in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether two have a part in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def within(self, other: Box) -> bool:
        """Whether it lies in the other one."""
        across = other.left <= self.left and self.right <= other.right
        return across and other.top <= self.top and self.bottom <= other.bottom


class Place(NamedTuple):
    """Where a name stands.

    Attributes:
        x: where its first letter begins.
        y: of the line that its letters stand on.
        is_far: whether it needs a line to its point.
        box: that it fills.
    """

    x: float
    y: float
    is_far: bool
    box: Box


class Names:
    """Finds a place for one name after the other."""

    def __init__(self, ground: Box, taken: Iterable[Box]) -> None:
        """Nothing has a name yet.

        Args:
            ground: where names may stand; on its right is a margin in which they stand below each other where
                there is no room.
            taken: what must not be hidden: dots, intervals, other words.
        """
        self._ground = ground
        self._taken = list(taken)
        self._margin = ground.top

    def place(self, x: float, y: float, width: float) -> Place:
        """The nearest place for a name of that width beside a point, on its right where that is as good."""
        away = _NEAR
        while away <= _FARTHEST:
            for across, down in (
                (1, -0.6),
                (-1, -0.6),
                (1, 0.6),
                (-1, 0.6),
                (1, 0),
                (-1, 0),
                (0, -1),
                (0, 1),
            ):
                left = x + away * across - (0 if across > 0 else width if across < 0 else width / 2)
                top = y + away * down - HEIGHT / 2
                box = Box(left, top, left + width, top + HEIGHT)
                if box.within(self._ground) and not any(map(box.meets, self._taken)):
                    return self._take(box, is_far=away > 2 * _NEAR)
            away += _STEP
        left = self._ground.right + _PADDING
        while True:  # an interval at the right end may reach into the margin
            box = Box(left, self._margin, left + width, self._margin + HEIGHT)
            self._margin += HEIGHT
            if not any(map(box.meets, self._taken)):
                return self._take(box, is_far=True)

    def _take(self, box: Box, *, is_far: bool) -> Place:
        """The place, which nothing else gets from now on."""
        self._taken.append(box)
        return Place(box.left, box.top + _BASELINE, is_far, box)


def around(x1: float, y1: float, x2: float, y2: float) -> Box:
    """The box of a line across or down, with a little air."""
    return Box(min(x1, x2) - _PADDING, min(y1, y2) - _PADDING, max(x1, x2) + _PADDING, max(y1, y2) + _PADDING)
