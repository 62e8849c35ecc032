"""What there is to say of many videos read: how far key frames moved moments, and which videos break off."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from zeroshot.types import Clip


_NAMED = 3  # videos that the note names


class SnapTally:
    """What key frames did to the clips of many videos, in bounded memory.

    Attributes:
        num_snapped: clips of key frames.
        num_exact: clips that were read exactly, because a moment had no key frame near enough.
    """

    def __init__(self) -> None:
        self.num_snapped = self.num_exact = 0
        self._hundredths: Counter[int] = Counter()  # of a second, to how many frames
        self._named: list[str] = []

    def add(self, name: str, clips: Iterable[Clip]) -> None:
        """Count the clips of a video.

        Args:
            name: of the video.
            clips: as sampled with key frames.
        """
        for clip in clips:
            if clip.moved_seconds is not None:
                self.num_snapped += 1
                self._hundredths.update(round(100 * moved) for moved in clip.moved_seconds.tolist())
                continue
            self.num_exact += 1
            short = PurePath(name).name
            if len(self._named) < _NAMED and short not in self._named:
                self._named.append(short)

    @property
    def median_seconds(self) -> float:
        """How far half of the frames moved at most, to a hundredth; 0 where there are none."""
        half, passed = sum(self._hundredths.values()) / 2, 0
        for hundredths, count in sorted(self._hundredths.items()):
            passed += count
            if passed >= half:
                return hundredths / 100
        return 0.0

    @property
    def greatest_seconds(self) -> float:
        """How far any frame moved at most, to a hundredth; 0 where there are none."""
        return max(self._hundredths, default=0) / 100

    def note(self) -> str:
        """One line; empty where nothing was counted."""
        if not self.num_snapped + self.num_exact:
            return ""
        words = f"sampling keyframes: {self.num_snapped} of {self.num_snapped + self.num_exact} clips"
        if self.num_snapped:
            words += f", moved by {self.median_seconds:.2f} s in the median"
            words += f", {self.greatest_seconds:.2f} s at most"
        if self.num_exact:
            words += f"; {self.num_exact} read exactly, as key frames are too far apart or unknown ("
            words += ", ".join(self._named)
            words += ", …)" if self.num_exact > len(self._named) else ")"
        return words


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
