"""Where the bundled files lie, which version this is, and how it is installed again with more."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

VERSION = "0.1.0"
"""The one place that says it: the build, `zeroshot --version` and reports read it here."""

DISTRIBUTION = "zeroshot-video"
"""What pip calls it. `zeroshot` on the package index is somebody else's."""

_PACKAGE = Path(__file__).resolve().parent


def from_home(path: str | os.PathLike[str]) -> str:
    """The same path, a ~ in front of it written out, as a shell does for what is typed there.

    >>> from_home("a/b"), from_home("~nobody that there is/b")
    ('a/b', '~nobody that there is/b')
    """
    try:
        return os.path.expanduser(os.fspath(path))  # noqa: PTH111 - Path raises where there is no such user
    except ValueError:  # a null character, as in no path: what opens it says so
        return os.fspath(path)


def cache_folder() -> Path | None:
    """Where what can be made again is kept for the next time; None where nothing is to be kept.

    `ZEROSHOT_CACHE` names it, or is "off"; else it is `zeroshot` in the user's cache, `XDG_CACHE_HOME` or
    `~/.cache`.
    """
    told = os.environ.get("ZEROSHOT_CACHE", "")
    if told.lower() == "off":
        return None
    above = os.environ.get("XDG_CACHE_HOME", "")
    usual = Path(above if os.path.isabs(above) else from_home("~/.cache")) / "zeroshot"  # noqa: PTH117
    folder = Path(from_home(told)) if told else usual
    return folder if folder.is_absolute() else None


def install_line(extra: str) -> str:
    """The command that installs an optional part, by how the package itself was installed.

    Args:
        extra: of pyproject.toml, such as "train".
    """
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import unquote, urlsplit

    source = str(_PACKAGE.parent)
    try:
        facts = json.loads(distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
        source = unquote(urlsplit(facts["url"]).path) if "dir_info" in facts else ""
    except PackageNotFoundError:  # run from a source tree
        pass
    except (ValueError, KeyError, TypeError):
        source = ""
    here = (Path(source) / "pyproject.toml").is_file() if source else False
    return f"pip install '{source}[{extra}]'" if here else f"pip install '{DISTRIBUTION}[{extra}]'"


def require_installed(
    what: str, libraries: Iterable[str], *, extra: str | None = None, package: str = ""
) -> None:
    """Refuse what needs libraries that are not installed.

    Args:
        what: needs them, such as "serving needs".
        libraries: as they are imported.
        extra: of pyproject.toml, which brings them.
        package: what pip calls what brings them, where no extra does.

    Raises:
        OptionError: some are missing. The line names them, and the command that installs them.
    """
    if missing := [name for name in libraries if not _is_there(name)]:
        remedy = f"pip install {package}" if extra is None else install_line(extra)
        names = " and ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
        raise OptionError(
            f"{what} {names}, which {'is' if len(missing) == 1 else 'are'} not installed; {remedy}"
        )


def _is_there(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ValueError:  # imported, and of no file
        return True


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


def examples_folder() -> Path:
    """Folder of the bundled example videos: film.mp4, and clips/."""
    return _folder("examples")


def bundled_names(folder: Path, suffix: str = "") -> tuple[str, ...]:
    """Names, sorted and without `suffix`, of the bundled entries in `folder` that end in it."""
    if not folder.is_dir():
        return ()
    names = (entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return tuple(sorted(name.removesuffix(suffix) for name in names if name.endswith(suffix)))
