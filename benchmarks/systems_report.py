"""Report and picture of the table of all methods, made from its tables alone."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from debias_report import cell, pair_table
from debias_tables import read_tables
from systems_orderings import RAW, asked_for, ordering_lines
from systems_rows import STREAMS, answer_of, subtracts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from debias_tables import Figure, Figures

NAME = "systems"
COLUMNS = (
    "shacc", "sberr", "home_error", "unseen", "h", "order_pairs", "contra",
)  # fmt: skip
HEADER = (*COLUMNS, "scene information, nats \\| share", "NHSIC", "seconds")
_MARK = "°"


def figure_table(figures: Figures, facts: Mapping[str, dict], rho: float, stream: str) -> list[str]:
    """A row a method, of one stream; raw CLIP above them."""
    lines = ["| method | " + " | ".join(HEADER) + " |", "|---|" + "---|" * len(HEADER)]
    for row in (RAW, *facts["rows"]):
        own = RAW if row == RAW else stream
        cells = [cell(figures.get((rho, row, own, metric))) for metric in COLUMNS]
        if own == "dynamic" and subtracts(row):
            cells[COLUMNS.index("contra")] += _MARK
        nats, share = (figures.get((rho, row, own, name)) for name in ("information", "information_share"))
        known = nats is not None and share is not None
        cells.append(f"{cell(nats, 2)} \\| {share.value:.0f} %" if known else "–")
        cells.append(cell(figures.get((rho, row, "", "nhsic")), 2))
        seconds = facts["cpu_seconds"].get(row)
        cells.append("–" if seconds is None else f"{seconds['mean']:.0f}")
        name = f"**{row}**" if row != RAW and answer_of(row) == stream else row
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def setting_lines(facts: Mapping[str, dict]) -> list[str]:
    """What was tried for each method, what was chosen, and by which figure."""
    lines = ["| method | setting | SHAcc in validation | |", "|---|---|---|---|"]
    for row, tried in facts["tuning"].items():
        for each in tried:
            mark = "chosen" if each["chosen"] else ""
            lines.append(f"| {row} | `{each['setting']}` | {each['shacc']:.1f} | {mark} |")
    return lines


def preface(facts: Mapping[str, dict]) -> list[str]:
    """What was done, and what the figures mean."""
    size, small, (seen, unseen) = facts["size"], facts["tuning_size"], facts["num_labels"]
    whole = facts["whole_run"]
    network = ", ".join(f"{name} {value}" for name, value in facts["network"].items())
    took = (
        f" All {whole['trainings']} trainings with their videos took {whole['minutes']} minutes by "
        f"{whole['processes']} processes."
        if whole
        else ""
    )
    return [
        f"Frozen backbone `{facts['backbone'][0]}` ({facts['backbone'][1]}); {size['train']} training "
        f"videos of {seen} seen actions a seed, seeds {', '.join(map(str, facts['seeds']))}; "
        f"{size['test_per_label']} test persons for each of {seen} seen and {unseen} unseen actions, each "
        "before another video's place. ρ is the share of training videos at their action's home. Scenes are "
        "guessed by the backbone, as in training without a column of scenes. Every method trains a "
        f"network of the same size ({network}) for about {facts['steps']} steps of 64 videos. Persons, "
        "places and videos are those of no other benchmark here.",
        "",
        "Percent ± half a 95 % interval over test persons and training seeds (hierarchical bootstrap; NHSIC "
        "and scene information: Student's over seeds; raw CLIP has no seeds). `shacc`: right about the "
        "person before another's place. `sberr`: the action of the place's own video. `home_error`: "
        "wrong, and at home in that place. `unseen`: actions never trained on, among themselves. `h`: "
        "harmonic mean of seen and unseen, ranked among all. `order_pairs`: which of two actions that "
        "differ in order alone. `contra`: right before a strange picture and wrong about one still frame "
        "of that. Scene information: I(scene; stream | label), and of what the label leaves open. NHSIC: "
        "of the two streams' hidden features. Seconds: of processor time, one thread, a training with "
        "all that it chooses.",
        "",
        f"Chance: {100 / seen:.2g} on seen labels, {100 / unseen:.2g} on unseen ones, 50 on order pairs, "
        f"{facts['home_chance']:.1f} home error. In bold where this stream is the one that the method trains "
        f"to be right. {_MARK}: so by construction, as a stream that subtracts is zero on stills.{took}",
        "",
        "**Tuning, equal for all**: six settings a method, listed below, each trained once at either ρ on "
        f"{small['train']} videos of validation worlds (other scenes, other persons, other seeds) with "
        f"{facts['tuning_steps']} steps, and "
        "chosen by SHAcc of what is served, mean of both; labels that are called unseen here were not "
        "looked at. What is not equal: the settings that `streams` begins with were chosen in earlier "
        "validation worlds over many rounds ([the log](../LOG.md)), those of the others from their "
        "sources or by hand.",
    ]


def markdown(folder: Path) -> str:
    """The whole report."""
    figures, pairs = read_tables(folder, NAME)
    facts = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
    rows, couplings = list(facts["rows"]), facts["couplings"]
    lines = ["# Every method in one table", "", *preface(facts)]
    for rho in couplings:
        for stream, title in STREAMS.items():
            lines += ["", f"## ρ = {rho:g}: {title}", "", *figure_table(figures, facts, rho, stream)]
    needed = {(rho, first, second) for rho, first, second, _ in asked_for(rows, couplings)}
    against = {
        key: found
        for key, found in pairs.items()
        if key[:3] not in needed or key[1][1] == key[2][1] == "fused"
    }
    lines += ["", "## Published orderings", "", *ordering_lines(rows, couplings, pairs)]
    lines += [
        "",
        "Beyond that: the backbone is frozen and knows scenes better than actions, a method acts on a small "
        "adapter alone; the world has one puppet, ten places and no clutter, and its motion is all that "
        "tells most actions apart. An ordering that is not repeated here may hold for networks trained "
        "whole on real videos, and the other way round.",
        "",
        "## Against plain training",
        "",
        f"First minus second, in points; p after Holm's correction for all {counted(pairs)} comparisons "
        "of this page. Bold: p < 0.05.",
        "",
        *pair_table(against),
        "",
        "## Settings",
        "",
        *setting_lines(facts),
        "",
        "## Methods",
        "",
        *(f"* **{row}**: {words}" for row, words in facts["rows"].items()),
        "",
        f"![What is served: SHAcc, SBErr, unseen]({NAME}.png)",
        "",
        facts["machine"],
    ]
    return "\n".join(lines) + "\n"


def counted(pairs: Mapping[tuple, Figure]) -> int:
    """Comparisons that were made."""
    return sum(not math.isnan(found.p) for found in pairs.values())


_SHOWN = (
    ("shacc", "right about the person\nbefore another's place, % ↑"),
    ("sberr", "answers the place's\naction, % ↓"),
    ("unseen", "actions never trained\non, % ↑"),
)


def draw(folder: Path) -> None:
    """Three figures of what each method serves, a dot a coupling, with intervals: 800 pixels wide."""
    from matplotlib.figure import Figure as Picture

    from zeroshot.reports.colours import LABELS

    figures, _ = read_tables(folder, NAME)
    facts = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
    couplings = facts["couplings"]
    rows = ranked(figures, list(facts["rows"]), couplings[-1])
    picture = Picture(figsize=(8, 1.5 + 0.27 * len(rows)), layout="constrained")
    panels = picture.subplots(1, len(_SHOWN), sharey=True)
    for axes, (metric, title) in zip(panels, _SHOWN, strict=True):
        for number, rho in enumerate(couplings):
            found = {
                place + 0.24 * (number - (len(couplings) - 1) / 2): figures.get(
                    (rho, row, RAW if row == RAW else "fused", metric)
                )
                for place, row in enumerate(rows)
            }
            shown = {place: each for place, each in found.items() if each is not None}
            reach = [0.0 if math.isinf(each.high) else each.high - each.value for each in shown.values()]
            axes.errorbar(
                [each.value for each in shown.values()], list(shown), xerr=reach, color=LABELS[number],
                marker="o", markersize=4, linestyle="none", linewidth=1, capsize=2, label=f"ρ = {rho:g}",
            )  # fmt: skip
        axes.set_title(title, fontsize=9)
        axes.tick_params(labelsize=8.5)
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.set_xlim(left=0)
    panels[0].set_yticks(range(len(rows)), ["raw CLIP" if row == RAW else row for row in rows], fontsize=9)
    panels[0].invert_yaxis()
    if len(couplings) > 1:
        handles, words = panels[0].get_legend_handles_labels()
        picture.legend(handles, words, fontsize=8.5, loc="outside lower center", ncols=len(couplings))
    picture.suptitle("" if len(couplings) > 1 else f"ρ = {couplings[0]:g}", fontsize=9)
    picture.savefig(folder / f"{NAME}.png", dpi=100)


def ranked(figures: Figures, rows: Sequence[str], rho: float) -> list[str]:
    """Raw CLIP, then the methods from the most often right."""

    def share(row: str) -> float:
        found = figures.get((rho, row, "fused", "shacc"))
        return -math.inf if found is None else found.value

    return [RAW, *sorted(rows, key=share, reverse=True)]


def write_report(folder: Path) -> None:
    """Write the report and the picture beside the tables of a folder."""
    (folder / f"{NAME}.md").write_text(markdown(folder), encoding="utf-8")
    draw(folder)
