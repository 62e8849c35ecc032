"""Published lists of pairs: before whose place each video's person stands, as HAT's pickle files say."""

from __future__ import annotations

import io
import pickle
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from zeroshot.bias.pairs import PAIRINGS
from zeroshot.errors import OptionError, printable
from zeroshot.video.source import Stretch, is_path, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zeroshot.video.source import VideoSource

_LONGEST = 1 << 26  # bytes: hundreds of times a list of all videos of Kinetics-400


class _Plain(pickle.Unpickler):
    """Reads dictionaries, lists, texts and numbers; whatever would have to be called or imported ends it."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}")

    def persistent_load(self, pid: object) -> NoReturn:
        raise pickle.UnpicklingError(f"it asks for {pid}")


def parse_pairs(words: Sequence[str]) -> dict[str, str]:
    """Pairing → file, of options `PAIRING=FILE`.

    >>> parse_pairs(["same=actionswap_same_1.pickle"])
    {'same': 'actionswap_same_1.pickle'}

    Raises:
        OptionError: another form, an unknown pairing, or one that is named twice.
    """
    found: dict[str, str] = {}
    for word in words:
        pairing, _, file = word.partition("=")
        if pairing not in PAIRINGS or not file:
            expected = f"PAIRING=FILE with one of {', '.join(PAIRINGS)}"
            raise OptionError(f"the list of pairs is {printable(word)!r}; expected {expected}")
        if pairing in found:
            raise OptionError(f"there are two lists of pairs for {pairing!r}; name one")
        found[pairing] = file
    return found


def read_pairs(path: str | Path) -> dict[str, str]:
    """Video → video before whose place its person stands, as a list names them, without suffixes.

    The file is a pickled dictionary; of each value, [video, number of its frames, its class], the first is
    taken. Nothing in it is executed: a file that asks for anything but plain values is refused.

    Args:
        path: such as `actionswap_same_1.pickle` of HAT's repository.

    Raises:
        OptionError: it cannot be read, or is no such list.
    """
    path = Path(path)
    try:
        content = path.read_bytes() if path.stat().st_size <= _LONGEST else b""
    except OSError as error:
        raise OptionError(f"cannot read the pairs {printable(path)}: {error.strerror or error}") from error
    try:
        pairs = _Plain(io.BytesIO(content)).load().items()
        return {_key(name): _key(other if isinstance(other, str) else other[0]) for name, other in pairs}
    except Exception as error:  # a damaged pickle raises anything at all
        raise OptionError(
            f"{printable(path)} is no list of pairs ({type(error).__name__}: {printable(str(error))}); "
            "expected a pickled dictionary of VIDEO → [VIDEO, frames, class]"
        ) from error


def paired_clips(clips: Mapping[str, VideoSource], pairs: Mapping[str, str]) -> dict[str, str]:
    """Name of a clip → name of the clip of its pair; empty where that one is not among the clips.

    A list names `label/video`. A video is found by its own name where that is another than all others', else
    by its folder's and its own.

    Args:
        clips: name → video of each.
        pairs: of `read_pairs`.
    """
    stems = {clip: _named(source) for clip, source in clips.items()}
    often = Counter(stem.rpartition("/")[2] for stem in stems.values())
    places = {stem: clip for clip, stem in stems.items()}
    for clip, stem in stems.items():
        last = stem.rpartition("/")[2]
        if often[last] == 1:
            places[last] = clip

    def place(name: str) -> str:
        return places.get(name) or places.get(name.rpartition("/")[2], "")

    found = {place(name): place(other) for name, other in pairs.items()}
    found.pop("", None)
    return found


def _named(source: VideoSource) -> str:
    """`folder/name` of a video, without its suffix."""
    named = source.as_file if isinstance(source, Stretch) else source
    return _key(str(named) if is_path(named) else name_of(named))


def _key(name: Any) -> str:  # noqa: ANN401 - whatever a list holds
    """The last two parts of a video's name, without the suffix of a file."""
    if not isinstance(name, str):
        raise TypeError(f"{name!r} is no name of a video")
    folder, _, last = name.replace("\\", "/").rstrip("/").rpartition("/")
    stem, dot, suffix = last.rpartition(".")
    last = stem if dot and suffix.isalnum() and len(suffix) <= 4 and not suffix.isdigit() else last
    return f"{folder.rpartition('/')[2]}/{last}" if folder else last
