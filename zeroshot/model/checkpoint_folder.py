"""The folder that a checkpoint's name stands for: bundled, on this computer, or fetched from the hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zeroshot.errors import ModelError, printable
from zeroshot.model.hub.pull import PREFIX, pull
from zeroshot.model.names import is_name_for_all
from zeroshot.resources import checkpoints_folder


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
    return Opened(name, _checkpoint_folder(name))


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


def _checkpoint_folder(name: str) -> Path | None:
    """The folder, bundled or not, that a model's name stands for; None where it has no config."""
    for folder in (checkpoints_folder() / name, Path(name).expanduser()):
        if name.strip() and (folder / "config.json").is_file():
            return folder
    return None
