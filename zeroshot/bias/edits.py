"""The second pass: every edit of one clip, from its person, its partners' places, and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from zeroshot.bias.manifest import PICTURED, SWAPS, is_whole
from zeroshot.bias.take_apart import PRESET
from zeroshot.cutouts.appearance_free import appearance_free
from zeroshot.cutouts.composite import (
    Bystander,
    Cutout,
    alone,
    beside,
    frozen,
    moved,
    over,
    stretched,
    with_bystander,
)
from zeroshot.cutouts.finder import all_read
from zeroshot.cutouts.stripes import stripes
from zeroshot.errors import OutputError, VideoError
from zeroshot.store.files import read_note, write_note
from zeroshot.video.identity import content_key
from zeroshot.video.pictures import PictureFile
from zeroshot.video.source import MaskFile
from zeroshot.video.write import write_video

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zeroshot.bias.orders import Edit, Order, Partner
    from zeroshot.bias.recipe import BiasRecipe, Places
    from zeroshot.video.decoders.all_frames import Film
    from zeroshot.video.source import VideoSource


def films_of(order: Order, exact: bool, places: Places) -> list[VideoSource]:
    """What has to be read: the clip, its mask, its own plate where exact, partners' plates, pictures."""
    needed: list[VideoSource] = [order.item.source, MaskFile(places.mask(order.item))]
    if exact:
        needed.append(places.video("background-only", order.item.name))
    swaps = [order.partners[kind].item.name for kind in order.kinds if kind in SWAPS]
    needed += [places.video("background-only", name) for name in swaps]
    return [*needed, *(PictureFile(picture) for picture in order.pictures if picture is not None)]


def make_edits(
    order: Order, films: Sequence[Film | VideoError], recipe: BiasRecipe, places: Places
) -> dict[str, str]:
    """Write the edits of one clip; gives the file of each, `KIND/NAME`, and its SHA-256.

    Args:
        order: what.
        films: of `films_of`.
        recipe: how.
        places: where.

    Raises:
        VideoError: a film cannot be read any more, or is another than before.
        OutputError: something cannot be written.
    """
    frames, mask, *plates = [film.clip.frames for film in all_read(films)]
    height, width = order.facts.size
    if frames.shape != (order.facts.num_frames, 3, height, width):
        raise VideoError(f"{order.item.shown} has changed while its edits were made; run the command again")
    if mask.shape != frames.shape:
        raise VideoError(f"the mask of {order.item.shown} has changed since it was made; run again")
    own = plates.pop(0)[:, :, :height, :width] if recipe.backgrounds else frames
    clip = _Clip(order, Cutout(frames, mask[:, 0], own, exact=recipe.backgrounds is not None), recipe.seed)
    swaps = {kind: plates.pop(0) for kind in order.kinds if kind in SWAPS}
    digests = {}
    for edit in order.edits():
        path = order.path(edit, places)
        if edit.kind in PICTURED:
            made = clip.pictured(edit, plates[edit.copy][0] if plates else None, places)
        else:
            made = clip.swapped(edit.kind, swaps[edit.kind]) if edit.kind in swaps else clip.alone(edit.kind)
        crf = None if edit.kind == "afd" else recipe.crf
        write_video(path, made, order.facts.fps, crf=crf, preset=PRESET)
        digests[places.name(path)] = content_key(path)
    write_note(places.edits(order.item), {"key": order.key, "digests": digests})
    return digests


def known_edits(order: Order, places: Places) -> dict[str, str] | None:
    """File → SHA-256 of edits that were made before of the same things; None where they have to be made."""
    try:
        note = read_note(places.edits(order.item), "edits of a video", "delete it")
        digests = {str(name): str(digest) for name, digest in note["digests"].items()}
        wanted = {places.name(path): path for path in (order.path(edit, places) for edit in order.edits())}
        same = note["key"] == order.key and set(digests) == set(wanted)
    except (OutputError, KeyError, AttributeError):
        return None
    whole = same and all(is_whole(path, digests[name]) for name, path in wanted.items())
    return digests if whole else None


class _Clip(NamedTuple):
    """One clip, whose edits are made one by one.

    Attributes:
        order: of the clip.
        cutout: its person and place.
        seed: of all draws.
    """

    order: Order
    cutout: Cutout
    seed: int

    def alone(self, kind: str) -> NDArray[np.uint8]:
        """(T, 3, H, W) its person on one colour, or noise that moves as it does."""
        if kind == "afd":
            return appearance_free(self.cutout.frames, self._generator(3))
        return alone(self.cutout, self.order.colour)

    def swapped(self, kind: str, plate: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(T, 3, H', W') the person where that of another clip stood at first, in frames of that clip.

        Source: the released code of Chung et al., NeurIPS 2022 (HAT).
        """
        facts, other = self.order.facts, self.order.partners[kind].facts
        height, width = other.size
        place = beside(plate[:, :, :height, :width], len(self.cutout.frames), facts.size)
        scale = place.shape[2] / height, place.shape[3] / width
        there = [centre * by for centre, by in zip(other.centre, scale, strict=True)]
        step = (int(there[0] - facts.centre[0]), int(there[1] - facts.centre[1]))
        return over(moved(self.cutout, (place.shape[2], place.shape[3]), step), place)

    def pictured(self, edit: Edit, picture: NDArray[np.uint8] | None, places: Places) -> NDArray[np.uint8]:
        """(T, 3, H, W) the person before a still picture (3, h, w), or before stripes."""
        shown = stripes(self._generator(1, edit.copy)) if picture is None else picture
        place = stretched(shown, self.order.facts.size)
        if edit.kind == "conflict":
            bystander = _read_bystander(self.order.partners[edit.kind], places)
            place = with_bystander(place, bystander, self.cutout.levels)
        made = over(self.cutout, place)
        if edit.kind != "scufo":
            return made
        return frozen(made, int(self._generator(2, edit.copy).integers(len(made))))

    def _generator(self, *purpose: int) -> np.random.Generator:
        """Draws of this clip for one purpose."""
        return np.random.default_rng([self.seed, self.order.item.row, *purpose])


def _read_bystander(partner: Partner, places: Places) -> Bystander:
    """The person of another clip, as `write_bystander` left it."""
    from PIL import Image

    with Image.open(places.bystander(partner.item)) as image:
        pixels = np.asarray(image)
    return Bystander(pixels[..., :3].transpose(2, 0, 1), pixels[..., 3], partner.facts.bystander_top)
