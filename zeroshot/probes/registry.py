"""Which probes there are: a name, and the function that asks.

To add one write a function of a subject and clips that gives a finding, and a line here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zeroshot.probes.finding import Finding, Probe
    from zeroshot.probes.subject import Clips, Subject


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
}
