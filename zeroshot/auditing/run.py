"""`audit`: any choice of probes asked of any models on the same clips. The verb behind `zeroshot audit`."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import torch

from zeroshot.auditing.clips import Look, puppet_clips, video_clips
from zeroshot.auditing.likely_scenes import likely_scenes
from zeroshot.auditing.repair import (
    MOST,
    remove_repaired,
    repair,
    require_no_other,
    require_repairable,
    write_repaired,
)
from zeroshot.auditing.report import AuditReport, SubjectReport
from zeroshot.checkpoint import load_model
from zeroshot.cutouts.finders import MOTION
from zeroshot.datasets.registry import open_split
from zeroshot.datasets.splits import Split
from zeroshot.datasets.units import split_of_units
from zeroshot.errors import OptionError, require_seed
from zeroshot.model.model import Model
from zeroshot.probes.callable_subject import Network
from zeroshot.probes.probe import PROBES
from zeroshot.probes.run import ask
from zeroshot.probes.subject import ModelSubject
from zeroshot.reports.environment import environment
from zeroshot.text.prompts import make_prompts, prompts_digest, templates_in_words
from zeroshot.video.transform import Preprocess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from zeroshot.auditing.clips import Material

    Audited: TypeAlias = "str | os.PathLike[str] | Model | Classifying | Callable[[Tensor], Tensor]"
    from zeroshot.probes.subject import Clips, Subject
    from zeroshot.text.prompts import TemplateSource

USUAL = tuple(name for name in PROBES if name != "attack")
"""Probes that are asked where nobody chooses: the attack alone takes thousands of looks a clip."""

PERSONS_ELSEWHERE = frozenset({"units", "swap", "neurons"})
"""Probes that look at persons before other places; for the others nobody is cut out."""

SCENES_READ = frozenset({"scene", "information", "swap"})
"""Probes that need to know where clips happen."""


def _nobody(_words: str) -> None:
    """Is told what is being asked, and tells no one."""


@dataclass(frozen=True)
class AuditSettings:
    """How an audit looks.

    Attributes:
        probes: names among `PROBES`; none given is `USUAL`.
        templates: prompts of the labels, for models of ours; None for the bare label.
        masks: who cuts persons out of videos, see `finders.FINDERS`; empty: nobody.
        num_frames: of a clip; None: each model's own; of networks of others 8.
        side: pixels a side of what networks of others see; models of ours have their own.
        seed: of what probes draw.
        device: for models that are named.
        prune: units of the adapter that are zeroed at most, 0 is `repair.MOST`; None: nothing is repaired.
        output: folder of the repaired checkpoint; None: none is written.
        tell: is called with what is being asked.
    """

    probes: tuple[str, ...] = ()
    templates: TemplateSource = None
    masks: str = MOTION
    num_frames: int | None = None
    side: int = 224
    seed: int = 0
    device: str | torch.device = "auto"
    prune: int | None = None
    output: str | os.PathLike[str] | None = None
    tell: Callable[[str], None] = _nobody

    def __post_init__(self) -> None:
        """Refuse probes that do not exist."""
        if unknown := sorted(set(self.probes) - set(PROBES)):
            raise OptionError(f"probe is {unknown[0]!r}; expected some of {', '.join(PROBES)}")
        require_seed(self.seed)
        if self.prune is not None and self.prune < 0:
            raise OptionError(f"{self.prune} units to zero; expected 0 or more")
        if self.side < 8:
            raise OptionError(f"frames of {self.side} pixels a side; expected 8 or more")
        if self.num_frames is not None and self.num_frames < 1:
            raise OptionError(f"{self.num_frames} frames a clip; expected 1 or more")

    @property
    def wanted(self) -> tuple[str, ...]:
        """The probes that are asked."""
        return self.probes or USUAL


@dataclass(frozen=True, eq=False)
class Classifying:
    """Any network as an audit takes it: frames (B, T, 3, H, W), levels 0 to 255, to one row a video.

    Attributes:
        run: gives (B, K) scores of the K labels in their order, or with `texts` embeddings (B, D).
        name: for the report.
        module: whose layers are looked into, if it is a torch.nn.Module; None: `run` itself, if it is one.
        layers: names of its `named_modules()`; none given are none.
        texts: label → (D,) row that embeddings are compared with, by their cosine.
        scale: factor on scores before a softmax; 1 for a classifier's logits.
    """

    run: Callable[[Tensor], Tensor]
    name: str = "network"
    module: torch.nn.Module | None = None
    layers: tuple[str, ...] = ()
    texts: NDArray[np.float32] | None = None
    scale: float = 1.0


def audit(
    models: Audited | Sequence[Audited],
    videos: str | os.PathLike[str] | Split | None = None,
    *,
    settings: AuditSettings | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> AuditReport:
    """What models lean on, by probes asked on the same videos.

    >>> report = audit([my_network, "puppet-tiny"], "videos.csv")           # doctest: +SKIP

    Args:
        models: one, or several that stand side by side: a model's name, a `Model`, a `Classifying`, or any
            callable that takes frames (B, T, 3, H, W), levels 0 to 255, and gives scores (B, K) of the labels
            of `videos` in their order.
        videos: a CSV file with path, label and maybe scene, a data set's folder, or a Split; None: puppets,
            of which every factor is known.
        settings: how it looks.
        advance: is called with videos done and videos to do.

    Raises:
        OptionError: an unknown probe, no model, or a callable that gives something else.
        ZeroshotError: videos or models cannot be used.
    """
    settings = settings or AuditSettings()
    listed = _listed(models)
    if not listed:
        raise OptionError("no model to audit; expected a name, a Model or a callable")
    if twice := next((one for one in listed if isinstance(one, str) and listed.count(one) > 1), None):
        raise OptionError(f"the model {twice!r} is given twice; name each once")
    split, notes = _units_of(videos)
    if settings.output is not None and settings.prune is not None:
        require_no_other(settings.output)
    with ExitStack() as opened:
        known = [_opened(model, settings, opened) for model in listed]
        material = _material(split, [_look(model, settings) for model in known], settings, advance)
        pairs = zip(listed, known, strict=True)
        asked = [_Asked.of(model, _called(given), material, settings) for given, model in pairs]
        told = _tell_scenes(asked, settings)
        for each in asked:  # before hours of probes
            if settings.prune is not None:
                require_repairable(each.subject, each.clips)
        reports = [_report(each, settings) for each in asked]
    first = next(iter(material.values()))
    record = {
        "videos": split.digest if split is not None else "puppets",
        "seed": settings.seed,
        "templates": templates_in_words(settings.templates),
        **environment(),
    }
    return AuditReport(
        first.name,
        first.clips.labels,
        len(first.clips.targets),
        tuple(reports),
        (*notes, *first.notes, *told, *_earlier(settings)),
        tuple(dict.fromkeys(each for one in material.values() for each in one.failures)),
        record,
    )


def _earlier(settings: AuditSettings) -> tuple[str, ...]:
    """That a repaired checkpoint stands there which this audit did not write."""
    if settings.prune is None and settings.output is not None and Path(settings.output).is_dir():
        return (f"{settings.output} is of an earlier audit: this one was not asked to zero units",)
    return ()


def _units_of(videos: str | os.PathLike[str] | Split | None) -> tuple[Split | None, tuple[str, ...]]:
    """The videos, each once, and what a reader is told of rows left aside."""
    if videos is None:
        return None, ()
    return split_of_units(videos if isinstance(videos, Split) else open_split(videos))


def _listed(models: Audited | Sequence[Audited]) -> list[Audited]:
    """One model as a list of one."""
    if isinstance(models, list | tuple):
        return list(models)
    return [models]  # type: ignore[list-item]


def _opened(given: Audited, settings: AuditSettings, opened: ExitStack) -> Model | Classifying:
    """The model of a name, closed with `opened`; or what was given, another's network as a `Classifying`."""
    if isinstance(given, Model | Classifying):
        return given
    if callable(given):
        return Classifying(given, _name_of(given))
    return opened.enter_context(load_model(given, device=settings.device))


