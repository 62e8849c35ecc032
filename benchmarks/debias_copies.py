"""Changed copies of a sample's videos, as tokens: before other places, mirrored, mixed with stills, emptied.

A video's partner is drawn among those whose luck lies between the same two couplings: at every coupling
both are then at home or both elsewhere, and a training set is changed by its own videos alone. Figures
are found without masks, by videos that are at home at every coupling but 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from debias_world import COUPLINGS, RENDERED_AT_ONCE, VIEW, Sample, Tokens, Versions, World, encode
from torch import Tensor

from zeroshot.cutouts.composite import soft_over
from zeroshot.cutouts.inpaint import soft_plate
from zeroshot.cutouts.token_mask import PersonFinder
from zeroshot.index.exact import probabilities
from zeroshot.types import Clip
from zeroshot.waist.mixed_copies import FrameMixer, bank_of
from zeroshot.waist.persons import Shot, person_shares

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zeroshot.model.backbone import Backbone


@dataclass(frozen=True, eq=False)
class Labels:
    """What frames are scored by where they are to be mixed into clips.

    Attributes:
        texts: (K, D) unit rows of the seen labels.
        scale: the backbone's own factor on cosines.
    """

    texts: Tensor
    scale: float


@dataclass(frozen=True, eq=False)
class Changed:
    """The training videos of a sample, changed.

    Attributes:
        copies: kind → versions at home and elsewhere.
        figures: (n, T, N) uint8, the share of each patch that is the person's, at home and elsewhere.
    """

    copies: Mapping[str, Versions]
    figures: tuple[Tensor, Tensor]


@dataclass(eq=False)
class _Pixels:
    """Copies of the training videos that are made in pixels, all at home or all elsewhere.

    Attributes:
        frames: (n, T, 3, H, W) uint8 as filmed.
        masks: (n, T, H, W) in [0, 1] of the persons.
        swapped: the persons before other videos' places.
        emptied: the places alone.
    """

    frames: Tensor
    masks: Tensor
    swapped: Tensor = field(init=False)
    emptied: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Nobody is moved yet."""
        self.swapped, self.emptied = torch.empty_like(self.frames), torch.empty_like(self.frames)

    def change(self, group: Tensor, generator: torch.Generator) -> None:
        """Move the persons of some videos among their places."""
        order = torch.randperm(len(group), generator=generator)
        places = soft_plate(self.frames[group], self.masks[group])
        self.swapped[group] = soft_over(self.frames[group], self.masks[group], places[order])
        self.emptied[group] = places.round().clamp(0, 255).to(torch.uint8)


def changed_copies(
    backbone: Backbone, world: World, sample: Sample, seed: int, labels: Labels | None = None
) -> Changed:
    """Training videos changed by others of their sample, as tokens.

    * `swap` puts the figure before the partner's place;
    * `mirror` is the video mirrored left to right; as it is where its label would be none of the seen ones;
    * `swap_mirror` is the copy with a swapped place, mirrored likewise;
    * `mixed` is the video mixed with a still frame of another that looks like an action, and `emptied` the
      place without its figure: these two where labels are given alone, since few methods ask for them.

    Args:
        backbone: frozen CLIP.
        world: whose labels they have.
        sample: the videos, with pixels and patches.
        seed: of the choices.
        labels: by which frames are scored; None makes the first three kinds alone.
    """
    finder = find_persons(sample, backbone.grid or (1, 1))
    generator = torch.Generator().manual_seed(seed)
    turned = (world.other_side[sample.people.labels[: sample.num_train]] >= 0).nonzero()[:, 0]
    copies: dict[str, list[Tokens]] = {"swap": [], "mirror": [], "swap_mirror": []}
    figures = []
    groups = luck_groups(sample.luck[: sample.num_train])
    both = zip((True, False), (sample.at_home, sample.elsewhere), sample.patches, strict=True)
    for home, tokens, patches in both:
        frames = sample.frames(home=home)
        masks = torch.cat([finder.masks(*part) for part in in_parts(patches, frames)])
        pixels = _Pixels(frames, masks)
        for group in groups:
            pixels.change(group, generator)
        copies["swap"].append(encoded(backbone, pixels.swapped))
        copies["mirror"].append(mirrored(backbone, frames, tokens, turned))
        copies["swap_mirror"].append(mirrored(backbone, pixels.swapped, copies["swap"][-1], turned))
        figures.append(shares_of(masks, tokens))
        if labels is not None:
            stills = mixed_with_stills(backbone, frames, tokens.embeddings, groups, labels)
            copies.setdefault("mixed", []).append(encoded(backbone, stills))
            copies.setdefault("emptied", []).append(encoded(backbone, pixels.emptied))
    at_home, elsewhere = figures
    return Changed({kind: (one, other) for kind, (one, other) in copies.items()}, (at_home, elsewhere))


