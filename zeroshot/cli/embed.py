"""`zeroshot embed`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.cli import options
from zeroshot.cli.inputs import model_from, sampling_from, videos_from
from zeroshot.cli.screen import end_with, progress, put_json, put_line, say

if TYPE_CHECKING:
    from pathlib import Path

    from zeroshot.batch.table import EmbeddingTable
    from zeroshot.model.model import Model

Output = Annotated[
    str, typer.Option("--output", "-o", metavar="DIR", help="Folder of Parquet parts and a manifest.")
]


def embed(
    videos: options.Videos,
    output: Output,
    model: options.ModelName = None,
    as_json: options.Json = False,
    stream: options.Stream = None,
    device: options.Device = "auto",
    num_frames: options.NumFrames = None,
    num_views: options.NumViews = 1,
    decoder: options.Decoder = "auto",
) -> None:
    """\b
    Example:  zeroshot embed archive/ --output embeddings/

    Writes one row a video (path, embedding, error) as Parquet. Interrupted, the same command goes on where it
    ended. Read it with zeroshot.read_embeddings, pandas, polars or DuckDB.
    """
    from zeroshot.batch.table import EmbeddingTable, settings_of

    paths = videos_from(videos)
    network = model_from(model, device, sampling_from(num_frames, num_views), decoder, stream)
    with EmbeddingTable(output, settings_of(network)) as table:
        todo = [path for path in paths if str(path) not in table.done]
        if len(todo) < len(paths):
            say(f"{len(paths) - len(todo)} of {len(paths)} videos are in {output} already")
        failures = _fill(table, network, todo, as_json)
    if not as_json:
        put_line(f"{len(todo) - failures} embeddings of width {network.embedding_dim} written to {output}")
    end_with(failures, len(todo))


def _fill(table: EmbeddingTable, network: Model, paths: list[Path], as_json: bool) -> int:
    """Give each video its row; gives how many failed."""
    from zeroshot.batch.table import EmbeddingRow
    from zeroshot.errors import VideoError

    failures = 0
    with progress(len(paths), "videos") as advance:
        for path, (_, outcome) in zip(paths, network.embed_many(paths), strict=True):
            if isinstance(outcome, VideoError):
                failures += 1
                row = EmbeddingRow(str(path), None, str(outcome))
            else:
                row = EmbeddingRow(str(path), outcome)
            table.add(row)
            advance()
            if as_json:
                put_json({"path": row.path, "error": row.error})
            elif row.error is not None:
                say(row.error)
    return failures
