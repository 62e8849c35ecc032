"""Events found in long videos, measured: average mAP over the temporal IoU, without any training."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.batch.label_rows import index_of_labels
from zeroshot.checkpoint import load_model
from zeroshot.checks import Checks, model_given
from zeroshot.datasets.untrimmed import localization_named
from zeroshot.errors import DatasetError, OptionError
from zeroshot.evaluation.cached_embeddings import embed_windows
from zeroshot.evaluation.localization_report import LocalizationReport, LocalizedModel
from zeroshot.evaluation.prepare import (
    EvaluationSettings,
    check_folders,
    check_models,
    model_names,
    trained_on,
)
from zeroshot.evaluation.report import Videos
from zeroshot.events.hysteresis import Hysteresis, events_of, window_of_events
from zeroshot.model.download import fetch_missing
from zeroshot.reports.environment import environment
from zeroshot.reports.files import report_folders, write_report
from zeroshot.statistics.average_precision import Event, Found, localization
from zeroshot.text.prompts import make_prompts, prompts_digest, templates_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zeroshot.datasets.seen_labels import Namesake
    from zeroshot.datasets.untrimmed import LocalizationProtocol, Untrimmed, UntrimmedVideo
    from zeroshot.index.index import LabelIndex
    from zeroshot.model.model import Model
    from zeroshot.statistics.average_precision import Localized
    from zeroshot.store.folder import Layout
    from zeroshot.types import Prompts
    from zeroshot.video.sampling import Window

    Advance = Callable[[str, int, int], None]

WINDOW = window_of_events(None)
"""Short windows that overlap, as events of sports last a few seconds."""

_WITHOUT_MEANING = ("texts", "stages", "num_frames", "num_views", "data", "labels", "seen", "overlap")


@dataclass(frozen=True)
class Cut:
    """How a video is cut into windows, and windows are joined to events.

    Attributes:
        window: length and stride.
        rule: two thresholds; by default of the label's range, as every video is known to show some label.
    """

    window: Window = WINDOW
    rule: Hysteresis = field(default_factory=Hysteresis.within_video)


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is asked of every model."""

    untrimmed: Untrimmed
    prompts: Prompts
    repeated: dict[str, tuple[Namesake, ...]]


@dataclass(frozen=True, eq=False)
class _Run:
    """What one model found."""

    facts: dict[str, Any]
    found: dict[str, list[Found]]
    errors: dict[int, str]


def localize(
    source: str | os.PathLike[str],
    models: str | Model | Sequence[str | Model],
    *,
    protocol: str,
    output: str | os.PathLike[str] | None = None,
    cut: Cut | None = None,
    settings: EvaluationSettings | None = None,
    advance: Advance | None = None,
) -> LocalizationReport:
    """How well models find events in long videos, by their labels' texts alone.

    Args:
        source: folder of the data set.
        models: names as for `load_model`, or Models.
        protocol: thumos14 or activitynet.
        output: folder that receives `report.json`, `report.md` and `report.html`, and keeps the embeddings of
            windows, so that an interrupted run goes on; None writes nothing.
        cut: how videos become windows and windows events; None: the defaults of `Cut`.
        settings: templates, lists, allow_seen, stream, device, decoder and cache; the others have no meaning
            here and are refused.
        advance: is called with a model's name, videos done and videos to do.

    Raises:
        ZeroshotError: an unknown protocol, a wrong root, labels that a model was trained on, no video that
            can be read: one line each.
    """
    started = time.monotonic()
    chosen, cut = settings or EvaluationSettings(), cut or Cut()
    several = models if isinstance(models, list | tuple) else [models]
    listed = [model_given(each) for each in several]
    task = localization_named(protocol)
    cache, folders = report_folders(output, chosen.cache)
    asked = _prepare(source, listed, task, chosen, folders)
    if len(listed) > 1:
        fetch_missing([each for each in listed if isinstance(each, str)])
    runs = {
        name: _run(model, asked, chosen, cut, cache, None if advance is None else partial(advance, name))
        for name, model in zip(asked.repeated, listed, strict=True)
    }
    videos, kept = _readable(asked.untrimmed, list(runs.values()))
    figures = {name: _figures(run, asked.untrimmed, kept, task.thresholds) for name, run in runs.items()}
    results = tuple(
        LocalizedModel(name, run.facts, figures[name], asked.repeated[name]) for name, run in runs.items()
    )
    said = {
        "templates": templates_in_words(chosen.templates),
        "prompts_digest": prompts_digest(asked.prompts),
        "example_prompts": list(asked.prompts.texts[0][:3]),
        "window": asdict(cut.window),
        "rule": cut.rule.as_dict(),
    }
    facts = {"seconds": round(time.monotonic() - started, 2), **environment()}
    marked = chosen.allow_seen and any(asked.repeated.values())
    report = LocalizationReport(protocol, asked.untrimmed, task, said, videos, results, marked, facts)
    if output is not None:
        write_report(output, report.as_dict(), report.document())
    return report


