"""What computed: versions and machine, collected once for every report and checkpoint."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from zeroshot.errors import counted
from zeroshot.resources import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGES = "torch open_clip_torch transformers numpy faiss-gpu faiss-cpu av decord"


def versions(*more: str) -> dict[str, str]:
    """Versions of Python and of what is installed among the packages that numbers depend on.

    Args:
        more: packages that are named as well.
    """
    found = {"python": platform.python_version(), "zeroshot": VERSION}
    for name in (*_PACKAGES.split(), *more):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def environment() -> dict[str, Any]:
    """The kind of machine and the versions; nothing that names the machine."""
    system = f"{platform.system()} {platform.machine()}"
    return {"machine": {"system": system, "processors": os.cpu_count()}, "versions": versions()}


def environment_lines(facts: Mapping[str, Any]) -> list[str]:
    """The machine and the versions among what `environment` found, a line each, where they are there."""
    lines = []
    if "machine" in facts:
        machine = facts["machine"]
        lines.append(f"{machine['system']}, {counted(machine['processors'], 'processor')}")
    if "versions" in facts:
        lines.append(", ".join(f"{name} {number}" for name, number in facts["versions"].items()))
    return lines
