"""Frames to an mp4 file: H.264, 4:2:0 and readable everywhere, or RGB without any loss."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError, VideoError
from zeroshot.store.files import half_file

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow")


def write_video(
    path: str | os.PathLike[str],
    frames: NDArray[np.uint8],
    fps: float,
    *,
    crf: int | None = 20,
    preset: str = "medium",
) -> None:
    """Write (T, 3, H, W) uint8 RGB frames as an mp4; the file appears whole or not at all.

    H.264 halves the resolution of colour, so width and height must be even: an odd one gains a copy of its
    last column or row. The same frames give the same bytes with the same version of the encoder.

    Args:
        path: of the file; one that exists is replaced. Its folder must exist.
        frames: T ≥ 1 pictures of one size.
        fps: frames a second, above 0; the n-th frame is shown at n / fps seconds.
        crf: constant rate factor, 0 (nearly lossless) to 51; 20 shows no artefacts on small pictures. None
            stores RGB without loss, odd sizes as they are: libav gives the same frames back, bit for bit, at
            ten times the size; browsers do not play it.
        preset: the encoder's trade of time for size, one of PRESETS; without loss it is the fastest always.

    Raises:
        VideoError: frames of another shape or type.
        OptionError: an impossible rate or quality.
        OutputError: the file cannot be written there.
    """
    if frames.ndim != 4 or frames.shape[1] != 3 or min(frames.shape) < 1 or frames.dtype != np.uint8:
        raise VideoError(
            f"cannot write frames of shape {frames.shape}, {frames.dtype}; expected (T, 3, H, W) uint8"
        )
    if not (math.isfinite(fps) and 0 < fps <= 1000):
        raise OptionError(f"{fps} frames a second; expected more than 0, at most 1000")
    if crf is not None and not 0 <= crf <= 51:
        raise OptionError(f"constant rate factor {crf}; expected 0 (best) to 51 (smallest)")
    if preset not in PRESETS:
        raise OptionError(f"preset {preset!r}; expected one of {', '.join(PRESETS)}")
    rate = Fraction(fps).limit_denominator(1001)
    with half_file(Path(path)) as half:
        if crf is None:
            pictures = np.ascontiguousarray(frames.transpose(0, 2, 3, 1))
            _encode(half, pictures, rate, {"qp": "0", "preset": PRESETS[0]})
        else:
            _encode(half, _even(frames), rate, {"crf": str(crf), "preset": preset})


def _even(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(T, H', W', 3) with even H' and W', channels last as the encoder wants them."""
    height, width = frames.shape[2:]
    padded = np.pad(frames, ((0, 0), (0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    return np.ascontiguousarray(padded.transpose(0, 2, 3, 1))


def _encode(path: Path, frames: NDArray[np.uint8], rate: Fraction, quality: dict[str, str]) -> None:
    import av

    exact = "qp" in quality

    try:
        with av.open(str(path), "w", format="mp4") as container:
            stream = container.add_stream("libx264rgb" if exact else "libx264", rate=rate)
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = "rgb24" if exact else "yuv420p"
            stream.time_base = 1 / rate
            # One thread: the bytes then do not depend on how many cores there are. No macroblock trees: on
            # small pictures they read memory that nobody wrote, and the same frames gave two files. No
            # B-frames: frames stand in the file in the order shown, which no player gets wrong.
            stream.options = {**quality, "threads": "1", "x264-params": "mbtree=0:bframes=0"}
            for number, picture in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    except av.FFmpegError as error:
        raise OSError(None, error.strerror or str(error)) from error
