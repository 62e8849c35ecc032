"""What may stand for a video besides a file: a stretch of one, pictures on disk, frames in memory."""

from __future__ import annotations

import math
import os
import re
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

import numpy as np

from zeroshot.errors import OptionError, VideoError, counted, printable, require_kinds
from zeroshot.types import Clip
from zeroshot.video.pictures import images_in, require_one_size, rgb, stacked_files
from zeroshot.video.sampling import Sampling, frame_times
from zeroshot.video.suffixes import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from numpy.typing import NDArray

VideoSource: TypeAlias = (
    "str | os.PathLike[str] | bytes | BinaryIO | Url | Stretch | NDArray[Any] | Sequence[Any] | Clip | Any"
)
"""A path of a video file or a folder of pictures, the bytes of a file or one that is open, an address, a
stretch of a file, an array or torch tensor of frames, a list of PIL images, arrays or paths of pictures, or a
clip."""

FileSource: TypeAlias = "str | Stretch"
"""What tables have rows of: a path of a file or a folder, or a stretch of a file."""

FRAMES_FPS = 25.0
"""Frames a second that bare frames are taken to have, as nothing says how fast they follow each other.

It decides the seconds that a clip carries and what a stride or a window in seconds means; which of the frames
are sampled into T equal segments does not depend on it.
"""

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # two letters at least: C:// is a disk


@dataclass(frozen=True)
class Stretch:
    """A part of a video file that counts as a video of its own.

    Attributes:
        path: of the file.
        start_seconds: from its first frame.
        end_seconds: where the part ends. A file as short as the part is taken for that, cut out already.
    """

    path: str
    start_seconds: float
    end_seconds: float

    def __post_init__(self) -> None:
        """Refuse a part that ends before it begins."""
        require_kinds(self)
        if not (0 <= self.start_seconds < self.end_seconds < math.inf):
            raise OptionError(
                f"{printable(self.path)} has no stretch {self.start_seconds:g}–{self.end_seconds:g} s; "
                "expected seconds, the second later than the first"
            )

    @property
    def as_file(self) -> str:
        """What the part is called where it was cut out, as Kinetics calls it: `a/ID_000010_000020.mp4`."""
        whole = Path(self.path)
        return str(whole.with_stem(f"{whole.stem}_{self.start_seconds:06g}_{self.end_seconds:06g}"))


@dataclass(frozen=True)
class MaskFile(os.PathLike[str]):
    """Names a mask, where sources of videos are named.

    Attributes:
        path: an .npz file, a folder of pictures, or a video.
    """

    path: str | os.PathLike[str]

    def __fspath__(self) -> str:
        """Where it lies."""
        return os.fspath(self.path)


@dataclass(frozen=True)
class Url:
    """An address that a person gave: only these are opened, never text that stands in some file.

    Attributes:
        text: as given.
        most_bytes: that may lie there; None: as many as any video has.
    """

    text: str
    most_bytes: int | None = None

    @property
    def shown(self) -> str:
        """As messages show it: without password and without what follows `?`, which may be a key."""
        parts = urlsplit(self.text)
        place = parts.netloc.rpartition("@")[2]
        return printable(urlunsplit((parts.scheme, place, parts.path, "…" * bool(parts.query), "")))


@dataclass(frozen=True, eq=False)
class Refused:
    """What stands in the place of a video that cannot be meant, so that it costs one row of many.

    Attributes:
        name: as it was given.
        error: why.
    """

    name: str
    error: VideoError


class NamedFile(os.PathLike[str]):
    """A file that messages call by another name than its path.

    Attributes:
        name: that one.
    """

    def __init__(self, name: str, path: str) -> None:
        """Name the file at `path`."""
        self.name = name
        self._path = path

    def __fspath__(self) -> str:
        return self._path

    def __str__(self) -> str:
        return self._path


class Spooled(NamedFile):
    """A file that holds a video until `close`, or until nobody knows of it any more."""

    def __init__(self, name: str, path: str) -> None:
        """Take over the file at `path`."""
        super().__init__(name, path)
        self.close = weakref.finalize(self, _remove, path, os.getpid())


def is_path(source: object) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a source is named rather than given: text or a path object."""
    return isinstance(source, str | os.PathLike)


def is_folder(source: object) -> bool:
    """Whether a source names a folder; whatever cannot be looked at is none."""
    return is_path(source) and os.path.isdir(source)  # noqa: PTH112 - Path.is_dir raises on long or locked names


def is_address(text: object) -> bool:
    """Whether something is text that begins as addresses do: a scheme and ://."""
    return isinstance(text, str) and _ADDRESS.match(text) is not None


def without_scheme(text: str) -> str:
    """The path that a file:// address of this computer stands for; any other text as it is.

    >>> without_scheme("file:///tmp/a%20b.mp4"), without_scheme("a.mp4")
    ('/tmp/a b.mp4', 'a.mp4')
    """
    if not text.casefold().startswith("file://"):
        return text
    parts = urlsplit(text)
    return url2pathname(parts.path) if parts.netloc in {"", "localhost"} else text