def _called(given: Audited) -> str:
    """The name by which a model is given: adapters on one backbone have theirs in common."""
    return os.fspath(given) if isinstance(given, str | os.PathLike) else ""


def _look(model: Model | Classifying, settings: AuditSettings) -> Look:
    """A model of ours sees frames as its backbone does, another network the middle square of them.

    Raises:
        OptionError: an adapter reads other numbers of frames.
    """
    if isinstance(model, Classifying):
        square = Preprocess((settings.side, settings.side), (0.0,) * 3, (1.0,) * 3)
        return Look(square, settings.num_frames or 8)
    length = model.sampling.num_frames if settings.num_frames is None else settings.num_frames
    if model.adapter is not None and length != model.adapter.config.num_frames:
        raise OptionError(
            f"{length} frames a clip; the adapter of {model.name} reads {model.adapter.config.num_frames}"
        )
    return Look(model.backbone.preprocess, length)


def _material(
    split: Split | None,
    looks: Sequence[Look],
    settings: AuditSettings,
    advance: Callable[[int, int], None] | None,
) -> dict[Look, Material]:
    """The clips as each model looks at them, drawn or decoded once for all; persons elsewhere if wanted."""
    elsewhere = settings.prune is not None or not PERSONS_ELSEWHERE.isdisjoint(settings.wanted)
    if split is None:
        return puppet_clips(looks, seed=settings.seed, elsewhere=elsewhere, advance=advance)
    return video_clips(
        split, looks, masks=settings.masks, seed=settings.seed, elsewhere=elsewhere, advance=advance
    )


