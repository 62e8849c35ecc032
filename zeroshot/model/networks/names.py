"""From what a user calls a model and a device to what has to be opened, and where."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zeroshot.errors import ModelError
from zeroshot.resources import bundled_names, checkpoints_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

RANDOM_TAG = "random"
WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
OFFLINE_REMEDY = (
    "files of your own are named ARCH/weights-file, hf:FOLDER or by their checkpoint folder; "
    "puppet-tiny works offline"
)

Kind = Literal["random", "tag", "file", "folder", "hub"]


@dataclass(frozen=True)
class ModelName:
    """What a model's name asks for.

    Attributes:
        kind: "random", "tag" and "file" build `architecture` of open_clip with no weights, those of the
            pretrained tag `source`, or those of the file `source`; "folder" opens the folder `source`;
            "hub" fetches the transformers checkpoint `source`.
        architecture: open_clip's name; empty for "folder" and "hub".
        source: tag, path or ORG/NAME; empty for "random".
    """

    kind: Kind
    architecture: str = ""
    source: str = ""


def parse_name(name: str) -> ModelName:
    """What `name` asks for; nothing is opened, and whether an architecture exists is not looked up.

    >>> parse_name("ViT-B-16/openai")
    ModelName(kind='tag', architecture='ViT-B-16', source='openai')

    Args:
        name: `ARCH/TAG`, `ARCH/random`, `ARCH/path/to/weights`, `hf:ORG/NAME`, `hf:FOLDER`, a folder, or
            the name of a bundled checkpoint.

    Raises:
        ModelError: the name is empty, or points at a file or a folder that does not exist.
    """
    if not name.strip():
        raise ModelError("the model's name is empty; expected one like PE-Core-B-16/meta or puppet-tiny")
    if name.startswith("hf:"):
        return _parse_hub_name(name)
    if name in bundled_names(checkpoints_folder()):
        return ModelName("folder", source=str(checkpoints_folder() / name))
    if Path(name).expanduser().is_dir():
        return ModelName("folder", source=str(Path(name).expanduser()))
    architecture, slash, rest = name.partition("/")
    if not slash or architecture in {"", ".", "..", "~"}:
        raise _unknown_bare_name(name)
    if rest == RANDOM_TAG:
        return ModelName("random", architecture)
    file = Path(rest).expanduser()
    if file.is_file():
        return ModelName("file", architecture, str(file))
    if rest.endswith(WEIGHT_SUFFIXES) or "/" in rest:
        raise ModelError(f"no weights file {rest!r} (in the model name {name!r}); expected an existing file")
    return ModelName("tag", architecture, rest)


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name`.

    >>> choose_device("cpu")
    device(type='cpu')

    Args:
        name: "auto" (a CUDA device, else Apple's, else the processor), "cpu", "cuda", "cuda:1", "mps".

    Raises:
        ModelError: unknown, or this computer has none.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind not in {"cpu", "cuda", "mps"} or (number and not number.isdecimal()) or name.endswith(":"):
        raise ModelError(f"device {name!r} is unknown; expected auto, cpu, cuda, cuda:1 or mps")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if int(number or 0) >= counts[kind]:
        there = f"{counts[kind]} of that kind" if counts[kind] else "none of that kind"
        raise ModelError(f"device {name!r} is not there: this computer has {there}; use --device auto or cpu")
    return torch.device(name)


def close_matches(word: str, known: Iterable[str]) -> str:
    """The known words nearest to `word`, as the end of a sentence: "; close: a, b", or nothing."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=4, cutoff=0.5)
    return "; close: " + ", ".join(by_lower[match] for match in found) if found else ""


def one_line(error: BaseException) -> str:
    """The start of a library's error, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:159] + "…"


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a model's folder.

    Raises:
        ModelError: it cannot be read, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {one_line(error)}; expected a JSON object") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds a {type(content).__name__}; expected a JSON object")
    return content


def _parse_hub_name(name: str) -> ModelName:
    """What a name that begins with hf: asks for."""
    source = name.removeprefix("hf:")
    folder = Path(source).expanduser()
    if folder.is_dir():
        return ModelName("folder", source=str(folder))
    if source.count("/") != 1 or source.startswith((".", "/", "~")) or source.endswith("/"):
        raise ModelError(
            f"no folder {source!r} (in the model name {name!r}); expected hf:FOLDER or hf:ORG/NAME"
        )
    return ModelName("hub", source=source)


def _unknown_bare_name(name: str) -> ModelError:
    """The error for a name that is no folder and holds no tag."""
    bundled = bundled_names(checkpoints_folder())
    close = close_matches(name, bundled)
    return ModelError(
        f"no model {name!r}{close}; expected ARCH/TAG, ARCH/random, ARCH/weights-file, hf:ORG/NAME, "
        f"a checkpoint folder, or one of the bundled: {', '.join(bundled) or 'none here'}"
    )
