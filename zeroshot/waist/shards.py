"""Shards of a waist: safetensors files that are there whole or not at all, read without copying."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save

from zeroshot.errors import OutputError
from zeroshot.store.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

PATTERN = "shard-*.safetensors"
_TYPES = {"F16": np.float16, "F32": np.float32}
_CHUNK = 1 << 24


@dataclass(frozen=True, eq=False)
class Shard:
    """Some videos of a waist, on disk or in memory.

    Attributes:
        keys: n content keys.
        tokens: (n, S, T, 1+N, C) float16.
        embeddings: (n, S, T, D) float32.
    """

    keys: tuple[str, ...]
    tokens: NDArray[np.float16]
    embeddings: NDArray[np.float32]


def write_shard(
    path: Path, keys: Sequence[str], tokens: NDArray[np.float16], embeddings: NDArray[np.float32]
) -> None:
    """Write n videos as one file, with a checksum of its numbers.

    Args:
        path: of the file.
        keys: n content keys.
        tokens: (n, S, T, 1+N, C).
        embeddings: (n, S, T, D).

    Raises:
        OutputError: it cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {
        "tokens": np.ascontiguousarray(tokens),
        "embeddings": np.ascontiguousarray(embeddings),
    }
    sums = {name: _checksum(array) for name, array in arrays.items()}
    write_whole(path, save(arrays, metadata={"keys": json.dumps(list(keys)), "crc32": json.dumps(sums)}))


def read_shard(path: Path, *, verify: bool = True) -> Shard:
    """The shard of a file, its arrays mapped from the disk as they are needed.

    Args:
        path: a file that `write_shard` wrote.
        verify: read it once and hold it against its checksum; finds damage that leaves the length as it was.

    Raises:
        OutputError: it is damaged.
    """
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header: dict[str, Any] = json.loads(stream.read(min(length, path.stat().st_size)))
        notes = header.pop("__metadata__")
        end = 8 + length + max(int(entry["data_offsets"][1]) for entry in header.values())
        if path.stat().st_size != end:
            raise _damaged(path, f"it has {path.stat().st_size} bytes of {end}")
        tokens, embeddings = (_mapped(path, 8 + length, header[name]) for name in ("tokens", "embeddings"))
        keys, sums = tuple(json.loads(notes["keys"])), json.loads(notes["crc32"])
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, "its header is not readable") from error
    if not len(keys) == len(tokens) == len(embeddings):
        raise _damaged(path, "its parts have different lengths")
    if verify and (_checksum(tokens), _checksum(embeddings)) != (sums.get("tokens"), sums.get("embeddings")):
        raise _damaged(path, "its checksum is another")
    return Shard(keys, tokens, embeddings)


def _mapped(path: Path, start: int, entry: dict[str, Any]) -> NDArray[Any]:
    """One array of a safetensors file, mapped."""
    shape = tuple(entry["shape"])
    return np.memmap(path, _TYPES[entry["dtype"]], "r", start + int(entry["data_offsets"][0]), shape)


def _checksum(array: NDArray[Any]) -> int:
    """CRC-32 of an array's bytes, a stretch at a time so that the memory stays small."""
    flat = array.reshape(-1).view(np.uint8)
    total = 0
    for start in range(0, len(flat), _CHUNK):
        total = zlib.crc32(flat[start : start + _CHUNK].data, total)
    return total


def _damaged(path: Path, reason: str) -> OutputError:
    return OutputError(f"{path} is damaged: {reason}; delete it and run the same command again")
