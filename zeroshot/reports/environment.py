"""What computed: versions, machine, commit and command line, collected once for reports and checkpoints."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
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
    """The kind of machine, the versions, the commit and the command line, as far as there are such.

    Nothing names the machine or its user, unless the command line does.
    """
    system = f"{platform.system()} {platform.machine()}"
    facts: dict[str, Any] = {
        "machine": {"system": system, "processors": os.cpu_count()},
        "versions": versions(),
    }
    if commit := commit_of(Path(__file__).resolve().parents[2] / ".git"):
        facts["commit"] = commit
    if sys.argv and Path(sys.argv[0]).stem in {"zeroshot", "__main__"}:
        facts["command"] = shlex.join(["zeroshot", *sys.argv[1:]])
    return facts


def environment_lines(facts: Mapping[str, Any]) -> list[str]:
    """What `environment` found, a line each, as far as it is there."""
    lines = [f"{name} {facts[name]}" for name in ("command", "commit") if name in facts]
    if "machine" in facts:
        machine = facts["machine"]
        lines.append(f"{machine['system']}, {counted(machine['processors'], 'processor')}")
    if "versions" in facts:
        lines.append(", ".join(f"{name} {number}" for name, number in facts["versions"].items()))
    return lines


def commit_of(git: Path) -> str | None:
    """The commit that a source tree stands at, if there is one: read by hand, as git may not be installed."""
    with suppress(OSError, UnicodeDecodeError):
        above = git
        if (
            git.is_file()
        ):  # a working tree beside others: its branch is named there, commits stand in the first
            above = git = git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir: ").strip()
            with suppress(FileNotFoundError):
                above = git / (git / "commondir").read_text(encoding="utf-8").strip()
        head = (git / "HEAD").read_text(encoding="ascii").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        with suppress(FileNotFoundError):
            return (above / name).read_text(encoding="ascii").strip()
        for line in (above / "packed-refs").read_text(encoding="ascii").splitlines():
            if line.endswith(f" {name}"):
                return line.split()[0]
    return None
