"""The two losses as knobs: how much less the scene is followed, and what that costs, weight by weight.

    python benchmarks/debias_losses.py --composed DIR/seed1 [--settings NAME ...] [--output DIR]

Three settings: today's world, where changed copies of the videos do the work; today's world read by a
backbone that knows scenes and little else; and composed actions among three persons, trees and traffic,
filmed by a camera that pans, zooms and shakes, where copies of who moves cannot be cut out well.

In each, three bases: a temporal adapter with nothing else against bias, one that subtracts the temporal
mean, and what `zeroshot train` does by default. To each base one loss is added at several weights; nothing
else differs, scene directions are taken out of every anchor. Writes losses.csv, losses.md, losses.json and
losses.png; goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from debias_plan import go, jobs_of, plans_of, tell
from debias_report import cell, shown_p
from debias_rows import ALL, PLAIN, Row, content
from debias_scores import statistic
from debias_tables import Figure, gather
from facts import machine_facts

from zeroshot.statistics.hierarchical import holm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from debias_plan import Plan
    from debias_tables import Evidence
    from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
SETTINGS: Mapping[str, tuple[str, str]] = {
    "today": ("test", "puppet-tiny"),
    "scene-bound": ("test", str(HERE / "backbones" / "puppet-scenes")),
    "busy": ("compositional-busy", ""),
}
"""Name → world and backbone; the busy world's backbone has to be trained first."""

VALIDATION = {"test": "validation", "compositional-busy": "compositional-busy-validation"}
COUPLING = 0.95
LOSSES: Mapping[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "independence": (("independence",), (1.0, 5.0, 20.0)),
    "scene": (("adversary",), (0.1, 0.3, 1.0)),
}
"""Loss → the terms that its weight is of, and the weights; the scene is then predicted at a weight of 1."""

STREAM = {"plain": "dynamic", "subtract": "dynamic", "all": "fused"}
"""Whose answer is looked at: what is trained to be right."""

METRICS = ("shacc", "sberr", "home_error", "unseen")
TESTED = ("shacc", "sberr")
"""What the knob is about: fewer comparisons, so that the correction for their number leaves something."""

COLUMNS = (
    "setting",
    "base",
    "loss",
    "weight",
    "metric",
    "value",
    "low",
    "high",
    "difference",
    "from",
    "to",
    "p_holm",
)


@dataclass(frozen=True)
class Point:
    """One weight of one loss on one base in one setting.

    Attributes:
        figures: metric → figure.
        changes: metric → what the loss brought, with p after Holm's correction; none for weight 0.
    """

    setting: str
    base: str
    loss: str
    weight: float
    figures: Mapping[str, Figure]
    changes: Mapping[str, Figure]


def row_of(base: str, loss: str, weight: float) -> Row:
    """One training: the base and a loss."""
    terms = dict.fromkeys(LOSSES[loss][0], weight) if weight else {}
    if weight and loss == "scene":
        terms["scene"] = 1.0
    if base == "plain":
        return replace(content(terms, reference="none"), steps=PLAIN.steps)
    if base == "subtract":
        return content(terms)
    bare = ALL.without("independence", "scene", "adversary")
    objective = {**bare.changes["objective"], **terms}
    # How far the fused stream goes for labels never trained on is not what is asked here: no folds.
    return replace(bare, changes={"objective": objective, "num_folds": 0})


def name_of(base: str, loss: str, weight: float) -> str:
    """The row's name; without a weight that of the base alone."""
    return f"{base}, {loss} {weight:g}" if weight else base


def every_point() -> list[tuple[str, str, float]]:
    """(base, loss, weight), 0 for each loss."""
    return [
        (base, loss, weight)
        for base in STREAM
        for loss, (_, weights) in LOSSES.items()
        for weight in (0.0, *weights)
    ]


