"""Report and picture of the debiasing benchmark, made from its tables alone."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from debias_goals import goal_lines
from debias_scores import STAGED
from debias_tables import LOSSES, read_tables

if TYPE_CHECKING:
    from pathlib import Path

    from debias_tables import Answer, Figure, Figures, Pairs

    from zeroshot.statistics.intervals import Estimate

MEANING = {
    "clip": "the frozen CLIP, averaged over frames",
    "anchor": "the same without the directions in which its own guesses of scenes differ; nothing is trained",
    "plain": "a temporal adapter on the tokens as they are",
    "subtract": "… on the tokens minus their temporal mean, reading the content of the change alone",
    "independence": "subtract, and the streams are made independent (NHSIC)",
    "scene": "subtract, and the scene is predicted from the static stream and hidden from the dynamic one",
    "both": "subtract, independence and scene",
    "all": "what `zeroshot train` does without options",
    "oracle": "all, trained where there is no bias (ρ = 0)",
    "all, no independence": "all without that loss, and nothing else changed",
    "all, no scene loss": "all with the scene neither predicted nor hidden; its directions still taken out",
    "all, neither": "all without the three terms",
}
ANSWERS: tuple[Answer, ...] = (
    ("clip", "clip"),
    ("clip", "clip" + STAGED),
    ("anchor", "anchor"),
    ("anchor", "anchor" + STAGED),
    ("all", "static"),
    ("all", "dynamic"),
    ("all", "fused"),
    ("all", "fused" + STAGED),
    ("oracle", "dynamic"),
    ("oracle", "fused"),
    ("oracle", "fused" + STAGED),
)
"""What the report begins with; the other rows follow by their dynamic and fused streams."""

ANSWERED = ("shacc", "sberr", "home_error", "unseen", "h", "order_pairs", "unseen_order_pairs")
BIASED = ("orig", "bor", "hor", "scuba", "scufo", "contra", "scene_probe")
_BY_CONSTRUCTION = {"scufo", "contra"}
_MARK = "°"


def cell(found: Estimate | Figure | None, digits: int = 1) -> str:
    """The figure ± half its interval."""
    if found is None or math.isnan(found.value):
        return "–"
    if math.isinf(found.high) or found.high == found.low:
        return f"{found.value:.{digits}f}"
    return f"{found.value:.{digits}f} ± {(found.high - found.low) / 2:.{digits}f}"


def markdown(figures: Figures, pairs: Pairs, facts: dict) -> str:
    """The whole report."""
    couplings = sorted({rho for rho, row, *_ in figures if row == "all"} - {0.0}) or [0.0]
    rows = list(facts["rows"])
    lines = [
        "# Learning motion from biased videos",
        "",
        *preface(facts),
        "",
        *goal_lines(figures, pairs, facts),
    ]
    for rho in couplings:
        lines += [
            "",
            f"## ρ = {rho:g}",
            "",
            *answer_table(figures, rho, rows),
            "",
            *bias_table(figures, rho, rows),
        ]
    lines += ["", "## Compared", "", *pair_section(pairs)]
    lines += [
        "",
        "## Rows",
        "",
        *(f"* **{row}**: {MEANING[row]}" for row in ("clip", *rows) if row in MEANING),
    ]
    return "\n".join([*lines, "", facts["machine"]]) + "\n"


def preface(facts: dict) -> list[str]:
    """What was done, and what the figures mean."""
    size, (seen, unseen) = facts["size"], facts["num_labels"]
    backbones = "; ".join(
        f"`{name}` ({digits}), seeds {seeds[0]} to {seeds[-1]}" for name, digits, seeds in facts["backbones"]
    )
    slowest = max(facts["cpu_seconds"].items(), key=lambda each: each[1], default=("–", 0.0))
    whole = facts["whole_run"]
    whole_words = (
        f"; all {whole['trainings']} with their videos took {whole['minutes']} minutes by "
        f"{whole['processes']} processes"
        if whole
        else ""
    )
    return [
        f"Frozen: {backbones}. World `{facts['world']}`: {size['train']} training videos of {seen} seen "
        f"actions for each seed, {size['test_per_label']} test persons for each of {seen} seen and {unseen} "
        "unseen actions, each before another video's place. The coupling ρ is the share of training videos "
        "put at their action's home, besides those that fall there by chance.",
        "",
        "Percent, ± half a 95 % interval over test persons and training seeds (hierarchical bootstrap); CLIP "
        "has no seeds, so its interval is over persons; scene probe and NHSIC: Student's over seeds.",
        "",
        "* `shacc`: the person's action, among seen labels. `sberr`: the action of the video whose place it "
        "is (the donor's label). `home_error`: a wrong answer that is at home in that place, whichever.",
        "* `unseen`: actions never trained on, among themselves. `h`: harmonic mean of both sides, ranked "
        "among all labels. `order_pairs`: two actions that differ in the order of frames alone, asked which.",
        f"* `scene_probe`: the scene, read by a linear classifier of {facts['num_probed']} videos with a "
        f"penalty chosen on other persons. {_MARK}: true by construction, as the dynamic stream is zero on "
        "stills.",
        f"* Chance: {100 / seen:.2g} on seen labels, {100 / unseen:.2g} on unseen ones, 50 on order pairs, "
        f"{100 / facts['num_scenes']:.2g} on scenes, {facts['home_chance']:.1f} of answers at home.",
        "",
        f"{facts['trainings']} trainings are in the tables{whole_words}. The longest took {slowest[1]} s of "
        f"one core (`{slowest[0]}`; `all`: {facts['cpu_seconds'].get('all', '–')} s).",
        "",
        *(
            f"* `{row}`, ρ = {rho}, fuses with (weight, excess) as folds chose: "
            + ", ".join(str(tuple(each)) for each in found)
            for name, found in facts["fused"].items()
            for row, rho in [name.rsplit(", ", 1)]
            if row in {"all", "oracle"}
        ),
    ]


def answers_of(rows: list[str]) -> list[Answer]:
    """Those of the report's beginning, then two of each other row."""
    known = {row for row, _ in ANSWERS}
    return [*ANSWERS, *((row, stream) for row in rows if row not in known for stream in ("dynamic", "fused"))]


