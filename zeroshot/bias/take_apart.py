"""The first pass: each video taken apart into person and place, and what the second pass has to know."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.bias.manifest import is_whole
from zeroshot.bias.pairs import layout
from zeroshot.bias.recipe import Facts
from zeroshot.cutouts.composite import Cutout, bystander_of, centre_of
from zeroshot.cutouts.finder import Footage, all_read
from zeroshot.cutouts.inpaint import clean_plate
from zeroshot.cutouts.mask_files import person_share
from zeroshot.errors import OutputError, VideoError
from zeroshot.store.files import read_note, write_note, write_whole
from zeroshot.video.identity import content_key
from zeroshot.video.source import MaskFile
from zeroshot.video.write import write_video

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from zeroshot.bias.recipe import BiasRecipe, Item, Places
    from zeroshot.cutouts.composite import Bystander
    from zeroshot.cutouts.finder import Finder
    from zeroshot.video.decoders.all_frames import Film
    from zeroshot.video.source import VideoSource

PRESET = "veryfast"


def films_needed(item: Item) -> list[VideoSource]:
    """What has to be read to take a video apart: itself, its mask, its background."""
    needed: list[VideoSource] = [item.source]
    if item.mask is not None:
        needed.append(MaskFile(item.mask))
    if item.background is not None:
        needed.append(item.background)
    return needed


def take_apart(
    item: Item, films: Sequence[Film | VideoError], recipe: BiasRecipe, places: Places, finder: Finder
) -> Facts:
    """Write the original, the background, the mask and the bystander of one video, then its facts.

    Args:
        item: the video.
        films: of `films_needed`.
        recipe: how.
        places: where.
        finder: of the person.

    Raises:
        VideoError: a film could not be read, they do not fit each other, or nobody is to be seen.
        OutputError: something cannot be written.
    """
    read = all_read(films)
    cutout, fps = _cut(item, read, finder), read[0].fps
    digests = {}
    for kind, frames in (("original", cutout.frames), ("background-only", cutout.plate)):
        path = places.video(kind, item.name)
        write_video(path, frames, fps, crf=recipe.crf, preset=PRESET)
        digests[kind] = content_key(path)
    write_mask(places.mask(item), cutout.levels)
    bystander = bystander_of(cutout)
    write_bystander(places.bystander(item), bystander)
    sums = cutout.frames.sum((0, 2, 3), dtype=np.int64).tolist()
    height, width = cutout.frames.shape[2:]
    facts = Facts(
        key=item.key,
        size=(int(height), int(width)),
        num_frames=len(cutout.frames),
        fps=fps,
        person_share=person_share(cutout.levels),
        colour_sums=(sums[0], sums[1], sums[2]),
        layout=tuple(layout(cutout.plate)),
        centre=centre_of(cutout.levels[0]),
        bystander_top=bystander.top_share,
        digests=digests,
        pieces=(content_key(places.mask(item)), content_key(places.bystander(item))),
    )
    write_note(places.facts(item), asdict(facts))
    return facts


def known_facts(item: Item, places: Places) -> Facts | None:
    """The facts of a video that was taken apart before and has not changed since; None where it has to be."""
    try:
        facts = Facts.from_dict(read_note(places.facts(item), "facts of a video", "delete it"))
    except OutputError:
        return None
    pieces = zip((places.mask(item), places.bystander(item)), facts.pieces, strict=True)
    if facts.key != item.key or not all(is_whole(path, digest) for path, digest in pieces):
        return None
    whole = all(is_whole(places.video(kind, item.name), digest) for kind, digest in facts.digests.items())
    return facts if whole else None


def write_mask(path: Path, levels: NDArray[np.uint8]) -> None:
    """Levels (T, H, W) as an .npz file."""
    packed = io.BytesIO()
    np.savez_compressed(packed, masks=levels)
    write_whole(path, packed.getvalue())


def write_bystander(path: Path, bystander: Bystander) -> None:
    """The person of one frame as a PNG with transparency."""
    from PIL import Image

    pixels = np.concatenate([bystander.picture, bystander.levels[None]]).transpose(1, 2, 0)
    packed = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels), "RGBA").save(packed, "PNG")
    write_whole(path, packed.getvalue())


def _cut(item: Item, films: list[Film], finder: Finder) -> Cutout:
    """Person and place of one video."""
    film, *others = films
    frames = film.clip.frames
    shown = None if item.mask is None else others.pop(0)
    levels, path = finder.find(Footage(film, item.mask, shown))
    if person_share(levels) == 0:
        raise finder.nobody_in(item.source)
    if not others:
        return Cutout(frames, levels, clean_plate(frames, levels, path), exact=False)
    plate = others[0].clip.frames
    if plate.shape != frames.shape:
        sizes = [" × ".join(map(str, pixels.shape)) for pixels in (plate, frames)]
        raise VideoError(
            f"the background {item.background} is {sizes[0]}, its video {sizes[1]} "
            "(frames × 3 × height × width); make both alike"
        )
    return Cutout(frames, levels, plate, exact=True)
