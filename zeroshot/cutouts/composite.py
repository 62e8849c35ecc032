"""Edits of a clip: the person alone, elsewhere, before a picture, beside somebody who stands still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from zeroshot.errors import OptionError
from zeroshot.video.masks import PERSON

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

_SHIFTS = 16  # places along the width at which a still bystander is tried


@dataclass(frozen=True, eq=False)
class Cutout:
    """A clip taken apart.

    Attributes:
        frames: (T, 3, H, W) uint8, as filmed.
        levels: (T, H, W) uint8, how much the person covers.
        plate: (T, 3, H, W) uint8, the place without the person.
        exact: whether `plate` is what really stood behind the person, not a guess: then what a soft level
            lets through is known, and is exchanged without a trace.
    """

    frames: NDArray[np.uint8]
    levels: NDArray[np.uint8]
    plate: NDArray[np.uint8]
    exact: bool


def over(cutout: Cutout, place: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(T, 3, H, W) the person of a clip before another place.

    With levels of 0 and 255 alone every pixel is the clip's or the place's, exactly. Between them the two are
    mixed; where the clip's own plate is exact, what is added instead is (1 − level)·(place − plate), so that
    soft borders and shadows lose their old background: the true composite within one level of rounding.

    Args:
        cutout: the clip.
        place: (T, 3, H, W), or (3, H, W) for a still one.
    """
    made = _pasted(cutout, np.broadcast_to(place, cutout.frames.shape))
    soft = (cutout.levels > 0) & (cutout.levels < 255)
    if not soft.any():
        return made
    pixels = _pixels(cutout.frames)[soft].astype(np.int32)
    shown = _pixels(np.broadcast_to(place, cutout.frames.shape))[soft].astype(np.int32)
    share = cutout.levels[soft].astype(np.int32)[:, None]
    if cutout.exact:
        plate = _pixels(cutout.plate)[soft].astype(np.int32)
        mixed = pixels + ((255 - share) * (shown - plate) + 127) // 255
    else:
        mixed = (share * pixels + (255 - share) * shown + 127) // 255
    _pixels(made)[soft] = mixed.clip(0, 255)
    return made


def soft_over(frames: Tensor, masks: Tensor, places: Tensor) -> Tensor:
    """(n, T, 3, H, W) uint8: the persons of clips before other places, mixed as far as masks are unsure.

    Args:
        frames: (n, T, 3, H, W) uint8.
        masks: (n, T, H, W) in [0, 1] of the persons.
        places: (n, T, 3, H, W), any type, levels 0 to 255.

    Raises:
        OptionError: shapes that do not fit.
    """
    check_masks(frames, masks)
    if places.shape != frames.shape:
        raise OptionError(f"places {tuple(places.shape)} do not fit frames {tuple(frames.shape)}")
    kept = masks.unsqueeze(2)
    return (kept * frames + (1 - kept) * places).round().clamp(0, 255).to(torch.uint8)


def check_masks(frames: Tensor, masks: Tensor) -> None:
    """Refuse masks other than (n, T, H, W) for frames (n, T, 3, H, W)."""
    if frames.ndim != 5 or masks.shape != (*frames.shape[:2], *frames.shape[3:]):
        raise OptionError(
            f"masks {tuple(masks.shape)} do not fit frames {tuple(frames.shape)}; expected (n, T, H, W)"
        )