def encoded(backbone: Backbone, frames: Tensor) -> Tokens:
    """Tokens of frames (n, T, 3, H, W) uint8."""
    return encode(backbone, len(frames), frames.numpy().__getitem__)


def shares_of(masks: Tensor, tokens: Tokens) -> Tensor:
    """(n, T, N) uint8 share of each of N patches that masks (n, T, H, W) cover."""
    side = round((tokens.tokens.shape[2] - 1) ** 0.5)
    shares = [person_shares(mask[None], (side, side)) for mask in masks]
    return torch.from_numpy(np.stack(shares))


def mixed_with_stills(
    backbone: Backbone, frames: Tensor, embeddings: Tensor, groups: list[Tensor], labels: Labels
) -> Tensor:
    """(n, T, 3, H, W) uint8: each clip mixed with a still frame of another video of its group.

    Args:
        backbone: that is to see them.
        frames: (n, T, 3, H, W) uint8 of the training videos.
        embeddings: (n or more, T, D) of the same frames.
        groups: rows that lend each other frames; a video without another stays as it is.
        labels: by which frames are scored.
    """
    mixed, seconds = frames.clone(), np.arange(frames.shape[1]) / VIEW.fps
    for group in groups:
        rows = torch.nn.functional.normalize(embeddings[group].float().flatten(0, 1), dim=1)
        scores = probabilities((rows @ labels.texts.T).numpy(), labels.scale).max(1)
        bank = bank_of(scores.astype(np.float64), seed=len(group))
        keys = tuple(f"row {int(group[place // frames.shape[1]])}" for place in bank)
        if len(set(keys)) < 2:
            continue
        mixer = FrameMixer(keys, backbone.see_frames(frames[group].flatten(0, 1)[bank].numpy()))
        for row in group.tolist():
            clip = Clip(frames[row].numpy(), seconds)
            mixed[row] = mixer.copy(Shot(backbone, f"row {row}", "", clip))
    return mixed


def find_persons(sample: Sample, grid: tuple[int, int]) -> PersonFinder:
    """What a sample's videos teach of figures."""
    rows = (sample.luck[: sample.num_train] < min(rho for rho in COUPLINGS if rho > 0)).nonzero()[:, 0]
    return PersonFinder.fit(in_parts(sample.patches[0][rows], sample.frames(home=True)[rows]), grid)


def in_parts(patches: Tensor, frames: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Some videos at a time: their patch tokens and frames."""
    return list(zip(patches.split(RENDERED_AT_ONCE), frames.split(RENDERED_AT_ONCE), strict=True))


def mirrored(backbone: Backbone, frames: Tensor, tokens: Tokens, turned: Tensor) -> Tokens:
    """Tokens of frames (n, T, 3, H, W), of which the rows `turned` are mirrored and the others known."""
    pixels = frames[turned].flip(-1).numpy()
    read = encode(backbone, len(pixels), pixels.__getitem__)
    version = tokens.pick(torch.arange(len(frames)))
    version.tokens[turned], version.embeddings[turned] = read.tokens, read.embeddings
    return version


def luck_groups(luck: Tensor) -> list[Tensor]:
    """Rows whose luck lies between the same two couplings, for each such pair that has rows."""
    places = torch.bucketize(luck, torch.tensor([rho for rho in COUPLINGS if rho > 0]), right=True)
    return [rows for place in places.unique() if len(rows := (places == place).nonzero()[:, 0])]
