"""A bar on stderr that counts videos, for those who ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


def bar(items: Iterable[T], of: object, *, shown: bool, unit: str = " videos") -> Iterator[T]:
    """The same items, counted while they pass.

    Args:
        items: taken lazily.
        of: what they come of: its length, where it is a list, is how many are expected.
        shown: without it nothing is shown.
        unit: what is counted.
    """
    if not shown:
        yield from items
        return
    from tqdm import tqdm

    yield from tqdm(items, total=len(of) if isinstance(of, list | tuple) else None, unit=unit)
