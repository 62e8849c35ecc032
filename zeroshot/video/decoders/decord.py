"""decord: right on ordinary files, silently wrong on some; so it is believed only after an examination."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import VideoError
from zeroshot.video.decoders.picture import box_mean, reduction
from zeroshot.video.decoders.probe import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from decord import VideoReader
    from numpy.typing import NDArray

    from zeroshot.video.decoders.pyav import PyavReader

# Where decord 0.6 counts and orders frames rightly. Not AVI (B-frames come out wrong, silently), not MPEG
# streams, GIF or AV1 (errors). Its timestamps do not always tell: where frames that follow a key frame are
# shown before it, as x265 writes them, they are right and the pictures are up to four frames late.
_MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
_CONTAINERS = frozenset({_MP4, "matroska,webm"})
_CODECS = frozenset({"h264", "hevc", "mpeg4", "vp8", "vp9"})
_ONE_THREAD = frozenset({"vp8", "vp9"})  # decord fails on these with several


def is_installed() -> bool:
    """Whether decord is there; it has no wheels but for Linux and Windows on x86-64."""
    return find_spec("decord") is not None


def distrust(reader: PyavReader) -> str | None:
    """Why decord should not even be opened on a file, or None. Some files make it hang for ever.

    Args:
        reader: the file, open in PyAV.
    """
    info = reader.info
    if info.container not in _CONTAINERS:
        return f"its container is {info.container}"
    if info.codec not in _CODECS:
        return f"its codec is {info.codec}"
    timeline = reader.timeline()
    if info.container == _MP4 and reader.num_frames_declared != len(timeline.ticks):
        return "its index does not hold all frames: it is cut, or in fragments"
    if not timeline.complete:
        return "its packets lack timestamps of their own, or an edit list hides some"
    if timeline.ticks[0] != reader.origin:
        return "its first packet is not its first frame"
    if not timeline.closed:
        return "frames that follow a key frame are shown before it"
    return None


def read_frames(
    reader: PyavReader, ticks: Iterable[int], shorter_side: int | None = None
) -> dict[int, tuple[int, NDArray[np.uint8]]]:
    """For each tick, the timestamp and the picture (H, W, 3) of the last frame not later, decoded by decord.

    A process that uses CUDA must not import decord before torch; `worker.ClipReader` keeps it in others.

    Args:
        reader: the file, open in PyAV, which knows what decord should see.
        ticks: moments.
        shorter_side: see `picture.reduction`.

    Raises:
        VideoError: decord cannot read the file, or sees other frames than its packets promise.
    """
    import decord

    decord.logging.set_level(decord.logging.FATAL)
    timeline = reader.timeline().ticks
    wanted = sorted(set(ticks))
    indices = np.maximum(np.searchsorted(timeline, wanted, side="right") - 1, 0)
    unique, places = np.unique(indices, return_inverse=True)
    video = None
    try:
        video = decord.VideoReader(
            reader.path, ctx=decord.cpu(0), num_threads=1 if reader.info.codec in _ONE_THREAD else 0
        )
        _examine(video, reader, timeline)
        pixels = video.get_batch(unique.tolist()).asnumpy()
    except (decord.DECORDError, RuntimeError, IndexError, ValueError) as error:
        words = " ".join(str(error).split())[:160]
        raise VideoError(
            f"decord cannot decode {printable(reader.info.path)}: {words}; use the decoder pyav"
        ) from None
    finally:
        # At once: it goes on decoding behind our back, and aborts the process if it still does at exit.
        del video
    factor = reduction(pixels.shape[1], pixels.shape[2], shorter_side)
    pictures = [box_mean(picture, factor) for picture in pixels]
    return {
        tick: (timeline[unique[place]], pictures[place]) for tick, place in zip(wanted, places, strict=True)
    }


def _examine(video: VideoReader, reader: PyavReader, timeline: list[int]) -> None:
    """Refuse a file of which decord sees other frames, or other times, than the packets carry.

    Raises:
        ValueError: what does not fit.
    """
    if len(video) != len(timeline):
        raise ValueError(f"it counts {len(video)} frames for {len(timeline)}")
    starts = np.asarray(video.get_frame_timestamp(range(len(video))), dtype=np.float64)[:, 0]
    if not np.isfinite(starts).all() or starts[0] < 0 or (np.diff(starts) <= 0).any():
        raise ValueError("its timestamps do not grow from 0 or later")
    true = np.array([reader.seconds(tick) for tick in timeline])
    # decord keeps them in single precision.
    if np.abs(starts - starts[0] - true).max() > 1e-3 + 1e-6 * true[-1]:
        raise ValueError("its timestamps are not those of the packets")
