"""Looks for processes that should not be there any more, by Linux's /proc."""

from __future__ import annotations

import os
import time
from pathlib import Path


def children(parent: int | None = None) -> set[int]:
    """Ids of the living children of a process, this one by default."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = entry.read_text()
        except OSError:
            continue
        state, ppid = text.rpartition(")")[2].split()[:2]
        if int(ppid) == (parent or os.getpid()) and state != "Z":
            found.add(int(entry.parent.name))
    return found


def gone(pids: set[int], seconds: float = 20.0) -> bool:
    """Whether processes end, or are only waited for by nobody, within a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        alive = set()
        for pid in pids:
            try:
                if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    alive.add(pid)
            except OSError:
                pass
        if not alive:
            return True
        time.sleep(0.05)
    return False
