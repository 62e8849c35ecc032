"""A stage for Daft: an expression of paths to one of embeddings, a model a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zeroshot.bridges.ray_data import vectors_of
from zeroshot.checkpoint import load_model, require_model
from zeroshot.resources import require_installed

if TYPE_CHECKING:
    import os


def embed_videos(
    model: str | os.PathLike[str],
    *,
    stream: str | None = None,
    device: str = "auto",
    precision: str = "exact",
) -> Any:  # noqa: ANN401 - a method of a class that Daft makes
    """What makes of a column of paths a column of structs: `embedding`, null for a failed video, and `error`.

    `frame.with_column("found", embed_videos("puppet-tiny")(frame["path"]))`; the model is loaded where the
    column is computed, once a worker.

    Args:
        model: as for `load_model`, as are all.
        stream: of a checkpoint with an adapter.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: exact, fast or fastest.

    Raises:
        OptionError: Daft is not installed.
        ModelError: there can be no model of that name.
    """
    require_installed("a model in Daft needs", ("daft",), package="daft")
    import daft

    name = str(model)
    require_model(name, stream=stream, device=device, precision=precision)
    kind = daft.DataType
    row = kind.struct({"embedding": kind.list(kind.float32()), "error": kind.string()})

    class EmbedVideos:
        """Lives in a worker of Daft."""

        def __init__(self) -> None:
            self.model = load_model(name, stream=stream, device=device, precision=precision)

        @daft.method.batch(return_dtype=row)  # type: ignore[untyped-decorator, unused-ignore]
        def embed(self, paths: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a Series of Daft
            """A struct a path."""
            vectors, errors = vectors_of(self.model, paths.to_pylist())
            return [
                {"embedding": None if error else vector.tolist(), "error": error}
                for vector, error in zip(vectors, errors, strict=True)
            ]

    return daft.cls(EmbedVideos)().embed
