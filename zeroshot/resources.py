"""Where the bundled files lie: beside the package in a source tree, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    """The bundled folder `name`: inside an installed wheel, or beside the package in a source tree."""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def prompts_folder() -> Path:
    """Folder of the bundled templates, label lists and scene names."""
    return _folder("prompts")


def checkpoints_folder() -> Path:
    """Folder of the bundled checkpoints, one folder each."""
    return _folder("checkpoints")


def bundled_names(folder: Path, suffix: str = "") -> tuple[str, ...]:
    """Names, sorted and without `suffix`, of the bundled entries in `folder` that end in it."""
    if not folder.is_dir():
        return ()
    names = (entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return tuple(sorted(name.removesuffix(suffix) for name in names if name.endswith(suffix)))
