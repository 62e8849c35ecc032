"""Table and pictures of the debiasing benchmark, made from its CSV files alone."""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from typing import TYPE_CHECKING

from zeroshot.statistics.intervals import Estimate, t_interval

if TYPE_CHECKING:
    from pathlib import Path

Figures = dict[tuple[float, str, str, str], list[float]]
"""(ρ, row, stream, metric) → one value a seed."""

ORDER = (
    "clip", "plain", "subtract", "independence", "scene", "both", "balanced", "stillmix", "all", "oracle",
)  # fmt: skip
MEANING = {
    "clip": "the frozen CLIP, averaged over frames",
    "plain": "temporal adapter on the tokens as they are; 150 steps instead of 100, which it needs",
    "subtract": "… on the tokens minus their temporal mean",
    "independence": "subtract, and the streams are made independent (NHSIC)",
    "scene": "subtract, and the scene is predicted from the static stream and hidden from the dynamic one",
    "both": "subtract, independence and scene",
    "balanced": "subtract, videos drawn so that label and guessed scene are independent",
    "stillmix": "subtract, and copies of the videos mixed with still frames, in pixels; 150 steps",
    "all": "the change, its correlation with itself and detectors of direction, both losses, distillation of "
    "CLIP without its scene, and copies of the videos: figures, found without masks, before other videos' "
    "places, mirrored ones, and both at once; 240 steps instead of 100",
    "oracle": "all without the two losses, trained where there is no bias (ρ = 0)",
}
COLUMNS = (
    ("dynamic", "orig"), ("dynamic", "shacc"), ("dynamic", "sberr"), ("dynamic", "bor"), ("dynamic", "hor"),
    ("dynamic", "scuba"), ("dynamic", "scufo"), ("dynamic", "contra"), ("dynamic", "unseen_shacc"),
    ("dynamic", "h"), ("dynamic", "order_pairs"), ("", "nhsic"), ("dynamic", "scene_probe"),
    ("static", "scene_probe"), ("fused", "shacc"), ("fused", "unseen_shacc"), ("fused", "h"),
)  # fmt: skip


def read_table(path: Path) -> Figures:
    """The values of every figure, seeds in order."""
    found: Figures = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as file:
        for line in sorted(csv.DictReader(file), key=lambda line: int(line["seed"])):
            key = (float(line["rho"]), line["row"], line["stream"], line["metric"])
            found[key].append(float(line["value"]))
    return dict(found)


def look_up(figures: Figures, rho: float, row: str, stream: str, metric: str) -> Estimate | None:
    """Mean and 95 % interval over seeds; CLIP has no streams of its own."""
    for tried in (stream, ""):
        values = figures.get((rho, row, tried, metric))
        if values:
            return t_interval(values)
    return None


def cell(found: Estimate | None, digits: int = 1) -> str:
    """Mean ± half the interval."""
    if found is None:
        return "–"
    if math.isinf(found.high):
        return f"{found.value:.{digits}f}"
    return f"{found.value:.{digits}f} ± {found.high - found.value:.{digits}f}"


def markdown(figures: Figures, ablation: Figures, facts: dict) -> str:
    """The whole report."""
    size = facts["size"]
    # Tables of before there was a second world do not say.
    seen, unseen = facts.get("num_labels", (20, 12))
    lines = [
        "# Learning motion from biased videos",
        "",
        f"Backbone `{facts['backbone']}` ({facts['fingerprint'][:12]}), frozen; {size['train']} training "
        f"videos of {seen} seen actions, {size['test_per_label']} test persons for each of {seen} seen and "
        f"{unseen} unseen actions. {len(facts['seeds'])} seeds: training videos and first weights. "
        "Mean ± half of Student's 95 % interval over seeds, in percent (NHSIC: 1 at most). Where no stream "
        "is named it is the dynamic one. The coupling ρ is the share of training videos put at their "
        "action's home scene, besides those "
        f"that fall there by chance. Chance: {100 / seen:.2g} % on seen labels, {100 / unseen:.2g} % on "
        f"unseen ones, 50 % on order pairs, {100 / facts['num_scenes']:.0f} % on scenes.",
        "",
        f"The longest training took {facts['longest_training_cpu_seconds']} s of one core; "
        f"{facts['trainings']} trainings are in the tables{whole_run(facts)}.",
        "",
        *goals({**figures, **ablation}, seen),
    ]
    for rho in sorted({rho for rho, row, *_ in figures if row == "subtract"}):
        lines += ["", f"## ρ = {rho:g}", "", *table(figures, rho, [row for row in ORDER if row != "oracle"])]
    lines += ["", "## Rows", "", *(f"* **{row}**: {MEANING[row]}" for row in ORDER)]
    for rho in sorted({rho for rho, *_ in ablation}):
        rows = sorted({row for other, row, *_ in ablation if other == rho})
        lines += [
            "",
            f"## Ablation, ρ = {rho:g}",
            "",
            *table({**figures, **ablation}, rho, ["both", "all", *rows]),
        ]
    return "\n".join(lines) + "\n"


