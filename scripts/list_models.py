"""Writes zeroshot/model/networks/published.csv: each pretrained name with repository, size and licence.

Repositories are as open_clip has them. Parameters are counted on the network itself, built without memory.
Licences are those that the installed timm records for the very same repository, and a few read on the models'
own pages; where neither says anything the field stays empty. Nothing is fetched.
"""

from __future__ import annotations

import csv
from pathlib import Path

import open_clip
import timm

from zeroshot.model.networks.open_clip import tagged_names
from zeroshot.model.networks.published import parts_of_tag

TABLE = Path(__file__).parents[1] / "zeroshot" / "model" / "networks" / "published.csv"
TRANSFORMERS = {"hf:openai/clip-vit-base-patch32": "ViT-B-32"}
"""Checkpoints of transformers that the package suggests, with open_clip's name for their architecture."""

_READ_ON_PAGES = {
    "timm/PE-Core-": "Apache-2.0",  # "Model License" in the README of facebookresearch/perception_models
    "timm/ViT-B-16-SigLIP/": "Apache-2.0",  # card
    "timm/ViT-SO400M-14-SigLIP-384/": "Apache-2.0",  # card
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K/": "MIT",  # card
    "laion/CLIP-ViT-B-16-laion2B-s34B-b88K/": "MIT",  # card
    "laion/CLIP-ViT-L-14-laion2B-s32B-b82K/": "MIT",  # card
}
_SPELLED = {"apache-2.0": "Apache-2.0", "mit": "MIT", "cc-by-nc-4.0": "CC-BY-NC-4.0"}


def licences() -> dict[str, str]:
    """Repository → licence, as timm records it for weights of that very repository."""
    found = {}
    for name in timm.list_pretrained():
        facts = timm.get_pretrained_cfg(name)
        repository = facts.hf_hub_id or ""
        repository += name if repository.endswith("/") else ""
        if repository and facts.license:
            found[repository] = _SPELLED.get(facts.license, facts.license)
    return found


def num_parameters(architecture: str) -> int | None:
    """How many numbers the weights of an architecture are; None where a part is described on the hub."""
    if "hf_model_name" in open_clip.get_model_config(architecture)["text_cfg"]:
        return None
    module = open_clip.create_model(architecture, pretrained=None, device="meta")
    return sum(parameter.numel() for parameter in module.parameters())


def rows() -> list[list[object]]:
    """A row a name."""
    known, counts, found = licences(), {}, []
    for name in [*tagged_names(), *TRANSFORMERS]:
        repository, others = name.removeprefix("hf:"), ""
        architecture = TRANSFORMERS.get(name) or name.partition("/")[0]
        if architecture not in counts:
            counts[architecture] = num_parameters(architecture)
        if name not in TRANSFORMERS:
            weights, *besides = parts_of_tag(architecture, name.partition("/")[2])
            repository = weights.repository
            others = " ".join(dict.fromkeys(part.repository for part in besides))
        read = [word for start, word in _READ_ON_PAGES.items() if f"{repository}/".startswith(start)]
        licence = known.get(repository, read[0] if read else "")
        found.append([name, repository, others, counts[architecture] or "", licence])
    return found


if __name__ == "__main__":
    with TABLE.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["model", "repository", "besides", "parameters", "licence"])
        table.writerows(rows())
