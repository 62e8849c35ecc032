"""Animated WebP, which is a video that libav does not read and PIL does."""

from __future__ import annotations

import os
import warnings
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import VideoError, printable
from zeroshot.video.decoders.decoder import KeyFrame, Shown
from zeroshot.video.decoders.picture import box_mean, reduction
from zeroshot.video.decoders.probe import VideoInfo, require_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_ROUNDING_SECONDS = 1e-6
_LEAST_MILLISECONDS = 1  # of a frame for which the file says none


def is_animated_webp(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as an animated WebP does; what cannot be read does not."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(21)
    except (OSError, ValueError):
        return False
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) == 21 and bool(head[20] & 2)


class AnimatedPicture:
    """A `Decoder` of animated pictures. Every frame counts as a key frame that nobody can find by time.

    Attributes:
        info: what the file says of itself.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open, and read when each frame is shown.

        Raises:
            VideoError: PIL cannot read it.
        """
        from PIL import Image

        self._name = printable(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                self._image = Image.open(require_file(path))
                durations = self._durations()
        except (OSError, ValueError, SyntaxError, EOFError, Warning, Image.DecompressionBombError) as error:
            raise self._unreadable(error) from None
        ends = np.cumsum(durations) / 1000
        self._seconds: list[float] = [0.0, *ends[:-1].tolist()]
        width, height = self._image.size
        self.info = VideoInfo(
            path=os.fspath(path),
            duration_seconds=float(ends[-1]),
            width=width,
            height=height,
            fps=len(durations) / float(ends[-1]),
            codec=str(self._image.format).lower(),
            container=str(self._image.format).lower(),
            rotation=0,
            start_seconds=0.0,
        )

    def frames_at(self, seconds: Sequence[float], shorter_side: int | None = None) -> Shown:
        """See `Decoder.frames_at`."""
        places = [max(0, bisect_right(self._seconds, time + _ROUNDING_SECONDS) - 1) for time in seconds]
        pictures = {}
        for place in sorted(set(places)):
            picture = self._picture(place)
            pictures[place] = box_mean(picture, reduction(picture.shape[0], picture.shape[1], shorter_side))
        return Shown([self._seconds[place] for place in places], [pictures[place] for place in places])

    def every_frame(
        self, end_seconds: float, start_seconds: float = 0.0
    ) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """See `Decoder.every_frame`."""
        for place, second in enumerate(self._seconds):
            if second >= end_seconds:
                return
            if second >= start_seconds:
                yield second, self._picture(place)

    def key_frame_near(self, seconds: float) -> KeyFrame | None:
        """See `Decoder.key_frame_near`: each frame builds on those before it."""
        del seconds
        return None

    def close(self) -> None:
        """See `Decoder.close`."""
        self._image.close()

    def _durations(self) -> list[int]:
        """For how many milliseconds each frame is shown."""
        durations = []
        for place in range(getattr(self._image, "n_frames", 1)):
            self._image.seek(place)
            self._image.load()
            durations.append(max(_LEAST_MILLISECONDS, int(self._image.info.get("duration", 0))))
        return durations

    def _picture(self, place: int) -> NDArray[np.uint8]:
        """(H, W, 3) of a frame by its number."""
        try:
            self._image.seek(place)
            return np.asarray(self._image.convert("RGB"))
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> VideoError:
        """The one line for what PIL raised."""
        words = " ".join(str(error).split())[:160] or type(error).__name__
        return VideoError(f"cannot decode {self._name}: {words}; get another copy")
