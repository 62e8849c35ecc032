"""What the manifest says of each video that was made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from zeroshot.bias.manifest import KINDS, SWAPS, BiasRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zeroshot.bias.edits import Order
    from zeroshot.bias.recipe import Places


def rows_of(
    orders: Sequence[Order], digests: Mapping[str, Mapping[str, str]], places: Places
) -> tuple[BiasRow, ...]:
    """A row a video, kind by kind, each kind in the order of the split.

    Args:
        orders: of all clips.
        digests: name of a clip → kind → SHA-256; a clip that is not there has failed.
        places: where the videos lie.
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
            digest="",
        )
        found = {**facts.digests, **digests[item.name]}
        for kind, digest in found.items():
            path = places.video(kind, order.name(kind)).relative_to(places.folder).as_posix()
            rows.append(replace(_background(own, kind, order), path=path, kind=kind, digest=digest))
    return tuple(sorted(rows, key=lambda row: KINDS.index(row.kind)))


def _background(row: BiasRow, kind: str, order: Order) -> BiasRow:
    """The row with what is known of the background of one kind."""
    if kind in {"original", "background-only"}:
        return row
    if kind in SWAPS:
        other = order.partners[kind].item
        return replace(
            row,
            background_label=other.label,
            background_scene=other.scene,
            background_source=other.shown,
        )
    plain = replace(row, background_label="", background_scene="", background_source="")
    if kind == "human-only":
        return plain
    shown = "stripes" if order.picture is None else order.picture.name
    bystander = order.partners[kind].item.label if kind == "conflict" else ""
    return replace(plain, background_source=shown, bystander_label=bystander)
