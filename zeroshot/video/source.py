"""What may stand for a video besides a file: frames in memory, a folder of images; and finding files."""

from __future__ import annotations

import glob
import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from zeroshot.errors import VideoError
from zeroshot.types import Clip
from zeroshot.video.decoders.decode import VIDEO_SUFFIXES
from zeroshot.video.decoders.probe import printable
from zeroshot.video.sampling import Sampling, frame_times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

VideoSource: TypeAlias = "str | os.PathLike[str] | NDArray[Any] | Sequence[Any] | Clip | Any"
"""A path, an array or torch tensor of frames, a list of PIL images or arrays, or a clip."""

FRAMES_FPS = 25.0
"""Frames a second that bare frames are taken to have, as nothing says how fast they follow each other.

It decides the seconds that a clip carries and what a stride or a window in seconds means; which of the frames
are sampled into T equal segments does not depend on it.
"""

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""What files in a folder are taken for frames by."""


def is_path(source: object) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a source is named rather than given: text or a path object."""
    return isinstance(source, str | os.PathLike)


def is_folder(source: object) -> bool:
    """Whether a source names a folder; whatever cannot be looked at is none."""
    return is_path(source) and os.path.isdir(source)  # noqa: PTH112 - Path.is_dir raises on long or locked names


def name_of(source: VideoSource) -> str:
    """How rows and messages call a source: its path as given, else its kind and shape."""
    if is_path(source):
        return printable(source)
    if isinstance(source, Clip):
        return f"<clip of {len(source.frames)} frames>"
    shape = getattr(source, "shape", None)
    if shape is not None:
        return f"<{type(source).__name__} {tuple(shape)}>"
    if isinstance(source, list | tuple):
        return f"<{len(source)} frames>"
    return f"<{type(source).__name__}>"


def clips_from_frames(source: VideoSource, sampling: Sampling) -> tuple[Clip, ...]:
    """V clips of T frames from frames that need no video decoder.

    Args:
        source: (T, H, W, 3) or (T, 3, H, W), uint8 or float in [0, 1], as numpy array or torch tensor; a list
            of PIL images or of (H, W, 3) arrays, all of one size; a folder of frame images, in natural order
            of their names; or a `Clip`, whose own seconds are kept.
        sampling: which moments; bare frames are shown `FRAMES_FPS` a second.

    Raises:
        VideoError: the frames have another shape, type, range or several sizes, or there are none.
        OptionError: the window lies behind the last frame.
    """
    if isinstance(source, Clip):
        return _sampled(len(source.frames), source.seconds, sampling, lambda rows: source.frames[rows])
    if is_path(source):
        return _clips_from_folder(Path(source), sampling)
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
    times = frame_times(sampling, float(start[-1]) + step)
    rows = np.maximum(np.searchsorted(start, times + 1e-6, side="right") - 1, 0)
    return tuple(Clip(frames=pick(row), seconds=seconds[row].astype(np.float64)) for row in rows)


def _as_array(source: Any) -> Any:  # noqa: ANN401 - an array or a tensor, whose library is not imported here
    """A batch of frames that can be indexed, its number of axes checked."""
    shape = getattr(source, "shape", None)
    if shape is None or not hasattr(source, "__getitem__"):
        raise VideoError(
            f"a {type(source).__name__} is no video; "
            "give a path, an array (T, H, W, 3), a list of images or a Clip"
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
    sizes = sorted({_size_of(image, name) for image in images})
    if len(sizes) > 1:
        shown = ", ".join(f"{width}×{height}" for width, height in sizes[:4])
        raise VideoError(f"{name} have several sizes ({shown}); resize them to one")
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
        image = np.asarray(image.convert("RGB"))
    return _as_bytes(image[None], name)


def _clips_from_folder(folder: Path, sampling: Sampling) -> tuple[Clip, ...]:
    """Clips from the images in a folder, of which only those sampled are opened."""
    images = images_in(folder)
    if not images:
        suffixes = " ".join(sorted(IMAGE_SUFFIXES))
        raise VideoError(
            f"cannot read {printable(folder)}: it holds no frame images ({suffixes}); name a video file"
        )
    seconds = np.arange(len(images)) / FRAMES_FPS

    def pick(rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        frames = [_opened(images[row]) for row in rows]
        return _stacked(frames, np.arange(len(frames)), f"the images in {printable(folder)}")

    return _sampled(len(images), seconds, sampling, pick)


def _opened(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) of an image file, upright."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError) as error:
        words = " ".join(str(error).split())[:160]
        raise VideoError(f"cannot read the frame {printable(path)}: {words}; replace or remove it") from None


def find_videos(inputs: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The videos meant by files, folders and patterns, each once, in the order of the inputs.

    A file is kept whatever its suffix, and a path that does not exist is kept too: it fails later, as one
    file of many. A folder is searched through and through for files of `VIDEO_SUFFIXES`, hidden ones left
    out; one that directly holds two images or more, and no video, is itself a video, a frame an image. A
    pattern may hold `*`, `?`, `[…]` and `**`, unless a file of just that name exists.

    Args:
        inputs: as typed.

    Raises:
        VideoError: nothing is found in a folder or by a pattern.
    """
    found: dict[str, Path] = {}
    for text in inputs:
        for path in _meant_by(os.fspath(text)):
            found.setdefault(os.path.abspath(path), path)  # noqa: PTH100 - without following links
    return list(found.values())


def _meant_by(text: str) -> list[Path]:
    """The videos meant by one input."""
    path = Path(text)
    if is_folder(text):
        videos = _videos_in(path)
        if not videos:
            suffixes = " ".join(sorted(VIDEO_SUFFIXES))
            raise VideoError(f"no videos in {printable(text)}: looked for {suffixes} and folders of images")
        return videos
    if os.path.exists(text) or not glob.has_magic(text):  # noqa: PTH110 - as in is_folder
        return [path]
    matches = sorted(map(Path, glob.glob(text, recursive=True)), key=_natural)  # noqa: PTH207 - ** and absolute
    wanted = VIDEO_SUFFIXES | {Path(text).suffix.lower()}
    videos = []
    for match in matches:
        if match.is_dir():
            videos += _videos_in(match)
        elif match.suffix.lower() in wanted:
            videos.append(match)
    if not videos:
        raise VideoError(f"no video matches {printable(text)}; check the pattern")
    return videos


def _videos_in(folder: Path) -> list[Path]:
    """Videos in a folder and below, in natural order, folder by folder."""
    videos: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=_natural)
        here = [Path(place, name) for name in names if not name.startswith(".")]
        files = sorted((path for path in here if path.suffix.lower() in VIDEO_SUFFIXES), key=_natural)
        images = [path for path in here if path.suffix.lower() in IMAGE_SUFFIXES]
        videos += files or ([Path(place)] if len(images) > 1 else [])
    return videos


def images_in(folder: Path) -> list[Path]:
    """Images directly in a folder, in natural order."""
    try:
        names = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise VideoError(
            f"cannot read {printable(folder)}: {(error.strerror or 'no access').lower()}; check the path"
        ) from None
    return sorted((path for path in names if path.suffix.lower() in IMAGE_SUFFIXES), key=_natural)


def _natural(path: str | Path) -> list[tuple[int, int, str]]:
    """A key that puts frame2 before frame10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", str(path))
    key = [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part.casefold()) for part in parts]
    return [*key, (2, 0, str(path))]
