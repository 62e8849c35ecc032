"""Models fetched into the hub's cache before they are needed: how large, whether they fit, where they lie."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zeroshot.errors import ModelError, OptionError
from zeroshot.model.adapter_files import backbone_named
from zeroshot.model.hub.own_files import OWN_FILES
from zeroshot.model.hub.pull import hub_name, pull
from zeroshot.model.names import checkpoint_folder, require_name
from zeroshot.model.networks.fetch import explained, fetch_files
from zeroshot.model.networks.published import (
    Part,
    cache_folder,
    cached_snapshot,
    in_words,
    is_cached,
    part_of_hub,
    parts_of_tag,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_ANSWER_SECONDS = 5
_SPARE_BYTES = 100 << 20  # that a disk keeps free beside what is fetched


@dataclass(frozen=True)
class Size:
    """What a model takes.

    Attributes:
        total_bytes: of all its files.
        missing_bytes: of those that are not in the cache.
        free_bytes: of the disk that the cache is on.
    """

    total_bytes: int
    missing_bytes: int
    free_bytes: int

    def __str__(self) -> str:
        """In words."""
        if not self.missing_bytes:
            return f"{in_words(self.total_bytes)}, all of it in the cache"
        return (
            f"{in_words(self.missing_bytes)} of {in_words(self.total_bytes)} to fetch into {cache_folder()}, "
            f"{in_words(self.free_bytes)} free there"
        )


@dataclass(frozen=True)
class Downloaded:
    """A model in the cache.

    Attributes:
        name: as it was asked for.
        size: before it was fetched; None where the hub did not answer, and the cache has the model.
        folders: where its files lie, the weights' first.
    """

    name: str
    size: Size | None
    folders: tuple[Path, ...]


def download(name: str, tell: Callable[[Size], None] | None = None) -> Downloaded:
    """Fetch every file of a model that is not in the cache; a file that is there in part is gone on with.

    Without a network a model that is in the cache is found there.

    Args:
        name: `ARCH/TAG`, `hf:ORG/NAME@REVISION` or `hub:ORG/NAME@REVISION`; without a revision main.
        tell: is told how much there is to fetch, before any of it is.

    Raises:
        OptionError: the name is one of a model that lies on this computer or has no weights.
        ModelError: there can be no model of that name, the hub does not answer or does not have it, or the
            disk is too small.
    """
    parts = _parts(name)
    try:
        listed = [_listed(part, name) for part in parts]
    except ModelError:
        if is_cached(name):
            found = (cached_snapshot(part.repository, part.revision) for part in parts)
            return Downloaded(name, None, tuple(folder for folder in found if folder is not None))
        raise
    size = _size(parts, listed)
    if tell is not None:
        tell(size)
    if size.missing_bytes + _SPARE_BYTES * bool(size.missing_bytes) > size.free_bytes:
        raise ModelError(
            f"{name} takes {in_words(size.missing_bytes)} more in {cache_folder()}, where "
            f"{in_words(size.free_bytes)} are free; make room, or let HF_HUB_CACHE name another folder"
        )
    if name.startswith("hub:"):
        return Downloaded(name, size, (pull(name).folder,))
    folders = [
        fetch_files(part.repository, tuple(sizes), name, revision=part.revision)
        for part, sizes in zip(parts, listed, strict=True)
    ]
    return Downloaded(name, size, tuple(dict.fromkeys(folders)))


def fetch_missing(names: Sequence[str]) -> None:
    """Fetch what the cache lacks of several models, so that none fails after another has run for hours.

    Args:
        names: as for `load_model`; of those that lie on this computer only the published network that an
            adapter reads may be lacking.

    Raises:
        ModelError: as `download`.
    """
    for name in names:
        kind = require_name(name).kind
        if kind in {"tag", "hub", "pulled"} and not is_cached(name):
            download(name)
        folder = pull(name, from_network=False).folder if kind == "pulled" else checkpoint_folder(name)
        below = None if folder is None else backbone_named(folder)
        if below is not None and require_name(below).kind == "tag" and not is_cached(below):
            download(below)


def _parts(name: str) -> tuple[Part, ...]:
    """What a model consists of."""
    parsed = require_name(name)
    if parsed.kind == "tag":
        return parts_of_tag(parsed.architecture, parsed.source)
    if parsed.kind == "hub":
        return (part_of_hub(parsed.source),)
    if parsed.kind == "pulled":
        return (Part(hub_name(name).repository, always=OWN_FILES, revision=hub_name(name).revision),)
    where = "has no weights" if parsed.kind == "random" else f"lies in {parsed.source} already"
    raise OptionError(f"{name} {where}; expected ARCH/TAG, hf:ORG/NAME or hub:ORG/NAME to download")


def _listed(part: Part, name: str) -> dict[str, int]:
    """The files of a part that are fetched, with their sizes, as the hub lists them.

    Raises:
        ModelError: the hub does not answer, or has no such repository.
    """
    from huggingface_hub import HfApi

    try:
        listing = HfApi().model_info(
            part.repository, revision=part.revision, files_metadata=True, timeout=_ANSWER_SECONDS
        )
    except Exception as error:  # each HTTP library behind the hub's client has errors of its own
        raise explained(error, part.repository, name, revision=part.revision) from error
    sizes = {file.rfilename: file.size or 0 for file in listing.siblings or ()}
    if not part.has_weights(sizes):
        raise ModelError(
            f"cannot fetch {name}: {part.repository} has no {' or '.join(part.choices)}; "
            "expected a repository with weights"
        )
    return {each: sizes[each] for each in part.wanted(sizes)}


def _size(parts: tuple[Part, ...], listed: list[dict[str, int]]) -> Size:
    """How much there is, how much of it is missing here, and how much room there is."""
    total = missing = 0
    for part, sizes in zip(parts, listed, strict=True):
        snapshot = cached_snapshot(part.repository, part.revision)
        for file, size in sizes.items():
            total += size
            missing += 0 if snapshot is not None and (snapshot / file).is_file() else size
    place = next(folder for folder in (cache_folder(), *cache_folder().absolute().parents) if folder.exists())
    return Size(total, missing, shutil.disk_usage(place).free)
