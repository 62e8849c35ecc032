"""What all reports write alike: a share with its interval, the machine, a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from zeroshot.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from zeroshot.statistics.intervals import Estimate


def percent(estimate: Estimate) -> str:
    """`63.1 [60.0, 66.2]`."""
    if not math.isfinite(estimate.value):
        return "–"
    return f"{100 * estimate.value:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def machine_lines(facts: Mapping[str, Any]) -> list[str]:
    """The machine and the versions among what `machine_facts` found, a line each, where they are there."""
    lines = []
    if "machine" in facts:
        machine = facts["machine"]
        lines.append(f"{machine['system']}, {counted(machine['processors'], 'processor')}")
    if "versions" in facts:
        lines.append(", ".join(f"{name} {number}" for name, number in facts["versions"].items()))
    return lines


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table's lines and an empty one; what would end a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines] + [""]
