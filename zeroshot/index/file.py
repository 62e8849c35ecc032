"""One file for an index: labels, vectors and cells, mapped into memory when read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zeroshot.errors import IndexFileError
from zeroshot.store.arrays import (
    ArrayFormat,
    packed_words,
    read_arrays,
    unpacked_words,
    write_arrays,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

REMEDY = "rebuild it with `zeroshot index`"
FORMAT = ArrayFormat(
    "zeroshot_label_index", 4, "label index", "make one with `zeroshot index`", REMEDY, IndexFileError, (3,)
)


@dataclass(frozen=True, eq=False)
class IndexFile:
    """What an index file holds.

    Attributes:
        labels: K names.
        embeddings: (K, D) float32, mapped from the file.
        contents: fingerprint and, where there are cells, recall.
        cells: their bytes, mapped from the file; or None.
    """

    labels: tuple[str, ...]
    embeddings: NDArray[np.float32]
    contents: dict[str, Any]
    cells: NDArray[np.uint8] | None = None


def write_index(path: Path, index: IndexFile) -> None:
    """Write a file that is never seen half written; the same index gives the same bytes.

    Raises:
        OutputError: it cannot be written there.
    """
    letters, ends = packed_words(index.labels)
    arrays: dict[str, NDArray[Any]] = {"embeddings": index.embeddings, "label_ends": ends, "labels": letters}
    if index.cells is not None:
        arrays["cells"] = index.cells
    write_arrays(path, FORMAT, arrays, index.contents)


def read_index(path: Path, *, check: bool = True) -> IndexFile:
    """What `write_index` wrote.

    Args:
        path: of the file.
        check: hold vectors and cells against their checksums, which reads them once; labels and settings
            always are.

    Raises:
        IndexFileError: the file is missing, damaged, of another kind or of another version.
    """
    arrays, contents = read_arrays(path, FORMAT, lambda name: check or name.startswith("label"))
    try:
        labels = unpacked_words(arrays["labels"], arrays["label_ends"])
        return IndexFile(labels, arrays["embeddings"], contents, arrays.get("cells"))
    except (ValueError, KeyError) as error:
        raise IndexFileError(f"index {path} is damaged ({error!r}); {REMEDY}") from None


def refuse_stale(path: str | os.PathLike[str], stored: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Refuse an index that was built with something else than what is wanted.

    Args:
        path: of its file, for the error.
        stored: its fingerprint.
        wanted: what the fingerprint is to say; what is not named here may be anything.

    Raises:
        IndexFileError: the line names what differs.
    """
    differences = [
        f"its {name} is {stored.get(name)!r}, not {value!r}"
        for name, value in wanted.items()
        if stored.get(name) != value
    ]
    if differences:
        raise IndexFileError(f"index {path} is stale: {'; '.join(differences)}; {REMEDY}")