def points_of(setting: str, evidence: Evidence) -> list[tuple[Point, dict[str, float]]]:
    """Every point that was trained, and the uncorrected p of its changes."""
    found = []
    for base, loss, weight in every_point():
        stream = STREAM[base]
        own, bare = (name_of(base, loss, each) for each in (weight, 0.0))
        figures, changes, chances = {}, {}, {}
        for metric in METRICS:
            tables = [evidence.columns(COUPLING, (row, stream), metric) for row in (own, bare)]
            if tables[0] is None or tables[1] is None:
                continue
            made = statistic(metric)
            each = evidence.estimate(tables[0], made)
            figures[metric] = Figure(each.value, each.low, each.high)
            if weight and len(tables[0]) == len(tables[1]):

                def change(sums: NDArray[np.float64]) -> NDArray[np.float64]:
                    made = statistic("shacc")
                    return made(sums[..., :2]) - made(sums[..., 2:])

                each = evidence.estimate(np.concatenate(tables, -1), change)
                changes[metric] = Figure(each.value, each.low, each.high)
                if metric in TESTED:
                    chances[metric] = each.p
        if figures:
            found.append((Point(setting, base, loss, weight, figures, changes), chances))
    return found


def corrected(found: Sequence[tuple[Point, dict[str, float]]]) -> list[Point]:
    """The points with p after Holm's correction for every change in every setting."""
    places = [(point, metric) for point, chances in found for metric in chances]
    chances = holm([p for _, each in found for p in each.values()])
    known = {(id(point), metric): p for (point, metric), p in zip(places, chances, strict=True)}
    return [
        replace(
            point,
            changes={
                metric: replace(each, p=known.get((id(point), metric), math.nan))
                for metric, each in point.changes.items()
            },
        )
        for point, _ in found
    ]


