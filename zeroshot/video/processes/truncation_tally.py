"""Which videos break off before the end that they declare, and where."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zeroshot.types import Clip

_NAMED = 3  # videos that the note names


class TruncationTally:
    """Videos that were read as far as they go, which is less far than they say."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}

    def add(self, name: str, clips: Iterable[Clip]) -> None:
        """Keep where a video ends, if one of its clips tells that it breaks off."""
        for clip in clips:
            if clip.end_seconds is not None:
                self._ends[name] = clip.end_seconds

    def end_of(self, name: str) -> float | None:
        """Where a video breaks off, in seconds; None where it was read to the end that it declares."""
        return self._ends.get(name)

    def note(self) -> str:
        """One line; empty where every video is whole."""
        if not self._ends:
            return ""
        shown = [f"{PurePath(name).name} at {end:.2f} s" for name, end in list(self._ends.items())[:_NAMED]]
        words = "1 video breaks off early and counts as far as it goes"
        if len(self._ends) > 1:
            words = f"{len(self._ends)} videos break off early and count as far as they go"
        return f"{words}: {', '.join(shown)}{', …' if len(self._ends) > _NAMED else ''}"
