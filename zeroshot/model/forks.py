"""Processes forked from one that holds a model: they go on where they can, and are told where they cannot."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from zeroshot.errors import ModelError

if TYPE_CHECKING:
    import torch


@cache
def survive_forks() -> None:
    """See to it that a process forked from this one can go on, on one thread.

    The threads to which torch shares out its products do not come along into a forked process, which would
    wait for them for ever.
    """
    from torch import set_num_threads

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: set_num_threads(1))


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
