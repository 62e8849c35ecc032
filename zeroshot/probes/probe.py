"""What a probe is, what it says, and which there are.

To add one write a function of a subject and clips that gives a finding, and a line in `PROBES`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zeroshot.probes.subject import Clips, Subject
    from zeroshot.reports.document import Bars, Pictures, Plane, Table

    Probe = Callable[[Subject, Clips], "Finding"]


ANSWER = "answer"
"""What the one stream of a subject is called that has no others."""


def of_stream(stream: str) -> str:
    """` of fused`, behind "the answer"; nothing where there is one stream, which is the answer.

    >>> "the answer" + of_stream("fused"), "the answer" + of_stream(ANSWER)
    ('the answer of fused', 'the answer')
    """
    return "" if stream == ANSWER else f" of {stream}"


def spoken(stream: str) -> str:
    """A stream in a sentence: `fused`, or `the answer` where there is one.

    >>> spoken("fused"), spoken(ANSWER)
    ('fused', 'the answer')
    """
    return "the answer" if stream == ANSWER else stream


@dataclass(frozen=True)
class Finding:
    """What one probe found out about a subject.

    Attributes:
        title: what was asked.
        table: the numbers; the tables of probes with the same header are shown as one.
        bars: a chart of them.
        lines: what was found, in sentences.
        notes: what was not probed, and why.
        meanings: name of a row → what it counts.
        by_stream: stream → the record that the numbers are made of, with its counts.
        charts: what is shown beside the bars.
        verdict: what it means in a sentence with its evidence; empty where it found nothing to tell.
    """

    title: str
    table: Table | None = None
    bars: Bars | None = None
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)
    by_stream: Mapping[str, Any] = field(default_factory=dict)
    charts: tuple[Plane | Pictures, ...] = ()
    verdict: str = ""


def _in_module(module: str, name: str) -> Probe:
    """The probe `name` of a module of this room, imported when first asked: a help text needs no torch."""

    def probe(subject: Subject, clips: Clips) -> Finding:
        ask: Probe = getattr(import_module(f"zeroshot.probes.{module}"), name)
        return ask(subject, clips)

    return probe


PROBES: dict[str, Probe] = {
    "order": _in_module("frame_order", "frame_order"),
    "still": _in_module("frame_order", "still_frames"),
    "scene": _in_module("linear_scene", "linear_scene"),
    "dependence": _in_module("dependence", "dependence_of_streams"),
    "units": _in_module("static_units", "static_units"),
    "information": _in_module("scene_information", "scene_information"),
    "swap": _in_module("swapped_places", "swapped_places"),
    "cues": _in_module("static_cues", "static_cues"),
    "motion-noise": _in_module("motion_noise", "motion_noise"),
    "appearance-free": _in_module("appearance_free", "appearance_free"),
    "neurons": _in_module("neurons", "neurons"),
    "attack": _in_module("motion_attack", "motion_attack"),
}

ON_TOKENS = ("order", "still", "scene", "dependence")
"""What is asked of tokens, where there are neither frames nor persons before other places."""
