"""Scores of models on biased test sets: every video embedded once, every metric made of counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from zeroshot.bias.differences import differences
from zeroshot.bias.guessed import banner
from zeroshot.bias.manifest import BiasManifest, changed_rows, read_manifest
from zeroshot.bias.report import BiasReport, ModelBias, stream_metrics, target_rows
from zeroshot.checkpoint import load_model, require_model
from zeroshot.checks import Checks, model_given
from zeroshot.datasets.splits import LabeledVideo
from zeroshot.errors import OptionError, VideoError, counted
from zeroshot.evaluation.cached_embeddings import embed_pool
from zeroshot.model.clip_queue import PLAIN
from zeroshot.model.download import fetch_missing
from zeroshot.model.model import STREAMS, Model
from zeroshot.probes.dependence import ENOUGH, stream_dependence
from zeroshot.reports.environment import environment
from zeroshot.store.folder import require_room
from zeroshot.text.prompts import make_prompts, prompts_digest, read_templates, templates_in_words

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.bias.manifest import BiasRow
    from zeroshot.text.prompts import LabelSource, TemplateSource

    Advance = Callable[[int, int], None]


class Answers(Protocol):
    """Anything that answers videos with scores over labels; what a model is made into, and an oracle."""

    @property
    def name(self) -> str:
        """For the report."""

    @property
    def labels(self) -> tuple[str, ...]:
        """K labels that are ranked."""

    def scores(self, folder: Path, rows: Sequence[BiasRow]) -> Scored:
        """What it says of videos.

        Args:
            folder: that the rows' paths count from.
            rows: n videos.
        """


@dataclass(frozen=True, eq=False)
class Scored:
    """What was said of n videos.

    Attributes:
        streams: stream → (n, K) scores; the rows of videos that failed mean nothing.
        failures: row → one line.
        vectors: stream → (n, D), for the dependence between streams; may be left out.
    """

    streams: Mapping[str, NDArray[np.float32]]
    failures: Mapping[int, str] = field(default_factory=dict)
    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


class ModelAnswers:
    """A model and the embeddings of K labels.

    Attributes:
        model: the network.
        labels: K labels.
        prompts_digest: of their sentences.
    """

    def __init__(
        self,
        model: Model,
        labels: LabelSource,
        *,
        templates: TemplateSource = None,
        spaced: bool = True,
        cache: str | os.PathLike[str] | None = None,
        advance: Advance | None = None,
    ) -> None:
        """Encode the labels.

        Args:
            model: the network.
            labels: as for `zeroshot.load`.
            templates: as for `zeroshot.load`.
            spaced: as for `zeroshot.load`.
            cache: folder for embeddings; None keeps them beside the sets.
            advance: is called with videos done and videos to do.
        """
        prompts = make_prompts(labels, templates, spaced=False)
        words = make_prompts(labels, templates, spaced=spaced)
        self.model, self.labels = model, prompts.labels
        self._texts = model.embed_prompts(words)
        self.prompts_digest = prompts_digest(words)
        self._cache, self._advance = cache, advance

    @property
    def name(self) -> str:
        """As the user called it."""
        return self.model.name

    def scores(self, folder: Path, rows: Sequence[BiasRow]) -> Scored:
        """Cosines of each stream, and of the backbone alone, which is read along."""
        videos = [LabeledVideo(str(folder / row.path), row.label) for row in rows]
        place = folder / ".embeddings" if self._cache is None else self._cache
        found = embed_pool(self.model, videos, place, advance=self._advance, plain=True)
        vectors = {stream: found.vectors[:, number] for number, stream in enumerate(found.streams)}
        return Scored(
            {stream: each @ self._texts.T for stream, each in vectors.items()},
            {row: error for row, error in enumerate(found.errors) if error is not None},
            vectors,
        )


def score_bias(
    sets: str | os.PathLike[str] | BiasManifest,
    models: Sequence[str | Model | Answers],
    *,
    streams: Sequence[str] = (),
    labels: LabelSource | None = None,
    templates: TemplateSource = None,
    device: str = "auto",
    cache: str | os.PathLike[str] | None = None,
    advance: Advance | None = None,
) -> BiasReport:
    """How much of the accuracy of models is scenery, on sets that `make_bias_sets` wrote.

    A video that one model cannot read is left out for all of them, and named; so is one whose bytes are not
    those that the manifest names.

    Args:
        sets: their folder, or manifest.
        models: names as for `zeroshot.load_model`, models, or anything with `Answers`.
        streams: of models with an adapter; none given is all of them. `clip`, the backbone alone, is told
            beside them.
        labels: ranked instead of the sets' own; all of these must be among them.
        templates: prompts of the labels; None for the bare label.
        device: auto, cpu, cuda, cuda:N or mps.
        cache: folder for embeddings; None keeps them beside the sets, where a second run finds them.
        advance: is called with videos done and videos to do, model after model.

    Raises:
        OptionError: no sets there, no model, or an unknown stream.
        LabelError: a label of the sets is not ranked.
        ModelError: a model cannot be loaded.
        VideoError: no video is left.
    """
    first = Checks()
    looked = check_scoring(
        first, sets, models, streams=streams, labels=labels, templates=templates, device=device, cache=cache
    )
    first.run()
    manifest, wanted = looked()
    if len(models) > 1:
        fetch_missing([each for each in models if isinstance(each, str)])
    ask = partial(ModelAnswers, labels=wanted, templates=templates, cache=cache, advance=advance)
    answers = [_answering(each, device, ask) for each in models]
    rows, kept, scored, lost = _ask(manifest, answers)
    results = [_model_bias(each, one, rows, kept, streams) for each, one in zip(answers, scored, strict=True)]
    return BiasReport(
        sets=str(manifest.folder),
        labels=answers[0].labels,
        counts={kind: sum(row.kind == kind for row in rows) for kind in manifest.kinds},
        models=tuple(results),
        settings=manifest.settings,
        banner=banner(manifest.guessed),
        differences=tuple(differences(manifest.kinds, manifest.settings)),
        failures=tuple((manifest.rows[row].path, reason) for row, reason in sorted(lost.items())),
        record=_record(manifest, answers, templates),
    )


def _answering(each: str | Model | Answers, device: str, ask: Callable[[Model], Answers]) -> Answers:
    """What answers for one of the models: a name is loaded, a model is asked for its embeddings."""
    if isinstance(each, str):
        return ask(load_model(each, device=device))
    return ask(each) if isinstance(each, Model) else each


def check_scoring(
    first: Checks,
    sets: str | os.PathLike[str] | BiasManifest,
    models: Sequence[str | Model | Answers],
    *,
    streams: Sequence[str] = (),
    labels: LabelSource | None = None,
    templates: TemplateSource = None,
    device: str = "auto",
    cache: str | os.PathLike[str] | None = None,
) -> Callable[[], tuple[BiasManifest, LabelSource]]:
    """The sets and the labels that are ranked, looked at before any weights.

    Args:
        first: is told what to look at; the result is there once it has run.
        sets: as for `score_bias`, as are all.
        models: that are scored.
        streams: of models with an adapter.
        labels: ranked instead of the sets' own.
        templates: prompts of the labels.
        device: auto, cpu, cuda, cuda:N or mps.
        cache: folder for embeddings.

    Raises:
        ZeroshotError: when it runs, one line that names what cannot be used.
    """

    def look() -> tuple[BiasManifest, LabelSource]:
        manifest = sets if isinstance(sets, BiasManifest) else read_manifest(sets)
        wanted = list(manifest.labels) if labels is None else labels
        ranked = make_prompts(wanted, templates, spaced=False).labels
        target_rows(ranked, [row.label for row in manifest.rows])
        return manifest, wanted

    first.add("options", lambda: _require_models(models, streams))
    first.add("words", lambda: read_templates(templates))
    looked = first.add("files", look)
    first.add("output", lambda: require_room(looked()[0].folder if cache is None else cache))
    for each in models:
        if isinstance(each, str):
            first.add("model", partial(require_model, each, device=device))
    return looked


def _require_models(models: Sequence[str | Model | Answers], streams: Sequence[str]) -> None:
    """Refuse no model, one that is named twice, and streams that are none.

    Raises:
        OptionError: one of these.
    """
    if isinstance(models, str) or not isinstance(models, Iterable):
        raise OptionError(f"models is {str(models)[:80]!r}; expected a list of names, models or Answers")
    for each in models:
        if not hasattr(each, "scores"):
            model_given(each)
    if not models:
        raise OptionError("there is no model to score; name one or more")
    if unknown := sorted(set(streams) - {*STREAMS, PLAIN}):
        raise OptionError(f"stream is {unknown[0]!r}; expected some of {', '.join(STREAMS)}, {PLAIN}")
    names = [each if isinstance(each, str) else each.name for each in models]
    if twice := [name for name in names if names.count(name) > 1]:
        raise OptionError(f"the model {twice[0]!r} is given twice; name each once")


def _record(manifest: BiasManifest, answers: Sequence[Answers], templates: TemplateSource) -> dict[str, Any]:
    """What another needs to get the same figures, besides the weights."""
    digests = "\n".join(f"{row.path} {row.digest}" for row in manifest.rows)
    said: dict[str, Any] = {"sets": hashlib.sha256(digests.encode()).hexdigest()[:16]}
    asked = [each for each in answers if isinstance(each, ModelAnswers)]
    if asked:
        said["templates"] = templates_in_words(templates)
        said["prompts"] = asked[0].prompts_digest
    return said | environment()


def _ask(
    manifest: BiasManifest, answers: Sequence[Answers]
) -> tuple[list[BiasRow], list[int], list[Scored], dict[int, str]]:
    """Rows that all could read, their places among those that were asked, what was said, and who is lost."""
    lost = changed_rows(manifest)
    there = [row for row in range(len(manifest.rows)) if row not in lost]
    asked = [manifest.rows[row] for row in there]
    scored = [each.scores(manifest.folder, asked) for each in answers] if asked else []
    unread = {place: reason for one in scored for place, reason in one.failures.items()}
    lost |= {there[place]: reason for place, reason in unread.items()}
    kept = [place for place in range(len(asked)) if place not in unread]
    if not kept:
        raise VideoError(f"none of the {len(manifest.rows)} videos can be scored (first: {lost[min(lost)]})")
    return [asked[place] for place in kept], kept, scored, lost


def _model_bias(
    answers: Answers, scored: Scored, rows: list[BiasRow], kept: list[int], streams: Sequence[str]
) -> ModelBias:
    """The metrics of one model on the videos that all could read."""
    chosen = [stream for stream in scored.streams if not streams or stream in {*streams, PLAIN}]
    if streams and not set(streams) & set(scored.streams):
        raise OptionError(
            f"{answers.name} has the streams {', '.join(scored.streams)}, not {', '.join(streams)}"
        )
    metrics = {
        stream: stream_metrics(rows, scored.streams[stream][kept], answers.labels) for stream in chosen
    }
    dependence = None
    originals = [place for place, row in zip(kept, rows, strict=True) if row.kind == "original"]
    if {"static", "dynamic"} <= set(scored.vectors) and len(originals) >= ENOUGH:
        vectors = scored.vectors
        dependence = stream_dependence(vectors["static"][originals], vectors["dynamic"][originals])
    if not isinstance(answers, ModelAnswers):
        return ModelBias(answers.name, metrics, dependence)
    model = answers.model
    parts = (model.fingerprint, model.adapter_fingerprint or "")
    fingerprint = "-".join(part[:16] for part in parts if part)
    sampling = f"{counted(model.sampling.num_frames, 'frame')} × {counted(model.sampling.num_views, 'view')}"
    facts = {"views": sampling, "precision": model.precision}
    return ModelBias(answers.name, metrics, dependence, fingerprint, facts)
