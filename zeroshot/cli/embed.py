"""`zeroshot embed`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.cli import options
from zeroshot.cli.inputs import ModelChoice, Notes, model_from, sampling_from, videos_from
from zeroshot.cli.screen import end_with, progress, put_json, put_line, say
from zeroshot.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zeroshot.batch.engine import Engine
    from zeroshot.batch.table import EmbeddingTable
    from zeroshot.model.model import Model
    from zeroshot.video.sampling import Window

Output = Annotated[
    str, typer.Option("--output", "-o", metavar="DIR", help="Folder of Parquet parts and a manifest.")
]
WindowLength = Annotated[
    float | None,
    typer.Option("--window", metavar="SECONDS", help="One row a stretch of so many seconds, with its times."),
]
Stride = Annotated[
    float | None,
    typer.Option("--stride", metavar="SECONDS", help="From window to window. Default: the window."),
]
Engines = Annotated[str, typer.Option("--engine", help="local, or ray: a cluster (the extra `ray`).")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", help="Of ray. Default: one a GPU, or four cores.", min=1),
]
Retry = Annotated[bool, typer.Option("--retry", help="Read again what failed in an earlier run.")]


def embed(
    videos: options.Videos,
    output: Output,
    model: options.ModelName = None,
    window: WindowLength = None,
    stride: Stride = None,
    retry: Retry = False,
    engine: Engines = "local",
    workers: Workers = None,
    as_json: options.Json = False,
    stream: options.Stream = None,
    device: options.Device = "auto",
    num_frames: options.NumFrames = None,
    num_views: options.NumViews = 1,
    decoder: options.Decoder = "auto",
    precision: options.Precision = None,
    frames: options.Frames = None,
    series: options.Series = None,
    batch_size: options.BatchSize = 32,
    num_workers: options.NumWorkers = 2,
) -> None:
    """\b
    Example:  zeroshot embed archive/ --output embeddings/

    Writes one row a video (path, embedding, error, …) as Parquet. Interrupted or killed, the same command
    goes on where it ended, and reads again what changed since. Read the rows with zeroshot.read_embeddings,
    pandas, polars or DuckDB, or rank labels for them with zeroshot classify --embeddings DIR.
    """
    from zeroshot.batch.table import EmbeddingTable, settings_of

    stretch = _window(window, stride)
    paths = [str(path) for path in videos_from(videos)]
    sampling = sampling_from(num_frames, num_views)
    choice = ModelChoice(
        model, device, sampling, decoder, stream, precision, frames, series, batch_size, num_workers
    )
    network = model_from(choice)
    notes = Notes(network, precision)
    level = network.settle(paths)
    notes.say_precision()
    reading = _engine(engine, workers, stretch, network, replace(choice, precision=level))
    with EmbeddingTable(output, settings_of(network, stretch)) as table:
        if table.left_by is not None:
            say(f"{table.left_by} ended in the midst of {output}; going on")
        done = _fill(table, reading, paths, retry, as_json)
    for line in done.lines(output):
        say(line)
    notes.say_the_rest()
    if not as_json:
        width = network.embedding_dim
        put_line(f"{counted(done.num_read - done.failures, 'video')} embedded in width {width}, in {output}")
    end_with(done.failures + done.failed_before, len(paths))


def _engine(
    name: str,
    workers: int | None,
    window: Window | None,
    network: Model,
    choice: ModelChoice,
) -> Engine:
    """What reads the videos: this machine, or a cluster whose workers make the model that was chosen.

    Raises:
        OptionError: an unknown engine, or workers of one that has none.
    """
    from zeroshot.errors import OptionError

    if name == "ray":
        from zeroshot.batch.ray_engine import RayEngine

        return RayEngine(partial(model_from, choice), window, num_workers=workers)
    if name != "local":
        raise OptionError(f"engine is {name!r}; expected local or ray")
    if workers is not None:
        raise OptionError("--workers is given without --engine ray; leave it out")
    from zeroshot.batch.engine import LocalEngine

    return LocalEngine(network, window)


def _window(window: float | None, stride: float | None) -> Window | None:
    """The stretches that are asked for, or None for whole videos."""
    from zeroshot.errors import OptionError
    from zeroshot.video.sampling import Window

    if window is None and stride is not None:
        raise OptionError("--stride is given without --window; expected the length of a window, too")
    return None if window is None else Window(window, window if stride is None else stride)


@dataclass(frozen=True)
class _Done:
    """What became of the videos.

    Attributes:
        num_read: were read now.
        failures: of these could not be.
        there: had rows before.
        copies: have the content of another, and its rows.
        failed_before: have had an error as their row, and have it still.
    """

    num_read: int
    failures: int
    there: int
    copies: int
    failed_before: int

    def lines(self, output: str) -> list[str]:
        """What is said of those that were not read."""
        total = self.num_read + self.there + self.copies
        lines = []
        if self.there:
            lines.append(f"{self.there} of {total} videos are in {output} already")
        if self.copies:
            lines.append(f"{self.copies} of {total} videos are copies of these, or of others read now")
        if self.failed_before:
            lines.append(f"{self.failed_before} of {total} videos failed before; --retry reads them again")
        return lines


def _fill(table: EmbeddingTable, engine: Engine, paths: list[str], retry: bool, as_json: bool) -> _Done:
    """Give each video its rows."""
    from zeroshot.batch.engine import fill_table

    unread = set(paths)
    new = {path for path in paths if path not in table}
    failures = 0
    with progress(len(paths), "videos") as advance:

        def passing() -> Iterator[str]:
            for path in paths:
                yield path
                advance()

        for rows in fill_table(table, engine, passing(), retry=retry):
            path, error = rows[0].path, rows[-1].error
            unread.discard(path)
            failures += error is not None
            if as_json:
                put_json({"path": path, "error": error})
            elif error is not None:
                say(error)
    failed_before = sum(table.has_failed(path) for path in unread)
    copies = len(unread & new)
    return _Done(len(paths) - len(unread), failures, len(unread) - copies, copies, failed_before)
