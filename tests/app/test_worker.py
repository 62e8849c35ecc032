"""The thread that owns the model: batches of what waits, steps in between, nothing lost by a mistake."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, wait

import numpy as np
import pytest

from zeroshot.app.worker import Worker, WorkerClosedError
from zeroshot.errors import VideoError


class Numbers:
    """A model whose videos are numbers: their vectors; 13 fails, and 666 takes its whole batch along."""

    def __init__(self):
        self.batches: list[list[int]] = []
        self.threads: set[str] = set()
        self.go = threading.Event()
        self.is_closed = False

    def embed_sources(self, sources, drifts=False):
        self.threads.add(threading.current_thread().name)
        self.go.wait(20)
        batch = list(sources)
        self.batches.append(batch)
        if 666 in batch:
            raise ZeroDivisionError("666")
        for each in batch:
            row = np.full(2, each, np.float32)
            yield (
                each,
                VideoError("13 is no video") if each == 13 else np.stack([row, -row]) if drifts else row,
            )

    def close(self):
        self.is_closed = True


@pytest.fixture
def numbers():
    return Numbers()


@pytest.fixture
def worker(numbers):
    made = Worker(numbers)
    yield made
    numbers.go.set()
    made.close()


def test_what_waits_makes_one_batch_in_one_thread(worker, numbers):
    first = worker.embed(0, float_of)
    futures = [worker.embed(each, float_of) for each in range(1, 9)]
    numbers.go.set()
    assert [future.result(20) for future in (first, *futures)] == list(range(9))
    assert sum(map(len, numbers.batches)) == 9
    assert len(numbers.batches) <= 2
    assert numbers.threads == {"zeroshot-model"}


def float_of(row):
    return float(row.reshape(-1)[0])


def test_a_video_that_fails_costs_its_own_answer(worker, numbers):
    futures = {each: worker.embed(each, float_of) for each in (1, 13, 2)}
    numbers.go.set()
    with pytest.raises(VideoError, match="13"):
        futures[13].result(20)
    assert [futures[each].result(20) for each in (1, 2)] == [1, 2]


def test_a_batch_that_fails_is_asked_one_by_one(worker, numbers):
    futures = {each: worker.embed(each, float_of) for each in (1, 666, 2)}
    numbers.go.set()
    with pytest.raises(ZeroDivisionError):
        futures[666].result(20)
    assert [futures[each].result(20) for each in (1, 2)] == [1, 2]


def test_an_answer_that_cannot_be_made_costs_itself_alone(worker, numbers):
    numbers.go.set()
    wrong, right = worker.embed(1, lambda row: 1 / 0), worker.embed(2, float_of)
    with pytest.raises(ZeroDivisionError):
        wrong.result(20)
    assert right.result(20) == 2


def test_videos_with_drifts_make_batches_of_their_own(worker, numbers):
    numbers.go.set()
    futures = [worker.embed(each, np.shape, drifts=bool(each % 2)) for each in range(6)]
    assert [future.result(20) for future in futures] == [(2,), (2, 2)] * 3


def test_what_nobody_wants_any_more_is_not_done(worker, numbers):
    kept = worker.embed(1, float_of)
    dropped = worker.embed(2, float_of)
    steps = worker.steps(lambda: iter("never"))
    assert dropped.cancel()
    assert steps.cancel()
    numbers.go.set()
    assert kept.result(20) == 1
    assert worker.embed(3, float_of).result(20) == 3
    assert all(2 not in batch for batch in numbers.batches)


def test_long_work_takes_turns_with_videos(worker, numbers):
    numbers.go.set()
    seen = []

    def long():
        for step in range(3):
            seen.append(step)
            seen.append(worker.embed(step, seen.append))
            yield step

    assert worker.steps(long).result(20) == [0, 1, 2]
    futures = [each for each in seen if hasattr(each, "result")]
    wait(futures, 20)
    order = [float_of(each) if isinstance(each, np.ndarray) else each for each in seen]
    order = [each for each in order if not hasattr(each, "result")]
    assert order == [0, 0.0, 1, 1.0, 2, 2.0]


def test_work_that_fails_has_its_error_and_ends_where_nobody_wants_it(worker, numbers):
    numbers.go.set()
    with pytest.raises(ZeroDivisionError):
        worker.steps(lambda: iter([1 / 0])).result(20)
    ended, begun = threading.Event(), threading.Event()

    def endless():
        try:
            while True:
                begun.set()
                yield 1
        finally:
            ended.set()

    future = worker.steps(endless)
    assert begun.wait(20)
    future.cancel()
    assert ended.wait(20)


def test_closing_calls_off_what_waits_and_ends_the_model(numbers):
    worker = Worker(numbers)
    first, second = worker.embed(1, float_of), worker.steps(lambda: iter([1]))
    numbers.go.set()
    worker.close(20)
    assert numbers.is_closed
    for future in (first, second):
        assert future.done()
    with pytest.raises(CancelledError):
        second.result(0)
    with pytest.raises(WorkerClosedError):
        worker.embed(2, float_of)
