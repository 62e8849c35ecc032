"""More than one machine: the same rows from workers of a Ray cluster, some of which may be lost."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from zeroshot.batch.engine import LocalEngine
from zeroshot.batch.parquet import EmbeddingRow
from zeroshot.errors import OptionError
from zeroshot.resources import require_installed
from zeroshot.video.source import name_of, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from zeroshot.batch.engine import VideoRows
    from zeroshot.model.model import Model
    from zeroshot.video.sampling import Window
    from zeroshot.video.source import FileSource

_VIDEOS_A_TASK = 32  # enough to keep batches full, few enough to be read again when a worker is lost
_LONG_VIDEOS_A_TASK = 4
_CORES_A_WORKER = 4
_TASKS_A_WORKER = 2  # one at work, one waiting: a worker is never without
_TRIES = 3
_LOSSES = 12  # in a row, a worker, before the whole is given up; one bad file costs at most eight


@dataclass(frozen=True)
class _Task:
    """Some videos for a worker, and how often workers were lost over them."""

    sources: tuple[FileSource, ...]
    losses: int = 0

    def again(self) -> list[_Task]:
        """What is tried when a worker was lost over it: the same, then halves, till one bad file is alone."""
        if len(self.sources) == 1 or not self.losses:
            return [_Task(self.sources, self.losses + 1)]
        middle = len(self.sources) // 2
        return [_Task(self.sources[:middle], 1), _Task(self.sources[middle:], 1)]


class _Worker:
    """What runs on the cluster: a model, and decoding processes of its own."""

    def __init__(
        self, make_model: Callable[[], Model], window: Window | None, folder: str, drifts: bool = False
    ) -> None:
        with suppress(OSError):  # another machine may lack it, and then knows no relative paths
            os.chdir(folder)
        model = make_model()
        model.backbone.precision.hold()  # no worker may choose another speed level than the table has
        self._engine = LocalEngine(model, window, drifts=drifts)

    def read(self, sources: tuple[FileSource, ...]) -> list[VideoRows]:
        """The rows of some videos."""
        return list(self._engine(sources))


class RayEngine:
    """Reads videos on a Ray cluster: the one in RAY_ADDRESS, a running one, or one started on this machine.

    Videos are named by paths that every machine must see, and the model by a name that every machine can
    load. A worker or machine that is lost is replaced, and what it was at is read again; a video over which
    three workers are lost becomes an error. Rows come in any order. This process alone writes.
    """

    def __init__(
        self,
        make_model: Callable[[], Model],
        window: Window | None = None,
        *,
        num_workers: int | None = None,
        drifts: bool = False,
    ) -> None:
        """Join the cluster.

        Args:
            make_model: makes the model in each worker; it travels there by pickle.
            window: None: one row a video.
            num_workers: None: one a GPU, or one for four cores where there is no GPU.
            drifts: the drift of each row as well.

        Raises:
            OptionError: Ray is not installed, or fewer than one worker is asked for.
        """
        if num_workers is not None and num_workers < 1:
            raise OptionError(f"{num_workers} workers; expected 1 or more")
        self._ray = _started_ray()
        self._size = _VIDEOS_A_TASK if window is None else _LONG_VIDEOS_A_TASK
        found = self._ray.cluster_resources()
        cores, gpus = found.get("CPU", 1.0), found.get("GPU", 0.0)
        self._num_workers = num_workers or int(gpus) or max(1, int(cores) // _CORES_A_WORKER)
        share = cores / self._num_workers
        remote = self._ray.remote(_Worker).options(
            num_cpus=int(share) if share >= 1 else share, num_gpus=min(1.0, gpus / self._num_workers)
        )
        folder = os.getcwd()  # noqa: PTH109 - as text
        self._hire: Callable[[], Any] = partial(remote.remote, make_model, window, folder, drifts)

    def __call__(self, sources: Iterable[FileSource]) -> Iterator[VideoRows]:
        """The rows of each video, as workers give them.

        Raises:
            OptionError: workers end one after the other, and no video is read.
        """
        crew = [self._hire() for _ in range(self._num_workers)]
        waiting: deque[_Task] = deque()
        remaining = iter(sources)
        running: dict[Any, tuple[int, _Task]] = {}
        losses = 0  # since a worker last gave rows
        try:
            while True:
                self._hand_out(crew, waiting, remaining, running)
                if not running:
                    return
                (done,), _ = self._ray.wait(list(running), num_returns=1)
                number, task = running.pop(done)
                outcome = self._outcome(done)
                if not isinstance(outcome, Exception):
                    losses = 0
                    yield from outcome
                    continue
                losses += 1
                if losses > _LOSSES * self._num_workers or "creation task" in str(outcome):
                    raise OptionError(_no_worker_lives(outcome))
                self._replace(crew, number, running, waiting)
                yield from _given_up(task, waiting)
        finally:
            for worker in crew:
                self._ray.kill(worker)

    def _hand_out(
        self,
        crew: list[Any],
        waiting: deque[_Task],
        remaining: Iterator[FileSource],
        running: dict[Any, tuple[int, _Task]],
    ) -> None:
        """Give each worker as many tasks as it may have; inputs are taken only now."""
        load = [0] * len(crew)
        for number, _ in running.values():
            load[number] += 1
        for _ in range(_TASKS_A_WORKER * len(crew) - len(running)):
            task = waiting.popleft() if waiting else _Task(tuple(islice(remaining, self._size)))
            if not task.sources:
                return
            number = load.index(min(load))
            load[number] += 1
            running[crew[number].read.remote(task.sources)] = (number, task)

    def _outcome(self, done: Any) -> list[VideoRows] | Exception:  # noqa: ANN401 - a reference of Ray
        """What a worker gave, or how it was lost; what it raised is raised here."""
        try:
            rows: list[VideoRows] = self._ray.get(done)
        except self._ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from None
        except self._ray.exceptions.RayError as error:
            return Exception(str(error))
        return rows

    def _replace(
        self, crew: list[Any], number: int, running: dict[Any, tuple[int, _Task]], waiting: deque[_Task]
    ) -> None:
        """Hire for a worker that was lost; what waited for it waits for anybody."""
        self._ray.kill(crew[number])
        for reference, (owner, task) in list(running.items()):
            if owner == number:
                del running[reference]
                waiting.append(task)
        crew[number] = self._hire()


def _given_up(task: _Task, waiting: deque[_Task]) -> Iterator[VideoRows]:
    """Have a task tried again, or give the error of a video over which workers are lost."""
    for part in task.again():
        if part.losses < _TRIES:
            waiting.append(part)
            continue
        (source,) = part.sources
        words = f"reading {name_of(source)} ended {_TRIES} workers; get another copy, or embed it by itself"
        yield (EmbeddingRow(path_of(source), None, words),)


def _no_worker_lives(outcome: Exception) -> str:
    """What is said when workers end again and again."""
    first = " ".join(str(outcome).split())[:300]
    return f"workers of Ray end one after the other ({first}); check the model and the memory there"


def require_ray() -> None:
    """Refuse to go on without Ray.

    Raises:
        OptionError: it is not installed.
    """
    require_installed("--engine ray needs", ("ray",), extra="ray")


def _started_ray() -> Any:  # noqa: ANN401 - a library without types
    """Ray, joined to a cluster.

    Raises:
        OptionError: it is not installed, or there is no cluster where RAY_ADDRESS says.
    """
    require_ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if not ray.is_initialized():
        try:
            with _in_an_empty_folder():
                ray.init(log_to_driver=False, include_dashboard=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise OptionError(f"cannot join a Ray cluster: {reason}; check RAY_ADDRESS") from None
    return ray


@contextmanager
def _in_an_empty_folder() -> Iterator[None]:
    """Work in a folder where nothing lies: Ray's workers import from that in which the cluster was joined."""
    here, empty = os.getcwd(), tempfile.mkdtemp(prefix="zeroshot-")  # noqa: PTH109 - as text
    atexit.register(shutil.rmtree, empty, ignore_errors=True)  # not before: the cluster works there
    os.chdir(empty)
    try:
        yield
    finally:
        os.chdir(here)
