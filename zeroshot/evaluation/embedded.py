"""Embeddings of evaluated videos: each video once a model, kept on disk, taken up again after a kill."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.batch.table import EmbeddingRow, EmbeddingTable, read_embeddings, settings_of
from zeroshot.errors import VideoError
from zeroshot.features.keys import file_stamp
from zeroshot.model.model import STREAMS
from zeroshot.video.source import is_path, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from zeroshot.evaluation.splits import LabeledVideo
    from zeroshot.model.model import Model
    from zeroshot.video.sampling import Sampling

_SECONDS_A_PART = 5.0  # of work that a kill costs at most


@dataclass(frozen=True, eq=False)
class Embedded:
    """What a model makes of n videos.

    Attributes:
        vectors: (n, S, D) float32 unit rows of S streams; zeros where a video failed.
        streams: S names; `clip` alone without an adapter.
        errors: (n,) one line where a video failed, else None.
        missing: (n,) whether the file is not there.
    """

    vectors: NDArray[np.float32]
    streams: tuple[str, ...]
    errors: tuple[str | None, ...]
    missing: tuple[bool, ...]


def embed_pool(
    model: Model,
    videos: Sequence[LabeledVideo],
    folder: str | os.PathLike[str] | None = None,
    *,
    sampling: Sampling | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Embedded:
    """The vectors of n videos, in their order.

    Videos are read in the order of their names, so that the same videos share the same forward passes
    whatever list they come from.

    Args:
        model: all of whose streams are asked.
        videos: of a protocol, each once.
        folder: where vectors are kept, a folder for each model and way to look at videos; None keeps nothing.
        sampling: which frames; None: the model's own.
        advance: is called with videos done and videos to do.

    Raises:
        OutputError: the folder cannot be written.
    """
    streams = ("clip",) if model.adapter is None else STREAMS
    width = model.embedding_dim
    vectors = np.zeros((len(videos), len(streams), width), np.float32)
    missing = [is_path(video.path) and not os.path.exists(video.path) for video in videos]  # noqa: PTH110
    errors: list[str | None] = [
        f"{name_of(video.path)} does not exist" if gone else None
        for video, gone in zip(videos, missing, strict=True)
    ]
    order = sorted(range(len(videos)), key=lambda row: (name_of(videos[row].path), row))
    names = [_name(video) for video in videos]
    cache = None if folder is None else _Cache(Path(folder), model, sampling or model.sampling, streams)
    known = {} if cache is None else cache.read()
    todo = []
    for row in order:
        if (vector := known.get(names[row])) is not None:
            vectors[row] = vector.reshape(len(streams), width)
        elif not missing[row]:
            todo.append(row)
    done = len(videos) - len(todo)
    for row, (_, outcome) in zip(
        todo, model.embed_streams((videos[row].path for row in todo), sampling=sampling), strict=True
    ):
        if isinstance(outcome, VideoError):
            errors[row] = str(outcome)
        else:
            vectors[row] = outcome
            if cache is not None and names[row]:
                cache.add(names[row], outcome)
        done += 1
        if advance is not None:
            advance(done, len(videos))
    if cache is not None:
        cache.flush()
    return Embedded(vectors, streams, tuple(errors), tuple(missing))


class _Cache:
    """Vectors of one model, looking at videos in one way, in one folder."""

    def __init__(self, folder: Path, model: Model, sampling: Sampling, streams: tuple[str, ...]) -> None:
        chosen = {"sampling": asdict(sampling), "stream": "all", "streams": list(streams)}
        settings = settings_of(model) | chosen
        # What a model is called changes no vector; what it is, does.
        exact = {name: value for name, value in settings.items() if name != "model"}
        words = json.dumps(exact, sort_keys=True).encode()
        self._folder = folder / hashlib.sha256(words).hexdigest()[:16]
        self._table = EmbeddingTable(self._folder, exact)
        self._written = time.monotonic()

    def read(self) -> dict[str, NDArray[np.float32]]:
        """Name → flat vector of every video that is there."""
        names, rows = read_embeddings(self._folder)
        return dict(zip(names, rows, strict=True))

    def add(self, name: str, vectors: NDArray[np.float32]) -> None:
        """Take one; a part is written every few seconds."""
        self._table.add(EmbeddingRow(name, vectors.reshape(-1)))
        if time.monotonic() - self._written > _SECONDS_A_PART:
            self.flush()

    def flush(self) -> None:
        """Write what is pending."""
        self._table.flush()
        self._written = time.monotonic()


def _name(video: LabeledVideo) -> str:
    """A file by place, size and time, so that a file that was replaced is read again; empty for the rest."""
    stamp = file_stamp(video.path)
    return f"{os.path.abspath(str(video.path))} {stamp}" if stamp else ""  # noqa: PTH100 - links stay
