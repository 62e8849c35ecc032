"""A bias report as the three files of its folder; the page shows what the clips look like."""

from __future__ import annotations

import base64
import io
import json
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.bias.report import EXPLAINED, cell, left_out, markdown, to_repeat
from zeroshot.errors import VideoError, counted
from zeroshot.reports.files import write_three
from zeroshot.reports.html import document, html_list, html_table
from zeroshot.reports.svg import intervals, plane
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling

if TYPE_CHECKING:
    import os
    from collections.abc import Collection

    from zeroshot.bias.manifest import BiasManifest, BiasRow
    from zeroshot.bias.report import BiasReport, ModelBias
    from zeroshot.types import Clip

_EXAMPLES = 3  # clips of which every edit is shown
_HEIGHT = 84  # pixels of a frame on the page
_MOMENTS = 2  # frames of an edit
_IN_ONE = ("orig", "bor", "hor", "shacc-random", "sberr-random", "scuba", "scufo", "contra", "conflfg")


def write_bias_report(report: BiasReport, manifest: BiasManifest, folder: str | os.PathLike[str]) -> None:
    """`report.json`, `report.md` and `report.html`, each whole.

    Args:
        report: the figures.
        manifest: the sets they are of, whose clips are shown.
        folder: made where it is missing.

    Raises:
        OutputError: they cannot be written there.
    """
    write_three(folder, report.as_dict(), markdown(report), bias_page(report, manifest))


def bias_page(report: BiasReport, manifest: BiasManifest) -> str:
    """The page: figures, the clips they are of, what each figure counts. It needs no other file."""
    counts = ", ".join(f"{count} {kind}" for kind, count in report.counts.items())
    labels, chance = counted(len(report.labels), "label"), 1 / len(report.labels)
    sections = [
        "<h1>Static bias</h1>",
        f'<p class="quiet">{escape(counts)}. {labels}, chance {chance:.1%}.</p>',
    ]
    if report.failures:
        sections.append(
            f'<p class="warn">{escape(left_out(report))} (first: {escape(report.failures[0][1])}).</p>'
        )
    sections.append(_plane(report))
    for model in report.models:
        sections += [f"<h2>{escape(model.model)}</h2>", _figures(model, chance)]
    sections += [
        "<h2>What the clips look like</h2>",
        _examples(manifest, {path for path, _ in report.failures}),
        "<h2>What the figures count</h2>",
        html_list(f"{name}: {words}" for name, words in EXPLAINED.items()),
        "<h2>How the sets were made</h2>",
        html_table(
            ("setting", "value"), [(name, json.dumps(value)) for name, value in report.settings.items()]
        ),
        "<h2>To repeat it</h2>",
        html_list(to_repeat(report)),
    ]
    return document("Static bias", sections)


def _plane(report: BiasReport) -> str:
    """Where each stream of each model stands between the place and the person of random swaps."""
    points = [
        (
            f"{model.model}, {stream}",
            figures["sberr-random"].estimate,
            figures["shacc-random"].estimate,
            place,
        )
        for place, model in enumerate(report.models)
        for stream, figures in model.streams.items()
        if {"sberr-random", "shacc-random"} <= set(figures)
    ]
    if not points:
        return ""
    axes = ("answers what was done in that place (SBErr), %", "answers what the person does (SHAcc), %")
    return (
        "<h2>What stands still against what moves</h2>"
        '<p class="quiet">Persons before the places of other clips: a model that follows the motion stands '
        f"at the upper left, one that reads the place at the lower right.</p>{plane(points, axes)}"
    )


def _figures(model: ModelBias, chance: float) -> str:
    """A picture and a table of one model."""
    bars = [
        (f"{metric}, {stream}", figures[metric].estimate, place)
        for metric in _IN_ONE
        for place, (stream, figures) in enumerate(model.streams.items())
        if metric in figures and figures[metric].estimate.value <= 1  # a ratio above stands in the table
    ]
    metrics = dict.fromkeys(metric for figures in model.streams.values() for metric in figures)
    rows = [
        (metric, *(cell(figures.get(metric)) for figures in model.streams.values())) for metric in metrics
    ]
    parts = [intervals(bars, chance) if bars else "", html_table(("", *model.streams), rows)]
    if model.dependence is not None:
        d = model.dependence
        parts.append(
            f'<p class="quiet">Dependence of static and dynamic, normalized HSIC: {d.value:.3f} '
            f"({d.low:.3f} to {d.high:.3f}).</p>"
        )
    return "".join(parts)


def _examples(manifest: BiasManifest, without: Collection[str]) -> str:
    """Some clips, spread over the sets, with two frames of each of their edits, those left out left out."""
    there = [row for row in manifest.rows if row.path not in without]
    clips = list(dict.fromkeys(row.clip for row in there))
    chosen = [clips[place] for place in sorted({round(part * (len(clips) - 1) / 2) for part in (0, 1, 2)})]
    rows = [row for clip in chosen[:_EXAMPLES] for row in there if row.clip == clip]
    paths = [str(manifest.folder / row.path) for row in rows]
    with ClipReader() as reader:
        outcomes = [outcome for _, outcome in reader.read_many(paths, Sampling(_MOMENTS))]
    groups: dict[str, list[str]] = {}
    for row, outcome in zip(rows, outcomes, strict=True):
        if not isinstance(outcome, VideoError):
            groups.setdefault(row.clip, []).append(_shown(row, outcome[0]))
    style = "display:flex;flex-wrap:wrap;gap:12px;margin:12px 0"
    return "".join(f'<div style="{style}">{"".join(figures)}</div>' for figures in groups.values())


def _shown(row: BiasRow, clip: Clip) -> str:
    """Two frames of one edit, and what it is."""
    from PIL import Image

    strip = np.concatenate(list(clip.frames.transpose(0, 2, 3, 1)), axis=1)
    width = max(1, round(strip.shape[1] * _HEIGHT / strip.shape[0]))
    image = Image.fromarray(strip).resize((width, _HEIGHT), Image.Resampling.BICUBIC)
    packed = io.BytesIO()
    image.save(packed, "PNG", optimize=True)
    words = row.label
    if row.background_label and row.background_label != row.label:
        words += f" before {row.background_label}"
    if row.figure_label:
        words += f" beside {row.figure_label}"
    picture = base64.b64encode(packed.getvalue()).decode("ascii")
    return (
        f'<figure style="margin:0;max-width:{width}px"><img alt="{escape(row.kind)}" width="{width}" '
        f'height="{_HEIGHT}" src="data:image/png;base64,{picture}">'
        f'<figcaption style="font-size:12px">{escape(row.kind)}<br><span class="quiet">{escape(words)}</span>'
        "</figcaption></figure>"
    )