def at(rho: float, row: str) -> float:
    """The coupling that a row was trained at."""
    return 0.0 if row == "oracle" else rho


def answer_table(figures: Figures, rho: float, rows: list[str]) -> list[str]:
    """How right each answer is, a line each."""
    return table(figures, rho, answers_of(rows), ANSWERED)


def bias_table(figures: Figures, rho: float, rows: list[str]) -> list[str]:
    """How much of each answer is scenery; of trained rows, and of what they stand on."""
    shown = [each for each in answers_of(rows) if not each[1].endswith(STAGED)]
    lines = table(figures, rho, shown, BIASED)
    lines[0] += " nhsic |"
    lines[1] += "---|"
    for place, line in enumerate(lines[2:], 2):
        row, stream = (part.strip() for part in line.split("|")[1:3])
        found = figures.get((at(rho, row), row, "", "nhsic")) if stream == "dynamic" else None
        lines[place] += f" {cell(found, 3)} |"
    return lines


def table(figures: Figures, rho: float, answers: list[Answer], metrics: tuple[str, ...]) -> list[str]:
    """A Markdown table of some answers; those that are not there are left out."""
    lines = ["| row | stream | " + " | ".join(metrics) + " |", "|---|---|" + "---|" * len(metrics)]
    for row, stream in answers:
        found = [figures.get((at(rho, row), row, stream, metric)) for metric in metrics]
        if not any(found):
            continue
        cells = [
            cell(each) + (_MARK if constructed(row, stream, metric) else "")
            for metric, each in zip(metrics, found, strict=True)
        ]
        lines.append(f"| {row} | {stream} | " + " | ".join(cells) + " |")
    return lines


def constructed(row: str, stream: str, metric: str) -> bool:
    """Whether a figure could not be otherwise; what subtracts nothing is not zero on stills."""
    subtracts = row != "plain" and not row.endswith("no subtraction")
    return stream == "dynamic" and metric in _BY_CONSTRUCTION and subtracts