def is_elsewhere(source: object) -> bool:
    """Whether a source is bytes, an open file or an address."""
    return isinstance(source, bytes | bytearray | memoryview | Url) or hasattr(source, "read")


def name_elsewhere(source: Any) -> str:  # noqa: ANN401 - bytes, an address or anything with a `read`
    """How messages call such a source."""
    if isinstance(source, Url):
        return source.shown
    if isinstance(source, bytes | bytearray | memoryview):
        return f"<{len(source):,} bytes>"
    name = getattr(source, "name", None)
    return printable(name) if isinstance(name, str) else f"<{type(source).__name__}>"


def lies_here(source: object) -> bool:
    """Whether a source can be read as it is: no bytes, open file or address, and nothing `Refused`."""
    return not (isinstance(source, Refused) or is_address(source) or is_elsewhere(source))


def picture_paths(source: object) -> tuple[str | os.PathLike[str], ...]:
    """The paths of a source that is a list of paths of pictures; else none."""
    if isinstance(source, list | tuple) and source and all(is_path(each) for each in source):
        return tuple(source)
    return ()


def path_of(source: VideoSource) -> str:
    """What rows call a source: its path or address exactly as given; else as messages do."""
    if isinstance(source, Url):
        return source.text
    if isinstance(source, Stretch):
        return f"{source.path} ({source.start_seconds!r}–{source.end_seconds!r} s)"
    return os.fspath(source) if is_path(source) else name_of(source)


def name_of(source: VideoSource) -> str:
    """How messages call a source: its path as given, on one line; else its kind and shape."""
    if isinstance(source, NamedFile | Refused):
        return source.name
    if is_path(source):
        return printable(source)
    if isinstance(source, Stretch):
        return f"{printable(source.path)} ({source.start_seconds:g}–{source.end_seconds:g} s)"
    if is_elsewhere(source):
        return name_elsewhere(source)
    if isinstance(source, Clip):
        return f"<clip of {counted(len(source.frames), 'frame')}>"
    shape = getattr(source, "shape", None)
    if shape is not None:
        return f"<{type(source).__name__} {tuple(shape)}>"
    if isinstance(source, list | tuple):
        return f"<{counted(len(source), 'frame')}>"
    return f"<{type(source).__name__}>"


def a_kind(source: object) -> str:
    """What something is, with its article.

    >>> a_kind(3), a_kind(None)
    ('an int', 'a NoneType')
    """
    kind = type(source).__name__
    return f"{'an' if kind[0] in 'aeiouAEIO' else 'a'} {kind}"


def clips_from_frames(source: VideoSource, sampling: Sampling) -> tuple[Clip, ...]:
    """V clips of T frames from frames that need no video decoder.

    Args:
        source: (T, H, W, 3) or (T, 3, H, W), uint8 or float in [0, 1], as numpy array or torch tensor; a list
            of PIL images, of (H, W, 3) arrays or of picture files, all of one size; a folder of frame images,
            in natural order of their names; or a `Clip`, whose own seconds are kept.
        sampling: which moments; bare frames are shown `FRAMES_FPS` a second.

    Raises:
        VideoError: the frames have another shape, type, range or several sizes, or there are none.
        OptionError: the window lies behind the last frame.
    """
    if isinstance(source, Clip):
        return _sampled(len(source.frames), source.seconds, sampling, lambda rows: source.frames[rows])
    if is_path(source):
        images, name = _frames_in(Path(source), sampling.series), f"the images in {printable(source)}"
        return _clips_from_files(images, sampling, name)
    if paths := picture_paths(source):
        return _clips_from_files(list(map(Path, paths)), sampling, name_of(source))
    if isinstance(source, list | tuple):
        seconds = np.arange(len(source)) / FRAMES_FPS
        return _sampled(len(source), seconds, sampling, lambda rows: _stacked(source, rows, name_of(source)))
    frames = _as_array(source)
    seconds = np.arange(len(frames)) / FRAMES_FPS
    return _sampled(len(frames), seconds, sampling, lambda rows: _as_bytes(frames[rows], name_of(source)))


def every_frame(source: VideoSource) -> Clip:
    """All frames of a source that needs no video decoder, each once.

    Args:
        source: as for `clips_from_frames`.

    Raises:
        VideoError: as there.
    """
    if isinstance(source, Clip):
        return source
    if is_path(source):
        count = len(images_in(Path(source)))
    else:
        count = len(source if isinstance(source, list | tuple) else _as_array(source))
    return clips_from_frames(source, Sampling(num_frames=max(1, count)))[0]


