"""What a model's name asks for: a tag, a file, a checkpoint's folder, or something on the model hub."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zeroshot.errors import ModelError, printable
from zeroshot.model.hub.pull import PREFIX, hub_name, pull
from zeroshot.model.networks.foreign import WEIGHT_SUFFIXES, close_matches, read_json, unknown_architecture
from zeroshot.resources import bundled_names, checkpoints_folder, from_home

if TYPE_CHECKING:
    from zeroshot.model.networks.network import Network

Kind = Literal["random", "tag", "file", "folder", "hub", "pulled"]


@dataclass(frozen=True)
class ModelName:
    """What a model's name asks for.

    Attributes:
        kind: "random", "tag" and "file" build `architecture` of open_clip with no weights, those of the
            pretrained tag `source`, or those of the file `source`; "folder" opens the folder `source`;
            "hub" fetches the transformers checkpoint `source`, "pulled" a checkpoint of this package.
        architecture: open_clip's name; empty for "folder", "hub" and "pulled".
        source: tag, path, ORG/NAME or ORG/NAME@REVISION; empty for "random".
    """

    kind: Kind
    architecture: str = ""
    source: str = ""


def name_given(name: object) -> str:
    """A model's name as text.

    Raises:
        ModelError: it is neither text nor a path.
    """
    if isinstance(name, str | os.PathLike):
        return os.fspath(name)
    held = " (its `model` is)" if hasattr(name, "model") else ""
    raise ModelError(
        f"a {type(name).__name__} is no model{held}; expected a name such as PE-Core-B-16/meta, or a folder"
    )


def parse_name(name: str) -> ModelName:
    """What `name` asks for; nothing is opened, and whether an architecture exists is not looked up.

    >>> parse_name("ViT-B-16/openai")
    ModelName(kind='tag', architecture='ViT-B-16', source='openai')

    Args:
        name: `ARCH/TAG`, `ARCH/random`, `ARCH/path/to/weights`, `hf:ORG/NAME`, `hf:ORG/NAME@REVISION`,
            `hf:FOLDER`, `hub:ORG/NAME`, a folder, or the name of a bundled checkpoint.

    Raises:
        ModelError: the name is empty, or points at a file or a folder that does not exist.
    """
    if not name.strip():
        raise ModelError(
            "the model's name is empty, as of a shell variable that is not set; expected one like "
            "PE-Core-B-16/meta or puppet-tiny"
        )
    if name.startswith("hf:"):
        return _parse_hub_name(name)
    if name.startswith(PREFIX):
        return ModelName("pulled", source=str(hub_name(name)).removeprefix(PREFIX))
    if name in bundled_names(checkpoints_folder()):
        return ModelName("folder", source=str(checkpoints_folder() / name))
    folder = Path(from_home(name))
    if folder.is_dir():
        return ModelName("folder", source=str(folder))
    architecture, slash, rest = name.partition("/")
    if not slash or architecture in {"", ".", "..", "~"}:
        raise _unknown_bare_name(name)
    if rest == "random":
        return ModelName("random", architecture)
    file = Path(from_home(rest))
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
    parsed = parse_name(name)
    if parsed.kind == "folder":
        require_folder(Path(parsed.source))
    elif parsed.kind not in {"hub", "pulled"}:
        known = _architectures()
        if parsed.architecture not in known:
            raise unknown_architecture(parsed.architecture, known)
        if parsed.kind == "tag":
            _require_tag(name, parsed)
    return parsed


def _architectures() -> list[str]:
    """Names of open_clip's architectures, by the files that describe them where it is not imported yet."""
    if (library := sys.modules.get("open_clip")) is not None:
        return list(library.list_models())
    found = find_spec("open_clip")
    folders = (found.submodule_search_locations or ()) if found is not None else ()
    return [file.stem for folder in folders for file in Path(folder, "model_configs").glob("*.json")]


def _require_tag(name: str, parsed: ModelName) -> None:
    """Refuse what is no tag; open_clip, which knows them, is asked about those alone that no table has."""
    from zeroshot.model.networks.published import published_models

    if name not in published_models():
        from zeroshot.model.networks.open_clip import require_tag

        require_tag(parsed.architecture, parsed.source)


