"""A data set, a protocol, models: figures. The verb behind `zeroshot evaluate`."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.batch.label_rows import index_of_labels
from zeroshot.checkpoint import load_model
from zeroshot.checks import model_given
from zeroshot.datasets.paper_settings import lineage_named
from zeroshot.datasets.splits import Split
from zeroshot.errors import DatasetError, IndexFileError, OptionError, counted
from zeroshot.evaluation.cached_embeddings import Embedded, embed_pool, stream_scores
from zeroshot.evaluation.compare import compare
from zeroshot.evaluation.document import document
from zeroshot.evaluation.examples import missing_examples, split_off, with_examples
from zeroshot.evaluation.open_set import Background, open_set_figures
from zeroshot.evaluation.overlap import Apart, parts_of, text_neighbours
from zeroshot.evaluation.paper_look import look_of
from zeroshot.evaluation.prepare import EvaluationSettings, prepare
from zeroshot.evaluation.report import ModelFigures, Report, Videos
from zeroshot.evaluation.scoring import intervals_in_words, mean_over_rounds, stream_figures
from zeroshot.evaluation.taught_labels import with_taught
from zeroshot.index.index import LabelIndex
from zeroshot.index.stage_rows import words_of_labels
from zeroshot.model.download import fetch_missing
from zeroshot.rejection.background import background_prompts
from zeroshot.reports.environment import environment
from zeroshot.reports.files import report_folders, write_report
from zeroshot.statistics.metrics import target_ranks
from zeroshot.text.prompts import make_prompts, prompts_digest, templates_in_words
from zeroshot.text.stages import stages_in_report
from zeroshot.video.source import name_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from zeroshot.datasets.evaluation_plan import EvaluationPlan
    from zeroshot.evaluation.overlap import Neighbours, Overlap
    from zeroshot.evaluation.prepare import Asked
    from zeroshot.evaluation.scoring import StreamFigures
    from zeroshot.model.model import Model
    from zeroshot.statistics.intervals import Estimate
    from zeroshot.types import Prompts
    from zeroshot.video.sampling import Sampling

    Advance = Callable[[str, int, int], None]


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
        output: folder that receives `report.json`, `report.md` and `report.html`, empty or a report's; None
            writes nothing.
        settings: the rest.
        advance: is called with a model's name, videos done and videos to do.

    Raises:
        ZeroshotError: an unknown protocol, a wrong root, labels that a model was trained on, no video that
            can be read: one line each.
    """
    started = time.monotonic()
    chosen = settings or EvaluationSettings()
    several = models if isinstance(models, list | tuple) else [models]
    listed = [model_given(each) for each in several]
    cache, folders = report_folders(output, chosen.cache)
    asked = prepare(source, listed, protocol, chosen, folders)
    names, plan, prompts = list(asked.repeated), asked.plan, asked.prompts
    if len(listed) > 1:
        fetch_missing([each for each in listed if isinstance(each, str)])
    runs = [
        _run(model, name, asked, chosen, cache, advance) for name, model in zip(names, listed, strict=True)
    ]
    plan = replace(plan, notes=(*plan.notes, *missing_examples(plan, [run.shown for run in runs])))
    videos, readable = _readable(plan, [run.embedded for run in runs])
    results = tuple(_model_figures(run, asked, readable, chosen) for run in runs)
    pairs = tuple(
        compare(other.name, results[0].name, other.figures, results[0].figures, len(plan.videos))
        for other in results[1:]
    )
    facts = {"seconds": round(time.monotonic() - started, 2), **environment()}
    marked = chosen.allow_seen and any(asked.repeated.values())
    said = _said(chosen, plan, prompts, runs[0].sampling, results[0].figures)
    overlap = None if chosen.overlap is None else asked.overlaps[names[0]]
    report = Report(plan, said, videos, results, pairs, marked, facts, overlap, _folder_of(source))
    if output is not None:
        write_report(output, report.as_dict(), document(report))
    return report


def _folder_of(source: Split | str | os.PathLike[str]) -> str | None:
    """The folder that a data set lies in, if it lies in one."""
    if isinstance(source, Split):
        return None
    return str(Path(source).parent if Path(source).is_file() else source)


@dataclass(frozen=True, eq=False)
class _Run:
    """One model's scores."""

    name: str
    facts: dict[str, Any]
    stream: str
    sampling: Sampling
    embedded: Embedded
    scores: dict[str, np.ndarray[Any, np.dtype[np.float32]]]
    shown: Embedded
    neighbours: Neighbours | None
    background: Background | None = None


