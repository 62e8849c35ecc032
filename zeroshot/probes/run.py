"""Probes asked of a model on a data set: the verb behind `zeroshot bias probe`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.checks import Checks, model_given
from zeroshot.datasets.splits import require_some
from zeroshot.errors import LabelError, ModelError, OptionError, require_seed
from zeroshot.probes.probe import ON_TOKENS, PROBES
from zeroshot.probes.report import ProbeReport
from zeroshot.probes.subject import Clips, ModelSubject
from zeroshot.reports.environment import environment
from zeroshot.store.folder import require_room
from zeroshot.text.prompts import make_prompts, prompts_digest, read_templates, templates_in_words
from zeroshot.waist.writer import LAYOUT, write_waist

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from zeroshot.datasets.splits import Split
    from zeroshot.model.model import Model
    from zeroshot.probes.probe import Finding
    from zeroshot.probes.subject import Subject
    from zeroshot.text.prompts import TemplateSource
    from zeroshot.types import Prompts


def ask(subject: Subject, clips: Clips, probes: Sequence[str] = ()) -> dict[str, Finding]:
    """Name of the probe → what it found out about the subject.

    Args:
        subject: a model, or anything that answers.
        clips: of which the label is known.
        probes: names among `PROBES`; none given is all.

    Raises:
        OptionError: an unknown probe.
    """
    _require_probes(probes)
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
        probes: names among `PROBES`; none given is `ON_TOKENS`.
        advance: is called with videos done and videos to do.

    Raises:
        LabelError: fewer than two labels.
        OptionError: an unknown probe.
        ModelError: the backbone has no patch tokens.
        VideoError: no video could be read.
    """
    first = Checks()
    first.add("options", lambda: require_seed(seed))
    first.add("model", lambda: _require_loaded(model))
    wanted = check_probing(first, lambda: split, cache, templates=templates, spaced=spaced, probes=probes)
    first.run()
    waist, prompts = write_waist(model, split.videos, Path(cache), advance=advance), wanted()
    subject = ModelSubject(model, model.embed_prompts(prompts), waist)
    findings = ask(subject, Clips.of_waist(waist, split.labels, seed), probes or ON_TOKENS)
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


def check_probing(
    first: Checks,
    split: Callable[[], Split],
    cache: str | os.PathLike[str],
    *,
    templates: TemplateSource = None,
    spaced: bool = True,
    probes: Sequence[str] = (),
) -> Callable[[], Prompts]:
    """The sentences of the labels, looked at before any weights, as is the rest of what is asked.

    Args:
        first: is told what to look at; the result is there once it has run.
        split: gives the labeled videos.
        cache: as for `probe_streams`, as are the others.
        templates: prompts of the labels.
        spaced: write CamelCase and under_scores in labels as words.
        probes: names among `PROBES`.

    Raises:
        ZeroshotError: when it runs, one line that names what cannot be used.
    """

    def look() -> Prompts:
        labels, name = list(split().labels), split().name
        if len(labels) < 2:
            raise LabelError(f"{name} has the label {labels[0]!r} alone; a probe needs 2 or more")
        return make_prompts(labels, templates, spaced=spaced)

    first.add("options", lambda: _require_probes(probes))
    first.add("words", lambda: read_templates(templates))
    wanted = first.add("files", look)
    first.add("videos", lambda: require_some(split().name, split().videos))
    first.add("output", lambda: require_room(cache, LAYOUT))
    return wanted


def _require_loaded(model: Model) -> None:
    """Refuse a name in the place of a Model, and what is neither."""
    if isinstance(model_given(model), str):
        raise ModelError(f"model is the name {str(model)!r}; expected what zeroshot.load_model gives for it")


def _require_probes(probes: Sequence[str]) -> None:
    """Refuse names of which there is no probe.

    Raises:
        OptionError: there is none.
    """
    if unknown := sorted(set(probes) - set(PROBES)):
        raise OptionError(f"probe is {unknown[0]!r}; expected some of {', '.join(PROBES)}")
