"""What to say of videos that break off before the end that they declare."""

from __future__ import annotations

from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED = 3  # videos that the note names


def break_off_note(ends: Mapping[str, float]) -> str:
    """One line; empty where every video is whole.

    Args:
        ends: video → where it breaks off, in seconds.
    """
    if not ends:
        return ""
    words = "1 video breaks off early and counts as far as it goes"
    if len(ends) > 1:
        words = f"{len(ends)} videos break off early and count as far as they go"
    shown = [f"{PurePath(name).name} at {end:.2f} s" for name, end in islice(ends.items(), _NAMED)]
    return f"{words}: {', '.join(shown)}{', …' if len(ends) > _NAMED else ''}"