@dataclass(eq=False)
class _Asked:
    """A model and what it is asked on.

    Attributes:
        subject: the model, as probes know it.
        clips: as it looks at them; what it answers is let go with them.
        record: what another needs to ask it again.
    """

    subject: Subject
    clips: Clips
    record: dict[str, str]

    @classmethod
    def of(
        cls,
        model: Model | Classifying,
        called: str,
        material: Mapping[Look, Material],
        settings: AuditSettings,
    ) -> _Asked:
        """Of a model that was opened, by a name or by none."""
        clips = material[_look(model, settings)].clips.unasked()
        if isinstance(model, Model):
            prompts = make_prompts(list(clips.labels), settings.templates, spaced=True)
            subject = ModelSubject(model, model.embed_prompts(prompts), called=called)
            return cls(subject, clips, {"prompts": prompts_digest(prompts)})
        module = model.module
        if module is None and isinstance(model.run, torch.nn.Module):
            module = model.run
        number = len(clips.labels)
        return cls(
            Network(model.name, model.run, number, module, model.layers, model.texts, model.scale), clips, {}
        )


def _tell_scenes(asked: Sequence[_Asked], settings: AuditSettings) -> tuple[str, ...]:
    """Where nobody names a scene and probes ask for them: the first model of ours guesses, for all."""
    if any(asked[0].clips.scenes) or SCENES_READ.isdisjoint(settings.wanted):
        return ()
    guesser = next(
        ((each.clips, each.subject) for each in asked if isinstance(each.subject, ModelSubject)), None
    )
    if guesser is None:
        return (
            "no video has a scene, and no model of ours is here to guess any: probes of the scene are left "
            "out; a column `scene` brings them in",
        )
    scenes, told = likely_scenes(*guesser)
    for each in asked:
        if len(each.clips.targets) == len(scenes):
            each.clips = replace(each.clips, scenes=scenes)
    return (f"no video has a scene: {told}, whose own streams know its guesses best",)


def _report(asked: _Asked, settings: AuditSettings) -> SubjectReport:
    """All probes asked of one model, and its units zeroed where that is wanted."""
    subject, clips, record = asked.subject, asked.clips, asked.record
    findings, wanted = {}, settings.wanted
    for done, name in enumerate(wanted):
        settings.tell(f"asking {subject.name}: {name}, {done + 1} of {len(wanted)}")
        findings.update(ask(subject, clips, [name]))
    if settings.prune is None or not isinstance(subject, ModelSubject):
        return SubjectReport(subject.name, subject.stream, findings, record)
    settings.tell(f"zeroing units of {subject.name}")
    found = repair(subject, clips, settings.prune or MOST)
    if settings.output is not None and found.units:
        write_repaired(settings.output, subject, found, subject.name, record)
    elif settings.output is not None and remove_repaired(settings.output):
        settings.tell(f"{settings.output} of an earlier audit is removed: nothing is zeroed now")
    return SubjectReport(subject.name, subject.stream, findings, record, found)


def _name_of(given: object) -> str:
    """What a callable is called."""
    return getattr(given, "__name__", type(given).__name__)
