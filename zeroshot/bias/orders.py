"""What is made of each clip: which kinds, before whose places and which pictures, and what is left out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from zeroshot.bias.manifest import COPY, PICTURED, SWAPS, Skip
from zeroshot.bias.pairs import draw_partners

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from zeroshot.bias.recipe import BiasRecipe, Facts, Item, Places

_ALONE = {"human-only", "scuba", "scufo", "afd"}  # kinds that need no other clip


class Partner(NamedTuple):
    """Another clip that lends its background, or its person as a bystander.

    Attributes:
        item: that clip.
        facts: of it.
    """

    item: Item
    facts: Facts


class Edit(NamedTuple):
    """One video that is to be made.

    Attributes:
        kind: of KINDS.
        copy: which of the pictures stands behind the person; 0 where there is one or none.
    """

    kind: str
    copy: int = 0


@dataclass(frozen=True, eq=False)
class Order:
    """What is to be made of one clip.

    Attributes:
        item: the clip.
        facts: of it.
        partners: kind → the clip whose background a swap gets, or whose person stands by in a conflict clip.
        kinds: to be made, in the order of KINDS.
        pictures: files behind the person of SCUBA and its kin, one a copy; None for stripes.
        colour: mean of all clips, for human-only.
    """

    item: Item
    facts: Facts
    partners: Mapping[str, Partner]
    kinds: tuple[str, ...]
    pictures: tuple[Path | None, ...]
    colour: tuple[int, int, int]

    @property
    def key(self) -> str:
        """Changes with anything that the edits are made of, but the recipe."""
        shown = [None if picture is None else picture.name for picture in self.pictures]
        parts = [self.facts.key, self.kinds, self.colour, shown]
        parts += [(kind, item.name, facts.key) for kind, (item, facts) in sorted(self.partners.items())]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def edits(self) -> Iterator[Edit]:
        """Every video that is to be made, kind by kind."""
        for kind in self.kinds:
            for copy in range(len(self.pictures) if kind in PICTURED else 1):
                yield Edit(kind, copy)

    def path(self, edit: Edit, places: Places) -> Path:
        """Of the file of one edit: its partner's row and its picture's number stand in the name."""
        partner = self.partners.get(edit.kind)
        name = self.item.name if partner is None else f"{self.item.name}--{partner.item.row:06d}"
        several = edit.kind in PICTURED and len(self.pictures) > 1
        return places.video(edit.kind, f"{name}{COPY}{edit.copy}" if several else name)


def orders_of(
    items: list[Item],
    facts: Mapping[str, Facts],
    recipe: BiasRecipe,
    pictures: list[Path],
    listed: Mapping[str, Mapping[str, str]],
) -> tuple[list[Order], list[Skip]]:
    """What is made of each clip, and what is not, with the reason.

    Args:
        items: the clips that were taken apart.
        facts: name of a clip → what is known of it.
        recipe: how.
        pictures: of the recipe's folder; none are stripes.
        listed: pairing → name of a clip → name of the clip before whose place it stands, of published lists.
    """
    sums = np.array([facts[item.name].colour_sums for item in items])
    pixels = sum(facts[item.name].num_frames * np.prod(facts[item.name].size) for item in items)
    red, green, blue = np.rint(sums.sum(0) / pixels).astype(int).tolist()
    drawn = [kind for kind in SWAPS if kind in recipe.kinds and kind.removeprefix("swap-") not in listed]
    fit, skipped = [], []
    for item in items:
        share = facts[item.name].person_share
        if recipe.least_person <= share <= recipe.most_person:
            fit.append(item)
        elif drawn:
            limits = f"{recipe.least_person:.0%} to {recipe.most_person:.0%}"
            reason = f"a person covers {share:.1%} of it; swaps take {limits}"
            skipped.append(Skip(item.shown, "swap", reason))
    partners: dict[str, dict[str, Partner]] = {item.name: {} for item in items}
    for kind in recipe.kinds:
        if kind in drawn or kind == "conflict":
            chosen = fit if kind in SWAPS else items
            skipped += _pair(kind, chosen, facts, recipe, partners)
        elif kind in SWAPS:
            skipped += _pair_as_listed(kind, items, facts, listed[kind.removeprefix("swap-")], partners)
    orders = [
        Order(
            item=item,
            facts=facts[item.name],
            partners=partners[item.name],
            kinds=tuple(kind for kind in recipe.kinds if kind in _ALONE or kind in partners[item.name]),
            pictures=_pictures(item, recipe, pictures),
            colour=(red, green, blue),
        )
        for item in items
    ]
    return orders, skipped


def _pair(
    kind: str,
    items: list[Item],
    facts: Mapping[str, Facts],
    recipe: BiasRecipe,
    partners: dict[str, dict[str, Partner]],
) -> list[Skip]:
    """Give each clip its partner for one kind; (source, kind, reason) of those without one."""
    pairing, seed = (kind.removeprefix("swap-"), 0) if kind in SWAPS else ("random", 1)
    layouts = np.array([facts[item.name].layout for item in items])  # of none where no person's size fits
    drawn = draw_partners([item.label for item in items], layouts, pairing, 2 * recipe.seed + seed)
    skipped = []
    for item, place in zip(items, drawn, strict=True):
        if place is None:
            reason = "no other clip has its label" if pairing == "same" else "no clip has another label"
            skipped.append(Skip(item.shown, kind, reason))
        else:
            partners[item.name][kind] = Partner(items[place], facts[items[place].name])
    return skipped


def _pair_as_listed(
    kind: str,
    items: list[Item],
    facts: Mapping[str, Facts],
    listed: Mapping[str, str],
    partners: dict[str, dict[str, Partner]],
) -> list[Skip]:
    """The same by a published list, whose makers have chosen among persons of all sizes already."""
    named = {item.name: item for item in items}
    skipped = []
    for item in items:
        other = named.get(listed.get(item.name, ""))
        if other is None:
            reason = "its list pairs it with a video that is not here" if item.name in listed else "no pair"
            skipped.append(Skip(item.shown, kind, f"{reason} in the list of {kind}"))
        else:
            partners[item.name][kind] = Partner(other, facts[other.name])
    return skipped


def _pictures(item: Item, recipe: BiasRecipe, pictures: Sequence[Path]) -> tuple[Path | None, ...]:
    """The pictures behind the person of SCUBA and its kin, one a copy; None for stripes."""
    copies = recipe.pictures_per_clip or 1
    if not pictures or not set(PICTURED) & set(recipe.kinds):
        return (None,) * copies
    generators = (np.random.default_rng([recipe.seed, item.row, 0, copy]) for copy in range(copies))
    return tuple(pictures[int(generator.integers(len(pictures)))] for generator in generators)
