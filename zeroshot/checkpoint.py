"""Folders of weights ↔ models, and which models there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from zeroshot.errors import ModelError
from zeroshot.resources import bundled_names, checkpoints_folder

if TYPE_CHECKING:
    from zeroshot.model.model import Model
    from zeroshot.video.sampling import Sampling

DEFAULT_MODEL = "PE-Core-B-16/meta"

_SUGGESTED = {
    "PE-Core-B-16/meta": "the default: trained on video as well as on images, 224 px, D = 1024",
    "PE-Core-L-14-336/meta": "the same, larger: better and about 9 × slower",
    "ViT-B-32/openai": "fastest of the usual ones, D = 512",
    "ViT-B-16/openai": "what most papers on unseen classes stand on, D = 512",
    "ViT-B-16-SigLIP2/webli": "many languages, D = 768",
    "ViT-B-32/random": "untrained: for measuring speed",
    "hf:openai/clip-vit-base-patch32": "any CLIP-like checkpoint in the transformers format",
}


def load_model(
    name: str = DEFAULT_MODEL,
    *,
    device: str = "auto",
    sampling: Sampling | None = None,
    decoder: str = "auto",
) -> Model:
    """The Model of that name, ready to embed videos, frames and texts.

    Args:
        name: `ARCH/TAG`, `ARCH/random`, `ARCH/weights-file`, `hf:ORG/NAME`, `hf:FOLDER`, a checkpoint
            folder, or a bundled name.
        device: auto, cpu, cuda, cuda:N or mps.
        sampling: which frames; None: what the checkpoint says, else the middles of 8 equal segments.
        decoder: auto, decord or pyav.

    Raises:
        ModelError: it cannot be named, fetched, loaded or moved there.
    """
    from zeroshot.model.backbone import load_backbone
    from zeroshot.model.model import Model

    return Model(load_backbone(name, device), sampling=sampling, decoder=decoder)


def known_models(*, everything: bool = False) -> list[dict[str, str]]:
    """What can be named: bundled checkpoints and suggestions, or also all that open_clip knows.

    Returns:
        Rows with `model`, `kind` (bundled, suggested, open_clip) and `about`.
    """
    rows = [
        {"model": name, "kind": "bundled", "about": _about(checkpoints_folder() / name)}
        for name in bundled_names(checkpoints_folder())
        if (checkpoints_folder() / name / "config.json").is_file()
    ]
    rows += [{"model": name, "kind": "suggested", "about": about} for name, about in _SUGGESTED.items()]
    if everything:
        from zeroshot.model.backbone import pretrained_names

        rows += [{"model": name, "kind": "open_clip", "about": ""} for name in pretrained_names()]
    return rows


def describe(name: str) -> dict[str, Any]:
    """Facts of a checkpoint folder or a bundled name: configuration, size, training; loads no weights.

    Raises:
        ModelError: there is no such folder, or a file in it is missing or damaged.
    """
    bundled = checkpoints_folder() / name
    folder = bundled if (bundled / "config.json").is_file() else Path(name)
    if not (folder / "config.json").is_file():
        names = ", ".join(bundled_names(checkpoints_folder())) or "none"
        raise ModelError(f"{name} is no checkpoint folder (it has no config.json); bundled: {names}")
    weights = folder / "model.safetensors"
    try:
        with safe_open(str(weights), "np") as tensors:
            shapes = [tensors.get_slice(key).get_shape() for key in tensors.keys()]  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"cannot read {weights}: {error}; expected weights in the safetensors format"
        ) from error
    facts: dict[str, Any] = {
        "folder": str(folder),
        "parameters": sum(_product(shape) for shape in shapes),
        "megabytes": round(weights.stat().st_size / 1e6, 2),
        "config": _read_json(folder / "config.json"),
    }
    if (folder / "training.json").is_file():
        facts["training"] = _read_json(folder / "training.json")
    return facts


def _about(folder: Path) -> str:
    """First sentence of a checkpoint's card."""
    card = folder / "README.md"
    if not card.is_file():
        return ""
    lines = (line.strip() for line in card.read_text(encoding="utf-8").splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}; expected JSON") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds no JSON object")
    return content


def _product(shape: list[int]) -> int:
    product = 1
    for length in shape:
        product *= length
    return product
