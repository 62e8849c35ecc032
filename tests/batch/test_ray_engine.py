"""A Ray cluster on this machine: the same table, also when a worker is killed."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_world import write_checkpoint, write_videos

from zeroshot.batch import ray_engine as cluster
from zeroshot.batch.engine import LocalEngine, fill_table
from zeroshot.batch.parquet import EmbeddingRow
from zeroshot.batch.ray_engine import RayEngine
from zeroshot.batch.table import EmbeddingTable, read_rows, settings_of
from zeroshot.checkpoint import load_model
from zeroshot.errors import OptionError


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> str:
    return str(write_checkpoint(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> list[str]:
    """Forty videos of different content and four that are none."""
    folder = tmp_path_factory.mktemp("archive")
    made = write_videos(folder / "made", 6).videos
    for number in range(44):
        content = Path(made[number % 6].path).read_bytes() if number % 11 else b"no video"
        (folder / f"{number:02d}.mp4").write_bytes(content + bytes([number]))
    return sorted(str(path) for path in folder.glob("*.mp4"))


@pytest.fixture(scope="module")
def ray():
    """A cluster of four processors, which is shut down in the end."""
    ray = pytest.importorskip("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=4, log_to_driver=False, include_dashboard=False, logging_level="ERROR")
    yield ray
    ray.shutdown()


def table_of(folder, settings, engine, paths) -> dict[str, EmbeddingRow]:
    """The rows of a table that an engine filled; fails where a path has two."""
    with EmbeddingTable(folder, settings) as table:
        for _ in fill_table(table, engine, paths):
            pass
    rows = [row for part in read_rows(folder) for row in part]
    assert len({row.path for row in rows}) == len(rows)
    return {row.path: row for row in rows}


def workers() -> list[int]:
    """Processes of Ray in which a worker of ours lives."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"ray::_Worker" in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
def test_the_same_table_though_a_worker_is_killed(ray, checkpoint, archive, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_VIDEOS_A_TASK", 4)
    killed: list[int] = []

    def passing():
        for number, path in enumerate(archive):
            if number == 30:  # some rows are there by now, and each worker has a task
                killed.append(workers()[0])
                os.kill(killed[0], signal.SIGKILL)
            yield path

    with load_model(checkpoint, device="cpu") as model:
        here = table_of(tmp_path / "here", settings_of(model), LocalEngine(model), archive)
        engine = RayEngine(partial(load_model, checkpoint, device="cpu"), num_workers=3)
        there = table_of(tmp_path / "there", settings_of(model), engine, passing())
    assert killed
    assert sorted(there) == archive
    for path, row in here.items():
        assert there[path].error == row.error
        assert (there[path].content, there[path].facts) == (row.content, row.facts)
        if row.error is None:
            assert np.abs(there[path].embedding - row.embedding).max() < 1e-6


class LostError(Exception):
    """Stands for what Ray raises when a worker is gone."""


class RaisedError(LostError):
    """Stands for what Ray raises when a worker's code has raised."""

    def as_instanceof_cause(self) -> Exception:
        return OptionError("no such model")


class Shell:
    """Plays Ray in this process: a file named `killer` ends its worker."""

    exceptions = SimpleNamespace(RayError=LostError, RayTaskError=RaisedError)

    def __init__(self, outcome: Exception | None = None) -> None:
        self.outcome = outcome
        self.tasks: list[TaskReference] = []
        self.most_tasks = self.num_hired = 0

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 8.0}

    def remote(self, _kind: type) -> Shell:
        return self

    def options(self, **_resources: float) -> SimpleNamespace:
        return SimpleNamespace(remote=self.hire)

    def hire(self, *_words: object) -> SimpleNamespace:
        self.num_hired += 1
        worker = SimpleNamespace(alive=True)
        worker.read = SimpleNamespace(remote=lambda paths: self.begin(worker, paths))
        return worker

    def begin(self, worker: SimpleNamespace, paths: tuple[str, ...]) -> TaskReference:
        self.tasks.append(TaskReference(worker, paths))
        self.most_tasks = max(self.most_tasks, len(self.tasks))
        return self.tasks[-1]

    def wait(self, references: list[TaskReference], num_returns: int):
        return references[:1], references[1:]

    def get(self, reference: TaskReference) -> list[tuple[EmbeddingRow, ...]]:
        self.tasks.remove(reference)
        if self.outcome is not None:
            raise self.outcome
        if not reference.worker.alive or any("killer" in path for path in reference.paths):
            reference.worker.alive = False
            raise LostError("the worker died")
        return [(EmbeddingRow(path, np.float32([1, 0])),) for path in reference.paths]

    def kill(self, worker: SimpleNamespace) -> None:
        worker.alive = False
        self.tasks = [task for task in self.tasks if task.worker is not worker]


