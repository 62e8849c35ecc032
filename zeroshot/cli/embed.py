"""`zeroshot embed`."""

from __future__ import annotations

from typing import Annotated

import typer

from zeroshot.cli import options
from zeroshot.cli.inputs import model_from, sampling_from, videos_from
from zeroshot.cli.screen import progress, put_json, put_line, say

Output = Annotated[
    str, typer.Option("--output", "-o", metavar="DIR", help="Folder of Parquet parts and a manifest.")
]


def embed(
    videos: options.Videos,
    output: Output,
    model: options.ModelName = None,
    as_json: options.Json = False,
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
    from zeroshot.batch.table import EmbeddingRow, EmbeddingTable, settings_of
    from zeroshot.errors import VideoError

    paths = videos_from(videos)
    network = model_from(model, device, sampling_from(num_frames, num_views), decoder)
    failures = 0
    with EmbeddingTable(output, settings_of(network)) as table:
        todo = [path for path in paths if str(path) not in table.done]
        if len(todo) < len(paths):
            say(f"{len(paths) - len(todo)} of {len(paths)} videos are in {output} already")
        with progress(len(todo), "videos") as advance:
            for video, outcome in network.embed_many(todo):
                failed = isinstance(outcome, VideoError)
                row = (
                    EmbeddingRow(str(video), None, str(outcome))
                    if failed
                    else EmbeddingRow(str(video), outcome)
                )
                table.add(row)
                failures += failed
                advance()
                if as_json:
                    put_json({"path": row.path, "error": row.error})
                elif failed:
                    say(str(outcome))
    if not as_json:
        put_line(f"{len(todo) - failures} embeddings of width {network.embedding_dim} written to {output}")
    if failures:
        say(f"{failures} of {len(todo)} videos failed")
        raise typer.Exit(1)
