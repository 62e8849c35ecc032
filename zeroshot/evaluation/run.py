"""A data set, a protocol, models: figures. The verb behind `zeroshot evaluate`."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.checkpoint import load_model, trained_labels
from zeroshot.classifier import build_index
from zeroshot.datasets.files_on_disk import key
from zeroshot.datasets.paper_settings import lineage_named
from zeroshot.datasets.protocols import EvaluationPlan, plan_for, plan_of_split, protocol_named
from zeroshot.datasets.registry import read_dataset
from zeroshot.datasets.seen_labels import Namesake, namesakes
from zeroshot.datasets.splits import Split
from zeroshot.errors import DatasetError, IndexFileError, LabelError, OptionError, counted
from zeroshot.evaluation.cached_embeddings import Embedded, embed_pool
from zeroshot.evaluation.calibration import SEEN_COST
from zeroshot.evaluation.compare import compare
from zeroshot.evaluation.document import document
from zeroshot.evaluation.report import ModelFigures, Report, Videos
from zeroshot.evaluation.scoring import mean_over_rounds, stream_figures
from zeroshot.index.index import LabelIndex
from zeroshot.model.model import Model
from zeroshot.reports.environment import environment
from zeroshot.reports.files import write_report
from zeroshot.text.lists import label_entries
from zeroshot.text.prompts import make_prompts, prompts_digest, read_labels, templates_in_words
from zeroshot.video.source import name_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from zeroshot.evaluation.scoring import StreamFigures
    from zeroshot.statistics.intervals import Estimate
    from zeroshot.text.prompts import LabelSource, TemplateSource
    from zeroshot.types import Prompts
    from zeroshot.video.sampling import Sampling

    Advance = Callable[[str, int, int], None]

_CACHE = "embeddings"
_NAMED = 8  # namesakes that an error names before it says "and n more"


@dataclass(frozen=True)
class EvaluationSettings:
    """Everything that is chosen besides data, protocol and models.

    Attributes:
        lineage: whose names, templates and views are taken; one of `LINEAGES`.
        templates: instead of the lineage's.
        texts: a JSON file {label: [sentences]} that stand for labels in place of the templates.
        num_frames: T instead of the lineage's.
        num_views: V instead of the lineage's.
        data: which data set lies there, where the protocol takes several; None: told by its files.
        lists: its lists, where they lie elsewhere.
        labels: of `folders` and `csv`, in the order of the class index; None: those found.
        seen: for `generalized`: labels that had training videos; None: what the checkpoints' records say.
        allow_seen: evaluate labels that a model was trained on all the same, and mark the report.
        seen_cost: share of right answers on seen data that calibration may cost.
        stream: of models with an adapter; None is what the checkpoint says.
        device: auto, cpu, cuda, cuda:N or mps.
        decoder: auto, decord, pyav or raw.
        cache: folder for embeddings; None is `embeddings` in the output.
    """

    lineage: str = "plain"
    templates: TemplateSource = None
    texts: str | None = None
    num_frames: int | None = None
    num_views: int | None = None
    data: str | None = None
    lists: tuple[str, ...] = ()
    labels: LabelSource | None = None
    seen: LabelSource | None = None
    allow_seen: bool = False
    seen_cost: float = SEEN_COST
    stream: str | None = None
    device: str = "auto"
    decoder: str = "auto"
    cache: str | None = None


def evaluate(
    source: Split | str | os.PathLike[str],
    models: str | Model | Sequence[str | Model],
    *,
    protocol: str | None = None,
    output: str | os.PathLike[str] | None = None,
    settings: EvaluationSettings | None = None,
    advance: Advance | None = None,
) -> Report:
    """The figures of models under a protocol, on one data set.

    Args:
        source: folder of the data set, a CSV file, or a Split, whose protocol is its own labels and videos.
        models: names as for `load_model`, or Models; each is compared with the first.
        protocol: one of `PROTOCOLS`; None: `csv` for a file and a Split, `folders` for a folder.
        output: folder that receives `report.json`, `report.md` and `report.html`; None writes nothing.
        settings: the rest.
        advance: is called with a model's name, videos done and videos to do.

    Raises:
        ZeroshotError: an unknown protocol, a wrong root, labels that a model was trained on, no video that
            can be read: one line each.
    """
    started = time.monotonic()
    chosen = settings or EvaluationSettings()
    listed = [models] if isinstance(models, str | Model) else list(models)
    names = _names(listed)
    trained = {
        name: trained_labels(model, chosen.stream) if isinstance(model, str) else ()
        for name, model in zip(names, listed, strict=True)
    }
    plan = _plan(source, protocol, chosen, trained)
    repeated = {name: _repeated(plan, labels) for name, labels in trained.items()}
    if not chosen.allow_seen:
        _refuse_seen(repeated)
    lineage = lineage_named(chosen.lineage)
    prompts = _prompts(plan, chosen, lineage.published, chosen.templates or lineage.templates)
    cache = chosen.cache or (None if output is None else str(Path(output) / _CACHE))
    runs = [
        _run(model, name, plan, prompts, chosen, cache, advance)
        for name, model in zip(names, listed, strict=True)
    ]
    videos, readable = _readable(plan, [run.embedded for run in runs])
    results = tuple(_model_figures(run, plan, readable, chosen, repeated[run.name]) for run in runs)
    pairs = tuple(
        compare(other.name, results[0].name, other.figures, results[0].figures, len(plan.videos))
        for other in results[1:]
    )
    facts = {"seconds": round(time.monotonic() - started, 2), **environment()}
    marked = chosen.allow_seen and any(repeated.values())
    said = _said(chosen, prompts, runs[0].sampling)
    report = Report(plan, said, videos, results, pairs, marked, facts)
    if output is not None:
        write_report(output, report.as_dict(), document(report))
    return report


@dataclass(frozen=True, eq=False)
class _Run:
    """One model's scores."""

    name: str
    facts: dict[str, Any]
    stream: str
    sampling: Sampling
    embedded: Embedded
    scores: dict[str, np.ndarray[Any, np.dtype[np.float32]]]


