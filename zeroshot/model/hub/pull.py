"""Checkpoints from the model hub: the files of one alone, at a commit that is named, or from the cache."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zeroshot.errors import ModelError, printable
from zeroshot.model.hub.own_files import CONFIG, OWN_FILES, own_files, require_repository, require_sizes
from zeroshot.model.networks.fetch import fetch_files, no_answer

if TYPE_CHECKING:
    from pathlib import Path

    from huggingface_hub.hf_api import ModelInfo

PREFIX = "hub:"
"""What the names of checkpoints on the hub begin with."""

_DEFAULT_REVISION = "main"
_REVISION = re.compile(r"(?!.*\.\.)[\w.-]{1,100}(/[\w.-]{1,100}){0,4}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_ANSWER_SECONDS = 5


@dataclass(frozen=True)
class HubName:
    """A checkpoint on the hub.

    Attributes:
        repository: ORG/NAME.
        revision: a branch, a tag or a commit.
    """

    repository: str
    revision: str = _DEFAULT_REVISION

    @property
    def is_pinned(self) -> bool:
        """Whether it will name the same files for ever."""
        return _COMMIT.fullmatch(self.revision) is not None

    def __str__(self) -> str:
        """As the user would write it."""
        return f"{PREFIX}{self.repository}@{self.revision}"


def hub_name(name: str) -> HubName:
    """What `hub:ORG/NAME` or `hub:ORG/NAME@REVISION` names.

    >>> str(hub_name("hub:me/adapter@v1")), hub_name("hub:me/adapter").revision
    ('hub:me/adapter@v1', 'main')

    Raises:
        ModelError: it has another form.
    """
    repository, at, revision = name.removeprefix(PREFIX).partition("@")
    require_repository(repository)
    if at and not _REVISION.fullmatch(revision):
        raise ModelError(
            f"{printable(revision)!r} is no revision (in {printable(name)!r}); expected a branch, a tag or "
            "a commit"
        )
    return HubName(repository, revision or _DEFAULT_REVISION)


@dataclass(frozen=True)
class Pulled:
    """A checkpoint of the hub on this computer.

    Attributes:
        folder: in the hub's cache.
        name: `hub:ORG/NAME@COMMIT`: the same for ever.
        notes: what the user should know, a line each.
    """

    folder: Path
    name: str
    notes: tuple[str, ...] = ()


def pull(name: str, *, from_network: bool = True) -> Pulled:
    """The checkpoint `hub:ORG/NAME@REVISION`, fetched where the cache does not have it.

    Args:
        name: without a revision `main` is meant; a commit that the cache has asks the network nothing.
        from_network: whether it may be fetched; not where a file, instead of the user, names it.

    Raises:
        ModelError: it cannot be fetched, or is no checkpoint of this package.
    """
    wanted = hub_name(name)
    if wanted.is_pinned:
        with suppress(ModelError):
            return _fetched(wanted, from_network=False)
    if not from_network:
        return _fetched(wanted, from_network=False)
    try:
        listing = _listing(wanted)
    except Exception as error:  # noqa: BLE001 - each HTTP library behind the hub's client has its own
        with suppress(ModelError):
            kept = _fetched(wanted, from_network=False)
            note = f"{kept.name} is what the cache has of {wanted}; the model hub: {no_answer(error)}"
            return Pulled(kept.folder, kept.name, (note,))
    else:
        sizes = {each.rfilename: each.size for each in listing.siblings or ()}
        if CONFIG not in sizes:
            raise ModelError(
                f"{wanted.repository} on the model hub is no checkpoint of zeroshot: it has no {CONFIG}"
            )
        require_sizes({name: size for name, size in sizes.items() if name in OWN_FILES}, wanted.repository)
    return _fetched(wanted, from_network=True)


def _listing(wanted: HubName) -> ModelInfo:
    """What the repository holds, with sizes."""
    from huggingface_hub import HfApi

    return HfApi().model_info(
        wanted.repository, revision=wanted.revision, files_metadata=True, timeout=_ANSWER_SECONDS
    )


def _fetched(wanted: HubName, *, from_network: bool) -> Pulled:
    """The checkpoint's files and no others, in the cache, held against what such files are."""
    folder = fetch_files(
        wanted.repository, OWN_FILES, str(wanted), from_network=from_network, revision=wanted.revision
    )
    own_files(folder)
    return Pulled(folder, str(HubName(wanted.repository, folder.name)))
