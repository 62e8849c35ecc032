"""One file for an index: labels, vectors and cells beside their checksums, mapped into memory when read.

The file is laid out as safetensors lay theirs out, so that other tools can open it; safetensors' own reader
would copy what it gives to numpy, and a million vectors are to stay in the file.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import IndexFileError
from zeroshot.store.files import crc32, crc32_of, write_whole

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = "zeroshot_label_index"
VERSION = 3
REMEDY = "rebuild it with `zeroshot index`"
_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "U8": np.dtype("u1"), "I64": np.dtype("<i8")}
_NAMES = {kind: name for name, kind in _TYPES.items()}
_PIECE = 1 << 24
_ALIGNED = 64
_LONGEST_HEADER = 1 << 30


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
    words = [label.encode("utf-8", "surrogatepass") for label in index.labels]
    arrays: dict[str, NDArray[Any]] = {
        "embeddings": index.embeddings,
        "label_ends": np.cumsum([len(word) for word in words], dtype=np.int64),
        "labels": np.frombuffer(b"".join(words), np.uint8),
    }
    if index.cells is not None:
        arrays["cells"] = index.cells
    sums = {name: crc32(*_bytes_of(array)) for name, array in arrays.items()}
    contents = {"version": VERSION, **index.contents, "crc32": sums}
    checked = {**contents, "crc32_of_this": crc32_of(contents)}
    write_whole(path, _pieces(arrays, json.dumps(checked, sort_keys=True)))


def is_index(path: Path) -> bool:
    """Whether a file begins as every index does, also one that is damaged further on or of another format."""
    with path.open("rb") as stream:
        return f'{{"__metadata__": {{"{FORMAT}"'.encode() in stream.read(200)


def read_index(path: Path, *, check: bool = True) -> IndexFile:
    """What `write_index` wrote.

    Args:
        path: of the file.
        check: hold vectors and cells against their checksums, which reads them once; labels and settings
            always are.

    Raises:
        IndexFileError: the file is missing, damaged, of another kind or of another version.
    """
    try:
        return _read(path, check)
    except OSError as error:
        reason = error.strerror or str(error)
        raise IndexFileError(
            f"cannot read the index {path}: {reason}; make one with `zeroshot index`"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise IndexFileError(f"index {path} is damaged ({error!r}); {REMEDY}") from None


def _read(path: Path, check: bool) -> IndexFile:
    """As `read_index`, with whatever errors a damaged file causes."""
    header, start = _header(path)
    metadata = header.pop("__metadata__", None) or {}
    if FORMAT not in metadata:
        raise IndexFileError(f"{path} is not a label index; make one with `zeroshot index`")
    contents = json.loads(metadata[FORMAT])
    version = contents.pop("version", None)
    if version != VERSION:
        raise IndexFileError(f"index {path} has format {version}; this version reads {VERSION}; {REMEDY}")
    arrays = _arrays(path, header, start)
    if contents.pop("crc32_of_this") != crc32_of({"version": version, **contents}):
        raise IndexFileError(f"index {path} is damaged: its checksum is wrong; {REMEDY}")
    sums = contents.pop("crc32")
    if sums.keys() != arrays.keys():
        raise ValueError(f"it holds {', '.join(arrays)}")
    for name, array in arrays.items():
        if (check or name.startswith("label")) and sums[name] != crc32(*_bytes_of(array)):
            raise IndexFileError(f"index {path} is damaged: the checksum of its {name} is wrong; {REMEDY}")
    text, ends = arrays["labels"].tobytes(), [0, *arrays["label_ends"].tolist()]
    labels = tuple(text[first:last].decode("utf-8", "surrogatepass") for first, last in pairwise(ends))
    return IndexFile(labels, arrays["embeddings"], contents, arrays.get("cells"))


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The JSON at the start of the file, and where the arrays begin."""
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if size > min(_LONGEST_HEADER, path.stat().st_size):
            raise IndexFileError(f"{path} is not a label index or is damaged; {REMEDY}")
        text = stream.read(size)
    try:
        header = json.loads(text)
    except ValueError:
        raise IndexFileError(f"{path} is not a label index or is damaged; {REMEDY}") from None
    if not isinstance(header, dict):
        raise IndexFileError(f"{path} is not a label index or is damaged; {REMEDY}")
    return header, 8 + size


def _arrays(path: Path, header: Mapping[str, Any], start: int) -> dict[str, NDArray[Any]]:
    """Arrays by name, mapped from the file: what is written into them stays in memory."""
    whole = np.memmap(path, np.uint8, "c")
    arrays: dict[str, NDArray[Any]] = {}
    for name, facts in header.items():
        first, last = facts["data_offsets"]
        kind, shape = _TYPES[facts["dtype"]], tuple(facts["shape"])
        if not 0 <= first <= last <= len(whole) - start or last - first != math.prod(shape) * kind.itemsize:
            raise ValueError(f"{name} does not fit")
        arrays[name] = np.asarray(whole[start + first : start + last]).view(kind).reshape(shape)
    end = max((facts["data_offsets"][1] for facts in header.values()), default=0)
    if start + end != len(whole):
        raise ValueError(f"it has {len(whole)} bytes, not {start + end}")
    return arrays


def _pieces(arrays: Mapping[str, NDArray[Any]], contents: str) -> Iterator[bytes | memoryview]:
    """The bytes of a file, piece by piece."""
    header: dict[str, Any] = {"__metadata__": {FORMAT: contents}}
    end = 0
    for name, array in arrays.items():
        offsets = [end, end + array.nbytes]
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": offsets}
        end = offsets[1]
    text = json.dumps(header, sort_keys=True).encode()
    text += b" " * (-(8 + len(text)) % _ALIGNED)
    yield len(text).to_bytes(8, "little") + text
    for array in arrays.values():
        yield from _bytes_of(array)


def _bytes_of(array: NDArray[Any]) -> Iterator[memoryview]:
    """The bytes of an array in pieces."""
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    for start in range(0, len(flat), _PIECE):
        yield flat[start : start + _PIECE].data


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