def _plan(
    source: Split | str | os.PathLike[str],
    protocol: str | None,
    chosen: EvaluationSettings,
    trained: dict[str, tuple[str, ...]],
) -> EvaluationPlan:
    """What is evaluated."""
    if isinstance(source, Split):
        if protocol not in {None, "csv"}:
            raise OptionError(f"a Split is its own protocol; leave {protocol!r} out")
        return plan_of_split(source)
    name = protocol or ("csv" if Path(source).is_file() else "folders")
    data = protocol_named(name).data
    if data is not None and chosen.data not in {None, data}:
        raise OptionError(f"{name} is for {data}, --data says {chosen.data}; leave one out")
    listing = read_dataset(source, data or chosen.data, lists=chosen.lists, labels=chosen.labels)
    seen: Sequence[str] = ()
    if chosen.seen is not None:
        seen = read_labels(chosen.seen)
    elif name == "generalized":
        known = {label for labels in trained.values() for label in labels}
        seen = [pair.label for pair in namesakes(listing.labels, known)]
    return plan_for(name, listing, seen)


def _names(models: Sequence[str | Model]) -> list[str]:
    """What the report calls each model."""
    names = [model if isinstance(model, str) else model.name for model in models]
    if not names:
        raise OptionError("no model is named; give one or more")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise OptionError(f"the model {twice!r} is given twice; name each once")
    return names


def _repeated(plan: EvaluationPlan, trained: Sequence[str]) -> tuple[Namesake, ...]:
    """Labels that a model was trained on, where the protocol does not expect it."""
    asked = {label for one in plan.rounds for label in one.labels if label not in one.expected_seen}
    return tuple(namesakes([label for label in plan.labels if label in asked], trained))


