"""Which models there are: bundled, suggested, in the cache, or all; with size, licence and where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zeroshot.model.networks.published import cached_models, in_words, is_cached, published_models
from zeroshot.resources import bundled_names, checkpoints_folder

if TYPE_CHECKING:
    from pathlib import Path

_SUGGESTED = {
    "PE-Core-B-16/meta": "the default: trained on video as well as on images, 224 px, D = 1024",
    "PE-Core-L-14-336/meta": "the same, larger: better and much slower",
    "ViT-B-32/openai": "fastest of the usual ones, D = 512",
    "ViT-B-16/openai": "what most papers on unseen classes stand on, D = 512",
    "ViT-B-16-SigLIP2/webli": "many languages, D = 768",
    "ViT-B-32/random": "untrained: for measuring speed",
    "hf:openai/clip-vit-base-patch32": "any CLIP-like checkpoint in the transformers format",
}
_BUNDLED_LICENCE = "Apache-2.0"  # the package's own


def known_models(*, everything: bool = False) -> list[dict[str, Any]]:
    """What can be named; asks no network.

    Args:
        everything: also each name that is published with open_clip, beside the suggestions.

    Returns:
        Rows with `model`, `kind` (bundled, suggested, cached, open_clip), `about`, `repository` on the model
        hub, `bytes` of the weights (in float32, counted on the network), `licence` (SPDX where one was found,
        else where to look), and `cached`: whether the model can be used without a network.
    """
    rows = [_bundled(checkpoints_folder() / name) for name in bundled_names(checkpoints_folder())]
    named = dict(_SUGGESTED)
    kinds = dict.fromkeys(named, "suggested")
    for name in cached_models():
        kinds.setdefault(name, "cached")
    if everything:
        from zeroshot.model.networks.open_clip import tagged_names

        kinds |= dict.fromkeys((name for name in tagged_names() if name not in kinds), "open_clip")
    rows += [_row(name, kind, named.get(name, "")) for name, kind in kinds.items()]
    return [row for row in rows if row]


def size_in_words(num_bytes: int | None) -> str:
    """A size for people; a dash where nobody knows."""
    return "–" if num_bytes is None else in_words(num_bytes)


def _row(name: str, kind: str, about: str) -> dict[str, Any]:
    """What is known of a published model, or of an untrained one."""
    if name.endswith("/random"):
        return _facts(name, kind, about, cached=True)
    known = published_models().get(name)
    repository = known.repository if known else name.partition(":")[2]
    licence = (known.licence if known else "") or f"see {repository}"
    row = _facts(name, kind, about, cached=is_cached(name))
    return {**row, "repository": repository, "bytes": known and known.num_bytes, "licence": licence}


def _bundled(folder: Path) -> dict[str, Any]:
    """What is known of a checkpoint that comes with the package; nothing of a folder that holds none."""
    if not (folder / "config.json").is_file():
        return {}
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    row = _facts(folder.name, "bundled", _about(folder), cached=True)
    return {**row, "bytes": size, "licence": _BUNDLED_LICENCE}


def _facts(name: str, kind: str, about: str, *, cached: bool) -> dict[str, Any]:
    """A row whose size, licence and repository are not known, or are none."""
    row: dict[str, Any] = {"model": name, "kind": kind, "about": about, "cached": cached}
    return {**row, "repository": None, "bytes": None, "licence": None}


def _about(folder: Path) -> str:
    """First sentence of a checkpoint's card."""
    card = folder / "README.md"
    if not card.is_file():
        return ""
    text = card.read_text(encoding="utf-8")
    body = text.split("\n---\n", 1)[1] if text.startswith("---\n") and "\n---\n" in text else text
    lines = (line.strip() for line in body.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")
