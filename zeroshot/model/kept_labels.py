"""Vectors of label lists, kept on disk: the same labels and the same weights are not encoded again.

A list has a file of its own, named by everything that its vectors depend on. What lies there is a copy that
can be made again at any time: whatever is damaged, foreign or a link is passed over and written anew, what
cannot be written is not kept, and nobody is told. No file holds a word of a label.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import torch

from zeroshot.errors import OutputError
from zeroshot.resources import VERSION, cache_folder
from zeroshot.store.arrays import ArrayFormat, read_arrays, write_arrays
from zeroshot.store.files import is_half

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from zeroshot.model.backbone import Backbone

FEWEST_TEXTS = 128
"""Of fewer nothing is kept: the digest of the weights takes as long as encoding some twenty."""
MOST_BYTES = 256 << 20
"""Of all lists together; those used longest ago go first."""

_MOST_OF_ONE = MOST_BYTES // 4
_TEXTS_AT_ONCE = 1024
_FILES = r"[0-9a-f]{32}\.labels"
_ABANDONED = 3600.0  # seconds after which a half file is nobody's
_ROWS = "rows"
_FORMAT = ArrayFormat(
    "zeroshot_kept_labels",
    1,
    "file of vectors of labels",
    "it is made again",
    "delete it",
    OutputError,
)


def kept_or_made(
    backbone: Backbone, texts: Sequence[Sequence[str]], make: Callable[[], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Vectors (K, D) of K labels as they were made before, to the bit, or made now and kept.

    On a GPU nothing is kept, as encoding is as quick as finding out there.

    Args:
        backbone: that encodes.
        texts: K × P of the labels, `FEWEST_TEXTS` or more.
        make: encodes them.
    """
    shape = (len(texts), backbone.embedding_dim)
    if 4 * shape[0] * shape[1] > _MOST_OF_ONE or backbone.device.type != "cpu":
        return make()
    folder = cache_folder()
    if folder is None:
        return make()
    key = _key(backbone, texts)
    path = folder / "labels" / f"{key[:32]}.labels"
    found = _read(path, key, shape)
    if found is None:
        found = make()
        _write(path, key, found)
    return found


def _key(backbone: Backbone, texts: Sequence[Sequence[str]]) -> str:
    """SHA-256 of all that the vectors depend on: weights, texts, how they are cut up, and the arithmetic."""
    arithmetic = (VERSION, torch.__version__, torch.backends.cpu.get_cpu_capability())
    words = [*arithmetic, backbone.text_fingerprint, [list(some) for some in texts]]
    digest = hashlib.sha256(json.dumps(words).encode())
    every = list(chain.from_iterable(texts))
    for start in range(0, len(every), _TEXTS_AT_ONCE):
        digest.update(backbone.token_ids(every[start : start + _TEXTS_AT_ONCE]).tobytes())
    return digest.hexdigest()


def _read(path: Path, key: str, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """The vectors in a file, if it is a whole one of one's own and holds those of the key."""
    try:
        facts = os.lstat(path)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != _own(facts.st_uid):
            return None
        arrays, contents = read_arrays(path, _FORMAT, lambda _: True)
    except (OSError, OutputError):
        return None
    rows = arrays.get(_ROWS)
    if contents.get("key") != key or rows is None or rows.shape != shape or rows.dtype != np.float32:
        return None
    with suppress(OSError):
        os.utime(path)  # used last now
    return np.array(rows)


def _write(path: Path, key: str, rows: NDArray[np.float32]) -> None:
    """Keep vectors, where that is possible, and delete those for which there is no room then."""
    with suppress(OSError, OutputError):
        write_arrays(path, _FORMAT, {_ROWS: np.ascontiguousarray(rows, dtype="<f4")}, {"key": key})
        _make_room(path.parent)


def _make_room(folder: Path) -> None:
    """Delete the files used longest ago while all together are too large, and half files nobody writes."""
    with os.scandir(folder) as entries:
        there = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    kept = []
    for entry in there:
        facts = entry.stat(follow_symlinks=False)
        if entry.name.endswith(".labels") and not entry.name.startswith("."):
            kept.append((facts.st_mtime, facts.st_size, entry.path))
        elif is_half(entry.name, _FILES) and time.time() - facts.st_mtime > _ABANDONED:
            os.unlink(entry.path)  # noqa: PTH108 - as scandir has it
    total = 0
    for _, size, path in sorted(kept, reverse=True):
        total += size
        if total > MOST_BYTES:
            with suppress(FileNotFoundError):  # another process was first
                os.unlink(path)  # noqa: PTH108


def _own(other: int) -> int:
    """The number of this process's user; the other where users have none."""
    return os.getuid() if hasattr(os, "getuid") else other