def _run(
    source: str | Model,
    name: str,
    asked: Asked,
    chosen: EvaluationSettings,
    cache: str | None,
    advance: Advance | None,
) -> _Run:
    """Embeddings and scores of one model; a model that was loaded here is closed again."""
    plan = asked.plan
    model = (
        load_model(source, device=chosen.device, decoder=chosen.decoder, stream=chosen.stream)
        if isinstance(source, str)
        else source
    )
    try:
        sampling = _sampling(model, plan, chosen)
        tell = None if advance is None else lambda done, total: advance(name, done, total)
        drifts = bool(asked.prompts.stages)
        own = model.backbone.preprocess
        look = look_of(lineage_named(chosen.lineage), sampling, own, whole=drifts)
        embedded = embed_pool(
            model, (*plan.videos, *plan.examples), cache, look=look, advance=tell, drifts=drifts
        )
        index = _index(model, asked.prompts, cache)
        neighbours = _neighbours(model, asked, asked.overlaps[name], cache)
        behind = _background(model, asked, index, cache)
    finally:
        if isinstance(source, str):
            model.close()
    embedded, shown = split_off(embedded, len(plan.videos))
    scores = stream_scores(embedded, index, look.average)
    facts = {
        "model": model.name,
        "fingerprint": model.fingerprint,
        "adapter_fingerprint": model.adapter_fingerprint,
        "untrained": model.backbone.is_random,
        "embedding_dim": model.embedding_dim,
        "precision": model.precision,
        "device": str(model.backbone.device),
        "decoder": model.decoder,
        "logit_scale": model.logit_scale,
        "sampling": sampling.as_dict(),
        "preprocess": (look.preprocess or own).as_dict(),
        "pooling": look.pooling,
        "average": look.average,
    }
    stream = model.stream if model.adapter is not None else embedded.streams[0]
    if asked.taught is not None:
        scores, stream = with_taught(scores, embedded, asked.taught, model, str(chosen.labels))
    if plan.examples:
        scores, ending = with_examples(scores, embedded, shown, plan, model.logit_scale)
        stream += ending
    run = _Run(name, facts, stream, sampling, embedded, scores, shown, neighbours)
    return run if behind is None else replace(run, background=_held_against(run, asked, *behind))


def _background(
    model: Model, asked: Asked, index: LabelIndex, cache: str | None
) -> tuple[LabelIndex, NDArray[np.float32]] | None:
    """Background labels, and the rows of known ones in the index of all; where labels are held out."""
    if not asked.unknown:
        return None
    is_known = [label not in asked.unknown for label in asked.plan.labels]
    known = list(compress(asked.plan.labels, is_known))
    behind = _index(model, background_prompts(known, asked.templates), cache)
    return behind, words_of_labels(index.embeddings, model.embedding_dim)[is_known]


def _held_against(run: _Run, asked: Asked, behind: LabelIndex, known: NDArray[np.float32]) -> Background:
    """The scores of background labels, on the stream that speaks for the model.

    Raises:
        OptionError: views are averaged as probabilities, of which there are none with background labels.
    """
    vectors = run.embedded.vectors[:, run.embedded.streams.index(run.stream)]
    if vectors.ndim != 2:
        raise OptionError(
            "an open set needs one vector a video, and this lineage averages scores of views; leave --as or "
            "--open-set out"
        )
    pair = (behind.embeddings, known)
    return Background.of({run.stream: behind.scores(vectors)}, behind.labels, pair, asked.plan)


def _neighbours(model: Model, asked: Asked, overlap: Overlap | None, cache: str | None) -> Neighbours | None:
    """Labels whose texts the model puts near to those of a list; by templates alone on both sides."""
    if overlap is None:
        return None
    labels = asked.plan.labels
    own, theirs = (
        _index(model, make_prompts(names, asked.templates), cache).embeddings
        for names in (labels, overlap.listed)
    )
    known = overlap.shared | {label for one in asked.plan.rounds for label in one.expected_seen}
    return text_neighbours(own, labels, theirs, overlap.listed, known)


def _index(model: Model, prompts: Prompts, cache: str | None) -> LabelIndex:
    """The labels' embeddings, from the cache where they are."""
    if cache is None:
        return index_of_labels(prompts, model)
    digest = prompts_digest(prompts)
    path = Path(cache) / f"labels-{digest}-{model.fingerprint[:16]}.index"
    try:
        return LabelIndex.load(path, fingerprint={"model": model.fingerprint, "prompts": digest})
    except IndexFileError:
        index = index_of_labels(prompts, model)
        index.save(path)
        return index


