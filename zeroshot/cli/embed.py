"""`zeroshot embed`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.checks import Checks
from zeroshot.cli import options
from zeroshot.cli.inputs import (
    ModelChoice,
    Notes,
    model_from,
    require_choice,
    require_table,
    sampling_from,
    videos_from,
)
from zeroshot.cli.screen import end_with, keeping, kept_in, progress, put_json, put_line, say
from zeroshot.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zeroshot.batch.engine import Engine
    from zeroshot.batch.table import EmbeddingTable
    from zeroshot.cli.inputs import Named
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
Drifts = Annotated[
    bool, typer.Option("--drifts", help="Keep which way the frames go, too: for --stages and for a -> b.")
]
Retry = Annotated[bool, typer.Option("--retry", help="Read again what failed in an earlier run.")]


def embed(
    videos: options.Videos,
    output: Output,
    model: options.ModelName = None,
    window: WindowLength = None,
    stride: Stride = None,
    drifts: Drifts = False,
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
    Example:  zeroshot embed examples/clips --output embeddings/ --model puppet-tiny

    Writes one row a video (path, embedding, error, …) as Parquet. Interrupted or killed, the same command
    goes on where it ended, and reads again what changed since. Read the rows with zeroshot.read_embeddings,
    pandas, polars or DuckDB, or rank labels for them with zeroshot classify --embeddings DIR.
    """
    from zeroshot.batch.table import EmbeddingTable, require_window, settings_of

    first = Checks()
    stretched = first.add("options", lambda: _window(window, stride))
    first.add("options", lambda: _require_engine(engine, workers))
    how = (decoder, stream, precision, frames, series, batch_size, num_workers, num_views)
    asked = first.add(
        "options", lambda: ModelChoice(model, device, sampling_from(num_frames, num_views), *how)
    )
    found = first.add("videos", lambda: _found(videos, as_json))
    first.add("output", lambda: require_table(output))
    first.add("output", lambda: require_window(output, stretched()))
    first.add("model", lambda: require_choice(asked(), reads=engine == "local"))
    first.run()
    named, choice, stretch = found(), asked(), stretched()
    network = model_from(choice, ("frames",))
    notes = Notes(network, precision)
    with keeping(kept_in(output)):
        level = network.settle(named.paths)
        notes.say_precision()
        reading = _engine(engine, workers, stretch, network, replace(choice, precision=level), drifts)
        with EmbeddingTable(output, settings_of(network, stretch, drifts=drifts)) as table:
            done = _fill(table, reading, named.paths, retry=retry, as_json=as_json)
    done.failed += len(named.unfound)
    if done.failed_before:
        say(f"{done.failed_before} of {len(named)} videos failed before; --retry reads them again")
    notes.say_the_rest()
    if not as_json:
        put_line(done.line(output, network.embedding_dim, stretch is not None))
    end_with(done.failed, len(named))


def _found(words: list[str], as_json: bool) -> Named:
    """The videos that are meant, after a row for each word that names none; ends where there are none."""
    named = videos_from(words)
    num_unfound = named.put_unfound(lambda word, why: _put(as_json, word, "failed", why))
    if not named.paths:  # no model is needed to say so
        end_with(num_unfound, num_unfound)
    return named


def _engine(
    name: str,
    workers: int | None,
    window: Window | None,
    network: Model,
    choice: ModelChoice,
    drifts: bool,
) -> Engine:
    """What reads the videos: this machine, or a cluster whose workers make the model that was chosen."""
    if name == "ray":
        from zeroshot.batch.ray_engine import RayEngine

        return RayEngine(partial(model_from, choice), window, num_workers=workers, drifts=drifts)
    from zeroshot.batch.engine import LocalEngine

    return LocalEngine(network, window, drifts=drifts)


def _require_engine(name: str, workers: int | None) -> None:
    """Refuse what is no engine.

    Raises:
        OptionError: an unknown one, one that is not installed, or workers of one that has none.
    """
    from zeroshot.errors import OptionError

    if name == "ray":
        from zeroshot.batch.ray_engine import require_ray

        require_ray()
    elif name != "local":
        raise OptionError(f"engine is {name!r}; expected local or ray")
    elif workers is not None:
        raise OptionError("--workers is given without --engine ray; leave it out")


def _window(window: float | None, stride: float | None) -> Window | None:
    """The stretches that are asked for, or None for whole videos."""
    from zeroshot.errors import OptionError
    from zeroshot.video.sampling import Window

    if window is None and stride is not None:
        raise OptionError("--stride is given without --window; expected the length of a window, too")
    return None if window is None else Window.of(window, stride)


@dataclass
class _Done:
    """How many videos became what: one JSON line each has the same word.

    Attributes:
        embedded: read now, in so many rows.
        kept: their rows stood.
        copy: have the content, and got the rows, of another.
        failed: could not be read, now or before.
        failed_before: of these, in an earlier run; that stands.
        windows: rows of those read now.
    """

    embedded: int = 0
    kept: int = 0
    copy: int = 0
    failed: int = 0
    failed_before: int = 0
    windows: int = 0

    def line(self, output: str, width: int, in_windows: bool) -> str:
        """All of it for people."""
        parts = [f"{counted(self.embedded, 'video')} embedded in width {width}"]
        parts[0] += f", {counted(self.windows, 'window')}" if in_windows else ""
        parts += [f"{self.kept:,} kept"] if self.kept else []
        parts += [f"{self.copy:,} {'copy' if self.copy == 1 else 'copies'}"] if self.copy else []
        parts += [f"{self.failed:,} failed"] if self.failed else []
        total = self.embedded + self.kept + self.copy + self.failed
        return f"{', '.join(parts)}; {total:,} in all, in {output}"


def _put(
    as_json: bool, path: str, state: str, error: str | None = None, breaks_off_seconds: float | None = None
) -> None:
    """A line about a video: in JSON one an input; for people only where it could not be read."""
    if as_json:
        end = {} if breaks_off_seconds is None else {"breaks_off_seconds": breaks_off_seconds}
        put_json({"path": path, "state": state, "error": error, **end})
    elif error is not None:
        say(error)


def _fill(table: EmbeddingTable, engine: Engine, paths: list[str], *, retry: bool, as_json: bool) -> _Done:
    """Give each video its rows, and tell of each what became of it."""
    from zeroshot.batch.engine import fill_table

    if table.left_by is not None:
        say(f"{table.left_by} ended in the midst of {table.folder}; going on")
    done, unread = _Done(), dict.fromkeys(paths)
    new = {path for path in paths if path not in table}
    with progress(len(paths), "videos") as advance:

        def passing() -> Iterator[str]:
            for path in paths:
                yield path
                advance()

        for rows in fill_table(table, engine, passing(), retry=retry):
            path, error = rows[0].path, rows[-1].error
            del unread[path]
            done.failed += error is not None
            done.embedded += error is None
            done.windows += sum(row.embedding is not None for row in rows)
            state = "embedded" if error is None else "failed"
            _put(as_json, path, state, error, rows[0].breaks_off_seconds)
    for path in unread:
        if table.has_failed(path):
            done.failed += 1
            done.failed_before += 1
            if as_json:
                _put(as_json, path, "failed", table.recorded(path)[-1].error)
        else:
            done.copy += path in new
            done.kept += path not in new
            _put(as_json, path, "copy" if path in new else "kept")
    return done
