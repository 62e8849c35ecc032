"""Probes asked of a model on a data set: the verb behind `zeroshot bias probe`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.errors import LabelError, OptionError
from zeroshot.probes.probe import PROBES
from zeroshot.probes.report import ProbeReport
from zeroshot.probes.subject import Clips, ModelSubject
from zeroshot.reports.environment import environment
from zeroshot.text.prompts import make_prompts, prompts_digest, templates_in_words
from zeroshot.waist.writer import write_waist

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from zeroshot.datasets.splits import Split
    from zeroshot.model.model import Model
    from zeroshot.probes.probe import Finding
    from zeroshot.probes.subject import Subject
    from zeroshot.text.prompts import TemplateSource


def ask(subject: Subject, clips: Clips, probes: Sequence[str] = ()) -> dict[str, Finding]:
    """Name of the probe → what it found out about the subject.

    Args:
        subject: a model, or anything that answers.
        clips: of which the label is known.
        probes: names among `PROBES`; none given is all.

    Raises:
        OptionError: an unknown probe.
    """
    if unknown := sorted(set(probes) - set(PROBES)):
        raise OptionError(f"probe is {unknown[0]!r}; expected some of {', '.join(PROBES)}")
    return {name: PROBES[name](subject, clips) for name in PROBES if not probes or name in probes}


def probe_streams(
    split: Split,
    model: Model,
    cache: str | os.PathLike[str],
    *,
    templates: TemplateSource = None,
    spaced: bool = True,
    seed: int = 0,
    probes: Sequence[str] = (),
    advance: Callable[[int, int], None] | None = None,
) -> ProbeReport:
    """Accuracy of each stream as filmed, shuffled, reversed and frozen; its knowledge of the scene; NHSIC.

    Frames pass the network once: their tokens are then put into other orders, which is exact, since a frozen
    backbone reads each frame by itself.

    Args:
        split: labeled videos; with scenes for the scene probe.
        model: whose backbone has patch tokens.
        cache: folder of tokens, which a second call finds.
        templates: prompts of the labels; None for the bare label.
        spaced: write CamelCase and under_scores in labels as words.
        seed: of the shuffle and the folds.
        probes: names among `PROBES`; none given is all.
        advance: is called with videos done and videos to do.

    Raises:
        LabelError: fewer than two labels.
        OptionError: an unknown probe.
        ModelError: the backbone has no patch tokens.
        VideoError: no video could be read.
    """
    if len(split.labels) < 2:
        raise LabelError(f"{split.name} has the label {split.labels[0]!r} alone; a probe needs 2 or more")
    waist = write_waist(model, split.videos, Path(cache), advance=advance)
    prompts = make_prompts(list(split.labels), templates, spaced=spaced)
    subject = ModelSubject(model, model.embed_prompts(prompts), waist)
    findings = ask(subject, Clips.of_waist(waist, split.labels, seed), probes)
    record = {
        "videos": split.digest,
        "templates": templates_in_words(templates),
        "prompts": prompts_digest(prompts),
        "seed": seed,
        "weights": model.fingerprint[:16],
        "adapter": model.adapter_fingerprint and model.adapter_fingerprint[:16],
        **environment(),
    }
    frames, labels = waist.settings.num_frames, tuple(split.labels)
    return ProbeReport(split.name, model.name, labels, frames, len(waist), findings, waist.failures, record)
