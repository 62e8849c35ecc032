"""What other people's folders hold: configs and weights, read without running or believing any of it."""

from __future__ import annotations

import difflib
import gzip
import json
import math
import re
import warnings
import zlib
from collections import Counter, OrderedDict
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from zeroshot.errors import ModelError, one_line, remedy_of_machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import torch

WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".pyth", ".pth.tar")
OFFLINE_REMEDY = (
    "files of your own are named ARCH/weights-file, hf:FOLDER or by their checkpoint folder; "
    "puppet-tiny works offline"
)
TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt", "*.model", "vocab.bpe")
"""What a tokenizer consists of, beside `tokenizer_config.json`: words and rules, no code."""

_MOST_BYTES = 64 << 20  # of a config: published ones have some thousand
_MOST_MERGES_BYTES = 32 << 20
_MOST = 1 << 22  # of a size in a config: vocabularies have a million words at most
_WORD = re.compile(r"[\w.+-]{0,80}")
_REPOSITORY = re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96})?")
# What `tokenizer_config.json` may say; chat templates, code and names of other files are left out.
_TOKENIZER_FIELDS = re.compile(
    r"tokenizer_class|model_max_length|(add|do|use|strip|clean|split|legacy|lowercase|errors|tokenize|keep)\w*"
    r"|(padding|truncation)_side|\w+_token|\w+_tokens(_decoder)?|(src|tgt)_lang|language|vocab_size|content"
    r"|single_word|[lr]strip|normalized|special|\d+|__type"
)
_WRAPPERS = ("state_dict", "model_state", "model_state_dict", "model", "module")
_FEW_NUMBERS = 1 << 20  # that weights may lack: what libraries compute by themselves


def close_matches(word: str, known: Iterable[str]) -> str:
    """The known words nearest to `word`, as the end of a sentence: "; close: a, b", or nothing."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=4, cutoff=0.5)
    return "; close: " + ", ".join(by_lower[match] for match in found) if found else ""


def unknown_architecture(architecture: str, known: Iterable[str]) -> ModelError:
    """The error for what is none of the architectures that open_clip knows."""
    return ModelError(
        f"open_clip knows no architecture {architecture!r}{close_matches(architecture, known)}; "
        "`zeroshot models` lists all, and a model of the hub is named hf:ORG/NAME"
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a model's folder.

    Raises:
        ModelError: it cannot be read, is no regular file or too large, or holds something else.
    """
    try:
        if path.exists() and not path.is_file():
            raise ModelError(f"{path} is no regular file; expected a JSON object")
        if path.stat().st_size > _MOST_BYTES:
            raise ModelError(f"{path} is larger than {_MOST_BYTES >> 20} MiB; expected a small JSON object")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        remedy = remedy_of_machine(error) or "expected a JSON object"
        raise ModelError(f"cannot read {path}: {one_line(error)}; {remedy}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds a {type(content).__name__}; expected a JSON object")
    return content


def is_plain(value: object) -> bool:
    """Whether a value of a config is a truth value, a number within bounds, a word, or a short list of them.

    >>> is_plain(224), is_plain([3, 4, 6, 3]), is_plain("hf-hub:org/name"), is_plain(10**9)
    (True, True, False, False)
    """
    if isinstance(value, list | tuple):
        return len(value) <= 8 and all(
            is_plain(item) and not isinstance(item, list | tuple) for item in value
        )
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) <= _MOST
    return value is None or (isinstance(value, str) and _WORD.fullmatch(value) is not None)


def is_repository(value: object) -> bool:
    """Whether a value has the form of a name on the model hub."""
    return isinstance(value, str) and _REPOSITORY.fullmatch(value) is not None and ".." not in value


def require_plain(values: object, known: Iterable[str], where: str) -> dict[str, Any]:
    """A part of a config, if it holds nothing but known fields with plain values.

    Args:
        values: of the part.
        known: names that it may use.
        where: file and part, for the error.

    Raises:
        ModelError: something else is in it; the line names the first.
    """
    if not isinstance(values, dict):
        raise ModelError(f"{where} is {_short(values)}; expected an object")
    names = set(known)
    for name, value in values.items():
        if name not in names:
            raise ModelError(f"{where} has the field {_short(name)}, which is not known here; remove it")
        if not is_plain(value):
            raise ModelError(f"{where}: {name} is {_short(value)}; expected a plain number or word")
    return dict(values)