class TaskReference:
    """What Ray gives for a task that was begun."""

    def __init__(self, worker: SimpleNamespace, paths: tuple[str, ...]) -> None:
        self.worker, self.paths = worker, paths


def test_a_video_over_which_workers_die_is_an_error_and_the_rest_is_read(tmp_path, monkeypatch):
    shell = Shell()
    monkeypatch.setattr(cluster, "_started_ray", lambda: shell)
    paths = [f"{number}.mp4" for number in range(200)]
    paths[77] = "killer.mp4"
    rows = table_of(tmp_path, {"model": "x"}, RayEngine(lambda: None), iter(paths))
    assert sorted(rows) == sorted(paths)
    assert [path for path, row in rows.items() if row.error] == ["killer.mp4"]
    assert "ended 3 workers" in rows["killer.mp4"].error
    assert shell.num_hired <= 2 + 8
    assert shell.most_tasks <= 4


def test_inputs_are_taken_as_workers_become_free(monkeypatch):
    monkeypatch.setattr(cluster, "_started_ray", Shell)
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield f"{taken}.mp4"

    rows = RayEngine(lambda: None)(endless())
    for _ in range(40):
        next(rows)
    rows.close()
    assert taken <= 32 * 6


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (RaisedError(), "no such model"),
        (LostError("error raised in its creation task: no weights"), "no weights"),
        (LostError("the node is gone"), "end one after the other"),
    ],
)
def test_workers_that_never_begin_are_one_line(monkeypatch, outcome, message):
    monkeypatch.setattr(cluster, "_started_ray", lambda: Shell(outcome))
    with pytest.raises(OptionError, match=message):
        list(RayEngine(lambda: None)(f"{number}.mp4" for number in range(100)))


def test_a_number_of_workers_that_makes_no_sense():
    with pytest.raises(OptionError, match="0 workers"):
        RayEngine(lambda: None, num_workers=0)


def test_workers_import_nothing_of_the_working_folder_and_work_there(monkeypatch, tmp_path):
    """Ray puts the folder in which a cluster was joined before all others from which its workers import."""
    (tmp_path / "json.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    joined: list[Path] = []

    def init(**_words: object) -> None:
        joined.append(Path.cwd())
        assert not list(Path.cwd().iterdir())

    shell = Shell()
    shell.is_initialized, shell.init = lambda: bool(joined), init
    monkeypatch.setitem(sys.modules, "ray", shell)
    monkeypatch.setattr(cluster, "require_ray", lambda: None)
    hired: list[tuple[object, ...]] = []
    monkeypatch.setattr(shell, "hire", lambda *words: hired.append(words) or Shell.hire(shell, *words))
    list(RayEngine(lambda: None)(["a.mp4"]))
    assert joined != [tmp_path]
    assert joined[0].is_dir(), "the cluster goes on working there"
    assert Path.cwd() == tmp_path
    assert {words[2] for words in hired} == {str(tmp_path)}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    model = SimpleNamespace(backbone=SimpleNamespace(precision=SimpleNamespace(hold=lambda: None)))
    cluster._Worker(lambda: model, None, str(elsewhere))
    assert Path.cwd() == elsewhere