def _sampled(
    count: int,
    seconds: NDArray[np.float64],
    sampling: Sampling,
    pick: Callable[[NDArray[np.int64]], NDArray[np.uint8]],
) -> tuple[Clip, ...]:
    """Clips of those of `count` frames that are shown at the moments of a sampling."""
    if count == 0:
        raise VideoError("there are no frames; give one or more")
    start = seconds - seconds[0]
    step = float(np.diff(start).mean()) if count > 1 else 1 / FRAMES_FPS
    times = frame_times(sampling, float(start[-1]) + step, 1 / step if step > 0 else 0.0)
    rows = np.maximum(np.searchsorted(start, times + 1e-6, side="right") - 1, 0)
    return tuple(Clip(frames=pick(row), seconds=seconds[row].astype(np.float64)) for row in rows)


def _as_array(source: Any) -> Any:  # noqa: ANN401 - an array or a tensor, whose library is not imported here
    """A batch of frames that can be indexed, its number of axes checked."""
    shape = getattr(source, "shape", None)
    if shape is None or not hasattr(source, "__getitem__"):
        raise VideoError(
            f"{a_kind(source)} is no video; give a path, an array (T, H, W, 3), a list of images or a Clip"
        )
    if len(shape) == 3 and 3 not in (shape[0], shape[2]):
        raise VideoError(
            f"{name_of(source)} has no colours; expected (T, H, W, 3): repeat grey three times in a last axis"
        )
    if len(shape) == 3:
        raise VideoError(f"{name_of(source)} is one frame; give a list of frames, or a batch (T, H, W, 3)")
    if len(shape) != 4 or 3 not in (shape[1], shape[3]):
        raise VideoError(f"{name_of(source)} is no batch of frames; expected (T, H, W, 3) or (T, 3, H, W)")
    return source


def _as_bytes(frames: Any, name: str) -> NDArray[np.uint8]:  # noqa: ANN401 - an array or a tensor
    """(T, 3, H, W) uint8; the last axis is taken for the channels where it has three entries."""
    if hasattr(frames, "detach"):  # a torch tensor, of whatever device and type
        frames = frames.detach().cpu()
        frames = (frames.float() if frames.dtype.is_floating_point else frames).numpy()
    array = np.asarray(frames)
    if array.dtype.kind == "f":
        low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
        if not (low >= 0 and high <= 1):
            raise VideoError(
                f"{name} has values from {low:g} to {high:g}; expected floats in [0, 1], or uint8"
            )
        array = np.rint(array * 255).astype(np.uint8)
    if array.dtype != np.uint8:
        raise VideoError(f"{name} is {array.dtype}; expected uint8 in 0..255, or floats in [0, 1]")
    return array.transpose(0, 3, 1, 2) if array.shape[-1] == 3 else array


def _stacked(images: Sequence[Any], rows: NDArray[np.int64], name: str) -> NDArray[np.uint8]:
    """(T, 3, H, W) of some images of a list, once all of the list have proved to be of one size."""
    require_one_size([_size_of(image, name) for image in images], name)
    return np.concatenate([_frame(images[row], name) for row in rows])


def _size_of(image: Any, name: str) -> tuple[int, int]:  # noqa: ANN401 - a PIL image, an array or a tensor
    """Width and height of a frame."""
    shape = getattr(image, "shape", None)
    if shape is None:
        if not hasattr(image, "convert"):
            raise VideoError(f"{name} hold a {type(image).__name__}; expected PIL images or arrays (H, W, 3)")
        return int(image.size[0]), int(image.size[1])
    if len(shape) != 3 or 3 not in (shape[0], shape[2]):
        raise VideoError(f"{name} hold an array {tuple(shape)}; expected (H, W, 3) or (3, H, W)")
    height, width = shape[:2] if shape[2] == 3 else shape[1:]
    return int(width), int(height)


def _frame(image: Any, name: str) -> NDArray[np.uint8]:  # noqa: ANN401 - a PIL image, an array or a tensor
    """(1, 3, H, W)."""
    if hasattr(image, "convert"):
        image = rgb(image)
    return _as_bytes(image[None], name)


def _frames_in(folder: Path, series: str | None = None) -> list[Path]:
    """The images in a folder, at least one."""
    images = images_in(folder, series)
    if not images and series is not None:
        raise VideoError(f"cannot read {printable(folder)}: no image in it is called {printable(series)}")
    if not images:
        suffixes = " ".join(sorted(IMAGE_SUFFIXES))
        raise VideoError(
            f"cannot read {printable(folder)}: it holds no frame images ({suffixes}); name a video file"
        )
    return images


def _clips_from_files(images: list[Path], sampling: Sampling, name: str) -> tuple[Clip, ...]:
    """Clips from picture files, of which only those sampled are opened."""
    seconds = np.arange(len(images)) / FRAMES_FPS
    return _sampled(
        len(images), seconds, sampling, lambda rows: stacked_files([images[row] for row in rows], name)
    )


def _remove(path: str, owner: int) -> None:
    """Unless this process is forked from the one whose file it is."""
    with suppress(OSError):
        if os.getpid() == owner:
            os.unlink(path)  # noqa: PTH108 - pathlib may be gone at exit
