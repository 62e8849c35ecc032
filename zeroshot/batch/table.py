"""A folder of embeddings: Parquet parts and a manifest, written so that a broken run can go on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from zeroshot.errors import OutputError
from zeroshot.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from numpy.typing import NDArray

    from zeroshot.model.model import Model

MANIFEST = "manifest.json"
_ROWS_PER_PART = 1000  # a crash costs at most this many rows of work; a part is then a few MB


@dataclass(frozen=True)
class EmbeddingRow:
    """One video of a table.

    Attributes:
        path: the video as it was named.
        embedding: (D,) float32 unit vector, or None where the video failed.
        error: one line, or None.
    """

    path: str
    embedding: NDArray[np.float32] | None
    error: str | None = None


class EmbeddingTable:
    """Rows on their way into a folder: `part-00000.parquet` …, each complete or absent, and `manifest.json`.

    The manifest holds the settings that made the vectors. A folder made with other settings is refused, so
    that vectors of different models never mix. Use as a context manager: leaving it writes what is pending,
    also when the run is interrupted.

    Attributes:
        folder: where the parts lie.
        done: paths that already have a row.
    """

    def __init__(self, folder: str | Path, settings: Mapping[str, Any]) -> None:
        """Open `folder` for these settings, new or to go on with.

        Args:
            folder: made where it is missing.
            settings: JSON-able; equal settings make exchangeable vectors.

        Raises:
            OutputError: it cannot be written, is full of something else, or holds vectors of other settings.
        """
        self.folder = Path(folder)
        self._pending: list[EmbeddingRow] = []
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._agree(dict(settings))
            self.done = {path for part in self._parts() for path in _column(part, "path")}
        except OSError as error:
            raise OutputError(
                f"cannot write to {self.folder}: {error.strerror or error}; choose another --output"
            ) from error

    def __enter__(self) -> EmbeddingTable:
        """The table itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is pending, whatever ended the run."""
        self.flush()

    def add(self, row: EmbeddingRow) -> None:
        """Take one row; every thousand become a part."""
        self._pending.append(row)
        self.done.add(row.path)
        if len(self._pending) >= _ROWS_PER_PART:
            self.flush()

    def flush(self) -> None:
        """Write the pending rows as a part that appears whole or not at all.

        Raises:
            OutputError: the disk is full or read-only; the parts written before stay.
        """
        if not self._pending:
            return
        table = pa.table(
            {
                "path": pa.array([row.path for row in self._pending], pa.string()),
                "embedding": pa.array([row.embedding for row in self._pending], pa.list_(pa.float32())),
                "error": pa.array([row.error for row in self._pending], pa.string()),
            }
        )
        parts = self._parts()
        number = 1 + int(parts[-1].stem.removeprefix("part-")) if parts else 0
        target = self.folder / f"part-{number:05d}.parquet"
        beside = target.with_suffix(".tmp")
        try:
            pq.write_table(table, beside)
            beside.replace(target)
        except OSError as error:
            raise OutputError(
                f"cannot write {target}: {error.strerror or error}; free the disk and run again"
            ) from error
        self._pending.clear()

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))

    def _agree(self, settings: dict[str, Any]) -> None:
        """Write the manifest of a new folder, or hold the settings against an old one's."""
        manifest = self.folder / MANIFEST
        if not manifest.exists():
            if any(self.folder.iterdir()):
                raise OutputError(
                    f"{self.folder} is not empty and holds no {MANIFEST}; choose an empty folder"
                )
            write_whole(manifest, (json.dumps(settings, indent=2) + "\n").encode())
            return
        before = read_manifest(self.folder)
        if differing := sorted(
            key for key in settings.keys() | before.keys() if settings.get(key) != before.get(key)
        ):
            key = differing[0]
            raise OutputError(
                f"{self.folder} holds embeddings with {key} {before.get(key)!r}, "
                f"this run has {settings.get(key)!r}; "
                "choose another --output"
            )


def settings_of(model: Model) -> dict[str, Any]:
    """What two runs must share for their vectors to be exchangeable: the model and the frames it looks at."""
    adapted = {} if model.adapter is None else {"adapter": model.adapter_fingerprint, "stream": model.stream}
    return {
        "format": 1,
        "model": model.name,
        "fingerprint": model.fingerprint,
        **adapted,
        "embedding_dim": model.embedding_dim,
        "sampling": asdict(model.sampling),
    }


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """The settings that made the embeddings in `folder`.

    Raises:
        OutputError: there is no manifest, or it is damaged.
    """
    path = Path(folder) / MANIFEST
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(
            f"cannot read {path}: {error}; expected a folder that `zeroshot embed` wrote"
        ) from error
    if not isinstance(settings, dict):
        raise OutputError(f"{path} is no table of settings; expected a folder that `zeroshot embed` wrote")
    return settings


def read_embeddings(folder: str | Path) -> tuple[list[str], NDArray[np.float32]]:
    """Paths of the n videos that have an embedding in `folder`, and their (n, D) float32 unit rows.

    Raises:
        OutputError: the folder was not written by `zeroshot embed`, or a part is damaged.
    """
    read_manifest(folder)
    paths: list[str] = []
    rows: list[Any] = []
    for part in sorted(Path(folder).glob("part-*.parquet")):
        for path, embedding in zip(_column(part, "path"), _column(part, "embedding"), strict=True):
            if embedding is not None:
                paths.append(path)
                rows.append(embedding)
    width = len(rows[0]) if rows else 0
    return paths, np.asarray(rows, dtype=np.float32).reshape(len(rows), width)


def _column(part: Path, name: str) -> list[Any]:
    try:
        values: list[Any] = pq.read_table(part, columns=[name])[name].to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise OutputError(
            f"{part} is damaged: {str(error).splitlines()[0]}; delete it and run again"
        ) from error
    return values
