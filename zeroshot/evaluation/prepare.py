"""What is evaluated, looked at before any weights: settings, a protocol's videos, words for its labels."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.checkpoint import require_model, trained_labels
from zeroshot.checks import Checks
from zeroshot.datasets.files_on_disk import key
from zeroshot.datasets.paper_settings import lineage_named
from zeroshot.datasets.protocols import plan_for, plan_of_split, protocol_named
from zeroshot.datasets.registry import read_dataset, relabeled
from zeroshot.datasets.seen_labels import Namesake, TrainedOn, refuse_seen
from zeroshot.datasets.splits import Split, require_some
from zeroshot.errors import LabelError, OptionError, require_kinds
from zeroshot.evaluation.calibration import SEEN_COST, require_cost
from zeroshot.evaluation.overlap import Overlap
from zeroshot.evaluation.taught_labels import refuse_shown, taught_or_none
from zeroshot.store.folder import require_room
from zeroshot.text.lists import label_entries
from zeroshot.text.prompts import make_prompts, read_labels, read_templates
from zeroshot.video.sampling import Sampling, require_sampling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zeroshot.datasets.evaluation_plan import EvaluationPlan
    from zeroshot.datasets.lineage import Lineage
    from zeroshot.few_shot.taught import TaughtLabels
    from zeroshot.model.model import Model
    from zeroshot.store.folder import Layout
    from zeroshot.text.lists import Entry
    from zeroshot.text.prompts import LabelSource, TemplateSource
    from zeroshot.text.stages import StageSource
    from zeroshot.types import Prompts


@dataclass(frozen=True)
class EvaluationSettings:
    """Everything that is chosen besides data, protocol and models.

    Attributes:
        lineage: whose words, frames, pixels and averages are taken; one of `LINEAGES`.
        templates: instead of the lineage's.
        texts: a JSON file {label: [sentences]} that stand for labels in place of the templates.
        stages: how labels start and end, as for `load`; names of labels as the lineage has them.
        num_frames: T instead of the lineage's.
        num_views: V instead of the lineage's.
        data: which data set lies there, where the protocol takes several; None: told by its files.
        lists: its lists, where they lie elsewhere.
        labels: of `folders` and `csv`, in the order of the class index, or a file of `zeroshot teach`; None:
            those found.
        seen: for `generalized`: labels that had training videos; None: what the checkpoints' records say.
        multi_label: whether a file that a list has under several labels is right by any of them; a file under
            two labels is refused otherwise.
        allow_seen: evaluate labels that a model was trained on all the same, and mark the report.
        overlap: a label list, such as "kinetics400": accuracy with and without the labels that it has too.
        seen_cost: share of right answers on seen data that calibration may cost.
        open_set: labels of the data that are held out as unknown, or "half"; None: none are.
        stream: of models with an adapter; None is what the checkpoint says.
        device: auto, cpu, cuda, cuda:N or mps.
        decoder: auto, decord, pyav or raw.
        cache: folder for embeddings; None is `embeddings` in the output.
    """

    lineage: str = "plain"
    templates: TemplateSource = None
    texts: str | None = None
    stages: StageSource = None
    num_frames: int | None = None
    num_views: int | None = None
    data: str | None = None
    lists: tuple[str, ...] = ()
    labels: LabelSource | None = None
    seen: LabelSource | None = None
    multi_label: bool = False
    allow_seen: bool = False
    overlap: LabelSource | None = None
    seen_cost: float = SEEN_COST
    open_set: LabelSource | None = None
    stream: str | None = None
    device: str = "auto"
    decoder: str = "auto"
    cache: str | None = None


@dataclass(frozen=True, eq=False)
class Asked:
    """What is asked of every model.

    Attributes:
        plan: the videos and labels of the protocol's rounds.
        prompts: sentences of every label of the plan, in its order.
        repeated: by model's name, the labels that it was trained on where the protocol does not expect it.
        overlaps: by model's name, what the list that is asked for has in common with the labels; without one,
            what the model was trained on. None where nobody says.
        templates: of the texts by which a model compares labels with such a list.
        unknown: labels that are held out as unknown; empty: none are.
        taught: what examples add to the labels, as a file has it; None without one.
    """

    plan: EvaluationPlan
    prompts: Prompts
    repeated: dict[str, tuple[Namesake, ...]]
    overlaps: dict[str, Overlap | None]
    templates: TemplateSource
    unknown: tuple[str, ...] = ()
    taught: TaughtLabels | None = None


def prepare(
    source: Split | str | os.PathLike[str],
    models: Sequence[str | Model],
    protocol: str | None,
    chosen: EvaluationSettings,
    folders: Sequence[tuple[str | os.PathLike[str], Layout | None]],
) -> Asked:
    """What is evaluated, once everything was looked at that needs no weights.

    Args:
        source: as for `evaluate`.
        models: names and Models.
        protocol: as for `evaluate`.
        chosen: the settings.
        folders: that will be written, and what they may hold; None: anything.

    Raises:
        ZeroshotError: one line that names what cannot be used.
    """
    first = Checks()
    named = first.add("options", lambda: model_names(models))
    lineage = first.add("options", lambda: lineage_named(chosen.lineage))
    first.add("options", lambda: require_cost(chosen.seen_cost))
    first.add("options", lambda: _require_counts(chosen))
    if protocol is not None:
        first.add("options", lambda: protocol_named(protocol))
    first.add("words", lambda: read_templates(chosen.templates))
    listed = first.add("words", lambda: None if chosen.overlap is None else read_labels(chosen.overlap))
    if chosen.seen is not None:
        first.add("words", lambda: read_labels(chosen.seen or ()))
    trained = first.add("files", lambda: trained_on(models, chosen.stream))
    taught = first.add("files", lambda: taught_or_none(chosen.labels))
    plan = first.add("files", lambda: _plan(source, protocol, _with_names(chosen, taught()), trained()))
    first.add("files", lambda: _refuse_shown(plan(), taught(), chosen))
    prompts = first.add("files", lambda: _prompts(plan(), chosen, lineage()))
    unknown = first.add("files", lambda: _unknown(plan(), chosen))
    first.add("videos", lambda: require_some(plan().data, plan().videos))
    check_folders(first, folders)
    repeated = check_models(first, models, chosen, trained, lambda: _unexpected(plan()))
    first.run()
    overlaps = [_overlap(plan(), chosen.overlap, listed(), each) for each in trained()]
    by_name = dict(zip(named(), overlaps, strict=True))
    templates = chosen.templates or lineage().templates
    return Asked(plan(), prompts(), repeated(), by_name, templates, unknown(), taught())


def _unknown(plan: EvaluationPlan, chosen: EvaluationSettings) -> tuple[str, ...]:
    """The labels that are held out; what cannot be is refused before any weights."""
    if chosen.open_set is None:
        return ()
    from zeroshot.evaluation.open_set import unknown_labels
    from zeroshot.rejection.background import background_labels

    unknown = unknown_labels(plan, chosen.open_set)
    background_labels([label for label in plan.labels if label not in unknown])
    return unknown


def _with_names(chosen: EvaluationSettings, taught: TaughtLabels | None) -> EvaluationSettings:
    """The settings, with the names of taught labels in place of their file."""
    return chosen if taught is None else replace(chosen, labels=list(taught.labels))


def _refuse_shown(plan: EvaluationPlan, taught: TaughtLabels | None, chosen: EvaluationSettings) -> None:
    """Refuse examples beside others, and videos that were examples, unless what was seen may be asked."""
    if taught is not None and plan.examples:
        raise OptionError(
            "a few-shot protocol shows examples of its own; evaluate taught labels by csv, or folders"
        )
    if taught is not None and not chosen.allow_seen:
        refuse_shown(plan, taught)


def check_folders(first: Checks, folders: Sequence[tuple[str | os.PathLike[str], Layout | None]]) -> None:
    """Look at folders that will be written, and at what they may hold; None: anything."""
    for folder, layout in folders:
        first.add("output", partial(require_room, folder, layout))


def check_models(
    first: Checks,
    models: Sequence[str | Model],
    chosen: EvaluationSettings,
    trained: Callable[[], Sequence[TrainedOn]],
    unexpected: Callable[[], Sequence[str]],
) -> Callable[[], dict[str, tuple[Namesake, ...]]]:
    """By model's name, the labels that it was trained on and should not have been, which may be refused.

    Args:
        first: is told what to look at; the result is there once it has run.
        models: names and Models.
        chosen: the settings.
        trained: of each model, the labels that it was trained on.
        unexpected: labels that none should have been trained on.
    """
    for model in models:
        first.add("model", partial(_require_usable, model, chosen))
    repeated = first.add(
        "model",
        lambda: dict(
            zip(model_names(models), (each.namesakes(unexpected()) for each in trained()), strict=True)
        ),
    )
    if not chosen.allow_seen:
        first.add("model", lambda: refuse_seen(repeated()))
    return repeated


def _require_usable(model: str | Model, chosen: EvaluationSettings) -> None:
    """Refuse a model that cannot be, and a stream of one that is loaded already."""
    if isinstance(model, str):
        require_model(model, device=chosen.device, decoder=chosen.decoder, stream=chosen.stream)
    elif chosen.stream is not None:
        raise OptionError("stream goes with a model's name; choose it in load_model for a Model")


def _require_counts(chosen: EvaluationSettings) -> None:
    """Refuse numbers of frames and views below 1."""
    require_kinds(chosen)
    num_frames = 1 if chosen.num_frames is None else chosen.num_frames
    require_sampling(Sampling(num_frames, 1 if chosen.num_views is None else chosen.num_views))


def trained_on(models: Sequence[str | Model], stream: str | None) -> list[TrainedOn]:
    """The labels that each model says it was trained on."""
    return [trained_labels(model, stream) if isinstance(model, str) else TrainedOn() for model in models]


def _plan(
    source: Split | str | os.PathLike[str],
    protocol: str | None,
    chosen: EvaluationSettings,
    trained: Sequence[TrainedOn],
) -> EvaluationPlan:
    """What is evaluated."""
    if isinstance(source, Split):
        if protocol not in {None, "csv"}:
            raise OptionError(f"a Split is its own protocol; leave {protocol!r} out")
        if chosen.labels is None:
            return plan_of_split(source, several_labels=chosen.multi_label)
        listing = relabeled(source, read_labels(chosen.labels, spaced=False))
        return plan_for("csv", listing, several_labels=chosen.multi_label)
    name = protocol or ("csv" if Path(source).is_file() else "folders")
    data = protocol_named(name).data
    if data is not None and chosen.data not in {None, data}:
        raise OptionError(f"{name} is for {data}, --data says {chosen.data}; leave one out")
    listing = read_dataset(source, data or chosen.data, lists=chosen.lists, labels=chosen.labels)
    seen: Sequence[str] = ()
    if chosen.seen is not None:
        seen = read_labels(chosen.seen)
    elif name == "generalized":
        known = {pair.label for each in trained for pair in each.namesakes(listing.labels)}
        seen = [label for label in listing.labels if label in known]
    return plan_for(name, listing, seen, several_labels=chosen.multi_label)


def model_names(models: Sequence[str | Model]) -> list[str]:
    """What the report calls each model."""
    names = [model if isinstance(model, str) else model.name for model in models]
    if not names:
        raise OptionError("no model is named; give one or more")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise OptionError(f"the model {twice!r} is given twice; name each once")
    return names


def _unexpected(plan: EvaluationPlan) -> list[str]:
    """Labels that the protocol does not allow a model to be trained on."""
    asked = {label for one in plan.rounds for label in one.labels if label not in one.expected_seen}
    return [label for label in plan.labels if label in asked]


def _overlap(
    plan: EvaluationPlan, source: LabelSource | None, listed: Sequence[str] | None, trained: TrainedOn
) -> Overlap | None:
    """What a list, or without one a model's training labels, has in common with the labels."""
    if listed is not None:
        name = Path(source).name if isinstance(source, str | os.PathLike) else "the list"
        return Overlap.of(name, plan.labels, listed)
    known = (*trained.labels, *trained.derived)
    return Overlap.of("its training labels", _unexpected(plan), known) if known else None