def _sampling(model: Model, plan: EvaluationPlan, chosen: EvaluationSettings) -> Sampling:
    """Frames and views: the lineage's or the model's, the protocol's views, with what the user changed."""
    sampling = lineage_named(chosen.lineage).sampling or model.sampling
    num_frames = sampling.num_frames if chosen.num_frames is None else chosen.num_frames
    num_views = (plan.num_views or sampling.num_views) if chosen.num_views is None else chosen.num_views
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
    asked: Asked,
    readable: np.ndarray[Any, np.dtype[np.bool_]],
    chosen: EvaluationSettings,
) -> ModelFigures:
    """Every stream's figures, and those of labels apart for the stream that speaks for the model."""
    plan, repeated, overlap = asked.plan, asked.repeated[run.name], asked.overlaps[run.name]
    streams = tuple(
        stream_figures(stream, scores, plan, readable, chosen.seen_cost, run.facts["logit_scale"])
        for stream, scores in run.scores.items()
    )
    figures = next(one for one in streams if one.stream == run.stream)
    untrained = set(plan.labels) - {pair.label for pair in repeated}
    pairs = lineage_named(chosen.lineage).exchanged.get(plan.data, ())
    opened = None
    if run.background is not None:
        scale = run.facts["logit_scale"]
        opened = open_set_figures(figures.outcomes[0], plan, asked.unknown, run.background, scale)
    return ModelFigures(
        run.name,
        run.facts | {"exchanged": _exchanged(figures, plan, pairs)},
        run.stream,
        streams,
        repeated,
        untrained=_apart(figures, plan, untrained),
        derived=_apart(figures, plan, {pair.label for pair in repeated if pair.derived}),
        overlap=overlap,
        neighbours=run.neighbours,
        parts=() if chosen.overlap is None or overlap is None else parts_of(figures, plan, overlap.shared),
        open_set=opened,
    )


def _exchanged(
    figures: StreamFigures, plan: EvaluationPlan, pairs: Sequence[tuple[str, str]]
) -> dict[str, float | int | None] | None:
    """Top-1 where two labels of each pair stand for each other, as in a paper's own table; None without."""
    other = {label: twin for one, two in pairs for label, twin in ((one, two), (two, one))}
    if plan.shape != "mean" or plan.parts or not any(video.label in other for video in plan.videos):
        return None
    outcomes = []
    for one, outcome in zip(plan.rounds, figures.outcomes, strict=True):
        place = {label: row for row, label in enumerate(one.labels)}
        twins = np.array([place.get(other.get(label, label), row) for label, row in place.items()])
        ranks = target_ranks(outcome.scores, twins[outcome.targets])
        outcomes.append(replace(outcome, ranks=ranks))
    return mean_over_rounds(outcomes, len(plan.videos), 1).as_dict()


def _apart(figures: StreamFigures, plan: EvaluationPlan, labels: set[str]) -> Estimate | None:
    """Top-1 over the videos of some labels, ranked among all; None where these are all, or have none."""
    if labels >= set(plan.labels) or plan.shape != "mean":  # sides say it themselves
        return None
    counted_rounds = [one.labels for one in plan.rounds][: figures.num_counted]
    return Apart(figures.outcomes[: figures.num_counted], counted_rounds).top1(labels)


def _views(sampling: Sampling) -> str:
    """Frames, views and how the frames lie, for people."""
    views = counted(sampling.num_views, "view")
    stride = "" if sampling.stride_seconds is None else f", {sampling.stride_seconds:.2f} s apart"
    if sampling.placement == "linspace" and sampling.stride_seconds is not None:
        stride = f" over {sampling.num_frames * sampling.stride_seconds:.2f} s"
    return f"{counted(sampling.num_frames, 'frame')}{stride} × {views} × 1 crop"


def _said(
    chosen: EvaluationSettings,
    plan: EvaluationPlan,
    prompts: Prompts,
    sampling: Sampling,
    figures: StreamFigures,
) -> dict[str, Any]:
    """Names, templates and views, as they were."""
    lineage = lineage_named(chosen.lineage)
    templates = chosen.templates or lineage.templates
    return {
        "lineage": lineage.name,
        "about": lineage.about,
        "lineage_says": list(lineage.lines()),
        "names": lineage.spelling(plan.data),
        "templates": templates_in_words(templates),
        "texts": chosen.texts and Path(chosen.texts).name,
        "stages": stages_in_report(chosen.stages, prompts.stages),
        "prompts_digest": prompts_digest(prompts),
        "example_prompts": list(prompts.texts[0][:3]),
        "views": _views(sampling),
        "changed": {
            name: value
            for name in ("num_frames", "num_views", "templates")
            if (value := getattr(chosen, name)) is not None
        },
        "seen_cost": chosen.seen_cost,
        "intervals": intervals_in_words(figures),
    }
