"""Which files, of which repositories of the model hub, a published model consists of."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from zeroshot.model.networks.open_clip_towers import import_open_clip

if TYPE_CHECKING:
    from collections.abc import Iterable

HUB_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
"""What open_clip calls weights on the hub, in the order of preference."""

TOKENIZER_PATTERNS = ("*.json", "*.model", "*.txt")
SMALL_PATTERNS = ("*.json", "*.txt", "*.model")
"""Of a checkpoint of transformers, whatever is no weights."""


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


def part_of_hub(repository: str) -> Part:
    """What a checkpoint of transformers on the hub consists of."""
    return Part(repository, always=SMALL_PATTERNS, choices=("model*.safetensors", "pytorch_model*.bin"))
