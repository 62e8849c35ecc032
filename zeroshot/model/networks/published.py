"""Published models: repository, files, size, licence, and which are in the hub's cache. Asks no network."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


HUB_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
"""What open_clip calls weights on the hub, in the order of preference."""

TOKENIZER_PATTERNS = ("*.json", "*.model", "*.txt")
"""Of a tokenizer; and of a checkpoint of transformers, whatever is no weights."""


@dataclass(frozen=True)
class Part:
    """What is fetched of one repository.

    Attributes:
        repository: ORG/NAME.
        always: patterns of files that are fetched, whichever there are.
        choices: patterns of which the first is fetched that the repository has a file for.
        revision: branch, tag or commit.
    """

    repository: str
    always: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    revision: str = "main"

    def has_weights(self, names: Iterable[str]) -> bool:
        """Whether one of the choices, where there are some, is among the names in a repository."""
        here = list(names)
        return not self.choices or any(fnmatch(name, each) for each in self.choices for name in here)

    def wanted(self, names: Iterable[str]) -> list[str]:
        """Of the names in a repository those that are fetched; only its top folder is looked at."""
        here = [name for name in names if "/" not in name]
        chosen = next((each for each in self.choices if any(fnmatch(name, each) for name in here)), None)
        patterns = [*self.always, *([] if chosen is None else [chosen])]
        return [name for name in here if any(fnmatch(name, pattern) for pattern in patterns)]


def parts_of_tag(architecture: str, tag: str) -> tuple[Part, ...]:
    """What a pretrained tag of open_clip consists of: weights, and a tokenizer or config that lies elsewhere.

    Args:
        architecture: that open_clip knows.
        tag: that it knows for this architecture.
    """
    from zeroshot.model.networks.open_clip_towers import import_open_clip  # and torch with it

    open_clip = import_open_clip()

    repository, _, filename = open_clip.get_pretrained_cfg(architecture, tag)["hf_hub"].rpartition("/")
    names = (filename.replace(".bin", ".safetensors"), filename) if filename else HUB_WEIGHTS
    config = open_clip.get_model_config(architecture) or {}
    text = config.get("text_cfg", {})
    parts = [Part(repository, choices=tuple(names))]
    if text.get("hf_tokenizer_name"):
        parts.append(Part(text["hf_tokenizer_name"], always=TOKENIZER_PATTERNS))
    if text.get("hf_model_name"):
        parts.append(Part(text["hf_model_name"], always=("*.json",)))
    return tuple(parts)


def part_of_hub(source: str) -> Part:
    """What a checkpoint of transformers on the hub consists of.

    Args:
        source: ORG/NAME or ORG/NAME@REVISION.
    """
    repository, _, revision = source.partition("@")
    choices = ("model*.safetensors", "pytorch_model*.bin")
    return Part(repository, TOKENIZER_PATTERNS, choices, revision or "main")


_TABLE = Path(__file__).with_name("published.csv")  # written by scripts/list_models.py
_PREFIX = "models--"  # of a repository's folder in the cache
_BYTES_A_PARAMETER = 4  # float32, as nearly all of these weights are published
_WEIGHTS = ("*.safetensors", "*.bin")
_WORDS = ("tokenizer.json", "vocab.*", "*.model", "config.json")


class Published(NamedTuple):
    """A model that open_clip or this package names.

    Attributes:
        name: as --model takes it.
        repository: ORG/NAME on the model hub, of its weights.
        besides: other repositories, of its tokenizer or of what its text tower is like.
        num_bytes: of its weights in float32, counted on the network; None where nobody could.
        licence: as its publisher or timm says; empty where neither was found to say any.
    """

    name: str
    repository: str
    besides: tuple[str, ...]
    num_bytes: int | None
    licence: str


@cache
def published_models() -> dict[str, Published]:
    """Every published model by name, in open_clip's order."""
    with _TABLE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {
        row["model"]: Published(
            row["model"],
            row["repository"],
            tuple(row["besides"].split()),
            _BYTES_A_PARAMETER * int(row["parameters"]) if row["parameters"] else None,
            row["licence"],
        )
        for row in rows
    }


def in_words(num_bytes: int) -> str:
    """A size for people.

    >>> in_words(1_790_642_180), in_words(151_277_313), in_words(999)
    ('1.8 GB', '151 MB', '1 kB')
    """
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if num_bytes >= unit:
            return f"{num_bytes / unit:.1f} {name}" if unit == 10**9 else f"{num_bytes / unit:.0f} {name}"
    return f"{max(1, round(num_bytes / 1000))} kB"


def cache_folder() -> Path:
    """Where the hub's client keeps what it fetches: HF_HUB_CACHE, or `hub` in HF_HOME."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def repository_folder(repository: str) -> Path:
    """Where the cache keeps a repository; copied to another computer, it is in the cache there, too."""
    return cache_folder() / f"{_PREFIX}{repository.replace('/', '--')}"


def cached_snapshot(repository: str, revision: str = "main") -> Path | None:
    """The folder of what the cache has of a repository at a branch, a tag or a commit, or None."""
    folder = repository_folder(repository)
    try:
        commit = (folder / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        commit = revision
    snapshot = folder / "snapshots" / commit
    return snapshot if commit and snapshot.is_dir() else None


def is_cached(name: str) -> bool:
    """Whether a model can be loaded, and texts be encoded, without a network."""
    model = published_models().get(name)
    if model is not None:
        return _is_cached(model)
    if name.startswith("hub:"):
        repository, _, revision = name.removeprefix("hub:").partition("@")
        return all(_has(repository, each, revision or "main") for each in (_WEIGHTS, ("config.json",)))
    if name.startswith("hf:") and "@" in name:
        part = part_of_hub(name.removeprefix("hf:"))
        return all(_has(part.repository, each, part.revision) for each in (_WEIGHTS, ("config.json",)))
    return name in cached_models()


def _is_cached(model: Published) -> bool:
    """Whether the cache has weights, and whatever is needed besides."""
    return _has(model.repository, _WEIGHTS) and all(_has(each, _WORDS) for each in model.besides)


def cached_models() -> list[str]:
    """Models that are in the cache, each by one name; other people's as hf:ORG/NAME or hub:ORG/NAME."""
    known = published_models().values()
    names = {model.repository: model.name for model in reversed(known) if _is_cached(model)}
    found = list(names.values())[::-1]
    listed = {repository for model in known for repository in (model.repository, *model.besides)}
    try:
        folders = sorted(cache_folder().glob(f"{_PREFIX}*"))
    except OSError:
        folders = []
    for folder in folders:
        repository = folder.name.removeprefix(_PREFIX).replace("--", "/", 1)
        if repository not in listed and _has(repository, _WEIGHTS):
            found += _named(repository)
    return found


def _named(repository: str) -> list[str]:
    """What a cached repository is called, where its config is that of a CLIP; else nothing."""
    snapshot = cached_snapshot(repository)
    try:
        config = json.loads((snapshot / "config.json").read_bytes()) if snapshot else {}
    except (OSError, ValueError):
        return []
    if not isinstance(config, dict):
        return []
    if "format" in config:
        return [f"hub:{repository}"]
    has_videos = bool({"vision_config", "video_config"} & config.keys())
    return [f"hf:{repository}"] if has_videos and "text_config" in config else []


def _has(repository: str, patterns: tuple[str, ...], revision: str = "main") -> bool:
    """Whether the cache has a file of a repository that fits a pattern; a link to nothing is none."""
    snapshot = cached_snapshot(repository, revision)
    return snapshot is not None and any(
        file.is_file() for pattern in patterns for file in snapshot.glob(pattern)
    )
