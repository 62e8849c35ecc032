"""Shards of a waist: safetensors files that are there whole or not at all, read without copying."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from zeroshot.errors import OutputError
from zeroshot.store.files import crc32, crc32_of, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_ARRAYS = {"tokens", "embeddings", "figures"}

SHARD = r"shard-\d{5,}\.safetensors"
"""Pattern of a shard's name."""


@dataclass(frozen=True, eq=False)
class Shard:
    """Some videos of a waist, on disk or in memory.

    Attributes:
        keys: n content keys.
        tokens: (n, S, T, 1+N, C) float16.
        embeddings: (n, S, T, D) float32.
        figures: (n, S, T, N) uint8, the share of each patch that is the person's, 255 all of it and where
            nobody knows; None where nobody knows of any.
    """

    keys: tuple[str, ...]
    tokens: NDArray[np.float16]
    embeddings: NDArray[np.float32]
    figures: NDArray[np.uint8] | None = None


def shard_path(folder: Path, number: int) -> Path:
    """Where a shard lies."""
    return folder / f"shard-{number:05d}.safetensors"


def shard_numbers(folder: Path) -> list[int]:
    """Of the shards in a folder."""
    return sorted(int(path.stem[6:]) for path in folder.iterdir() if re.fullmatch(SHARD, path.name))


def write_shard(path: Path, shard: Shard, made_with: str) -> None:
    """Write n videos as one file, with checksums of all that it holds.

    Args:
        path: of the file.
        shard: what to write.
        made_with: short name of the waist's settings.

    Raises:
        OutputError: it cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {
        "tokens": np.ascontiguousarray(shard.tokens),
        "embeddings": np.ascontiguousarray(shard.embeddings),
    }
    if shard.figures is not None:
        arrays["figures"] = np.ascontiguousarray(shard.figures)
    facts = _facts(path, made_with, shard.keys, arrays)
    facts["crc32"] = {name: crc32(array.data) for name, array in arrays.items()}
    write_whole(path, save(arrays, {"facts": json.dumps(facts), "crc32": crc32_of(facts)}))


def read_shard(path: Path, made_with: str, *, verify: bool = True) -> Shard:
    """The shard of a file, its arrays mapped from the disk as they are needed.

    Args:
        path: a file that `write_shard` wrote.
        made_with: as it was written with.
        verify: read it once and hold it against its checksums; finds damage that leaves the length as it was.

    Raises:
        OutputError: it is damaged, or of another waist.
    """
    try:
        with safe_open(path, "pt") as tensors:  # whose numpy side would copy
            notes = tensors.metadata()
            arrays = {name: tensors.get_tensor(name).numpy() for name in sorted(tensors.keys())}
        facts = json.loads(notes["facts"])
        if notes["crc32"] != crc32_of(facts):
            raise _damaged(path, "the checksum of its header is another")
        sums, keys = facts.pop("crc32"), tuple(facts["keys"])
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror or error}") from error
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, "its header is not readable") from error
    expected = _facts(path, made_with, keys, arrays)
    if facts["made_with"] != made_with or facts["name"] != path.name:
        raise OutputError(f"{path} was copied here from elsewhere; delete it and run the same command again")
    if facts != expected or not {"tokens", "embeddings"} <= set(arrays) <= _ARRAYS:
        raise _damaged(path, "its arrays have other shapes than it says")
    if verify and any(crc32(array.data) != sums[name] for name, array in arrays.items()):
        raise _damaged(path, "its checksum is another")
    return Shard(keys, **arrays)


def _facts(
    path: Path, made_with: str, keys: Sequence[str], arrays: dict[str, NDArray[Any]]
) -> dict[str, Any]:
    """What a shard says of itself."""
    shapes = {name: [str(array.dtype), *array.shape] for name, array in arrays.items()}
    return {"name": path.name, "made_with": made_with, "keys": list(keys), "shapes": shapes}


def _damaged(path: Path, reason: str) -> OutputError:
    return OutputError(f"{path} is damaged: {reason}; delete it and run the same command again")