def _refuse_seen(repeated: dict[str, tuple[Namesake, ...]]) -> None:
    """Refuse labels that a model was trained on.

    Raises:
        LabelError: lists them.
    """
    for name, pairs in repeated.items():
        if not pairs:
            continue
        shown = ", ".join(
            pair.label if pair.label == pair.trained else f"{pair.label} (as {pair.trained})"
            for pair in pairs[:_NAMED]
        )
        more = f" and {len(pairs) - _NAMED} more" if len(pairs) > _NAMED else ""
        raise LabelError(
            f"{name} was trained on {len(pairs)} of these labels: {shown}{more}; take other labels, or "
            "--allow-seen, which marks the report"
        )


def _prompts(
    plan: EvaluationPlan, chosen: EvaluationSettings, published: bool, templates: TemplateSource
) -> Prompts:
    """Sentences of every label of the plan, in its order."""
    spelled = [plan.published.get(label, label) if published else label for label in plan.labels]
    if chosen.texts is None:
        return make_prompts(spelled, templates, spaced=not published)
    known = {key(entry.text): entry.descriptions for entry in label_entries(Path(chosen.texts))}
    if not any(key(label) in known for label in plan.labels):
        raise LabelError(f"{chosen.texts} describes none of the {len(plan.labels)} labels")
    described = {name: known.get(key(label), ()) for name, label in zip(spelled, plan.labels, strict=True)}
    return make_prompts(described, templates, spaced=not published)


def _run(
    source: str | Model,
    name: str,
    plan: EvaluationPlan,
    prompts: Prompts,
    chosen: EvaluationSettings,
    cache: str | None,
    advance: Advance | None,
) -> _Run:
    """Embeddings and scores of one model; a model that was loaded here is closed again."""
    if isinstance(source, Model) and chosen.stream is not None:
        raise OptionError("stream goes with a model's name; choose it in load_model for a Model")
    model = (
        load_model(source, device=chosen.device, decoder=chosen.decoder, stream=chosen.stream)
        if isinstance(source, str)
        else source
    )
    try:
        sampling = _sampling(model, chosen)
        tell = None if advance is None else lambda done, total: advance(name, done, total)
        embedded = embed_pool(model, plan.videos, cache, sampling=sampling, advance=tell)
        index = _index(model, prompts, cache)
    finally:
        if isinstance(source, str):
            model.close()
    scores = {
        stream: index.scores(embedded.vectors[:, place]) for place, stream in enumerate(embedded.streams)
    }
    facts = {
        "model": model.name,
        "fingerprint": model.fingerprint,
        "adapter_fingerprint": model.adapter_fingerprint,
        "untrained": model.backbone.is_random,
        "embedding_dim": model.embedding_dim,
        "precision": model.precision,
        "logit_scale": model.logit_scale,
        "sampling": asdict(sampling),
    }
    stream = model.stream if model.adapter is not None else embedded.streams[0]
    return _Run(name, facts, stream, sampling, embedded, scores)


def _index(model: Model, prompts: Prompts, cache: str | None) -> LabelIndex:
    """The labels' embeddings, from the cache where they are."""
    if cache is None:
        return build_index(prompts, model=model)
    digest = prompts_digest(prompts)
    path = Path(cache) / f"labels-{digest}-{model.fingerprint[:16]}.index"
    try:
        return LabelIndex.load(path, fingerprint={"model": model.fingerprint, "prompts": digest})
    except IndexFileError:
        index = build_index(prompts, model=model)
        index.save(path)
        return index


def _sampling(model: Model, chosen: EvaluationSettings) -> Sampling:
    """Frames and views: the lineage's or the model's, with what the user changed."""
    sampling = lineage_named(chosen.lineage).sampling or model.sampling
    num_frames = sampling.num_frames if chosen.num_frames is None else chosen.num_frames
    num_views = sampling.num_views if chosen.num_views is None else chosen.num_views
    return replace(sampling, num_frames=num_frames, num_views=num_views)


