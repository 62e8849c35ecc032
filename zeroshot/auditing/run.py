"""`audit`: any choice of probes asked of any models on the same clips. The verb behind `zeroshot audit`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import torch

from zeroshot.auditing.clips import puppet_clips, video_clips
from zeroshot.auditing.repair import MOST, repair, require_repairable, write_repaired
from zeroshot.auditing.report import AuditReport, SubjectReport
from zeroshot.checkpoint import load_model
from zeroshot.cutouts.finders import MOTION
from zeroshot.datasets.registry import open_split
from zeroshot.datasets.splits import Split
from zeroshot.datasets.units import split_of_units
from zeroshot.errors import OptionError, require_whole
from zeroshot.model.model import Model
from zeroshot.probes.callable_subject import Network
from zeroshot.probes.probe import PROBES
from zeroshot.probes.run import ask
from zeroshot.probes.subject import ModelSubject
from zeroshot.reports.environment import environment
from zeroshot.text.prompts import make_prompts, prompts_digest, templates_in_words
from zeroshot.video.sampling import Sampling
from zeroshot.video.transform import Preprocess, seen_frames

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from zeroshot.auditing.clips import Material

    Audited: TypeAlias = "str | os.PathLike[str] | Model | Classifying | Callable[[Tensor], Tensor]"
    from zeroshot.probes.subject import Subject
    from zeroshot.text.prompts import TemplateSource

USUAL = tuple(name for name in PROBES if name != "attack")
"""Probes that are asked where nobody chooses: the attack alone takes thousands of looks a clip."""


_LARGEST_SEED = 2**40 - 1  # as of puppets: each has one of its own


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
        require_whole("seed", self.seed, 0, _LARGEST_SEED)
        if self.prune is not None and self.prune < 0:
            raise OptionError(f"{self.prune} units to zero; expected 0 or more")
        if self.side < 8:
            raise OptionError(f"frames of {self.side} pixels a side; expected 8 or more")
        if self.num_frames is not None and self.num_frames < 1:
            raise OptionError(f"{self.num_frames} frames a clip; expected 1 or more")


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

    >>> report = audit("puppet-tiny")                                       # doctest: +SKIP
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
    reports = [_one(model, split, settings, advance) for model in listed]
    material = reports[0][1]
    record = {
        "videos": split.digest if split is not None else "puppets",
        "seed": settings.seed,
        "templates": templates_in_words(settings.templates),
        **environment(),
    }
    return AuditReport(
        material.name,
        material.clips.labels,
        len(material.clips.targets),
        tuple(report for report, _ in reports),
        (*notes, *material.notes),
        material.failures,
        record,
    )


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


def _one(
    given: Audited, split: Split | None, settings: AuditSettings, advance: Callable[[int, int], None] | None
) -> tuple[SubjectReport, Material]:
    """One model's findings, and what it was asked on."""
    if isinstance(given, Model):
        return _of_model(given, split, settings, advance)
    if isinstance(given, Classifying) or callable(given):
        return _of_network(given, split, settings, advance)
    with load_model(given, device=settings.device) as model:
        return _of_model(model, split, settings, advance)


def _of_model(
    model: Model, split: Split | None, settings: AuditSettings, advance: Callable[[int, int], None] | None
) -> tuple[SubjectReport, Material]:
    """A model of ours sees frames as its backbone does."""
    backbone = model.backbone
    length = model.sampling.num_frames if settings.num_frames is None else settings.num_frames
    if model.adapter is not None and length != model.adapter.config.num_frames:
        raise OptionError(
            f"{length} frames a clip; the adapter of {model.name} reads {model.adapter.config.num_frames}"
        )
    side = backbone.preprocess.shorter_side
    material = _material(split, backbone.see_frames, length, side, settings, advance)
    prompts = make_prompts(list(material.clips.labels), settings.templates, spaced=True)
    subject = ModelSubject(model, model.embed_prompts(prompts))
    return _asked(subject, material, settings, {"prompts": prompts_digest(prompts)})


def _of_network(
    given: Classifying | Callable[[Tensor], Tensor],
    split: Split | None,
    settings: AuditSettings,
    advance: Callable[[int, int], None] | None,
) -> tuple[SubjectReport, Material]:
    """Another network sees the middle square of frames."""
    named = given if isinstance(given, Classifying) else Classifying(given, _name_of(given))
    module = named.module
    if module is None and isinstance(named.run, torch.nn.Module):
        module = named.run
    see = partial(_square, side=settings.side)
    material = _material(split, see, settings.num_frames or 8, settings.side, settings, advance)
    number = len(material.clips.labels)
    subject = Network(named.name, named.run, number, module, named.layers, named.texts, named.scale)
    return _asked(subject, material, settings, {})


def _material(
    split: Split | None,
    see: Callable[[NDArray[np.uint8]], Tensor],
    num_frames: int,
    side: int | None,
    settings: AuditSettings,
    advance: Callable[[int, int], None] | None,
) -> Material:
    """The clips."""
    if split is None:
        return puppet_clips(see, num_frames, seed=settings.seed)
    return video_clips(
        split,
        see,
        Sampling(num_frames),
        side=side,
        masks=settings.masks,
        seed=settings.seed,
        advance=advance,
    )


def _asked(
    subject: Subject, material: Material, settings: AuditSettings, record: dict[str, str]
) -> tuple[SubjectReport, Material]:
    """All probes asked."""
    if settings.prune is not None:  # before hours of probes
        require_repairable(subject, material.clips)
    findings, wanted = {}, settings.probes or USUAL
    for done, name in enumerate(wanted):
        settings.tell(f"asking {subject.name}: {name}, {done + 1} of {len(wanted)}")
        findings.update(ask(subject, material.clips, [name]))
    if settings.prune is None or not isinstance(subject, ModelSubject):
        return SubjectReport(subject.name, subject.stream, findings, record), material
    settings.tell(f"zeroing units of {subject.name}")
    found = repair(subject, material.clips, settings.prune or MOST)
    if settings.output is not None and found.units:
        write_repaired(settings.output, subject, found, subject.name, record)
    return SubjectReport(subject.name, subject.stream, findings, record, found), material


def _name_of(given: object) -> str:
    """What a callable is called."""
    return getattr(given, "__name__", type(given).__name__)


def _square(frames: NDArray[np.uint8], side: int) -> Tensor:
    """(T, 3, side, side) uint8: the shorter side resized, the middle cut out."""
    preprocess = Preprocess((side, side), (0.0,) * 3, (1.0,) * 3)
    return seen_frames(torch.from_numpy(frames), preprocess)