def read_weights(paths: Sequence[Path]) -> dict[str, torch.Tensor]:
    """Tensors by name, on the CPU, of one model in one file or several; no code of theirs runs.

    What wraps them (`state_dict`, `model`, `model_state` …) is opened, and all that is no tensor left out.
    Objects of other classes that lie beside them, such as a training's settings, are not made.

    Raises:
        ModelError: a file cannot be read, or holds no tensors.
    """
    found: dict[str, torch.Tensor] = {}
    for path in paths:
        content = _content(path)
        while not _tensors(content):
            inner = [content[name] for name in _WRAPPERS if isinstance(content.get(name), Mapping)]
            if not inner:
                raise ModelError(
                    f"{path} holds no weights; expected tensors by name, as safetensors or as .pt"
                )
            content = inner[0]
        found.update(_tensors(content))
    size = sum(path.stat().st_size for path in paths)
    # A tensor of a file can claim to be larger than its bytes, by strides of 0.
    if sum(tensor.numel() for tensor in found.values()) > size:
        raise ModelError(f"{paths[0]} claims more numbers than it has bytes; fetch it again")
    return found


@dataclass(frozen=True, eq=False)
class Renamed:
    """Tensors under the names that a network has for them.

    Attributes:
        tensors: by name; those only that the network has a place for.
        prefix: what stood before their names; "" where nothing did.
        others: those that it has no place for: as it would call them, and as the file does.
    """

    tensors: dict[str, torch.Tensor]
    prefix: str
    others: dict[str, str]


def renamed(found: Mapping[str, torch.Tensor], wanted: Iterable[str]) -> Renamed:
    """Weights of a CLIP that something was trained around, under the CLIP's own names.

    Training code wraps a network, and each wrapper puts its name before those of the tensors: `module.`,
    `model.`. Some hold the towers by themselves, as `image_encoder.` and `text_encoder.`.

    Args:
        found: as `read_weights` gives them.
        wanted: names of open_clip's tensors.
    """
    names = set(wanted)
    found_names = [{name: name for name in found}, {_without_towers(name): name for name in found}]
    best: tuple[int, int, str, dict[str, str]] = (-1, 0, "", found_names[0])
    for plain in found_names:
        hits: Counter[str] = Counter()
        for name in plain:
            parts = name.split(".")
            for cut in range(min(len(parts), 5)):
                hits["".join(f"{part}." for part in parts[:cut])] += ".".join(parts[cut:]) in names
        for prefix, number in hits.items():
            best = max(best, (number, -len(prefix), prefix, plain), key=lambda each: each[:2])
    _, _, prefix, plain = best
    bare = {name.removeprefix(prefix): old for name, old in plain.items()}
    placed = {name: found[old] for name, old in bare.items() if prefix + name in plain and name in names}
    others = {name: old for name, old in bare.items() if name not in placed}
    apart = plain is not found_names[0] and any(_without_towers(old) != old for old in found)
    shown = f"{prefix}image_encoder., {prefix}text_encoder." if apart else prefix
    return Renamed(placed, shown, others)


def _without_towers(name: str) -> str:
    """A tensor's name where the towers are parts of the network itself."""
    return re.sub(r"(^|\.)text_encoder\.", r"\1", re.sub(r"(^|\.)image_encoder\.", r"\1visual.", name))


def require_fit(wanted: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor], where: str) -> None:
    """Refuse a network that a config asks for, before it is made, where the weights are of another one.

    Args:
        wanted: parameters by name, without memory of their own.
        found: what the weights hold.
        where: the config, for the error.

    Raises:
        ModelError: sizes differ, or the network is far larger than its weights.
    """
    for name, tensor in wanted.items():
        there = found.get(name)
        fixed = not re.search("pos_embed|position|logit_", name)  # these are fitted on loading
        if there is not None and fixed and there.shape != tensor.shape:
            raise ModelError(
                f"{where} asks for {name} of {tuple(tensor.shape)}, its weights have {tuple(there.shape)}; "
                "expected the config that belongs to the weights"
            )
    asked, held = (sum(tensor.numel() for tensor in of.values()) for of in (wanted, found))
    if asked > 2 * held + _FEW_NUMBERS:
        raise ModelError(
            f"{where} asks for {asked:,} numbers, its weights have {held:,}; "
            "expected the config that belongs to the weights"
        )