def _readable(
    plan: EvaluationPlan, embedded: Sequence[Embedded]
) -> tuple[Videos, np.ndarray[Any, np.dtype[np.bool_]]]:
    """How many videos there were, and (n,) which of them every model could read.

    Raises:
        DatasetError: a round would have none.
    """
    missing, unreadable, readable = [], [], np.ones(len(plan.videos), np.bool_)
    for row, video in enumerate(plan.videos):
        errors = [one.errors[row] for one in embedded if one.errors[row] is not None]
        if not errors:
            continue
        readable[row] = False
        if any(one.missing[row] for one in embedded):
            missing.append(name_of(video.path))
        else:
            unreadable.append((name_of(video.path), str(errors[0])))
    left = {name_of(video.path) for video, kept in zip(plan.videos, readable, strict=True) if kept}
    for one in plan.rounds:
        if not any(name_of(video.path) in left for video in one.videos):
            example = unreadable[0][1] if unreadable else f"first missing: {missing[0]}"
            raise DatasetError(f"{one.name}: none of its {len(one.videos)} videos can be read ({example})")
    return Videos(len(plan.videos), tuple(missing), tuple(unreadable)), readable


def _model_figures(
    run: _Run,
    plan: EvaluationPlan,
    readable: np.ndarray[Any, np.dtype[np.bool_]],
    chosen: EvaluationSettings,
    repeated: tuple[Namesake, ...],
) -> ModelFigures:
    streams = tuple(
        stream_figures(stream, scores, plan, readable, chosen.seen_cost)
        for stream, scores in run.scores.items()
    )
    figures = next(one for one in streams if one.stream == run.stream)
    return ModelFigures(
        run.name, run.facts, run.stream, streams, repeated, _untrained(figures, plan, repeated)
    )


def _untrained(
    figures: StreamFigures, plan: EvaluationPlan, repeated: tuple[Namesake, ...]
) -> Estimate | None:
    """Top-1 over the videos whose label the model was not trained on, ranked among all labels."""
    trained = {pair.label for pair in repeated}
    other = np.array([video.label not in trained for video in plan.videos])
    outcomes = []
    for outcome in figures.outcomes:
        kept = other[outcome.rows]
        if not trained or plan.shape != "mean" or not kept.any():  # sides say it themselves
            return None
        outcomes.append(replace(outcome, rows=outcome.rows[kept], ranks=outcome.ranks[kept]))
    return mean_over_rounds(outcomes, len(plan.videos), 1)


def _views(sampling: Sampling) -> str:
    """Frames, views and how the frames lie, for people."""
    views = counted(sampling.num_views, "view")
    stride = "" if sampling.stride_seconds is None else f", {sampling.stride_seconds:.2f} s apart"
    return f"{counted(sampling.num_frames, 'frame')}{stride} × {views} × 1 crop"


def _said(chosen: EvaluationSettings, prompts: Prompts, sampling: Sampling) -> dict[str, Any]:
    """Names, templates and views, as they were."""
    lineage = lineage_named(chosen.lineage)
    templates = chosen.templates or lineage.templates
    return {
        "lineage": lineage.name,
        "about": lineage.about,
        "names": "as published" if lineage.published else "in words",
        "templates": templates_in_words(templates),
        "texts": chosen.texts and Path(chosen.texts).name,
        "prompts_digest": prompts_digest(prompts),
        "example_prompts": list(prompts.texts[0][:3]),
        "views": _views(sampling),
        "changed": {
            name: value
            for name in ("num_frames", "num_views", "templates")
            if (value := getattr(chosen, name)) is not None
        },
        "seen_cost": chosen.seen_cost,
        "intervals": "95 %: Wilson's for a share, bootstrap over videos for means, H and differences",
    }