def _prepare(
    source: str | os.PathLike[str],
    models: Sequence[str | Model],
    task: LocalizationProtocol,
    chosen: EvaluationSettings,
    folders: Sequence[tuple[str | os.PathLike[str], Layout | None]],
) -> _Asked:
    """Everything that needs no weights, looked at."""
    first = Checks()
    first.add("options", lambda: model_names(models))
    first.add("options", lambda: _refuse_others(chosen))
    data = first.add("files", lambda: task.read(str(source), [Path(path) for path in chosen.lists]))
    prompts = first.add("files", lambda: make_prompts(list(data().labels), chosen.templates))
    trained = first.add("files", lambda: trained_on(models, chosen.stream))
    check_folders(first, folders)
    repeated = check_models(first, models, chosen, trained, lambda: data().labels)
    first.run()
    return _Asked(data(), prompts(), repeated())


def _refuse_others(chosen: EvaluationSettings) -> None:
    """Refuse what would be asked in vain."""
    given = [name for name in _WITHOUT_MEANING if getattr(chosen, name) is not None]
    given += ["multi_label"] * chosen.multi_label + ["as"] * (chosen.lineage != "plain")
    if given:
        word = given[0].replace("_", "-")
        raise OptionError(f"--{word} has no meaning for events in long videos; leave it out")


def _run(
    source: str | Model,
    asked: _Asked,
    chosen: EvaluationSettings,
    cut: Cut,
    cache: str | None,
    tell: Callable[[int, int], None] | None,
) -> _Run:
    """What one model finds; a model that was loaded here is closed again."""
    model = (
        load_model(source, device=chosen.device, decoder=chosen.decoder, stream=chosen.stream)
        if isinstance(source, str)
        else source
    )
    try:
        index = index_of_labels(asked.prompts, model)
        found, errors, num_windows = _events(model, index, asked.untrimmed, cut, cache, tell)
    finally:
        if isinstance(source, str):
            model.close()
    facts = {
        "model": model.name,
        "fingerprint": model.fingerprint,
        "adapter_fingerprint": model.adapter_fingerprint,
        "untrained": model.backbone.is_random,
        "sampling": model.sampling.as_dict(),
        "stream": "clip" if model.adapter is None else model.stream,
        "windows": num_windows,
        "events_found": sum(map(len, found.values())),
    }
    return _Run(facts, found, errors)


def _events(
    model: Model,
    index: LabelIndex,
    data: Untrimmed,
    cut: Cut,
    cache: str | None,
    tell: Callable[[int, int], None] | None,
) -> tuple[dict[str, list[Found]], dict[int, str], int]:
    """Of each label the events found; errors of videos by their rows; how many windows were looked at."""
    found: dict[str, list[Found]] = {label: [] for label in data.labels}
    errors = {row: f"{video.path} does not exist" for row, video in enumerate(data.videos) if _is_gone(video)}
    rows, num_windows = [row for row in range(len(data.videos)) if row not in errors], 0
    outcomes = embed_windows(model, [data.videos[row].path for row in rows], cut.window, cache)
    for done, (row, outcome) in enumerate(zip(rows, outcomes, strict=True), start=1):
        if tell is not None:
            tell(done, len(rows))
        if isinstance(outcome, str):
            errors[row] = outcome
            continue
        num_windows += len(outcome.windows)
        scores = index.scores(outcome.vectors)
        for one in events_of(outcome.windows, scores, model.logit_scale, cut.rule, data.labels):
            found[data.labels[one.label]].append(Found(row, one.start, one.end, one.score))
    return found, errors, num_windows


def _is_gone(video: UntrimmedVideo) -> bool:
    return not os.path.exists(video.path)  # noqa: PTH110 - as `embed_pool` looks


def _readable(data: Untrimmed, runs: Sequence[_Run]) -> tuple[Videos, dict[int, int]]:
    """How many videos there were, and a new number for each that every model could read.

    Raises:
        DatasetError: there is none.
    """
    errors = {row: error for run in runs for row, error in run.errors.items()}
    kept = [row for row in range(len(data.videos)) if row not in errors]
    if not kept:
        raise DatasetError(f"none of the {len(data.videos)} videos can be read ({errors[0]})")
    gone = tuple(data.videos[row].path for row in errors if _is_gone(data.videos[row]))
    broken = tuple(
        (data.videos[row].path, error) for row, error in errors.items() if data.videos[row].path not in gone
    )
    return Videos(len(data.videos), gone, broken), {row: place for place, row in enumerate(kept)}


def _figures(run: _Run, data: Untrimmed, readable: dict[int, int], thresholds: Sequence[float]) -> Localized:
    """The mAP of one model over the readable videos."""
    events: dict[str, list[Event]] = {label: [] for label in data.labels}
    for row, place in readable.items():
        for one in data.videos[row].happenings:
            events[one.label].append(Event(place, one.start_seconds, one.end_seconds))
    found = {
        label: [one._replace(video=readable[one.video]) for one in some if one.video in readable]
        for label, some in run.found.items()
    }
    return localization(found, events, len(readable), thresholds)
