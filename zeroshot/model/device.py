"""Where weights lie: the device of a name, and what of it a forked process has."""

from __future__ import annotations

import os
from functools import cache

import torch

from zeroshot.errors import ModelError


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """The device of that name.

    >>> choose_device("cpu")
    device(type='cpu')

    Args:
        device: "auto" (a CUDA device, else Apple's, else the processor), "cpu", "cuda", "cuda:1", "mps", or
            a torch.device.

    Raises:
        ModelError: unknown, or this computer has none.
    """
    name = str(device)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind not in {"cpu", "cuda", "mps"} or (number and not number.isdecimal()) or name.endswith(":"):
        raise ModelError(f"device {name!r} is unknown; expected auto, cpu, cuda, cuda:1 or mps")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if int(number or 0) >= counts[kind]:
        there = f"{counts[kind]} of that kind" if counts[kind] else "none of that kind"
        raise ModelError(f"device {name!r} is not there: this computer has {there}; use --device auto or cpu")
    return torch.device(name)


@cache
def survive_forks() -> None:
    """See to it that a process forked from this one can go on, on one thread.

    The threads to which torch shares out its products do not come along into a forked process, which would
    wait for them for ever.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def require_unforked(owner: int, device: torch.device, name: str) -> None:
    """Refuse a GPU that another process opened before it forked this one.

    Args:
        owner: the process that put the weights there.
        device: where they are; a processor is as good after a fork as before.
        name: of the model.

    Raises:
        ModelError: the device does not outlive a fork.
    """
    if device.type != "cpu" and owner != os.getpid():
        raise ModelError(
            f"{name} was put on {device} before this process was forked, which no GPU survives; start "
            "workers with multiprocessing_context='spawn', or load the model in each"
        )