def _prompts(plan: EvaluationPlan, chosen: EvaluationSettings, lineage: Lineage) -> Prompts:
    """Sentences of every label of the plan, in its order."""
    templates = chosen.templates or lineage.templates
    spelled = [lineage.spelled(label, plan.published.get(label, label), plan.data) for label in plan.labels]
    spaced = lineage.names.get(plan.data, "words") == "words"
    if chosen.texts is None:
        return make_prompts(spelled, templates, chosen.stages, spaced=spaced)
    entries = label_entries(Path(chosen.texts))
    known = {key(name): entry.descriptions for entry in entries for name in _named_by(entry, lineage)}
    if not any(key(label) in known for label in plan.labels):
        raise LabelError(f"{chosen.texts} describes none of the {len(plan.labels)} labels")
    described = {name: known.get(key(label), ()) for name, label in zip(spelled, plan.labels, strict=True)}
    if lineage.beside:
        filled = read_templates(templates)
        described = {name: texts_beside(name, texts, filled) for name, texts in described.items()}
    return make_prompts(described, templates, chosen.stages, spaced=spaced)


def _named_by(entry: Entry, lineage: Lineage) -> list[str]:
    """The labels that an entry of texts is for: its key, or what its texts begin with for a number."""
    if lineage.beside and entry.text.isdecimal():
        return [text.partition(":")[0] for text in entry.descriptions]
    return [entry.text]


def texts_beside(name: str, texts: Sequence[str], templates: Sequence[str]) -> tuple[str, ...]:
    """The sentences of a label where its own texts follow each template, and stand once alone.

    What stands before a text's colon is the label's name in it.

    Args:
        name: of the label.
        texts: of its own, as FROSTER writes them ("Brush hair: A person is …"); none: none come out.
        templates: P of them.

    >>> texts_beside("wave", ["Wave: a hand goes up"], ["a photo of {}."])
    ('a photo of Wave. Wave: a hand goes up', 'Wave: a hand goes up')
    """
    made: list[str] = []
    for text in texts:
        head, colon, _ = text.partition(":")
        made += [f"{template.replace('{}', head if colon else name)} {text}" for template in templates]
        made.append(text)
    return tuple(made)
