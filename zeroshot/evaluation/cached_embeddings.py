"""Embeddings of evaluated videos: each video once a model, kept on disk, taken up again after a kill."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.batch.engine import LocalEngine, fill_table, look_up
from zeroshot.batch.table import EmbeddingTable, settings_of
from zeroshot.errors import VideoError
from zeroshot.evaluation.paper_look import Look, view_scores
from zeroshot.index.stage_rows import STAGED_SCALE, staged_videos
from zeroshot.model.clip_queue import PLAIN, WindowVectors
from zeroshot.model.model import STREAMS
from zeroshot.video.source import Stretch, is_path, name_of, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from zeroshot.batch.parquet import EmbeddingRow
    from zeroshot.datasets.splits import LabeledVideo
    from zeroshot.index.index import LabelIndex
    from zeroshot.model.model import Model
    from zeroshot.video.sampling import Window


@dataclass(frozen=True, eq=False)
class Embedded:
    """What a model makes of n videos.

    Attributes:
        vectors: (n, S, D) float32 unit rows of S streams, or (n, S, V, D) of V views; zeros where a video
            failed.
        streams: S names; `clip` alone without an adapter.
        errors: (n,) one line where a video failed, else None.
        missing: (n,) whether the file is not there.
        drifts: (n, D) float32, zeros where a video failed; None where none were asked for.
    """

    vectors: NDArray[np.float32]
    streams: tuple[str, ...]
    errors: tuple[str | None, ...]
    missing: tuple[bool, ...]
    drifts: NDArray[np.float32] | None = None


def embed_pool(
    model: Model,
    videos: Sequence[LabeledVideo],
    folder: str | os.PathLike[str] | None = None,
    *,
    look: Look = Look(),  # noqa: B008 - frozen
    advance: Callable[[int, int], None] | None = None,
    drifts: bool = False,
    plain: bool = False,
) -> Embedded:
    """The vectors of n videos, in their order.

    Videos are read in the order of their names, so that the same videos share the same forward passes
    whatever list they come from.

    Args:
        model: all of whose streams are asked.
        videos: of a protocol, each once.
        folder: where vectors are kept, a folder for each model and way to look at videos; None keeps nothing.
        look: which frames, how they are prepared, and whether a video has one vector or one a view.
        advance: is called with videos done and videos to do.
        drifts: the drift of each video as well; of whole videos alone.
        plain: the stream `clip` beside those of an adapter: the backbone without it.

    Raises:
        OutputError: the folder cannot be written, or another run is writing there.
    """
    plain = plain and model.adapter is not None
    streams = (PLAIN,) if model.adapter is None else (*STREAMS, PLAIN) if plain else STREAMS
    shape: tuple[int, ...] = (len(streams) + drifts, model.embedding_dim)
    if look.pooling != "video":
        shape = (len(streams), (look.sampling or model.sampling).num_views, model.embedding_dim)
    vectors: NDArray[np.float32] = np.zeros((len(videos), *shape), np.float32)
    missing = [is_path(video.path) and not os.path.exists(video.path) for video in videos]  # noqa: PTH110
    errors: list[str | None] = [
        f"{name_of(video.path)} does not exist" if gone else None
        for video, gone in zip(videos, missing, strict=True)
    ]
    order = sorted(range(len(videos)), key=lambda row: (name_of(videos[row].path), row))
    rows = [row for row in order if not missing[row]]
    with nullcontext(model) if look.preprocess is None else model.prepared_as(look.preprocess) as prepared:
        there = [videos[row] for row in rows]
        outcomes = _outcomes(prepared, there, folder, look, drifts=drifts, plain=plain)
        for done, (row, outcome) in enumerate(zip(rows, outcomes, strict=True), start=1):
            if isinstance(outcome, str):
                errors[row] = outcome
            else:
                vectors[row] = outcome.reshape(shape)
            if advance is not None:
                advance(done, len(rows))
    read, last = (vectors[:, :-1], vectors[:, -1]) if drifts else (vectors, None)
    return Embedded(read, streams, tuple(errors), tuple(missing), last)


def embed_windows(
    model: Model, paths: Sequence[str], window: Window, folder: str | os.PathLike[str] | None = None
) -> Iterator[WindowVectors | str]:
    """The windows of each video with their vectors, in the order given, or the error that stopped it.

    Args:
        model: whose chosen stream is asked.
        paths: of video files.
        window: how a video is cut.
        folder: where vectors are kept, as for `embed_pool`; None keeps nothing.

    Raises:
        OutputError: the folder cannot be written, or another run is writing there.
    """
    if folder is None:
        for found in model.embed_windows(paths, window):
            yield found if found.error is None else str(found.error)
        return
    settings = {name: value for name, value in settings_of(model, window).items() if name != "model"}
    with _table_of(Path(folder), settings) as table:
        for rows in look_up(table, LocalEngine(model, window), paths):
            if error := next((row.error for row in rows if row.error is not None), None):
                yield error
                continue
            spans = np.array([(row.start_seconds, row.end_seconds) for row in rows], np.float64)
            vectors = np.stack([row.embedding for row in rows if row.embedding is not None])
            yield WindowVectors(rows[0].path, spans, vectors, None, None)


def stream_scores(
    embedded: Embedded, index: LabelIndex, average: str = "embeddings"
) -> dict[str, NDArray[np.float32]]:
    """Stream → (n, K) scores of its vectors, and of drifts where there are some, with the labels.

    Args:
        embedded: of n videos.
        index: of K labels.
        average: of vectors a view: embeddings, logits or probabilities; of the last scores are (n, V, K).
    """
    scores = {}
    for place, stream in enumerate(embedded.streams):
        vectors = embedded.vectors[:, place]
        if vectors.ndim == 3:
            scores[stream] = view_scores(vectors, index, average)
        elif embedded.drifts is None:
            scores[stream] = index.scores(vectors)
        else:
            scores[stream] = index.scores(staged_videos(vectors, embedded.drifts)) * np.float32(STAGED_SCALE)
    return scores


def _outcomes(
    model: Model,
    videos: Sequence[LabeledVideo],
    folder: str | os.PathLike[str] | None,
    look: Look,
    *,
    drifts: bool,
    plain: bool,
) -> Iterator[NDArray[np.float32] | str]:
    """The vectors of each video, or the error that stopped it."""
    kept = all(is_path(video.path) or isinstance(video.path, Stretch) for video in videos)
    if folder is None or not kept:
        embed = partial(model.embed_streams, drifts=True) if drifts else model.embed_streams
        embed = partial(embed, plain=True) if plain else embed
        embed = embed if look.pooling == "video" else partial(embed, pooling=look.pooling)
        for _, outcome in embed((video.path for video in videos), sampling=look.sampling):
            yield str(outcome) if isinstance(outcome, VideoError) else outcome
        return
    engine = LocalEngine(
        model, sampling=look.sampling, all_streams=True, drifts=drifts, pooling=look.pooling, plain=plain
    )
    with _table(Path(folder), model, look, drifts, plain) as table:
        known: dict[str, EmbeddingRow] = {}
        sources = [video.path if isinstance(video.path, Stretch) else str(video.path) for video in videos]
        for source in sources:
            if found := table.rows_of(source, retry=True):
                known[path_of(source)] = found[0]
        fresh = fill_table(
            table, engine, [each for each in sources if path_of(each) not in known], retry=True
        )
        for source in sources:
            name = path_of(source)
            while name not in known:
                read = next(fresh, None)
                # Not read: it has the content of one that was read in the meantime.
                row = table.recorded(source)[0] if read is None else read[0]
                known[row.path] = row
            row = known[name]
            if row.embedding is None:
                yield row.error or "no vector"
            else:
                yield row.embedding if row.drift is None else np.concatenate([row.embedding, row.drift])


def _table(folder: Path, model: Model, look: Look, drifts: bool, plain: bool) -> EmbeddingTable:
    """The table of one model, looking at videos in one way, in a folder of its own."""
    sampling = look.sampling or model.sampling
    chosen = {"sampling": sampling.as_dict(), "stream": "all, clip" if plain else "all"}
    chosen |= look.settings()
    # What a model is called changes no vector; what it is, does.
    settings = {
        name: value for name, value in settings_of(model, drifts=drifts).items() if name != "model"
    } | chosen
    return _table_of(folder, settings)


def _table_of(folder: Path, settings: dict[str, Any]) -> EmbeddingTable:
    """The table of these settings, in a folder that is called after them."""
    words = json.dumps(settings, sort_keys=True).encode()
    return EmbeddingTable(folder / hashlib.sha256(words).hexdigest()[:16], settings)
