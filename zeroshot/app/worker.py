"""The one thread that touches the model: it makes batches of the videos that wait, whoever asks.

A model is not for several threads at once, and a network is fast on full batches only; both ask for a queue.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from zeroshot.errors import VideoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.model.model import Model
    from zeroshot.video.source import VideoSource

T = TypeVar("T")

_VIDEOS_IN_A_ROW = 64  # then long work gets a turn, so that many short questions do not keep it waiting


class WorkerClosedError(Exception):
    """The worker has stopped."""


@dataclass(eq=False)
class _Video:
    """A video that waits for its vector.

    Attributes:
        source: the video.
        drifts: whether its drift is asked for, too.
        finish: makes the answer of the vector (D,), or of (2, D) with the drift.
        future: of the answer.
    """

    source: VideoSource
    drifts: bool
    finish: Callable[[NDArray[np.float32]], Any]
    future: Future[Any] = field(default_factory=Future)


@dataclass(eq=False)
class _Work(Generic[T]):
    """Work that goes step by step, others' in between.

    Attributes:
        begin: gives what has a step for each of its items.
        future: of all items.
        steps: begun.
        done: the items so far.
    """

    begin: Callable[[], Iterator[T]]
    future: Future[list[T]] = field(default_factory=Future)
    steps: Iterator[T] | None = None
    done: list[T] = field(default_factory=list)


class Worker:
    """Answers questions to one model, one after the other, videos in batches.

    Cancelling a future that it gave takes a question back: what has not begun is not done, and work in steps
    ends with the step it is at. The thread starts with the first question.
    """

    def __init__(self, model: Model) -> None:
        """Nothing waits yet.

        Args:
            model: that nobody else may touch until `close`.
        """
        self._model = model
        self._videos: deque[_Video] = deque()
        self._works: deque[_Work[Any]] = deque()
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def embed(
        self, source: VideoSource, finish: Callable[[NDArray[np.float32]], T], *, drifts: bool = False
    ) -> Future[T]:
        """What `finish` makes of a video's vector; the error of a video that cannot be read.

        Args:
            source: taken as it stands, as for `Model.embed_sources`.
            finish: called in the worker's thread.
            drifts: rows (2, D) as for `Model.embed_sources`.

        Raises:
            WorkerClosedError: the worker has stopped.
        """
        video = _Video(source, drifts, finish)
        self._put(self._videos, video)
        return video.future

    def steps(self, begin: Callable[[], Iterator[T]]) -> Future[list[T]]:
        """All items of an iterator, which gets a turn for each; called, and asked, in the worker's thread.

        Raises:
            WorkerClosedError: the worker has stopped.
        """
        work = _Work(begin)
        self._put(self._works, work)
        return work.future

    def close(self, wait_seconds: float | None = None) -> None:
        """Take no more, call off what waits, and end the model's decoding processes.

        Args:
            wait_seconds: at most, for the thread to end; None: as long as that takes.
        """
        with self._changed:
            self._is_closing = True
            waiting: list[Future[Any]] = [one.future for one in self._videos]
            for future in (*waiting, *(one.future for one in self._works)):
                future.cancel()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(wait_seconds)

    def _put(self, waiting: deque[Any], one: _Video | _Work[Any]) -> None:
        with self._changed:
            if self._is_closing:
                raise WorkerClosedError
            waiting.append(one)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="zeroshot-model", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            while self._waits_for_some():
                if self._videos:
                    self._embed_waiting()
                if self._works:
                    self._take_step()
        finally:
            self._model.close()

    def _waits_for_some(self) -> bool:
        """Once there is something to do; false once there never will be."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing or self._videos or self._works)
            return bool(self._videos or self._works)

    def _embed_waiting(self) -> None:
        """One batch after the other of the videos that wait, and of those that come meanwhile."""
        taken: deque[_Video] = deque()
        drifts = self._videos[0].drifts

        def coming() -> Iterator[VideoSource]:
            for _ in range(_VIDEOS_IN_A_ROW):
                video = self._next_video(drifts)
                if video is None:
                    return
                taken.append(video)
                yield video.source

        try:
            for _, outcome in self._model.embed_sources(coming(), drifts=drifts):
                _finish(taken.popleft(), outcome)
        except Exception as error:  # noqa: BLE001 - of one video among them, and it belongs to who asked
            if len(taken) == 1:
                _settle(taken[0].future, error=error)
                return
            for video in taken:
                self._embed_alone(video)

    def _embed_alone(self, video: _Video) -> None:
        """One of several videos that failed together, where no other shares its fate."""
        try:
            for _, outcome in self._model.embed_sources([video.source], drifts=video.drifts):
                _finish(video, outcome)
        except Exception as error:  # noqa: BLE001 - as above
            _settle(video.future, error=error)

    def _next_video(self, drifts: bool) -> _Video | None:
        """The first that is still wanted, if it asks for the same."""
        with self._changed:
            while self._videos and self._videos[0].future.cancelled():
                self._videos.popleft()
            alike = self._videos and self._videos[0].drifts == drifts
            return self._videos.popleft() if alike else None

    def _take_step(self) -> None:
        """One step of the work that has waited longest."""
        with self._changed:
            work = self._works.popleft()
        if work.future.cancelled():
            _end(work)
            return
        try:
            work.steps = work.begin() if work.steps is None else work.steps
            work.done.append(next(work.steps))
        except StopIteration:
            _settle(work.future, work.done)
        except Exception as error:  # noqa: BLE001 - it belongs to who asked
            _settle(work.future, error=error)
        else:
            with self._changed:
                self._works.append(work)


def _finish(video: _Video, outcome: NDArray[np.float32] | VideoError) -> None:
    """Answer one question."""
    if isinstance(outcome, VideoError):
        _settle(video.future, error=outcome)
        return
    try:
        answer = video.finish(outcome)
    except Exception as error:  # noqa: BLE001 - it belongs to who asked
        _settle(video.future, error=error)
    else:
        _settle(video.future, answer)


def _settle(future: Future[Any], answer: object = None, error: BaseException | None = None) -> None:
    """Give a future its answer or error, unless nobody wants it any more."""
    if not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(answer)
    else:
        future.set_exception(error)


def _end(work: _Work[Any]) -> None:
    """Let go of what was begun: windows that are being decoded are called off."""
    close = getattr(work.steps, "close", None)
    if close is not None:
        close()
