"""A report as Markdown: what a person pastes into a note or an issue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.errors import counted
from zeroshot.reports.tables import markdown_table, percent

if TYPE_CHECKING:
    from zeroshot.evaluation.report import ModelFigures, Report

NUM_NAMED = 20  # missing and unreadable files that are named here; report.json has all


def markdown_of(report: Report) -> str:
    """The whole report, tables first."""
    plan, settings = report.plan, report.settings
    parts = [
        f"# {plan.protocol} on {plan.data}",
        "",
        *([seen_warning(report), ""] if report.allow_seen else []),
        videos_line(report),
        "",
        *_main_table(report),
        *_rounds(report),
        *_comparisons(report),
        *_confusions(report),
        "## How",
        "",
        *(f"* {line}" for line in how(report)),
        "",
        *_failures(report),
        "## Repeat",
        "",
        f"* prompts `{settings['prompts_digest']}`",
        *(f"* {one.name}: {counted(len(one.labels), 'label')}, videos `{one.digest}`" for one in plan.rounds),
        *(
            f"* {model.name}: weights `{str(model.facts['fingerprint'])[:16]}`"
            + (
                f", adapter `{str(model.facts['adapter_fingerprint'])[:16]}`"
                if model.facts["adapter_fingerprint"]
                else ""
            )
            for model in report.models
        ),
        f"* {', '.join(f'{name} {number}' for name, number in report.run['versions'].items())}",
    ]
    return "\n".join(parts) + "\n"


def spread(model: ModelFigures, stream: str) -> str:
    """`± 1.2` over rounds, or nothing."""
    value = next(one.std for one in model.streams if one.stream == stream)
    return "" if value is None else f"± {100 * value:.1f}"


def videos_line(report: Report) -> str:
    """How many of how many."""
    videos = report.videos
    line = f"{videos.evaluated:,} of {videos.listed:,} listed videos evaluated"
    if videos.evaluated == videos.listed:
        return line + "."
    gone, broken = len(videos.missing), len(videos.unreadable)
    return f"{line}: {gone:,} missing, {broken:,} unreadable. Figures count the evaluated ones."


def seen_warning(report: Report) -> str:
    """What `--allow-seen` means."""
    names = [model.name for model in report.models if model.namesakes]
    return (
        f"**Not a figure on unseen classes:** {', '.join(names)} had training videos of "
        f"{len(report.seen_labels)} of {len(report.plan.labels)} labels (allowed by --allow-seen)."
    )


def how(report: Report) -> list[str]:
    """Names, templates, views, sources and notes, a line each."""
    settings = report.settings
    lines = [
        f"as {settings['lineage']}: {settings['about']}",
        f"labels {settings['names']}; templates: {settings['templates']}; first text: "
        f"{settings['example_prompts'][0]!r}",
        f"views: {settings['views']}",
    ]
    if settings["texts"]:
        lines.append(f"label texts of {settings['texts']}")
    if settings["changed"]:
        lines.append(f"changed by hand: {', '.join(settings['changed'])}")
    lines += [f"list: {source}" for source in report.plan.sources]
    lines += [f"intervals {settings['intervals']}", *report.plan.notes]
    if report.plan.shape == "generalized":
        lines.append(
            "calibrated: γ is taken from the scores of seen labels, the largest that costs at most "
            f"{settings['seen_cost']:.0%} of the right answers on half of the seen videos; "
            "the figures are of the other videos"
        )
    lines += [
        f"{model.name} is untrained: chance is what it should reach"
        for model in report.models
        if model.facts["untrained"]
    ]
    return lines


def side_names(report: Report) -> list[str]:
    """Keys of the figures of two sides that this report has, in order."""
    return list(report.models[0].figures.sides)


def _main_table(report: Report) -> list[str]:
    sides = side_names(report)
    header = ["model", "stream", *(name.replace("_", ", ") for name in sides)]
    if not sides:
        header += ["top-1", "± over rounds", "top-5", "mean class"]
    header += ["γ"] if report.plan.shape == "generalized" else []
    rows = []
    for model in report.models:
        for one in model.streams:
            cells = [model.name, one.stream, *(percent(one.sides[name]) for name in sides)]
            if not sides:
                cells += [
                    percent(one.top1),
                    spread(model, one.stream),
                    percent(one.top5),
                    f"{100 * one.mean_class:.1f}",
                ]
            cells += [] if one.gamma is None else [f"{one.gamma:.4f}"]
            rows.append(cells)
    lines = markdown_table(header, rows)
    lines += [
        f"{model.name} on labels that it was not trained on, among all: {percent(model.untrained)}\n"
        for model in report.models
        if model.untrained is not None
    ]
    return lines


def _rounds(report: Report) -> list[str]:
    if len(report.plan.rounds) == 1:
        return []
    header = ["model", "round", "labels", "chance", "videos", "top-1", "top-5", "mean class"]
    rows = [
        [
            f"{model.name} ({model.stream})",
            one.name,
            str(one.num_labels),
            f"{100 / one.num_labels:.1f}",
            str(one.top1.total),
            percent(one.top1.estimate()),
            percent(one.top5.estimate()),
            percent(one.mean_class),
        ]
        for model in report.models
        for one in model.figures.rounds
    ]
    return ["## Rounds", "", *markdown_table(header, rows)]


def _comparisons(report: Report) -> list[str]:
    if not report.comparisons:
        return []
    header = ["difference of top-1", "points", "only first right", "only second right", "McNemar's p"]
    rows = []
    for pair in report.comparisons:
        for place, (first, second, p) in enumerate(pair.rounds):
            name = f"{pair.first} − {pair.second}" if place == 0 else report.plan.rounds[place].name
            rows.append(
                [name, percent(pair.difference) if place == 0 else "", str(first), str(second), f"{p:.2g}"]
            )
    return ["## Side by side", "", *markdown_table(header, rows)]


def _confusions(report: Report) -> list[str]:
    header = ["model", "label", "answer", "videos"]
    rows = [
        [model.name, label, answer, str(count)]
        for model in report.models
        for label, answer, count in model.figures.confusions[:10]
    ]
    return ["## Most frequent errors", "", *markdown_table(header, rows)] if rows else []


def _failures(report: Report) -> list[str]:
    videos = report.videos
    if videos.evaluated == videos.listed:
        return []
    lines = [f"* missing: {path}" for path in videos.missing[:NUM_NAMED]]
    lines += [f"* unreadable: {error}" for _, error in videos.unreadable[:NUM_NAMED]]
    named = min(len(videos.missing), NUM_NAMED) + min(len(videos.unreadable), NUM_NAMED)
    rest = videos.listed - videos.evaluated - named
    return ["## Videos left out", "", *lines, *([f"* and {rest} more, in report.json"] if rest else []), ""]
