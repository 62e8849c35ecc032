"""Edits of a clip: the person alone, elsewhere, before a picture, beside somebody who stands still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

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
    """(count,) frame of a clip of `other` frames at the same share of its length as each of `count`."""
    return ((2 * np.arange(count) + 1) * other) // (2 * count)


def covering(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(3, H, W) the middle of a picture (3, h, w), scaled so that it just covers the size."""
    height, width = size
    if picture.shape[1:] == size:
        return picture
    from PIL import Image

    scale = max(height / picture.shape[1], width / picture.shape[2])
    rows, columns = min(height / scale, picture.shape[1]), min(width / scale, picture.shape[2])
    top, left = (picture.shape[1] - rows) / 2, (picture.shape[2] - columns) / 2
    image = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
    shown = image.resize(
        (width, height), Image.Resampling.BICUBIC, box=(left, top, left + columns, top + rows)
    )
    return np.asarray(shown).transpose(2, 0, 1)


def fitted_place(plate: NDArray[np.uint8], count: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(count, 3, H, W) another clip's plate, at the same share of its length, cut to the size."""
    rows = moments(count, len(plate))
    if plate.shape[2:] == size:
        return plate[rows]
    shown = {row: covering(plate[row], size) for row in np.unique(rows).tolist()}
    return np.stack([shown[row] for row in rows.tolist()])


def stripes(size: tuple[int, int], generator: np.random.Generator) -> NDArray[np.uint8]:
    """(3, H, W) sinusoidal stripes between two colours, of any direction, 2 to 8 to the picture's height.

    Source: Li et al., ICCV 2023 (SCUBA with procedural pictures).
    """
    height, width = size
    down, across = np.mgrid[0:height, 0:width] / height
    angle, waves = generator.uniform(0, np.pi), generator.uniform(2, 8)
    phase = generator.uniform(0, 2 * np.pi)
    along = across * np.cos(angle) + down * np.sin(angle)
    share = 0.5 + 0.5 * np.sin(2 * np.pi * waves * along + phase)
    one, two = generator.uniform(0, 255, (2, 3, 1, 1))
    levels: NDArray[np.uint8] = np.rint(one * share + two * (1 - share)).astype(np.uint8)
    return levels


def frozen(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(T, 3, H, W) the middle frame T times, in the memory of one."""
    return np.broadcast_to(frames[len(frames) // 2], frames.shape)


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
    from PIL import Image

    scale = min(size[0] / cover.shape[0], size[1] / cover.shape[1])
    target = (max(1, int(cover.shape[1] * scale)), max(1, int(cover.shape[0] * scale)))
    colours = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0))).resize(target)
    levels = Image.fromarray(cover).resize(target)
    return np.asarray(colours).transpose(2, 0, 1), np.asarray(levels)
