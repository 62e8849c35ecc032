"""decord: right on ordinary files, silently wrong on some; so it is believed only after an examination."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError, VideoError, printable
from zeroshot.video.decoders.decoder import Shown
from zeroshot.video.decoders.picture import box_mean, reduction
from zeroshot.video.decoders.pyav import PyavDecoder

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from decord import VideoReader
    from numpy.typing import NDArray

    from zeroshot.video.decoders.decoder import KeyFrame

# Where decord 0.6 counts and orders frames rightly. Not AVI (B-frames come out wrong, silently), not MPEG
# streams, GIF or AV1 (errors). Its timestamps do not always tell: where frames that follow a key frame are
# shown before it, as x265 writes them, they are right and the pictures are up to four frames late.
_MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
_CONTAINERS = frozenset({_MP4, "matroska,webm"})
_CODECS = frozenset({"h264", "hevc", "mpeg4", "vp8", "vp9"})
_ALIKE = 8  # grey levels by which two decoders' pictures of one frame may differ on average
_ONE_THREAD = frozenset({"vp8", "vp9"})  # decord fails on these with several


def is_installed() -> bool:
    """Whether decord is there; it has no wheels but for Linux and Windows on x86-64."""
    return find_spec("decord") is not None


def distrust(truth: PyavDecoder) -> str | None:
    """Why decord should not even be opened on a file, or None. Some files make it hang for ever.

    Args:
        truth: the file, open in PyAV.
    """
    info = truth.info
    if info.container not in _CONTAINERS:
        return f"its container is {info.container}"
    if info.codec not in _CODECS:
        return f"its codec is {info.codec}"
    if info.mirrored:
        return "its frames are mirrored"
    if not truth.shows_as_stored:
        return "its pixels are not square, or of high dynamic range"
    timeline = truth.timeline()
    if info.container == _MP4 and truth.num_frames_declared != len(timeline.ticks):
        return "its index does not hold all frames: it is cut, or in fragments"
    if timeline.restarts:
        return "its clock starts anew"
    if not timeline.complete:
        return "its packets lack timestamps of their own, or an edit list hides some"
    if timeline.ticks[0] != truth.clock.origin:
        return "its first packet is not its first frame"
    if not timeline.closed:
        return "frames that follow a key frame are shown before it"
    return None


class DistrustedDecord:
    """decord wrapped in PyAV, which knows what decord should see; frames at moments are decord's.

    Attributes:
        info: what the file says of itself.
    """

    def __init__(self, path: str | os.PathLike[str], *, num_threads: int = 0) -> None:
        """Open the file in PyAV.

        A process that uses CUDA must not import decord before torch; `reader.ClipReader` keeps it in others.

        Args:
            path: a file.
            num_threads: of PyAV's decoder; decord chooses its own.

        Raises:
            OptionError: decord is not installed.
            VideoError: no frame of the file can be decoded.
        """
        if not is_installed():
            raise OptionError(
                "decoder is 'decord', which is not installed; pip install decord, or use pyav or auto"
            )
        self._truth = PyavDecoder(path, num_threads=num_threads)
        self.info = self._truth.info

    def close(self) -> None:
        """See `Decoder.close`."""
        self._truth.close()

    def every_frame(
        self, end_seconds: float, start_seconds: float = 0.0
    ) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """See `Decoder.every_frame`; PyAV's."""
        return self._truth.every_frame(end_seconds, start_seconds)

    def key_frame_near(self, seconds: float) -> KeyFrame | None:
        """See `Decoder.key_frame_near`; PyAV's."""
        return self._truth.key_frame_near(seconds)

    def frames_at(self, seconds: Sequence[float], shorter_side: int | None = None) -> Shown:
        """See `Decoder.frames_at`.

        Raises:
            VideoError: decord cannot be trusted with the file, cannot read it, or sees other frames than its
                packets promise.
        """
        name = printable(self.info.path)
        reason = distrust(self._truth)
        if reason is not None:
            raise VideoError(f"decord cannot be trusted with {name}: {reason}; use the decoder pyav")
        clock = self._truth.clock
        timeline = self._truth.timeline().ticks
        ticks = [clock.tick(moment) for moment in seconds]
        indices = np.maximum(np.searchsorted(timeline, ticks, side="right") - 1, 0)
        unique, places = np.unique(indices, return_inverse=True)
        pixels = self._decoded(unique.tolist(), timeline)
        factor = reduction(pixels.shape[1], pixels.shape[2], shorter_side)
        pictures = [box_mean(picture, factor) for picture in pixels]
        times = [clock.seconds(timeline[index]) for index in indices.tolist()]
        return Shown(times, [pictures[place] for place in places.tolist()])

    def _decoded(self, indices: list[int], timeline: list[int]) -> NDArray[np.uint8]:
        """(N, H, W, 3) of the frames of those numbers, once decord has been examined on the file."""
        import decord

        decord.logging.set_level(decord.logging.FATAL)
        video = None
        try:
            video = decord.VideoReader(
                self._truth.path,
                ctx=decord.cpu(0),
                num_threads=1 if self.info.codec in _ONE_THREAD else 0,
            )
            _examine(video, self._truth, timeline)
            pixels: NDArray[np.uint8] = video.get_batch(indices).asnumpy()
        except (decord.DECORDError, RuntimeError, IndexError, ValueError) as error:
            words = " ".join(str(error).split())[:160]
            raise VideoError(
                f"decord cannot decode {printable(self.info.path)}: {words}; use the decoder pyav"
            ) from None
        finally:
            # At once: it goes on decoding behind our back, and aborts the process if it still does at exit.
            del video
        return pixels


def _examine(video: VideoReader, truth: PyavDecoder, timeline: list[int]) -> None:
    """Refuse a file of which decord sees other frames, or other times, than the packets carry.

    Raises:
        ValueError: what does not fit.
    """
    if len(video) != len(timeline):
        raise ValueError(f"it counts {len(video)} frames for {len(timeline)}")
    starts = np.asarray(video.get_frame_timestamp(range(len(video))), dtype=np.float64)[:, 0]
    if not np.isfinite(starts).all() or starts[0] < 0 or (np.diff(starts) <= 0).any():
        raise ValueError("its timestamps do not grow from 0 or later")
    true = np.array([truth.clock.seconds(tick) for tick in timeline])
    # decord keeps them in single precision.
    if np.abs(starts - starts[0] - true).max() > 1e-3 + 1e-6 * true[-1]:
        raise ValueError("its timestamps are not those of the packets")
    if truth.info.rotation:
        # decord turns by what the container says, but not by what the pictures say themselves.
        first = video.get_batch([0]).asnumpy()[0]
        expected = truth.frames_at([0.0]).pictures[0]
        if first.shape != expected.shape or np.abs(first.astype(np.int16) - expected).mean() > _ALIKE:
            raise ValueError("it does not turn its frames upright")
