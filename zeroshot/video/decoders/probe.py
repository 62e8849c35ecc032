"""What a file says of itself, and one line for each way in which it can be no video."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.errors import VideoError, printable

if TYPE_CHECKING:
    from types import ModuleType

    from av import VideoStream
    from av.container import InputContainer

_TEXT_CODECS = frozenset({"ansi", "bintext", "xbin", "idf"})
_REMEDY = "check that it is a whole video, or convert it with: ffmpeg -i IN -c:v libx264 OUT.mp4"


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video without decoding more than its first frame.

    Attributes:
        path: as it was given.
        duration_seconds: from the first frame to the end of the last.
        width: pixels as displayed: square, after rotation.
        height: pixels as displayed: square, after rotation.
        fps: frames a second on average; 0 where the file does not say.
        codec: libav's name, such as "h264".
        container: libav's name of the format, such as "mov,mp4,m4a,3gp,3g2,mj2".
        rotation: degrees counterclockwise by which stored frames are turned for display: 0, 90, 180 or 270.
        start_seconds: the first frame's time in the container.
        mirrored: whether left and right are exchanged for display, after the rotation.
        breaks_off: whether the file's index promises more than the file holds, as after a broken download.
        is_counted: whether it has no times of its own, so that a moment is found by counting all frames.
    """

    path: str
    duration_seconds: float
    width: int
    height: int
    fps: float
    codec: str
    container: str
    rotation: int
    start_seconds: float
    mirrored: bool = False
    breaks_off: bool = False
    is_counted: bool = False


def require_file(path: str | os.PathLike[str]) -> str:
    """The absolute path of a readable regular file that is not empty.

    Raises:
        VideoError: it is missing, a folder, a device, empty or not readable.
    """
    name = printable(path)
    if "\0" in os.fspath(path):
        raise VideoError(f"cannot read {name}: the name has a null character; correct the name")
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise VideoError(f"cannot read {name}: no such file; check the path") from None
    except OSError as error:
        raise VideoError(
            f"cannot read {name}: {_reason(error)}; check the path and its permissions"
        ) from None
    if stat.S_ISDIR(status.st_mode):
        raise VideoError(
            f"cannot read {name}: it is a folder; name a video file, or a folder of frame images"
        )
    if not stat.S_ISREG(status.st_mode):
        raise VideoError(f"cannot read {name}: it is a device or a pipe; save the video to a file first")
    if status.st_size == 0:
        raise VideoError(f"cannot decode {name}: the file is empty (0 bytes); download or copy it again")
    if not os.access(path, os.R_OK):
        raise VideoError(f"cannot read {name}: permission denied; make it readable, as with chmod u+r")
    return str(Path(path).absolute())


def _reason(error: OSError) -> str:
    """The system's word for an error, without number and path."""
    return (error.strerror or type(error).__name__).lower()


def import_av() -> ModuleType:
    """PyAV, silenced: libav writes on stderr whatever it stumbles over in a damaged file."""
    import av

    av.logging.set_level(None)
    module: ModuleType = av
    return module


def unreadable(name: str, error: Exception) -> VideoError:
    """The one line for what libav raised on opening or decoding a file."""
    import_av()
    if isinstance(error, MemoryError):
        return VideoError(f"cannot decode {name}: it needs more memory than allowed; raise the memory limit")
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    logged = getattr(error, "log", None)
    if logged:
        words = f"{words} ({logged[2]})"
    line = " ".join(str(words).split())[:200]
    return VideoError(f"cannot decode {name}: {line[:1].lower()}{line[1:]}; {_REMEDY}")


def open_container(path: str, name: str) -> tuple[InputContainer, VideoStream]:
    """An open libav container and its best video stream.

    Args:
        path: absolute.
        name: for messages, from `printable`.

    Raises:
        VideoError: libav cannot open it, or it has no moving pictures.
    """
    av = import_av()
    try:
        # Only files: a playlist must not make us fetch anything.
        container = av.open(path, metadata_errors="replace", options={"protocol_whitelist": "file"})
    except (av.error.FFmpegError, OSError, ValueError, MemoryError) as error:
        raise _not_a_video(path, name, error) from None
    try:
        streams = [s for s in container.streams.video if not _is_cover(s)]
        if not streams:
            what = "sound but no pictures" if container.streams.audio else "no pictures"
            raise VideoError(f"cannot decode {name}: it has {what}; name a file with a video stream")
        best = container.streams.best("video")
        stream = best if best is not None and not _is_cover(best) else streams[0]
        if stream.codec_context is None:
            raise VideoError(f"cannot decode {name}: no decoder for its video stream; {_REMEDY}")
        if stream.codec_context.name in _TEXT_CODECS:
            raise VideoError(f"cannot decode {name}: it is text, not a video; name a video file")
    except BaseException:
        container.close()
        raise
    return container, stream


def _is_cover(stream: VideoStream) -> bool:
    """Whether a video stream is the still cover of a sound file."""
    return bool(stream.disposition & type(stream.disposition).attached_pic)


def _not_a_video(path: str, name: str, error: Exception) -> VideoError:
    """Why libav could not open a file, said more plainly where its first bytes tell."""
    if type(error).__name__ != "InvalidDataError":
        return unreadable(name, error)
    with Path(path).open("rb") as file:
        head = file.read(4096)
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"}:
        return VideoError(
            f"cannot decode {name}: the mp4 index (moov atom) is missing or damaged, "
            "as after a broken download or recording; download or record it again"
        )
    if not any(byte < 9 for byte in head):
        return VideoError(f"cannot decode {name}: it is text, not a video; name a video file")
    return VideoError(f"cannot decode {name}: no video format that is known begins like this; {_REMEDY}")