def write_points(path: Path, points: Sequence[Point]) -> None:
    """A line a figure."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for point in points:
            for metric, each in point.figures.items():
                change = point.changes.get(metric, Figure(math.nan, math.nan, math.nan))
                numbers = (each.value, each.low, each.high, change.value, change.low, change.high, change.p)
                cells = ["" if math.isnan(number) else f"{number:.4g}" for number in numbers]
                table.writerow([point.setting, point.base, point.loss, f"{point.weight:g}", metric, *cells])


def markdown(points: Sequence[Point], facts: Mapping[str, object]) -> str:
    """The tables."""
    lines = [
        "# The two losses as knobs",
        "",
        f"ρ = {COUPLING:g}; percent, ± half a 95 % interval over test persons and training seeds; in "
        "brackets what the loss changed, with p after Holm's correction for every comparison of "
        f"{' and '.join(TESTED)} here.",
        "",
        "* `plain`: the dynamic stream of an adapter with nothing else against bias;",
        "* `subtract`: the same minus the temporal mean;",
        "* `all`: the fused stream of what `zeroshot train` does by default, but without folds.",
    ]
    settings = dict.fromkeys(point.setting for point in points)
    for setting in settings:
        lines += ["", f"## {setting}: {facts['settings'][setting]}", ""]
        lines += [
            "| base | loss | weight | " + " | ".join(METRICS) + " |",
            "|---|---|---|" + "---|" * len(METRICS),
        ]
        for point in points:
            if point.setting == setting and (point.weight or point.loss == "independence"):
                lines.append(point_line(point))
    return "\n".join([*lines, "", "![SBErr against SHAcc](losses.png)", "", str(facts["machine"])]) + "\n"


def point_line(point: Point) -> str:
    """One row of Markdown."""
    cells = []
    for metric in METRICS:
        text = cell(point.figures.get(metric))
        change = point.changes.get(metric)
        if change is not None:
            words = f"{change.value:+.1f}"
            if math.isfinite(change.high) and change.high > change.low:
                words += f" ± {(change.high - change.low) / 2:.1f}"
            if not math.isnan(change.p):
                words += f", p {shown_p(change.p)}"
            text += f" (**{words}**)" if change.p < 0.05 else f" ({words})"
        cells.append(text)
    loss, weight = (point.loss, f"{point.weight:g}") if point.weight else ("none", "0")
    return f"| {point.base} | {loss} | {weight} | " + " | ".join(cells) + " |"


def draw(points: Sequence[Point], path: Path) -> None:
    """SBErr against SHAcc, a panel a setting and base, a line a loss, a dot a weight."""
    from matplotlib.figure import Figure as Picture

    settings = list(dict.fromkeys(point.setting for point in points))
    picture = Picture(figsize=(5.2 * len(settings), 4 * len(STREAM)), layout="constrained")
    panels = picture.subplots(len(STREAM), len(settings), squeeze=False)
    for column, setting in enumerate(settings):
        for line, base in enumerate(STREAM):
            axes = panels[line][column]
            for loss, colour in zip(LOSSES, ("#1f77b4", "#d62728"), strict=True):
                mine = [
                    each for each in points if (each.setting, each.base, each.loss) == (setting, base, loss)
                ]
                curve(axes, mine, loss, colour)
            axes.set_title(f"{setting}, {base}: {STREAM[base]} stream", fontsize=10)
            axes.set_xlabel("right about the person: SHAcc, %")
            axes.set_ylabel("action of the background: SBErr, %")
            axes.set_ylim(bottom=0)
            axes.grid(alpha=0.3)
    panels[0][0].legend(fontsize=8)
    picture.savefig(path, dpi=110)


def curve(axes, points: Sequence[Point], loss: str, colour: str) -> None:  # noqa: ANN001 - matplotlib's
    """One loss, its weights beside the dots."""
    named = [[each.figures[metric] for each in points] for metric in ("shacc", "sberr")]
    ends = [[0.0 if math.isinf(each.high) else each.high - each.value for each in part] for part in named]
    across, up = ([each.value for each in part] for part in named)
    axes.errorbar(
        across, up, xerr=ends[0], yerr=ends[1], color=colour, marker="o", markersize=4, linewidth=1,
        elinewidth=0.5, capsize=2, label=loss,
    )  # fmt: skip
    for point, x, y in zip(points, across, up, strict=True):
        axes.annotate(
            f"{point.weight:g}", (x, y), xytext=(4, 4), textcoords="offset points", fontsize=8, color=colour
        )


def plans_for(options: argparse.Namespace) -> dict[str, list[Plan]]:
    """Setting → its plans."""
    found = {}
    for name in options.settings:
        world, backbone = SETTINGS[name]
        names = [backbone] if backbone else options.composed
        if not names:
            tell(f"{name} is left out: it needs --composed, a folder of examples/train_compositional.py")
            continue
        world = VALIDATION[world] if options.validation else world
        found[name] = plans_of(
            names,
            world,
            options.seeds or (2 if options.quick else 3),
            (COUPLING,),
            size=1 if options.quick else 0,
            steps=60 if options.quick else None,
            cache=options.cache,
        )
    return found


def main() -> None:
    """Run what is missing and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--composed", nargs="*", default=[], help="backbones for the busy world")
    parser.add_argument("--settings", nargs="*", choices=tuple(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--quick", action="store_true", help="two seeds, few videos and steps")
    parser.add_argument("--validation", action="store_true", help="in the validation worlds")
    parser.add_argument("--seeds", type=int, help="samples for each backbone (3; quick: 2)")
    parser.add_argument("--output", type=Path, default=HERE / "results")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes")
    options = parser.parse_args()
    start = time.perf_counter()
    rows = {name_of(*point): row_of(*point) for point in every_point()}
    jobs = {name: jobs_of(plans, rows) for name, plans in plans_for(options).items()}
    if not jobs:
        raise SystemExit("nothing to run")
    go([job for each in jobs.values() for job in each], options.workers)
    points = corrected([point for name, each in jobs.items() for point in points_of(name, gather(each))])
    described = {
        name: f"world `{each[0].plan.world}`, backbone "
        + ", ".join(dict.fromkeys(f"`{Path(job.plan.backbone).name}`" for job in each))
        for name, each in jobs.items()
    }
    facts = {"settings": described, "machine": machine_facts()}
    options.output.mkdir(parents=True, exist_ok=True)
    write_points(options.output / "losses.csv", points)
    (options.output / "losses.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (options.output / "losses.md").write_text(markdown(points, facts), encoding="utf-8")
    draw(points, options.output / "losses.png")
    tell(f"{options.output}: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
