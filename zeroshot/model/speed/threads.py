"""The parts of one batch on threads of their own: nobody waits for another after every single product."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
R = TypeVar("R")

_making = threading.Lock()


def map_apart(work: Callable[[T], R], parts: Sequence[T]) -> list[R]:
    """The result of each part, in their order, as many at a time as torch may use cores.

    Torch by itself shares out every single product among its threads, which meet after each of them. Where
    another process takes one of the cores for a moment, as decoding does, all wait for the slowest, hundreds
    of times in a batch. Here they meet once.

    Args:
        work: what is done with a part, without gradients; several threads are in it at once.
        parts: alike in size.
    """
    cores = torch.get_num_threads()
    num_workers = min(cores, len(parts))
    if num_workers < 2:
        return [work(part) for part in parts]

    def apart(part: T) -> R:
        with torch.inference_mode():  # each thread has a mode of its own
            return work(part)

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
