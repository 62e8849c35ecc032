"""Checkpoints of transformers, from the hub or a folder: which class of network reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.errors import ModelError
from zeroshot.model.networks.fetch import elsewhere, fetch_files
from zeroshot.model.networks.foreign import read_weights
from zeroshot.model.networks.pretrained import plain_config, weight_files
from zeroshot.model.networks.published import part_of_hub
from zeroshot.model.networks.transformers import IMAGE_KINDS, image_network
from zeroshot.model.networks.video_towers import VIDEO_KINDS, video_network

if TYPE_CHECKING:
    from pathlib import Path

    from zeroshot.model.networks.network import Network


def network_from_hub(source: str, *, from_network: bool = True) -> Network:
    """The checkpoint ORG/NAME or ORG/NAME@REVISION, from the cache or over the network.

    Raises:
        ModelError: it cannot be fetched, or is not CLIP-like.
    """
    model_name, part = f"hf:{source}", part_of_hub(source)
    for choice in part.choices:
        patterns = (*part.always, choice)
        folder = fetch_files(
            part.repository, patterns, model_name, from_network=from_network, revision=part.revision
        )
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"cannot fetch {model_name}: no config.json came; it is no transformers checkpoint, or only "
                f"a part is in the cache and there is no network; {elsewhere(part.repository, model_name)}"
            )
        if weight_files(folder):
            break
    return network_from_pretrained(folder)


def network_from_pretrained(folder: Path) -> Network:
    """The network in a folder that `save_pretrained` wrote; one for videos where the config says so.

    Raises:
        ModelError: no weights or no processor in it, weights missing, or a model that is not CLIP-like.
    """
    config = plain_config(folder, (*IMAGE_KINDS, *VIDEO_KINDS))
    files = weight_files(folder)
    if not files:
        raise ModelError(f"no weights in {folder}; expected model.safetensors")
    tensors = read_weights(files)
    if config["model_type"] in VIDEO_KINDS:
        return video_network(folder, config, tensors)
    return image_network(folder, config, tensors)
