"""Which work takes how many threads: small work one, so that nothing waits for a core that others have.

Torch by itself shares out every single product among its threads, which meet after each of them and keep
their cores busy while they wait. Where another process takes one of the cores for a moment, all wait for the
slowest, hundreds of times in a batch: of a small model one answer then costs fifty times its work. So work
comes here in parts, each of which one thread computes, whatever the machine is doing; results do not depend
on that. Threads do not come along into a process that is forked: it goes on where it can, and is told where
it cannot.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import torch

from zeroshot.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")
R = TypeVar("R")

_making = threading.Lock()
_TRIALS = 3  # steps on one thread, and as many on all, before one is chosen
_WORTH = 1.15  # times that all threads must be faster than one to be taken
_HOPELESS = 2.0  # times that they may be slower before they are not tried again


def alone(work: Callable[[], R]) -> R:
    """The result of work that one thread does without gradients, as it is too small for more."""
    return map_apart(lambda _: work(), (None,))[0]


def joined(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Tensors one after another, as `torch.cat` has them, copied by one thread on the processor."""
    if len(parts) == 1:
        return parts[0]
    return alone(lambda: torch.cat(list(parts))) if parts[0].device.type == "cpu" else torch.cat(list(parts))


def map_apart(work: Callable[[T], R], parts: Sequence[T]) -> list[R]:
    """The result of each part, in their order, as many at a time as torch may use cores.

    Args:
        work: what is done with a part, without gradients; several threads are in it at once.
        parts: alike in size.
    """
    cores = torch.get_num_threads()
    if cores < 2 or not parts:
        return [work(part) for part in parts]

    mode = torch.is_inference_mode_enabled()

    def apart(part: T) -> R:
        with torch.inference_mode(mode), torch.no_grad():  # each thread has modes of its own
            return work(part)

    # One part is small; of others that are fewer than the cores each has its share of them.
    num_workers = cores if len(parts) == 1 else min(cores, len(parts))
    with _making:
        pool = _pool(num_workers, cores, os.getpid())
    return list(pool.map(apart, parts))


@cache
def _pool(num_workers: int, cores: int, _process: int) -> ThreadPoolExecutor:
    """Threads that stay, each with its share of the cores; others for a forked process, which has none."""
    all_there = threading.Barrier(num_workers)

    def begin() -> None:
        torch.get_num_threads()  # a thread that has not asked yet would be given the process's number later
        torch.set_num_threads(max(1, cores // num_workers))
        all_there.wait()

    pool = ThreadPoolExecutor(num_workers, "zeroshot-encoding", initializer=begin)
    list(pool.map(lambda _: None, range(num_workers)))
    torch.set_num_threads(cores)  # what threads set goes for those who have not asked yet
    return pool


class MeasuredThreads:
    """One thread or all of them for steps of like work, whichever was quicker in the first ones.

    Attributes:
        chosen: how many; None while both are being tried.
    """

    def __init__(self, chosen: int | None = None) -> None:
        """Nothing is measured yet.

        Args:
            chosen: by an earlier run of the same work, which this one is to equal.
        """
        self._all = torch.get_num_threads()
        self.chosen = 1 if self._all == 1 else chosen
        self._seconds: dict[int, list[float]] = {1: [], self._all: []}
        self._warm = False

    @property
    def note(self) -> str:
        """One line on what was chosen; "" where there was nothing to choose, or nothing is chosen yet."""
        if self._all == 1 or self.chosen is None:
            return ""
        return f"steps took {self.chosen} of {self._all} threads, as the first ones were quicker so"

    @contextmanager
    def step(self) -> Iterator[None]:
        """One step of the work."""
        number = self.chosen or min(self._seconds, key=lambda each: len(self._seconds[each]))
        before = torch.get_num_threads()
        start = time.perf_counter()
        torch.set_num_threads(number)
        try:
            yield
        finally:
            torch.set_num_threads(before)
        if self.chosen is None:
            self._note(number, time.perf_counter() - start)

    def _note(self, number: int, seconds: float) -> None:
        """Keep how long a step took; once there are enough of each, choose."""
        if self._warm:
            self._seconds[number].append(seconds)
        self._warm = True  # the first step of a process allocates, and tells nothing
        one, every = self._seconds[1], self._seconds[self._all]
        if one and every and min(every) > _HOPELESS * min(one):
            self.chosen = 1
        elif len(one) == len(every) == _TRIALS:
            self.chosen = self._all if min(every) * _WORTH < min(one) else 1


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
