"""Whose person stands before whose background: partners of the same label, of a close, a far, any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PAIRINGS = ("same", "close", "far", "random")
NEAR = 5
"""Labels that count as close to a label, or half of the others where there are fewer than ten."""
_GRID = 4


def layout(plate: NDArray[np.uint8]) -> list[float]:
    """What a place looks like, as 48 numbers: the mean colour of each square of a 4 × 4 grid over a clip.

    Args:
        plate: (T, 3, H, W) without the person.
    """
    height, width = plate.shape[2:]
    rows = [round(height * part / _GRID) for part in range(_GRID)]
    columns = [round(width * part / _GRID) for part in range(_GRID)]
    every = max(1, len(plate) // 8)
    mean = plate[::every].mean(0)
    sums = np.add.reduceat(np.add.reduceat(mean, rows, 1), columns, 2)
    sizes = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    return [round(float(value), 3) for value in (sums / sizes).ravel()]


def draw_partners(
    labels: Sequence[str], places: NDArray[np.float64], pairing: str, seed: int
) -> list[int | None]:
    """For each of n clips the row of the clip whose background it gets; None where there is none to get.

    Labels are close where the mean places of their clips are: `close` draws a clip of the `NEAR` nearest
    other labels, `far` of the farthest, `same` another clip of its own label, `random` one of any other.
    The source compares places by a scene network's features; here their layouts of colour are compared, which
    needs no network and no weights.
    All clips that may be drawn are used about equally often.

    Args:
        labels: n labels.
        places: (n, P) what each clip's place looks like; only distances between means count.
        pairing: one of PAIRINGS.
        seed: of the draws.

    Raises:
        OptionError: an unknown pairing.
    Source: Chung et al., NeurIPS 2022 (HAT), for the four pairings.
    """
    if pairing not in PAIRINGS:
        raise OptionError(f"pairing is {pairing!r}; expected one of {', '.join(PAIRINGS)}")
    generator = np.random.default_rng([seed, PAIRINGS.index(pairing)])
    names = sorted(set(labels))
    rows = {name: [row for row, label in enumerate(labels) if label == name] for name in names}
    partners: list[int | None] = [None] * len(labels)
    for name in names:
        mine = [rows[name][place] for place in generator.permutation(len(rows[name]))]
        if pairing == "same":
            # One step around a circle: nobody meets himself.
            pool = mine[1:] + mine[:1] if len(mine) > 1 else []
        else:
            others = _others(name, names, rows, places, pairing)
            pool = [others[place] for place in generator.permutation(len(others))]
        for place, row in enumerate(mine if pool else ()):
            partners[row] = pool[place % len(pool)]
    return partners


def _others(
    name: str, names: list[str], rows: dict[str, list[int]], places: NDArray[np.float64], pairing: str
) -> list[int]:
    """Rows that a label's partners are drawn from."""
    strangers = [other for other in names if other != name]
    if pairing == "random" or not strangers:
        return [row for other in strangers for row in rows[other]]
    mean = places[rows[name]].mean(0)
    distances = [float(np.linalg.norm(places[rows[other]].mean(0) - mean)) for other in strangers]
    if pairing == "far":
        return rows[strangers[int(np.argmax(distances))]]
    nearest = np.argsort(distances, kind="stable")[: min(NEAR, max(1, len(strangers) // 2))]
    return [row for place in nearest.tolist() for row in rows[strangers[place]]]
