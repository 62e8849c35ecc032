"""What was to be reached, and whether it was, from the tables of finished runs.

    python benchmarks/debias_goals.py [FOLDER ...]

Each folder is the output of benchmarks/debias.py; results and results/compositional unless told.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from debias_scores import STAGED
from debias_tables import Figure, read_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from debias_tables import Figures, Pairs

RESULTS = Path(__file__).resolve().parent / "results"
_NONE = Figure(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Goal:
    """One goal at one coupling, of one stream.

    Attributes:
        name: what was to be reached.
        rho: the coupling.
        found: what was.
        reached: whether that is enough; None where nothing was measured.
    """

    name: str
    rho: float
    found: str
    reached: bool | None


def goals(figures: Figures, pairs: Pairs, facts: dict, *, staged: bool) -> list[Goal]:
    """Every goal of the fused stream, with or without stage texts; what it is held against has the same.

    Args:
        figures: of a folder.
        pairs: of the same.
        facts: of the same.
        staged: whether labels tell how they begin and end.
    """
    ending = STAGED if staged else ""
    composed = facts["world"].startswith("compositional")
    stream = "fused" + ending
    found: list[Goal] = []
    for rho in sorted({rho for rho, row, *_ in figures if row == "all"} - {0.0}):

        def figure(row: str, stream: str, metric: str, rho: float = rho) -> Figure:
            return figures.get((rho, row, stream, metric), _NONE)

        def apart(other: str, rho: float = rho) -> Figure:
            key = (rho, ("all", stream), (other, other + ending), "unseen")
            return pairs.get(key, _NONE)

        for other, least in (("clip", 15), ("anchor", 5)):
            gain = apart(other)
            if composed:
                name = f"unseen: fused − {other} ≥ {least}, interval above 0"
                found.append(
                    Goal(name, rho, interval(gain), judged(gain.value, gain.value >= least and gain.low > 0))
                )
            name = f"unseen: fused not below {other}"
            found.append(Goal(name, rho, interval(gain), judged(gain.value, gain.value >= 0)))
        found.append(
            harmonic_goal(figure("all", stream, "h"), figure("anchor", "anchor" + ending, "h"), rho, composed)
        )
        own, oracle = figure("all", stream, "shacc"), figures.get((0.0, "oracle", stream, "shacc"), _NONE)
        share = 100 * own.value / oracle.value if oracle.value else math.nan
        found.append(
            Goal("seen SHAcc ≥ 92 % of the oracle's", rho, f"{share:.1f} %", judged(share, share >= 92))
        )
        donor, home = figure("all", stream, "sberr"), figure("all", stream, "home_error")
        found.append(Goal("SBErr ≤ 1.5", rho, interval(donor), judged(donor.value, donor.value <= 1.5)))
        most = 2 * facts["home_chance"]
        name = f"home error ≤ twice chance ({most:.1f})"
        found.append(Goal(name, rho, interval(home), judged(home.value, home.value <= most)))
        pairs_right = figure("all", stream, "unseen_order_pairs")
        if staged:
            clip = figure("clip", "clip", "unseen_order_pairs")
            text = f"{interval(pairs_right)}; CLIP without stages {interval(clip)}"
            name = "order pairs of unseen labels ≥ 90 with stage texts"
            found.append(Goal(name, rho, text, judged(pairs_right.value, pairs_right.value >= 90)))
    return found


def harmonic_goal(own: Figure, anchor: Figure, rho: float, composed: bool) -> Goal:
    """H against the anchor's, or in today's world against a number."""
    if not composed:
        return Goal("H ≥ 45", rho, interval(own), judged(own.value, own.value >= 45))
    ratio = own.value / anchor.value if anchor.value else math.nan
    return Goal(
        "H ≥ 1.3 × the anchor's", rho, f"{ratio:.2f} × ({own.value:.1f})", judged(ratio, ratio >= 1.3)
    )


def costs(facts: dict) -> list[Goal]:
    """What it may take."""
    seconds = facts["cpu_seconds"].get("all", math.nan)
    found = [
        Goal("training of `all` ≤ 60 s of one core", math.nan, f"{seconds} s", judged(seconds, seconds <= 60))
    ]
    if whole := facts["whole_run"]:
        most, minutes = facts["most_minutes"], whole["minutes"]
        name = f"a whole run like this on two idle cores ≤ {most} minutes"
        found.append(Goal(name, math.nan, f"{minutes}", minutes <= most))
    return found


def judged(value: float, reached: bool) -> bool | None:
    """Whether it was reached, or that nothing was measured."""
    return None if math.isnan(value) else bool(reached)


def interval(found: Figure) -> str:
    """The figure and the ends of its interval."""
    if math.isnan(found.value):
        return "–"
    if math.isinf(found.high):
        return f"{found.value:.1f}"
    return f"{found.value:.1f} [{found.low:.1f}, {found.high:.1f}]"


def goal_lines(figures: Figures, pairs: Pairs, facts: dict) -> list[str]:
    """A Markdown table: what was to be reached, by the fused stream alone and with stage texts."""
    plain, told = (goals(figures, pairs, facts, staged=staged) for staged in (False, True))
    by_name = {(goal.name, goal.rho): goal for goal in plain}
    lines = ["| to reach (row `all`, fused) | ρ | as it answers | with stage texts |", "|---|---|---|---|"]
    for goal in told:
        other = by_name.get((goal.name, goal.rho))
        lines.append(f"| {goal.name} | {goal.rho:g} | {shown(other)} | {shown(goal)} |")
    lines += [f"| {goal.name} | | {shown(goal)} | |" for goal in costs(facts)]
    return lines


def shown(goal: Goal | None) -> str:
    """What was found, and whether it is enough."""
    if goal is None or goal.reached is None:
        return "–"
    return f"{goal.found}: {'reached' if goal.reached else '**not reached**'}"


def main() -> None:
    """Print a table for each folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, default=[RESULTS, RESULTS / "compositional"])
    folders: Sequence[Path] = parser.parse_args().folders
    for folder in folders:
        if not (folder / "debias_pairs.csv").is_file():
            print(f"{folder}: no results of benchmarks/debias.py\n")
            continue
        facts = json.loads((folder / "debias.json").read_text(encoding="utf-8"))
        names = ", ".join(name for name, *_ in facts["backbones"])
        print(f"{folder}: world {facts['world']}, {names}, {facts['trainings']} trainings\n")
        print("\n".join(goal_lines(*read_tables(folder), facts)) + "\n")


if __name__ == "__main__":
    main()