def whole_run(facts: dict) -> str:
    """How long everything took, if it was done in one go."""
    if not (whole := facts.get("whole_run")):
        return ""
    number, minutes, processes = (whole[name] for name in ("trainings", "minutes", "processes"))
    return f"; {number} of them with all their videos took {minutes} minutes by {processes} processes"


def table(figures: Figures, rho: float, rows: list[str]) -> list[str]:
    """A Markdown table of some rows at a coupling, the oracle last."""
    names = [f"{stream} {metric}" if stream != "dynamic" else metric for stream, metric in COLUMNS]
    lines = ["| row | " + " | ".join(name.strip() for name in names) + " |", "|---" * (len(names) + 1) + "|"]
    for row in [*rows, "oracle"]:
        place = 0.0 if row == "oracle" else rho
        if look_up(figures, place, row, "dynamic", "shacc") is None:
            continue
        cells = [
            cell(look_up(figures, place, row, stream, metric), 3 if metric == "nhsic" else 1)
            for stream, metric in COLUMNS
        ]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return lines


def goals(figures: Figures, num_seen: int) -> list[str]:
    """What was to be reached, and what was, by the dynamic stream and by the one that answers unless told."""
    columns = [reached(figures, stream, num_seen) for stream in ("dynamic", "fused")]
    return [
        "| goal | dynamic stream | fused stream (the default) |",
        "|---|---|---|",
        *(f"| {goal} | {columns[0][goal]} | {columns[1][goal]} |" for goal in columns[0]),
        "",
        "What each loss brings beyond its absence, where the interval of the differences, seed by seed, "
        "leaves out 0 (bold: the rows' own intervals do not overlap either):",
        "",
        *(helped(figures) or ["* nothing"]),
    ]


def reached(figures: Figures, stream: str, num_seen: int) -> dict[str, str]:
    """Goal → what a stream reached; of subtraction alone the dynamic stream counts."""

    def mean(rho: float, row: str, metric: str, stream: str = stream) -> float:
        found = look_up(figures, rho, row, stream, metric)
        return math.nan if found is None else found.value

    def ratio(value: float, other: float) -> float:
        return value / other if other else math.nan

    def share(rho: float, metric: str) -> str:
        return f"{100 * ratio(mean(rho, 'all', metric), mean(0.0, 'oracle', metric)):.1f} %"

    even = (100 - mean(0.7, "all", "shacc")) / (num_seen - 1)
    gain = ratio(mean(0.95, "all", "shacc"), mean(0.95, "subtract", "shacc", "dynamic"))
    return {
        "ρ = 0.7: seen SHAcc of all ≥ 92 % of the oracle's": share(0.7, "shacc"),
        "ρ = 0.7: unseen SHAcc of all ≥ 90 % of the oracle's": share(0.7, "unseen_shacc"),
        "ρ = 0.7: SBErr of all within 2 points of errors spread evenly": (
            f"{mean(0.7, 'all', 'sberr'):.1f} % (even: {even:.1f} %)"
        ),
        "ρ = 0.95: SHAcc of all ≥ 1.3 × the dynamic stream of subtract": f"{gain:.2f} ×",
        "order pairs: oracle ≥ 90 %": f"{mean(0.0, 'oracle', 'order_pairs'):.1f} %",
        "ρ = 0.7: order pairs of all within 5 points of the oracle's": (
            f"{mean(0.7, 'all', 'order_pairs'):.1f} %"
        ),
    }


def helped(figures: Figures) -> list[str]:
    """Comparisons in which a loss changes something for the better or the worse, a line each."""
    comparisons = (
        ("independence", "independence", "subtract"), ("independence", "both", "scene"),
        ("scene", "scene", "subtract"), ("scene", "both", "independence"),
        ("both losses", "both", "subtract"),
        ("independence", "independence, no subtraction", "plain"),
        ("independence", "both, no subtraction", "scene, no subtraction"),
        ("scene", "scene, no subtraction", "plain"),
        ("scene", "both, no subtraction", "independence, no subtraction"),
        ("both losses", "both, no subtraction", "plain"),
    )  # fmt: skip
    lines = []
    for loss, with_it, without in comparisons:
        for rho in sorted({rho for rho, *_ in figures}):
            for metric in ("shacc", "sberr", "unseen_shacc"):
                values = [figures.get((rho, row, "dynamic", metric), []) for row in (with_it, without)]
                if len(values[0]) == len(values[1]) > 1:
                    lines += compared(f"{loss}, ρ = {rho:g}, {metric}: {without} → {with_it}", *values)
    return lines


