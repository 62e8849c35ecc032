"""What figures on guessed masks are worth, said wherever such figures or videos are shown."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Band(NamedTuple):
    """How far figures of one model moved when masks of the same clips were guessed; lowest and highest.

    Attributes:
        overlap: intersection over union of guessed and exact masks.
        bor: points of per cent that BOR rose by, over streams.
        shacc: the same of SHAcc.
    """

    overlap: tuple[float, float]
    bor: tuple[float, float]
    shacc: tuple[float, float]


BANDS: Mapping[str, Band] = MappingProxyType(
    {
        "motion": Band((0.37, 0.42), (1, 29), (-33, -12)),
        "tokens": Band((0.62, 0.67), (-1, 6), (-7, 3)),
    }
)
"""Kind of finder → what `benchmarks/guessed_masks.py` measured on puppets, whose masks are known."""


def banner(guessed: str) -> str:
    """What has to stand over sets and figures whose masks were guessed; empty where none were.

    >>> banner("")
    ''

    Args:
        guessed: who guessed, see `BiasManifest.guessed`.
    """
    if not guessed:
        return ""
    words = f"masks guessed ({guessed}): not comparable with figures on exact masks, nor with published ones"
    band = BANDS.get(guessed.partition(":")[0])
    if band is None:
        return f"{words}; how far they are off has not been measured"
    (least, most), bor, shacc = band
    return (
        f"{words}. Of puppets, whose masks are known, such masks share {least:.0%} to {most:.0%} with the "
        f"exact ones (intersection over union), and the same model's BOR moved by {_points(bor)} points, its "
        f"SHAcc by {_points(shacc)}"
    )


def _points(ends: tuple[float, float]) -> str:
    """A range of changes in points of per cent."""
    return f"{ends[0]:+.0f} to {ends[1]:+.0f}"