def pair_section(pairs: Pairs) -> list[str]:
    """The comparisons, those of the losses apart."""
    count = sum(not math.isnan(found.p) for found in pairs.values())
    of_losses = set(LOSSES)
    return [
        "First minus second, in points, from the same persons and seeds; p after Holm's correction for all "
        f"{count} comparisons. Bold: p < 0.05.",
        "",
        *pair_table({key: found for key, found in pairs.items() if key[1:3] not in of_losses}),
        "",
        "What each loss brings beyond its absence, nothing else changed:",
        "",
        *pair_table({key: found for key, found in pairs.items() if key[1:3] in of_losses}),
    ]


def pair_table(pairs: Pairs) -> list[str]:
    """A line a pair and coupling, a column a metric."""
    metrics = list(dict.fromkeys(metric for *_, metric in pairs))
    lines = ["| ρ | first | second | " + " | ".join(metrics) + " |", "|---|---|---|" + "---|" * len(metrics)]
    for rho, first, second in dict.fromkeys(key[:3] for key in pairs):
        cells = []
        for metric in metrics:
            found = pairs.get((rho, first, second, metric))
            text = cell(found)
            if found is not None and not math.isnan(found.p):
                text = f"**{text}**" if found.p < 0.05 else text
                text += f" (p {shown_p(found.p)})"
            cells.append(text)
        lines.append(f"| {rho:g} | {named(first)} | {named(second)} | " + " | ".join(cells) + " |")
    return lines if len(lines) > 2 else ["* none"]


def shown_p(p: float) -> str:
    """Three decimals, or that it is less."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def named(answer: Answer) -> str:
    """A row and its stream, once where they have one name."""
    row, stream = answer
    return stream if stream.startswith(row) else f"{row}: {stream}"


def write_report(folder: Path) -> None:
    """Write debias.md and the picture beside the tables of a folder."""
    figures, pairs = read_tables(folder)
    facts = json.loads((folder / "debias.json").read_text(encoding="utf-8"))
    (folder / "debias.md").write_text(markdown(figures, pairs, facts), encoding="utf-8")
    draw_answers(figures, facts, folder / "debias_answers.png")


_SHOWN = (
    ("shacc", "seen actions, scene independent: SHAcc ↑"),
    ("home_error", "wrong, at home in the scene ↓"),
    ("unseen", "unseen actions ↑"),
    ("h", "both, among all labels: H ↑"),
)
_COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b")


def draw_answers(figures: Figures, facts: dict, path: Path) -> None:
    """Four figures of every answer, a dot a coupling, with intervals."""
    from matplotlib.figure import Figure as Picture

    couplings = sorted({rho for rho, row, *_ in figures if row == "all"} - {0.0}) or [0.0]
    answers = [
        each
        for each in answers_of(list(facts["rows"]))
        if any((at(rho, each[0]), *each, "shacc") in figures for rho in couplings)
    ]
    picture = Picture(figsize=(14, 1.6 + 0.27 * len(answers)), layout="constrained")
    panels = picture.subplots(1, 4, sharey=True)
    for axes, (metric, title) in zip(panels, _SHOWN, strict=True):
        for number, rho in enumerate(couplings):
            places, found = [], []
            for place, (row, stream) in enumerate(answers):
                figure = figures.get((at(rho, row), row, stream, metric))
                if figure is not None and not (number and row in {"oracle", "clip"}):
                    places.append(place + 0.22 * (number - (len(couplings) - 1) / 2))
                    found.append(figure)
            reach = [0.0 if math.isinf(each.high) else each.high - each.value for each in found]
            axes.errorbar(
                [each.value for each in found], places, xerr=reach, color=_COLOURS[number], marker="o",
                markersize=4, linestyle="none", capsize=2, label=f"ρ = {rho:g}",
            )  # fmt: skip
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("%")
        axes.grid(alpha=0.3)
        axes.set_xlim(left=max(0.0, axes.get_xlim()[0]))
    panels[0].set_yticks(range(len(answers)), [named(each) for each in answers], fontsize=8)
    panels[0].invert_yaxis()
    panels[0].legend(fontsize=8)
    picture.savefig(path, dpi=110)
