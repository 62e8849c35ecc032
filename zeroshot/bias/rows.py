"""What the manifest says of each video that was made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from zeroshot.bias.manifest import KINDS, PICTURED, SWAPS, BiasRow
from zeroshot.cutouts.finders import FILES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zeroshot.bias.orders import Order
    from zeroshot.bias.recipe import Item, Places


def rows_of(
    orders: Sequence[Order], digests: Mapping[str, Mapping[str, str]], places: Places, finder: str
) -> tuple[BiasRow, ...]:
    """A row a video, kind by kind, each kind in the order of the split.

    Args:
        orders: of all clips.
        digests: name of a clip → file of an edit → SHA-256; a clip that is not there has failed.
        places: where the videos lie.
        finder: name of who found the persons.
    """
    rows: list[BiasRow] = []
    for order in orders:
        if order.item.name not in digests:
            continue
        item, facts = order.item, order.facts
        own = BiasRow(
            path="",
            kind="",
            label=item.label,
            scene=item.scene,
            background_label=item.label,
            background_scene=item.scene,
            bystander_label="",
            source=item.shown,
            background_source=item.shown,
            person_share=round(facts.person_share, 6),
            masks="",
            digest="",
        )
        apart = {places.name(places.video(kind, item.name)): digest for kind, digest in facts.digests.items()}
        for path, digest in {**apart, **digests[item.name]}.items():
            row = replace(own, path=path, kind=path.partition("/")[0], digest=digest)
            rows.append(replace(_background(row, order), masks=_masks(row.kind, order, finder)))
    return tuple(sorted(rows, key=lambda row: KINDS.index(row.kind)))


def _masks(kind: str, order: Order, finder: str) -> str:
    """Where the masks of one video come from: its person's, and the other clip's where there is one."""
    if kind in {"original", "afd"}:
        return ""
    partner = order.partners.get(kind)
    items = [order.item] if partner is None else [order.item, partner.item]
    return "; ".join(dict.fromkeys(_mask(item, finder) for item in items))


def _mask(item: Item, finder: str) -> str:
    """Where the mask of one clip comes from."""
    return finder if item.mask is None else f"{FILES}:{item.mask.name}"


def _background(row: BiasRow, order: Order) -> BiasRow:
    """The row with what is known of the background of its kind."""
    if row.kind in {"original", "background-only"}:
        return row
    if row.kind in SWAPS:
        other = order.partners[row.kind].item
        return replace(
            row,
            background_label=other.label,
            background_scene=other.scene,
            background_source=other.shown,
        )
    plain = replace(row, background_label="", background_scene="", background_source="")
    if row.kind not in PICTURED:
        return plain
    picture = order.pictures[row.copy]
    shown = "stripes" if picture is None else picture.name
    bystander = order.partners[row.kind].item.label if row.kind == "conflict" else ""
    return replace(plain, background_source=shown, bystander_label=bystander)
