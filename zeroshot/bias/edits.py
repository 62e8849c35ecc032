"""The second pass: every edit of one clip, from its person, its partners' places, and pictures."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from zeroshot.bias.manifest import SWAPS, is_whole
from zeroshot.bias.take_apart import PRESET
from zeroshot.cutouts.composite import (
    Bystander,
    Cutout,
    alone,
    covering,
    fitted_place,
    frozen,
    over,
    stripes,
    with_bystander,
)
from zeroshot.cutouts.finder import all_read
from zeroshot.errors import OutputError, VideoError
from zeroshot.store.files import read_note, write_note
from zeroshot.video.identity import content_key
from zeroshot.video.pictures import PictureFile
from zeroshot.video.source import MaskFile
from zeroshot.video.write import write_video

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from zeroshot.bias.recipe import BiasRecipe, Facts, Item, Places
    from zeroshot.video.decoders.all_frames import Film
    from zeroshot.video.source import VideoSource

PICTURED = ("scuba", "scufo", "conflict")


class Partner(NamedTuple):
    """Another clip that lends its background, or its person as a bystander.

    Attributes:
        item: that clip.
        facts: of it.
    """

    item: Item
    facts: Facts


@dataclass(frozen=True, eq=False)
class Order:
    """What is to be made of one clip.

    Attributes:
        item: the clip.
        facts: of it.
        partners: kind → the clip whose background a swap gets, or whose person stands by in a conflict clip.
        kinds: to be made, in the order of KINDS.
        picture: file behind the person of SCUBA and its kin; None for stripes.
        colour: mean of all clips, for human-only.
    """

    item: Item
    facts: Facts
    partners: Mapping[str, Partner]
    kinds: tuple[str, ...]
    picture: Path | None
    colour: tuple[int, int, int]

    @property
    def key(self) -> str:
        """Changes with anything that the edits are made of, but the recipe."""
        parts = [self.facts.key, self.kinds, self.colour, None if self.picture is None else self.picture.name]
        parts += [(kind, item.name, facts.key) for kind, (item, facts) in sorted(self.partners.items())]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def name(self, kind: str) -> str:
        """Of the file of one edit: its partner's row stands in it."""
        partner = self.partners.get(kind)
        return self.item.name if partner is None else f"{self.item.name}--{partner.item.row:06d}"


def films_of(order: Order, exact: bool, places: Places) -> list[VideoSource]:
    """What has to be read: the clip, its mask, its own plate where exact, partners' plates, a picture."""
    needed: list[VideoSource] = [order.item.source, MaskFile(places.mask(order.item))]
    if exact:
        needed.append(places.video("background-only", order.item.name))
    swaps = [order.partners[kind].item.name for kind in order.kinds if kind in SWAPS]
    needed += [places.video("background-only", name) for name in swaps]
    return needed if order.picture is None else [*needed, PictureFile(order.picture)]


def make_edits(
    order: Order, films: Sequence[Film | VideoError], recipe: BiasRecipe, places: Places
) -> dict[str, str]:
    """Write the edits of one clip; gives kind → SHA-256 of the file.

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
    picture = None if order.picture is None else plates.pop()[0]
    height, width = order.facts.size
    if frames.shape != (order.facts.num_frames, 3, height, width):
        raise VideoError(f"{order.item.shown} has changed while its edits were made; run the command again")
    if mask.shape != frames.shape:
        raise VideoError(f"the mask of {order.item.shown} has changed since it was made; run again")
    place = _picture(order, recipe, picture)
    own = plates.pop(0)[:, :, :height, :width] if recipe.backgrounds else frames
    cutout = Cutout(frames, mask[:, 0], own, exact=recipe.backgrounds is not None)
    digests = {}
    for kind in order.kinds:
        plate = plates.pop(0) if kind in SWAPS else None
        path = places.video(kind, order.name(kind))
        made = _edit(kind, cutout, order, plate, place, places)
        write_video(path, made, order.facts.fps, crf=recipe.crf, preset=PRESET)
        digests[kind] = content_key(path)
    write_note(places.edits(order.item), {"key": order.key, "digests": digests})
    return digests


def known_edits(order: Order, places: Places) -> dict[str, str] | None:
    """Kind → SHA-256 of edits that were made before of the same things; None where they have to be made."""
    try:
        note = read_note(places.edits(order.item), "edits of a video", "delete it")
        digests = {str(kind): str(digest) for kind, digest in note["digests"].items()}
        same = note["key"] == order.key and set(digests) == set(order.kinds)
    except (OutputError, KeyError, AttributeError):
        return None
    if not same:
        return None
    videos = {kind: places.video(kind, order.name(kind)) for kind in order.kinds}
    return digests if all(is_whole(videos[kind], digests[kind]) for kind in order.kinds) else None


def _edit(
    kind: str,
    cutout: Cutout,
    order: Order,
    plate: NDArray[np.uint8] | None,
    place: NDArray[np.uint8],
    places: Places,
) -> NDArray[np.uint8]:
    """(T, 3, H, W) one edit."""
    if kind == "human-only":
        return alone(cutout, order.colour)
    if plate is not None:
        height, width = order.partners[kind].facts.size
        shown = plate[:, :, :height, :width]
        return over(cutout, fitted_place(shown, len(cutout.frames), order.facts.size))
    if kind == "conflict":
        place = with_bystander(place, _read_bystander(order.partners[kind], places), cutout.levels)
    made = over(cutout, place)
    return frozen(made) if kind == "scufo" else made


def _picture(order: Order, recipe: BiasRecipe, picture: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """(3, H, W) what stands behind the person of SCUBA and its kin: one picture for all of a clip's edits."""
    if picture is not None:
        return covering(picture, order.facts.size)
    return stripes(order.facts.size, np.random.default_rng([recipe.seed, order.item.row, 1]))


def _read_bystander(partner: Partner, places: Places) -> Bystander:
    """The person of another clip, as `write_bystander` left it."""
    from PIL import Image

    with Image.open(places.bystander(partner.item)) as image:
        pixels = np.asarray(image)
    return Bystander(pixels[..., :3].transpose(2, 0, 1), pixels[..., 3], partner.facts.bystander_top)
