"""What a model's name asks for, and whether there can be a model of that name; no weights are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zeroshot.errors import ModelError
from zeroshot.model.networks.foreign import WEIGHT_SUFFIXES, close_matches
from zeroshot.resources import bundled_names, checkpoints_folder

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
    if rest == "random":
        return ModelName("random", architecture)
    file = Path(rest).expanduser()
    if file.is_file():
        return ModelName("file", architecture, str(file))
    if rest.endswith(WEIGHT_SUFFIXES) or "/" in rest:
        raise ModelError(f"no weights file {rest!r} (in the model name {name!r}); expected an existing file")
    return ModelName("tag", architecture, rest)


def require_name(name: str) -> ModelName:
    """What `name` asks for, if there can be such a model: its architecture, tag or folder is there.

    Whether its weights can be had, and are whole, shows when they are loaded.

    Raises:
        ModelError: as `parse_name`, or an architecture, a tag or a folder that is none.
    """
    from zeroshot.model.networks.open_clip import require_architecture, require_tag

    parsed = parse_name(name)
    if parsed.kind == "folder":
        require_folder(Path(parsed.source))
    elif parsed.kind == "tag":
        require_tag(parsed.architecture, parsed.source)
    elif parsed.kind != "hub":
        require_architecture(parsed.architecture)
    return parsed


def require_folder(folder: Path) -> None:
    """Refuse a folder that says nothing of a model.

    Raises:
        ModelError: it has no config.
    """
    if not any((folder / name).is_file() for name in ("config.json", "open_clip_config.json")):
        raise ModelError(
            f"{folder} is no model's folder; expected config.json or open_clip_config.json in it"
        )


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