def alone(cutout: Cutout, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """(T, 3, H, W) the person's pixels on one plain colour; no shadow, no soft border."""
    plain = np.asarray(colour, np.uint8)[:, None, None]
    return _pasted(cutout, np.broadcast_to(plain, cutout.frames.shape))


def _pixels(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(T, H, W, 3) a view: decoders and encoders have the channels last, so what is made here has as well."""
    return frames.transpose(0, 2, 3, 1)


def _pasted(cutout: Cutout, place: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(T, 3, H, W) a place with the person's pixels on it."""
    made = np.ascontiguousarray(_pixels(place))
    made = made.copy() if np.shares_memory(made, place) else made
    person = cutout.levels >= PERSON
    made[person] = _pixels(cutout.frames)[person]
    return made.transpose(0, 3, 1, 2)


def moments(count: int, other: int) -> NDArray[np.int64]:
    """(count,) frame of a clip of `other` frames at the same share of its length as each of `count`.

    Source: the released code of Chung et al., NeurIPS 2022 (HAT).
    """
    rows: NDArray[np.int64] = np.rint(np.arange(count) / count * other).astype(np.int64).clip(0, other - 1)
    return rows


def stretched(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(3, H, W) a picture (3, h, w) in another height and width, whatever its shape."""
    if picture.shape[1:] == size:
        return picture
    return _scaled(picture, size, Image.Resampling.BICUBIC)


def beside(plate: NDArray[np.uint8], count: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(count, 3, H', W') another clip's plate, at the same share of its length, whole.

    It keeps its shape: its shorter side becomes that of a frame of the size.

    Args:
        plate: (T, 3, h, w).
        count: frames wanted.
        size: height and width of the clip that it will stand behind.
    """
    rows = moments(count, len(plate))
    wanted = shape_beside(plate.shape[2:], size)
    if plate.shape[2:] == wanted:
        return plate[rows]
    shown = {row: _scaled(plate[row], wanted, Image.Resampling.BILINEAR) for row in np.unique(rows).tolist()}
    return np.stack([shown[row] for row in rows.tolist()])


def shape_beside(size: tuple[int, ...], other: tuple[int, int]) -> tuple[int, int]:
    """Height and width of a frame once its shorter side is that of another frame."""
    scale = min(other) / min(size)
    return int(size[0] * scale + 0.5), int(size[1] * scale + 0.5)


def centre_of(levels: NDArray[np.uint8]) -> tuple[float, float]:
    """Row and column of the middle of the person's pixels in a frame (H, W); the frame's where nobody is."""
    rows, columns = np.nonzero(levels >= PERSON)
    if len(rows) == 0:
        return levels.shape[0] / 2, levels.shape[1] / 2
    return float(rows.mean()), float(columns.mean())


def moved(cutout: Cutout, size: tuple[int, int], step: tuple[int, int]) -> Cutout:
    """The clip in frames of another size, so many pixels lower and further right; cut off at their border.

    Nobody is where the clip has no pixels.

    Args:
        cutout: the clip.
        size: H and W of the new frames.
        step: rows down and columns right, below 0 for up and left.
    """
    height, width = cutout.levels.shape[1:]
    top, left = max(0, step[0]), max(0, step[1])
    bottom, right = min(size[0], height + step[0]), min(size[1], width + step[1])
    count = len(cutout.frames)
    frames, plate = (np.zeros((count, *size, 3), np.uint8) for _ in range(2))
    levels = np.zeros((count, *size), np.uint8)
    if top < bottom and left < right:
        new = (slice(None), slice(top, bottom), slice(left, right))
        old = (slice(None), slice(top - step[0], bottom - step[0]), slice(left - step[1], right - step[1]))
        frames[new], plate[new] = _pixels(cutout.frames)[old], _pixels(cutout.plate)[old]
        levels[new] = cutout.levels[old]
    return Cutout(frames.transpose(0, 3, 1, 2), levels, plate.transpose(0, 3, 1, 2), cutout.exact)


def _scaled(picture: NDArray[np.uint8], size: tuple[int, int], way: Image.Resampling) -> NDArray[np.uint8]:
    """(3, H, W) a picture (3, h, w) in another size."""
    image = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
    return np.asarray(image.resize((size[1], size[0]), way)).transpose(2, 0, 1)


def frozen(frames: NDArray[np.uint8], row: int) -> NDArray[np.uint8]:
    """(T, 3, H, W) one frame T times, in the memory of one."""
    return np.broadcast_to(frames[row], frames.shape)


@dataclass(frozen=True, eq=False)
class Bystander:
    """A person of one frame, cut out.

    Attributes:
        picture: (3, h, w) uint8.
        levels: (h, w) uint8, how much of each pixel is the person's.
        top_share: where the upper edge was in the frame, as a share of its height.
    """

    picture: NDArray[np.uint8]
    levels: NDArray[np.uint8]
    top_share: float


def bystander_of(cutout: Cutout) -> Bystander:
    """The person in the frame nearest the middle that shows one."""
    shown = np.flatnonzero((cutout.levels >= PERSON).any((1, 2)))
    row = int(shown[np.argmin(np.abs(shown - len(cutout.frames) // 2))])
    level = np.where(cutout.levels[row] >= PERSON, cutout.levels[row], 0).astype(np.uint8)
    rows, columns = np.flatnonzero(level.any(1)), np.flatnonzero(level.any(0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    top = int(rows[0]) / int(cutout.frames.shape[2])
    return Bystander(cutout.frames[row][:, box[0], box[1]], level[box], top)


def with_bystander(
    place: NDArray[np.uint8], bystander: Bystander, levels: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """(3, H, W) a still place with a still bystander in it, where it is least hidden by a moving person.

    Args:
        place: (3, H, W).
        bystander: stands as high as in its own frame.
        levels: (T, H, W) of the person who will stand before both.
    """
    height, width = place.shape[1:]
    picture, cover = bystander.picture, bystander.levels
    if cover.shape[0] > height or cover.shape[1] > width:
        picture, cover = _shrunk(picture, cover, (height, width))
    h, w = cover.shape
    top = min(round(bystander.top_share * height), height - h)
    busy = (levels >= PERSON).mean(0)[top : top + h]
    places = np.unique(np.linspace(0, width - w, _SHIFTS).round().astype(int))
    middle = (width - w) / 2
    hidden = [
        (float((busy[:, left : left + w] * (cover >= PERSON)).sum()), abs(left - middle), left)
        for left in places.tolist()
    ]
    left = min(hidden)[2]
    result = place.copy()
    part = result[:, top : top + h, left : left + w].astype(np.int32)
    share = cover.astype(np.int32)
    mixed = (share * picture + (255 - share) * part + 127) // 255
    result[:, top : top + h, left : left + w] = mixed
    return result


def _shrunk(
    picture: NDArray[np.uint8], cover: NDArray[np.uint8], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A bystander made to fit into a frame of another size."""
    scale = min(size[0] / cover.shape[0], size[1] / cover.shape[1])
    target = (max(1, int(cover.shape[1] * scale)), max(1, int(cover.shape[0] * scale)))
    colours = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0))).resize(target)
    levels = Image.fromarray(cover).resize(target)
    return np.asarray(colours).transpose(2, 0, 1), np.asarray(levels)
