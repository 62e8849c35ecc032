"""Which files a checkpoint consists of: whatever else lies beside them is neither fetched nor pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zeroshot.errors import ModelError, counted, printable
from zeroshot.model.networks.foreign import is_repository, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1
"""Of `config.json`: what this version reads and writes."""

CONFIG, CARD = "config.json", "README.md"
WEIGHTS = ("model.safetensors", "adapter.safetensors")
RECORDS = ("training.json", "adapter_training.json")
_ABOUT = (CARD, *RECORDS, "log.csv", "training.png")
_WORDS = (
    *("merges.txt.gz", "merges.txt", "vocab.json", "vocab.txt", "vocab.bpe", "tokenizer.json"),
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("tokenizer.model", "spiece.model", "sentencepiece.bpe.model"),
)
OWN_FILES = (CONFIG, *WEIGHTS, *_ABOUT, *_WORDS)
"""Names that a file of a checkpoint can have."""

# The largest CLIP published has ten billion bytes of weights; everything else is words and figures.
_MOST_BYTES = {name: (16 << 30 if name in WEIGHTS else 64 << 20) for name in OWN_FILES}


def require_sizes(sizes: Mapping[str, int | None], where: str) -> None:
    """Refuse files of a checkpoint that are larger than such files are.

    Args:
        sizes: name → bytes; None where it is not known yet.
        where: whose files, for the error.

    Raises:
        ModelError: one is too large.
    """
    for name, size in sizes.items():
        if size is not None and size > _MOST_BYTES[name]:
            raise ModelError(
                f"{where}: {name} has {counted(size, 'byte')}; expected up to {_MOST_BYTES[name]:,}"
            )


def own_files(folder: Path) -> tuple[Path, ...]:
    """The files of the checkpoint in a folder, in a fixed order.

    Raises:
        ModelError: it is no checkpoint of this package, or one of them leads elsewhere or is too large.
    """
    if not folder.is_dir():
        raise ModelError(f"there is no folder {printable(folder)}; expected a checkpoint's folder")
    found = tuple(folder / name for name in OWN_FILES if (folder / name).exists())
    # The hub's cache itself keeps files once and links to them, all within the repository's own folder.
    home = folder.parent.parent if folder.parent.name == "snapshots" else folder
    for file in found:
        if not file.is_file() or not file.resolve().is_relative_to(home.resolve()):
            raise ModelError(
                f"{printable(file)} leads out of its folder, or is no regular file; expected the file itself"
            )
    require_sizes({file.name: file.stat().st_size for file in found}, printable(folder))
    _require_checkpoint(folder)
    return found


def config_of(folder: Path) -> dict[str, Any]:
    """What `config.json` of a checkpoint folder says.

    Raises:
        ModelError: it cannot be read.
    """
    return read_json(folder / CONFIG)


def _require_checkpoint(folder: Path) -> None:
    """Refuse what is no checkpoint of this package, or one without its weights."""
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{printable(folder)} is no checkpoint of zeroshot: it has no {CONFIG}")
    config = config_of(folder)
    if config.get("format") != FORMAT or not ("adapter" in config or "model_cfg" in config):
        raise ModelError(
            f"{printable(folder)} is no checkpoint of zeroshot (its {CONFIG} has no format {FORMAT}); "
            "a model of another library is named hf:ORG/NAME or hf:FOLDER"
        )
    wanted = WEIGHTS if {"adapter", "model_cfg"} <= config.keys() else WEIGHTS[:1]
    for name in wanted:
        if not (folder / name).is_file():
            raise ModelError(f"{printable(folder)} has no {name}; expected the checkpoint's weights")


def require_repository(name: str) -> str:
    """The name of a repository, if it has the form ORG/NAME that the hub asks for.

    Raises:
        ModelError: it has another form.
    """
    parts = name.split("/")
    plain = len(parts) == 2 and is_repository(name) and "--" not in name and not name.endswith(".git")
    if not plain or any(part.startswith((".", "-")) or part.endswith((".", "-")) for part in parts):
        raise ModelError(
            f"{printable(name)!r} is no name on the model hub; expected ORG/NAME, such as me/adapter: "
            "letters, digits, -, _ and ., up to 96 each"
        )
    return name
