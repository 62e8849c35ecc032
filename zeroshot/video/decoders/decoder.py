"""What a decoder is: any class with these methods, once `by_name.DECODERS` has a line for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.video.decoders.probe import VideoInfo


@dataclass(frozen=True, eq=False)
class Shown:
    """The frames that are shown at some moments.

    Attributes:
        seconds: since when each is shown, from the first frame of the video.
        pictures: (H, W, 3) uint8 RGB each, upright.
        end_seconds: where the video really ends, if decoding ran into its end; else None.
    """

    seconds: Sequence[float]
    pictures: Sequence[NDArray[np.uint8]]
    end_seconds: float | None = None


@dataclass(frozen=True, eq=False)
class KeyFrame:
    """A key frame that has been found, and is decoded if it is wanted.

    Attributes:
        seconds: when it is shown, from the first frame of the video.
        picture: (H, W, 3) uint8 RGB of it alone, given a shorter side as `Decoder.frames_at` takes it; None
            where it is damaged.
    """

    seconds: float
    picture: Callable[[int | None], NDArray[np.uint8] | None]


class Decoder(Protocol):
    """One open video. All times are seconds from its first frame.

    Attributes:
        info: what the file says of itself.
    """

    @property
    def info(self) -> VideoInfo:
        """What the file says of itself."""

    def frames_at(self, seconds: Sequence[float], shorter_side: int | None = None) -> Shown:
        """For each moment the last frame not later; where damage took that, the nearest decodable one.

        Args:
            seconds: moments, in any order.
            shorter_side: pixels to which the frames will be resized later: they may come out smaller than
                stored, never below twice this. None keeps them as they are.

        Raises:
            VideoError: nothing could be decoded.
        """

    def every_frame(
        self, end_seconds: float, start_seconds: float = 0.0
    ) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Each frame that can be decoded, with its time, as they are shown.

        Args:
            end_seconds: frames shown then or later are left out.
            start_seconds: so are those shown earlier; where seeking is sure, few of them are decoded.
        """

    def key_frame_near(self, seconds: float) -> KeyFrame | None:
        """The key frame nearest to a moment, found without decoding; None where that is not known."""

    def close(self) -> None:
        """Free the file and the decoder."""


class OpenVideo(Protocol):
    """How a decoder opens a file: its class, or a function."""

    def __call__(self, path: str | os.PathLike[str], *, num_threads: int) -> Decoder:
        """The open file.

        Args:
            path: a file.
            num_threads: of the decoder; 0 is one a core.

        Raises:
            VideoError: it is no video, or none that this decoder can be trusted with.
            OptionError: the decoder is not installed.
        """
