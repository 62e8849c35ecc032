"""Which published orderings of methods the table repeats, and which not: told from its figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from debias_report import cell, shown_p
from systems_rows import subtracts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from debias_tables import Answer, Comparison, Figure, Pairs

RAW = "clip"
LEVEL = 5.0
"""Points within which two figures count as level."""

STILL_METRICS = frozenset({"scufo", "contra"})
"""What a stream that subtracts has by construction: it is zero on stills."""


@dataclass(frozen=True)
class Ordering:
    """One ordering that was published.

    Attributes:
        said: in words, with the figures of its source where they are known.
        first: a method, or `clip`.
        second: what it is held against.
        metric: figure of this table that comes nearest to the source's.
        sign: 1: the first is above, −1: below, 0: level.
        apart: in what the setting here differs, so that another outcome is no contradiction.
    """

    said: str
    first: str
    second: str
    metric: str
    sign: int
    apart: str

    @property
    def pair(self) -> tuple[Answer, Answer]:
        """The streams that are compared: the networks where neither subtracts, else what is served.

        What a subtracting stream does on stills is so by construction, and what it lacks of stills is not
        what most sources are about.
        """
        rows = (self.first, self.second)
        bare = not any(row != RAW and subtracts(row) for row in rows)
        stream = "dynamic" if bare else "fused"
        first, second = ((row, RAW if row == RAW else stream) for row in rows)
        return first, second


_FROZEN = "there the whole network is trained, here a small adapter on frozen tokens"
_NOT_PIXELS = "here persons stand before other puppets' places, not before photographs"
ORDERINGS = (
    Ordering(
        "training on biased videos adds bias: on UCF101 before other backgrounds raw CLIP 42.0, tuned on "
        "Kinetics 33.2 (Open-VCLIP)",
        "plain", RAW, "shacc", -1,
        "raw CLIP there knows the actions well; here it hardly does, so that training also brings much",
    ),
    Ordering(
        "… and answers follow the place more often", "plain", RAW, "sberr", 1, _FROZEN,
    ),
    Ordering("ALBAR: Contra 53.2 against 27.8 without it (HMDB51)", "albar", "plain", "contra", 1, _FROZEN),
    Ordering("ALBAR: SCUFO 1.5 against 20.5", "albar", "plain", "scufo", -1, _FROZEN),
    Ordering("ALBAR: accuracy as filmed level, 72.8 against 73.9", "albar", "plain", "orig", 0, _FROZEN),
    Ordering("ALBAR: SCUBA 53.5 against 43.9", "albar", "plain", "scuba", 1, _NOT_PIXELS),
    Ordering("StillMix: SCUBA 51.8 against 43.9", "stillmix", "plain", "scuba", 1, _NOT_PIXELS),
    Ordering("StillMix: Contra 40.3 against 27.8", "stillmix", "plain", "contra", 1, _FROZEN),
    Ordering("ALBAR's Contra above StillMix's, 53.2 against 40.3", "albar", "stillmix", "contra", 1, _FROZEN),
    Ordering("SDN below no debiasing on SCUBA, 40.0 against 43.9", "sdn", "plain", "scuba", -1, _FROZEN),
    Ordering("SDN below no debiasing on Contra, 22.9 against 27.8", "sdn", "plain", "contra", -1, _FROZEN),
    Ordering(
        "two streams made independent: SBErr falls (Kobayashi et al.)", "independent", "plain", "sberr", -1,
        "most of it is the subtraction, which they do not have; the losses alone stand in debias.md",
    ),
    Ordering(
        "… and SHAcc rises", "independent", "plain", "shacc", 1,
        "most of it is the subtraction, which they do not have; the losses alone stand in debias.md",
    ),
    Ordering("DCT: accuracy before other places rises", "dct", "plain", "shacc", 1,
             "clips that scenery misleads are found by frozen CLIP, not by a network that was trained"),
    Ordering("ReBias: accuracy on unbiased videos rises", "rebias", "plain", "shacc", 1, _FROZEN),
    Ordering("Seo et al.: accuracy on unbiased videos rises", "seo", "plain", "shacc", 1,
             "their estimator is not public: ours is an adversary that is told the label"),
    Ordering("… also with label noise alone", "label-noise", "plain", "shacc", 1,
             "their rate is not public"),
    Ordering("gradients outside the figure made small: the place is followed less", "provenance", "plain",
             "sberr", -1, _FROZEN),
)  # fmt: skip
"""Of the sources named in README; more cannot be said, since most figures of theirs are of other test
sets."""


def told_of(rows: Iterable[str]) -> tuple[Ordering, ...]:
    """The orderings whose methods are all among the rows."""
    there = {RAW, *rows}
    return tuple(each for each in ORDERINGS if {each.first, each.second} <= there)


def asked_for(rows: Iterable[str], couplings: Sequence[float]) -> list[Comparison]:
    """The comparisons that the orderings need."""
    return [(rho, *each.pair, each.metric) for rho in couplings for each in told_of(rows)]


def verdict(ordering: Ordering, found: Figure | None) -> str:
    """`yes`, `no`, `open` where the interval does not decide, or a dash where nothing was measured."""
    if found is None or math.isnan(found.value):
        return "–"
    if not ordering.sign:
        inside = max(abs(found.low), abs(found.high)) <= LEVEL
        outside = max(found.low, -found.high) > LEVEL
        return "yes" if inside else "no" if outside else "open"
    low, high = sorted((ordering.sign * found.low, ordering.sign * found.high))
    return "yes" if low > 0 else "no" if high < 0 else "open"


def ordering_lines(rows: Sequence[str], couplings: Sequence[float], pairs: Pairs) -> list[str]:
    """What is repeated, what not, and in what the setting differs."""
    lines = [
        "First minus second in points with a 95 % interval, p after Holm's correction for every "
        "comparison of this page. *Yes*: the interval lies on the published side of 0 (level: within "
        f"{LEVEL:g} points); *no*: on the other; *open*: it holds both. Compared is the dynamic stream, "
        "the network that is trained, where neither side subtracts what stands still; else what is served.",
        "",
        "| published | here | " + " | ".join(f"ρ = {rho:g}" for rho in couplings) + " |",
        "|---|---|" + "---|" * len(couplings),
    ]
    counts: dict[str, int] = {}
    differs: dict[str, list[str]] = {}
    for each in told_of(rows):
        (first, stream), (second, _) = each.pair
        cells = []
        for rho in couplings:
            found = pairs.get((rho, *each.pair, each.metric))
            word = verdict(each, found)
            counts[word] = counts.get(word, 0) + 1
            if word in {"no", "open"} and each.said not in differs.setdefault(each.apart, []):
                differs[each.apart].append(each.said)
            p = "" if found is None or math.isnan(found.p) else f" (p {shown_p(found.p)})"
            cells.append(f"**{word}** {cell(found)}{p}")
        lines.append(
            f"| {each.said} | {each.metric}: {first} − {second}, {stream} | " + " | ".join(cells) + " |"
        )
    told = ", ".join(f"{number} {word}" for word, number in sorted(counts.items(), reverse=True))
    lines += ["", f"In all: {told}. What is not repeated, or open, and in what this setting differs:", ""]
    return [*lines, *(f"* {'; '.join(said)}: {apart}." for apart, said in differs.items())]
