"""One file of named arrays and what is said of them, each beside its checksum; mapped into memory when read.

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

from zeroshot.errors import OutputError
from zeroshot.store.files import crc32, crc32_of, write_whole
from zeroshot.store.folder import require_room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from zeroshot.errors import ZeroshotError

_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "U8": np.dtype("u1"), "I64": np.dtype("<i8")}
_NAMES = {kind: name for name, kind in _TYPES.items()}
_PIECE = 1 << 24
_ALIGNED = 64
_LONGEST_HEADER = 1 << 30


@dataclass(frozen=True)
class ArrayFormat:
    """A kind of file.

    Attributes:
        mark: the word that every such file begins with.
        version: of the format; files of others are refused, but those of `older`.
        what: it is, in words.
        make: how one is made, in words.
        remedy: what to do about one that cannot be used.
        error: what is raised then.
        older: versions that are read as well, since what they lack has a default.
    """

    mark: str
    version: int
    what: str
    make: str
    remedy: str
    error: type[ZeroshotError]
    older: tuple[int, ...] = ()


def write_arrays(
    path: Path, form: ArrayFormat, arrays: Mapping[str, NDArray[Any]], contents: Mapping[str, Any]
) -> None:
    """Write a file that is never seen half written; the same arrays and contents give the same bytes.

    Args:
        path: of the file; its folder is made where it is missing.
        form: which kind it is.
        arrays: float32, uint8 or int64.
        contents: what JSON holds.

    Raises:
        OutputError: it cannot be written there.
    """
    sums = {name: crc32(*_bytes_of(array)) for name, array in arrays.items()}
    told = {"version": form.version, **contents, "crc32": sums}
    checked = {**told, "crc32_of_this": crc32_of(told)}
    write_whole(path, _pieces(form.mark, arrays, json.dumps(checked, sort_keys=True)))


def read_arrays(
    path: Path, form: ArrayFormat, is_checked: Callable[[str], bool]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays, mapped from the file, and the contents that `write_arrays` wrote.

    Args:
        path: of the file.
        form: which kind it has to be.
        is_checked: of an array's name, whether it is held against its checksum, which reads it once.

    Raises:
        ZeroshotError: `form.error`; the file is missing, no plain one, damaged, of another kind or version.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        kind = "a directory and " if path.is_dir() else ""
        raise form.error(f"{form.what} {path} is {kind}no plain file; {form.make}")
    try:
        return _read(path, form, is_checked)
    except OSError as error:
        reason = error.strerror or str(error)
        raise form.error(f"cannot read the {form.what} {path}: {reason}; {form.make}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise form.error(f"{form.what} {path} is damaged ({error!r}); {form.remedy}") from None


def is_of(path: Path, form: ArrayFormat) -> bool:
    """Whether a file begins as all of a kind do, also one that is damaged further on or of another format."""
    with path.open("rb") as stream:
        return f'{{"__metadata__": {{"{form.mark}"'.encode() in stream.read(200)


def require_place(path: Path, form: ArrayFormat) -> None:
    """Refuse, before long work for its sake, a place where no file of a kind can be written.

    Raises:
        OutputError: it is a folder, another file, or cannot be written.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; expected the name of a file for the {form.what}")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is no plain file; choose another --output")
    if path.exists() and path.stat().st_size and not is_of(path, form):
        raise OutputError(f"{path} is there and is no {form.what}; choose another --output, or delete it")
    require_room(path.parent)


def packed_words(words: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Texts as one array of bytes, and (n,) where each ends in it."""
    encoded = [word.encode("utf-8", "surrogatepass") for word in words]
    ends = np.cumsum([len(word) for word in encoded], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), ends


def unpacked_words(letters: NDArray[np.uint8], ends: NDArray[np.int64]) -> tuple[str, ...]:
    """What `packed_words` packed.

    Raises:
        ValueError: the bytes are no text.
    """
    text, places = letters.tobytes(), [0, *ends.tolist()]
    return tuple(text[first:last].decode("utf-8", "surrogatepass") for first, last in pairwise(places))


def _read(
    path: Path, form: ArrayFormat, is_checked: Callable[[str], bool]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """As `read_arrays`, with whatever errors a damaged file causes."""
    header, start = _header(path, form)
    metadata = header.pop("__metadata__", None) or {}
    if form.mark not in metadata:
        raise form.error(f"{path} is not a {form.what}; {form.make}")
    contents = json.loads(metadata[form.mark])
    version = contents.pop("version", None)
    if version != form.version and version not in form.older:
        raise form.error(
            f"{form.what} {path} has format {version}; this version reads {form.version}; {form.remedy}"
        )
    arrays = _arrays(path, header, start)
    if contents.pop("crc32_of_this") != crc32_of({"version": version, **contents}):
        raise form.error(f"{form.what} {path} is damaged: its checksum is wrong; {form.remedy}")
    sums = contents.pop("crc32")
    if sums.keys() != arrays.keys():
        raise ValueError(f"it holds {', '.join(arrays)}")
    for name, array in arrays.items():
        if is_checked(name) and sums[name] != crc32(*_bytes_of(array)):
            raise form.error(
                f"{form.what} {path} is damaged: the checksum of its {name} is wrong; {form.remedy}"
            )
    return arrays, contents


def _header(path: Path, form: ArrayFormat) -> tuple[dict[str, Any], int]:
    """The JSON at the start of the file, and where the arrays begin."""
    none = form.error(f"{path} is not a {form.what} or is damaged; {form.remedy}")
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if size > min(_LONGEST_HEADER, path.stat().st_size):
            raise none
        text = stream.read(size)
    try:
        header = json.loads(text)
    except ValueError:
        raise none from None
    if not isinstance(header, dict):
        raise none
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


def _pieces(mark: str, arrays: Mapping[str, NDArray[Any]], contents: str) -> Iterator[bytes | memoryview]:
    """The bytes of a file, piece by piece."""
    header: dict[str, Any] = {"__metadata__": {mark: contents}}
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
