"""Pictures kept for moments that come again, where a decoder had to begin at the first frame for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.video.decoders.decoder import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.video.decoders.decoder import Decoder, KeyFrame
    from zeroshot.video.decoders.probe import VideoInfo

_MOST_KEPT = 512  # pictures beside those asked for: hundreds of megabytes of large frames


class Kept:
    """A decoder that is asked for moments in time order, and for some of them again.

    Where windows overlap, the next group of them begins before this one ends: its moments up to there are
    read together with this one's, and their pictures wait for it.
    """

    def __init__(self, video: Decoder) -> None:
        """Nothing is kept yet.

        Args:
            video: that is read; whoever opened it closes it.
        """
        self._video = video
        self._known: dict[float, tuple[float, NDArray[np.uint8]]] = {}
        self._later: list[float] = []
        self._end: tuple[float, float] | None = None  # since when the last frame is shown, and until when

    @property
    def info(self) -> VideoInfo:
        """See `Decoder.info`."""
        return self._video.info

    def expect(self, seconds: Sequence[float], later: Sequence[float]) -> None:
        """Keep what is known of these moments alone.

        Args:
            seconds: that are asked for next.
            later: that are asked for after them; those of them that lie before the last of `seconds` are read
                with these.
        """
        last = max(seconds, default=0.0)
        self._later = sorted({moment for moment in later if moment <= last})[:_MOST_KEPT]
        wanted = {*seconds, *self._later}
        self._known = {moment: shown for moment, shown in self._known.items() if moment in wanted}

    def frames_at(self, seconds: Sequence[float], shorter_side: int | None = None) -> Shown:
        """See `Decoder.frames_at`."""
        fresh = sorted({*seconds, *self._later} - self._known.keys())
        if fresh:
            shown = self._video.frames_at(fresh, shorter_side)
            pairs = zip(shown.seconds, shown.pictures, strict=True)
            self._known.update(zip(fresh, pairs, strict=True))
            if shown.end_seconds is not None:
                self._end = max(shown.seconds), shown.end_seconds
        found = [self._known[moment] for moment in seconds]
        begins = [since for since, _ in found]
        end = self._end[1] if self._end is not None and max(begins) >= self._end[0] else None
        return Shown(begins, [picture for _, picture in found], end)

    def every_frame(
        self, end_seconds: float, start_seconds: float = 0.0
    ) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """See `Decoder.every_frame`."""
        return self._video.every_frame(end_seconds, start_seconds)

    def key_frame_near(self, seconds: float) -> KeyFrame | None:
        """See `Decoder.key_frame_near`."""
        return self._video.key_frame_near(seconds)

    def close(self) -> None:
        """See `Decoder.close`."""
        self._known = {}
        self._video.close()