@contextmanager
def clean_folder(folder: Path, config: Mapping[str, Any] | None = None) -> Iterator[Path]:
    """A folder for as long as it is needed, with those files of a tokenizer alone that hold no code.

    Args:
        folder: where the tokenizer lies.
        config: of the model, plain; None: none.

    Raises:
        ModelError: a file cannot be read.
    """
    files = [file for pattern in TOKENIZER_FILES for file in folder.glob(pattern) if file.is_file()]
    contents = {"config.json": dict(config)} if config is not None else {}
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (folder / name).exists():
            contents[name] = _tokenizer_fields(read_json(folder / name))
    if (folder / "added_tokens.json").exists():
        contents["added_tokens.json"] = read_json(folder / "added_tokens.json")
    with TemporaryDirectory(prefix="zeroshot-") as made:
        clean = Path(made)
        for file in files:
            _link(file.resolve(), clean / file.name)
        for name, values in contents.items():
            (clean / name).write_text(json.dumps(values), encoding="utf-8")
        yield clean


def _tokenizer_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Of a tokenizer's settings those that name tokens and say how texts are cut."""
    return {
        name: _tokenizer_fields(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if _TOKENIZER_FIELDS.fullmatch(name)
    }


def _link(file: Path, place: Path) -> None:
    """The same file at another place, without a copy where the system can do that."""
    try:
        place.symlink_to(file)
    except OSError:
        place.write_bytes(file.read_bytes())


def _short(value: object) -> str:
    """A value of a config, printable and not long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


class _BoxKind(type):
    """Makes boxes of whatever is asked for."""

    def __call__(cls, *_: object) -> Any:  # noqa: ANN401 - whoever calls
        """A box, where a function or a class of the file was to be called."""
        box: Any = object.__new__(cls)  # type: ignore[arg-type]
        return box


class _Box(metaclass=_BoxKind):
    """Stands for an object of whatever class a file names: takes what it is given, and does nothing."""

    def __new__(cls, *_: object) -> Any:  # noqa: ANN401 - torch fills nothing but dictionaries
        return OrderedDict()

    def __setstate__(self, _state: object) -> None:
        """Whatever it was to know."""


def _tensors(content: Mapping[Any, Any]) -> dict[str, torch.Tensor]:
    """Entries that are tensors."""
    import torch

    return {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}


def _content(path: Path) -> Mapping[Any, Any]:
    """What a weights file holds, on the CPU."""
    if not path.name.endswith(WEIGHT_SUFFIXES):
        raise ModelError(f"{path} is no weights file; expected one of {', '.join(WEIGHT_SUFFIXES)}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            tensors: dict[str, torch.Tensor] = load_file(path)
            return tensors
        with warnings.catch_warnings():
            # torch remarks on a newer pickle protocol; what it cannot read is an error anyway.
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            content = _unpickled(path)
    except (
        *(OSError, EOFError, UnpicklingError, SafetensorError, RuntimeError, ValueError, LookupError),
        *(TypeError, AttributeError, MemoryError, OverflowError, RecursionError, AssertionError),
    ) as error:
        remedy = remedy_of_machine(error) or "expected weights as safetensors or as tensors alone"
        raise ModelError(f"cannot read {path}: {one_line(error)}; {remedy}") from error
    if not isinstance(content, Mapping):
        raise ModelError(f"{path} holds a {type(content).__name__}; expected tensors by name")
    return content


def _unpickled(path: Path) -> Any:  # noqa: ANN401 - whatever it holds
    """What `torch.save` wrote, with boxes for objects that are neither tensors nor plain."""
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        strangers = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        with torch.serialization.safe_globals([(_Box, name) for name in strangers]):
            return torch.load(path, map_location="cpu", weights_only=True)


def merges_in(path: Path) -> Path:
    """A file of merges, if it is one of a size that a tokenizer can have.

    Raises:
        ModelError: it is not.
    """
    try:
        with gzip.open(path) as stream:
            size = len(stream.read(_MOST_MERGES_BYTES + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise ModelError(
            f"cannot build the model's tokenizer from {path}: {one_line(error)}; expected merges, gzipped"
        ) from error
    if size > _MOST_MERGES_BYTES:
        raise ModelError(f"{path} unpacks to more than {_MOST_MERGES_BYTES >> 20} MiB; expected merges")
    return path