def compared(what: str, values: list[float], before: list[float]) -> list[str]:
    """One line on a difference, or none where it may be chance."""
    change = t_interval([new - old for new, old in zip(values, before, strict=True)])
    if change.low <= 0 <= change.high:
        return []
    new, old = t_interval(values), t_interval(before)
    mark = "**" if new.low > old.high or new.high < old.low else ""
    return [f"* {mark}{what}{mark}: {cell(old)} → {cell(new)}; difference {cell(change)}"]


def write_report(folder: Path) -> None:
    """Write debias.md and the pictures beside the CSV files of a folder."""
    figures, ablation = read_table(folder / "debias.csv"), read_table(folder / "debias_ablation.csv")
    facts = json.loads((folder / "debias.json").read_text(encoding="utf-8"))
    (folder / "debias.md").write_text(markdown(figures, ablation, facts), encoding="utf-8")
    draw_curves(figures, folder / "debias_curves.png")
    draw_streams(figures, folder / "debias_streams.png")


_SHOWN = (
    ("shacc", "person's action, scene independent: SHAcc ↑"),
    ("sberr", "action of the background: SBErr ↓"),
    ("unseen_shacc", "unseen actions: SHAcc ↑"),
    ("order_pairs", "order pairs ↑"),
)
_COLOURS = {
    "clip": "#888888", "plain": "#d62728", "subtract": "#ff7f0e", "independence": "#bcbd22",
    "scene": "#17becf", "both": "#1f77b4", "balanced": "#9467bd", "stillmix": "#e377c2", "all": "#2ca02c",
    "oracle": "#000000",
}  # fmt: skip


def draw_curves(figures: Figures, path: Path) -> None:
    """Four figures against the coupling, a line a row, with intervals."""
    from matplotlib.figure import Figure

    couplings = sorted({rho for rho, *_ in figures})
    picture = Figure(figsize=(12, 8), layout="constrained")
    for axes, (metric, title) in zip(picture.subplots(2, 2).flat, _SHOWN, strict=True):
        for row in ORDER:
            if row == "oracle":
                found = look_up(figures, 0.0, row, "dynamic", metric)
                if found is not None:
                    axes.axhline(found.value, color="black", linestyle="--", label="oracle")
                continue
            points = [
                (rho, found) for rho in couplings if (found := look_up(figures, rho, row, "dynamic", metric))
            ]
            reach = [0.0 if math.isinf(found.high) else found.high - found.value for _, found in points]
            axes.errorbar(
                [rho for rho, _ in points], [found.value for _, found in points], yerr=reach,
                color=_COLOURS[row], marker="o", markersize=3, capsize=2, label=row,
                linewidth=2.5 if row == "all" else 1.2,
            )  # fmt: skip
        axes.set_title(title)
        axes.set_xlabel("coupling of action and scene in training, ρ")
        axes.set_ylabel("%")
        axes.grid(alpha=0.3)
    picture.axes[0].legend(fontsize=8, ncols=2)
    picture.savefig(path, dpi=110)


def draw_streams(figures: Figures, path: Path) -> None:
    """SHAcc and scene probe of all streams of every row at the coupling nearest to 0.7."""
    from matplotlib.figure import Figure

    rho = min({rho for rho, *_ in figures}, key=lambda rho: abs(rho - 0.7))
    picture = Figure(figsize=(10, 4), layout="constrained")
    shown = (("shacc", "SHAcc"), ("scene_probe", "scene read by a linear probe"))
    for axes, (metric, title) in zip(picture.subplots(1, 2), shown, strict=True):
        for shift, (stream, colour) in enumerate(
            (("static", "#999999"), ("dynamic", "#2ca02c"), ("fused", "#1f77b4"))
        ):
            rows = [row for row in ORDER if row not in {"clip", "oracle"}]
            found = [look_up(figures, rho, row, stream, metric) for row in rows]
            values = [math.nan if each is None else each.value for each in found]
            reach = [
                0.0 if each is None or math.isinf(each.high) else each.high - each.value for each in found
            ]
            places = [place + 0.27 * (shift - 1) for place in range(len(rows))]
            axes.bar(places, values, 0.26, yerr=reach, color=colour, capsize=2, label=stream)
        axes.set_xticks(range(len(rows)), rows, rotation=40, ha="right")
        axes.set_title(f"{title}, ρ = {rho:g}")
        axes.set_ylabel("%")
    handles, labels = picture.axes[0].get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside lower center", ncols=3)
    picture.savefig(path, dpi=110)
