"""What stands beside every figure: the machine, its load, the commit."""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def machine_facts(**versions: str) -> str:
    """One line.

    Args:
        versions: of the libraries that matter, by name.
    """
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(
            (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model
        )
    command = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    named = "".join(f"{name} {version}, " for name, version in versions.items())
    return (
        f"Machine: {model}, {cores} cores, load {load:.1f} at the start; "
        f"Python {platform.python_version()}, {named}commit {commit.stdout.strip()}"
    )


def mean_cell(values: list[float]) -> str:
    """The mean of a figure over seeds, ± half a 95 % interval (Student's t) where there are several."""
    from zeroshot.statistics.intervals import t_interval

    found = t_interval(values)
    return f"{found.value:.1f} ± {found.high - found.value:.1f}" if len(values) > 1 else f"{found.value:.1f}"


def peak_mebibytes() -> float:
    """The most memory that this process has held, in MiB.

    Linux lets a new process begin with its parent's peak in `ru_maxrss`; what /proc says is its own.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s*(\d+)", status.read_text())):
        return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
