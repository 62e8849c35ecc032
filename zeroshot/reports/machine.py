"""Where figures came from: versions and machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_PACKAGES = (
    "zeroshot",
    "torch",
    "open_clip_torch",
    "transformers",
    "numpy",
    "faiss-gpu",
    "faiss-cpu",
    "av",
    "decord",
)


def machine_facts() -> dict[str, Any]:
    """What computes: kind of machine and versions; nothing that names it."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            if name == "zeroshot":
                versions[name] = "source tree"
    system = f"{platform.system()} {platform.machine()}"
    return {"machine": {"system": system, "processors": os.cpu_count()}, "versions": versions}
