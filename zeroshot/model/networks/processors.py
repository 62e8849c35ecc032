"""Image and video processors of transformers: what they do to a frame, in our words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from zeroshot.errors import ModelError, in_one_line
from zeroshot.model.networks.foreign import is_plain, read_json
from zeroshot.model.networks.pretrained import quiet
from zeroshot.video.transform import LARGEST_FRAME, Preprocess, three_numbers

if TYPE_CHECKING:
    from pathlib import Path

_INTERPOLATIONS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
_PROCESSORS = {"chinese_clip": "ChineseCLIPImageProcessor", "siglip": "SiglipImageProcessor"}
_PROCESSORS |= {"align": "EfficientNetImageProcessor", "siglip2": "Siglip2ImageProcessor"}
_PROCESSORS |= {"videoprism": "LlavaOnevisionVideoProcessor", "pe_video": "PeVideoVideoProcessor"}
_FIELDS = (
    "do_resize",
    "size",
    "resample",
    "do_center_crop",
    "crop_size",
    "do_rescale",
    *("rescale_factor", "do_normalize", "image_mean", "image_std", "do_convert_rgb"),
)
# Of VideoPrism its processor says this itself, whatever its files say of normalizing.
_UNLESS_SAID = {"videoprism": {"size": {"height": 288, "width": 288}}}
_ALWAYS = {"videoprism": {"do_normalize": False}}
_MOST_PATCHES = 4096  # of a frame, beyond what any network reads


def processor_fields(folder: Path, kind: str) -> dict[str, Any]:
    """What the files of a checkpoint say of its processor, the newest kind of file first.

    Args:
        folder: of the checkpoint.
        kind: type of its network.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    videos = kind in {"videoprism", "pe_video"}
    inner = ["video_processor"] * videos + ["image_processor"]
    both = folder / "processor_config.json"
    content = read_json(both) if both.is_file() else {}
    for name in inner:
        if isinstance(content.get(name), dict):
            found: dict[str, Any] = content[name]
            return found
    for file in ["video_preprocessor_config.json"] * videos + ["preprocessor_config.json"]:
        if (folder / file).is_file():
            return read_json(folder / file)
    expected = "video_preprocessor_config.json" if videos else "preprocessor_config.json"
    raise ModelError(f"no {'video' if videos else 'image'} processor in {folder}; expected {expected}")


def read_preprocess(folder: Path, kind: str) -> Preprocess:
    """Our description of what a checkpoint's image or video processor does to a frame.

    Args:
        folder: of the checkpoint.
        kind: type of its network.

    Raises:
        ModelError: there is none, or what it does is not known here.
    """
    import transformers

    with (
        in_one_line(f"cannot load the image processor in {folder}", "expected preprocessor_config.json"),
        quiet(),
    ):
        found = processor_fields(folder, kind)
        known = {name: found[name] for name in _FIELDS if name in found}
        made: Any = getattr(transformers, _class_of(found, kind))
        processor = made(**{**_UNLESS_SAID.get(kind, {}), **known, **_ALWAYS.get(kind, {})})
        if kind == "siglip2":
            return _in_patches(processor, found, folder)
        return _of_one_size(processor, folder)


def _class_of(found: dict[str, Any], kind: str) -> str:
    """The library's own class of a processor, whose defaults stand for what a file does not say."""
    named = str(found.get("image_processor_type") or found.get("feature_extractor_type"))
    # X-CLIP was published with the processor of another network for videos.
    if kind == "xclip" and named.startswith("VideoMAE"):
        return "VideoMAEImageProcessor"
    return _PROCESSORS.get(kind, "CLIPImageProcessor")


def _of_one_size(processor: Any, folder: Path) -> Preprocess:  # noqa: ANN401 - as the version has it
    """What a processor does that makes frames of one size."""
    if not getattr(processor, "do_resize", False):
        raise ModelError(f"the image processor in {folder} does not resize; expected one with a size")
    side = _entry(processor.size, "shortest_edge")
    resize_size = (side, side) if side else _height_and_width(processor.size)
    size = (
        _height_and_width(processor.crop_size) if getattr(processor, "do_center_crop", False) else resize_size
    )
    if size is None or resize_size is None or (side and size is resize_size):
        raise ModelError(
            f"the image processor in {folder} has size {processor.size}; expected a fixed result"
        )
    if not 0 < min(*size, *resize_size) <= max(*size, *resize_size) <= LARGEST_FRAME:
        raise ModelError(f"the image processor in {folder} makes frames of {size} pixels")
    return Preprocess(
        size=size,
        **_levels(processor),
        resize_mode="shortest" if side else "squash",
        resize_size=None if resize_size == size else resize_size,
        crop_offset="floored",
    )


def _in_patches(processor: Any, found: dict[str, Any], folder: Path) -> Preprocess:  # noqa: ANN401
    """What a processor does that leaves frames their shape, and bounds the number of their patches."""
    patch = found.get("patch_size", processor.patch_size)
    most = found.get("max_num_patches", processor.max_num_patches)
    whole = all(isinstance(each, int) and is_plain(each) and each > 0 for each in (patch, most))
    if not whole or most > _MOST_PATCHES or patch * math.isqrt(most) > LARGEST_FRAME:
        raise ModelError(f"the image processor in {folder} cuts {most} patches of {patch} pixels")
    side = patch * math.isqrt(most)
    return Preprocess(
        size=(side, side), **_levels(processor), resize_mode="patches", patch=patch, most_patches=most
    )


def _levels(processor: Any) -> dict[str, Any]:  # noqa: ANN401 - as the version has it
    """How a processor interpolates and normalizes; mean and std are for white = 1, whatever its scale."""
    scale = 255 * processor.rescale_factor if getattr(processor, "do_rescale", True) else 255.0
    normalize = getattr(processor, "do_normalize", True)
    mean, std = (processor.image_mean, processor.image_std) if normalize else ((0.0,) * 3, (1.0,) * 3)
    resample = int(getattr(processor, "resample", 3))
    return {
        "mean": three_numbers([value / scale for value in mean]),
        "std": three_numbers([value / scale for value in std]),
        "interpolation": _INTERPOLATIONS.get(resample, str(resample)),
    }


def _height_and_width(size: Any) -> tuple[int, int] | None:  # noqa: ANN401
    """(h, w) of a processor's size, or None where it names something else."""
    height, width = _entry(size, "height"), _entry(size, "width")
    return (height, width) if height and width else None


def _entry(size: Any, key: str) -> int | None:  # noqa: ANN401
    """One entry of a processor's size, which is a dictionary or an object, as the version has it."""
    value = size.get(key) if isinstance(size, dict) else getattr(size, key, None)
    return None if value is None else int(value)