def open_network(
    name: ModelName, *, from_hub: bool, encodes: tuple[str, ...] = ("frames", "texts")
) -> Network:
    """The network that a parsed name asks for.

    Args:
        name: of any kind but "pulled".
        from_hub: whether it may be fetched.
        encodes: what it is going to be used for.

    Raises:
        ModelError: it cannot be opened.
    """
    from zeroshot.model.networks import open_clip as openclip

    if name.kind == "random":
        return openclip.random_network(name.architecture)
    if name.kind == "file":
        return openclip.network_from_file(name.architecture, Path(name.source), encodes)
    if name.kind == "tag":
        return openclip.tagged_network(name.architecture, name.source, encodes)
    from zeroshot.model.networks import from_hub as hub

    if name.kind == "hub":
        return hub.network_from_hub(name.source, from_network=from_hub)
    folder = Path(name.source)
    if (folder / "config.json").is_file() and "model_type" in read_json(folder / "config.json"):
        return hub.network_from_pretrained(folder)
    require_folder(folder)
    return openclip.network_from_folder(folder, encodes)


def frames_asked(folder: Path, usual: int) -> int:
    """Frames a clip that a checkpoint folder says it is meant for; the usual number where it says nothing.

    Raises:
        ModelError: it says something else than a number.
    """
    config = folder / "config.json"
    number = read_json(config).get("num_frames", usual) if config.is_file() else usual
    if not isinstance(number, int) or number < 1:
        raise ModelError(f"{config} has num_frames {number!r}; expected a whole number of 1 or more")
    return number


def require_folder(folder: Path) -> None:
    """Refuse a folder that says nothing of a model.

    Raises:
        ModelError: it has no config.
    """
    if not any((folder / name).is_file() for name in ("config.json", "open_clip_config.json")):
        raise ModelError(
            f"{folder} is no model's folder; expected config.json or open_clip_config.json in it"
        )


def is_name_for_all(name: str) -> bool:
    """Whether a model's name means the same on any computer: no folder, no file, nothing that is unknown."""
    try:
        kind = parse_name(name).kind
    except ModelError:
        return False
    return kind in {"random", "tag", "hub", "pulled"} or name in bundled_names(checkpoints_folder())


def _parse_hub_name(name: str) -> ModelName:
    """What a name that begins with hf: asks for."""
    source = name.removeprefix("hf:")
    folder = Path(from_home(source))
    if folder.is_dir():
        return ModelName("folder", source=str(folder))
    repository, at, _ = source.partition("@")
    if repository.count("/") != 1 or source.startswith((".", "/", "~")) or repository.endswith("/"):
        raise ModelError(
            f"no folder {source!r} (in the model name {name!r}); expected hf:FOLDER or hf:ORG/NAME"
        )
    if at:
        hub_name(f"{PREFIX}{source}")  # which has revisions of the same form
    return ModelName("hub", source=source)


def _unknown_bare_name(name: str) -> ModelError:
    """The error for a name that is no folder and holds no tag."""
    bundled = bundled_names(checkpoints_folder())
    close = close_matches(name, bundled)
    return ModelError(
        f"no model {name!r}{close}; expected ARCH/TAG, ARCH/random, ARCH/weights-file, hf:ORG/NAME, "
        f"a checkpoint folder, or one of the bundled: {', '.join(bundled) or 'none here'}"
    )


@dataclass(frozen=True)
class Opened:
    """What a model's name stands for.

    Attributes:
        name: the same, with the commit where it is on the hub.
        folder: of a checkpoint of this package, or None.
        is_foreign: whether it came from the hub.
        notes: what the user should know, a line each.
    """

    name: str
    folder: Path | None
    is_foreign: bool = False
    notes: tuple[str, ...] = ()


def open_name(name: str) -> Opened:
    """The checkpoint folder that a name stands for, fetched where it is on the hub."""
    if name.startswith(PREFIX):
        pulled = pull(name)
        return Opened(pulled.name, pulled.folder, is_foreign=True, notes=pulled.notes)
    return Opened(name, checkpoint_folder(name))


def require_name_for_all(backbone: str | None, where: str) -> None:
    """Refuse to open a folder or a file because somebody else's checkpoint says so.

    Raises:
        ModelError: it names one.
    """
    if backbone is not None and not is_name_for_all(backbone):
        raise ModelError(
            f"{where} reads {printable(backbone[:80])!r}, which is of another computer; if you have that "
            "network, name it with load_model(…, backbone=…)"
        )


def checkpoint_folder(name: str) -> Path | None:
    """The folder, bundled or not, that a model's name stands for; None where it has no config."""
    for folder in (checkpoints_folder() / name, Path(from_home(name))):
        if name.strip() and (folder / "config.json").is_file():
            return folder
    return None
