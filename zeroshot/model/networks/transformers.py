"""CLIP by transformers: checkpoints of the hub and folders written by `save_pretrained`."""

from __future__ import annotations

import json
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F

from zeroshot.errors import ModelError, in_one_line
from zeroshot.model.networks.fetch import has_tokenizer
from zeroshot.model.networks.network import Network, NetworkFacts, no_tokens
from zeroshot.model.networks.pretrained import VOLATILE, load_module, load_tokenizer
from zeroshot.model.networks.processors import read_preprocess
from zeroshot.model.speed.blocks import quick_patches
from zeroshot.model.speed.products import quick_copy, short_copy, with_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from zeroshot.model.speed.products import Swap
    from zeroshot.video.transform import Preprocess

# Vision transformers whose tokens are known, and whether the patches still lack the last norm.
_NORM_PATCHES = {"clip": True, "metaclip_2": True, "siglip": False}
IMAGE_KINDS = (*_NORM_PATCHES, "altclip", "chinese_clip", "align", "clipseg", "groupvit", "aimv2", "siglip2")
"""Types that compare images with texts; no class outside known ones is ever built for a checkpoint's sake."""

# Of CLIP-like models, what frames pass through.
_VISION_PARTS = ("vision_model", "visual_projection")
_NO_GRID = "as it reads frames of any shape, its patches form no one grid; use a SigLIP 2 of a fixed size"


class TransformersNetwork(Network):
    """A network built by transformers.

    Attributes:
        module: any model with `get_image_features` and `get_text_features`.
        facts: what is known about it.
    """

    frame_parts = tuple(f"{part}." for part in _VISION_PARTS)
    _pads = "max_length"

    def __init__(self, module: Any, preprocess: Preprocess, folder: Path) -> None:  # noqa: ANN401
        self.module = module.float().eval().requires_grad_(False)  # noqa: FBT003 - torch's own spelling
        self._folder = folder
        config = module.config
        self._kind = config.model_type
        self._patch = preprocess.patch
        self.context_length = int(config.text_config.max_position_embeddings)
        vision = config.vision_config if self._kind in _NORM_PATCHES else None
        side = vision.image_size // vision.patch_size if vision else 0
        described = described_config(config)
        self.facts = NetworkFacts(
            preprocess=preprocess,
            embedding_dim=self._embedding_dim(preprocess),
            token_dim=int(vision.hidden_size) if vision else None,
            grid=(side, side) if vision else None,
            logit_scale=_logit_scale(module),
            why_no_tokens=_NO_GRID if self._kind == "siglip2" else "",
            architecture=json.dumps(
                {"model": described, "preprocess": preprocess.as_dict()}, sort_keys=True, default=str
            ),
        )

    def embed_pixels(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D), not normalized, of pixels (B, 3, h, w)."""
        if self._kind == "siglip2":
            return vector_in(self.module.get_image_features(**_cut(pixels, self._patch)))
        return vector_in(self.module.get_image_features(pixel_values=pixels))

    def embed_tokens(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, 1+N, C), pooled first, and embeddings (B, D), of pixels (B, 3, h, w), in one pass."""
        if self._kind not in _NORM_PATCHES:
            raise no_tokens(f"a transformers model of type {self._kind!r}", self.facts.why_no_tokens)
        seen: list[tuple[torch.Tensor, torch.Tensor]] = []
        tower: Any = self.module.vision_model
        # The tower's output is read as it leaves: `get_image_features` projects the pooled vector in place.
        watch = tower.register_forward_hook(
            lambda _module, _inputs, output: seen.append((output.last_hidden_state, output.pooler_output))
        )
        try:
            embeddings = self.embed_pixels(pixels)
        finally:
            watch.remove()
        sequence, pooled = seen[0]
        if _NORM_PATCHES[self._kind]:
            sequence = tower.post_layernorm(sequence[:, 1:])
        return torch.cat((pooled[:, None], sequence), dim=1), embeddings

    def token_ids(self, texts: list[str], length: int | None = None) -> torch.Tensor:
        """Ids (n, length) of the tokens of n ≥ 1 texts, padded; what exceeds the length is cut off."""
        ids: torch.Tensor = self._encoded(texts, length)["input_ids"]
        return ids

    def embed_texts(self, texts: list[str], _token_ids: torch.Tensor | None = None, /) -> torch.Tensor:
        """Embeddings (n, D), not normalized, of n ≥ 1 texts; what exceeds the context length is cut off."""
        return vector_in(self.module.get_text_features(**self._inputs(texts)))

    def _inputs(self, texts: list[str]) -> dict[str, torch.Tensor]:
        """What the text tower is given, on its device."""
        encoded = self._encoded(texts, None)
        names = self._tokenizer.model_input_names
        return {name: encoded[name].to(self.device) for name in names if name in encoded}

    def _encoded(self, texts: list[str], length: int | None) -> Any:  # noqa: ANN401 - of another library
        """Texts as the network reads them.

        Padded to the full length always: SigLIP was trained so, and no text depends on its neighbours.
        """
        most, known = length or self.context_length, self.module.config.text_config.vocab_size
        pads = self._pads if length is None else "max_length"
        options = {"padding": pads, "truncation": True, "max_length": most}
        with in_one_line(f"the tokenizer in {self._folder} cannot read texts", "copy it anew"):
            encoded = self._tokenizer(texts, return_tensors="pt", **options)
            greatest = int(encoded["input_ids"].max())
        if greatest >= known:
            raise ModelError(
                f"the tokenizer in {self._folder} gives token {greatest}, the network knows {known}; "
                "expected the tokenizer that belongs to it"
            )
        return encoded

    def quick(self, arithmetic: str) -> TransformersNetwork:
        """The same network, its frames read by a copy of the vision tower in another arithmetic."""
        parts = {name: part for name, part in self.module.named_children() if name in _VISION_PARTS}
        if self.device.type == "cpu":
            swaps: dict[type, Swap] = {nn.Conv2d: quick_patches}
            quick = {name: quick_copy(part, arithmetic, swaps) for name, part in parts.items()}
        else:
            quick = {name: short_copy(part) for name, part in parts.items()}
        twin = copy(self)
        twin.arithmetic = arithmetic
        twin.module = with_parts(self.module, quick)
        return twin

    @cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401 - a class of another library
        """The checkpoint's own tokenizer."""
        if not has_tokenizer(self._folder):
            raise ModelError(f"no tokenizer in {self._folder}; expected tokenizer.json")
        return load_tokenizer(self._folder, {"model_type": self._kind})

    def _embedding_dim(self, preprocess: Preprocess) -> int:
        """D, found by looking at one black frame: each family of models names it differently."""
        with torch.inference_mode():
            return int(self.embed_pixels(torch.zeros((1, 3, *preprocess.size))).shape[-1])


def image_network(
    folder: Path, config: dict[str, Any], tensors: Mapping[str, torch.Tensor]
) -> TransformersNetwork:
    """The network for images and texts in a folder.

    Args:
        folder: that `save_pretrained` wrote.
        config: what is plain in its config, of one of `IMAGE_KINDS`.
        tensors: its weights.

    Raises:
        ModelError: they do not belong together, or there is no image processor.
    """
    kind = config["model_type"]
    preprocess = read_preprocess(folder, kind)
    module = load_module(folder, config, tensors)
    require_size(
        folder, preprocess, module.config.vision_config.image_size if kind in _NORM_PATCHES else None
    )
    return TransformersNetwork(module, preprocess, folder)


def require_size(folder: Path, preprocess: Preprocess, side: int | Sequence[int] | None) -> None:
    """Refuse a processor that makes frames of another size than the network reads; None: it may read any.

    Raises:
        ModelError: it does.
    """
    if side is None:
        return
    wanted = (side, side) if isinstance(side, int) else tuple(side)
    if preprocess.size != wanted:
        raise ModelError(
            f"{folder}: its image processor makes frames of {preprocess.size}, "
            f"its network reads {'×'.join(map(str, wanted))}"
        )


def described_config(config: Any) -> dict[str, Any]:  # noqa: ANN401 - a class of another library
    """What a config says of a network, whatever the machine and the version."""
    return {key: value for key, value in config.to_dict().items() if key not in VOLATILE}


def _logit_scale(module: Any) -> float:  # noqa: ANN401 - a class of another library
    """The factor on cosines; AIMv2 bounds its own."""
    scale = module.logit_scale
    bound = getattr(module, "max_log_logit_scale", None)
    return float((scale if bound is None else scale.clamp(0.0, bound)).exp())


def _cut(pixels: torch.Tensor, patch: int) -> dict[str, torch.Tensor]:
    """What SigLIP 2 reads of pixels (B, 3, h, w): patches row by row, each its pixels with channels."""
    rows, columns = pixels.shape[2] // patch, pixels.shape[3] // patch
    patches = F.unfold(pixels, patch, stride=patch)  # (B, 3 · patch · patch, N), channel by channel
    patches = patches.reshape(len(pixels), 3, patch * patch, -1).permute(0, 3, 2, 1).flatten(2)
    shapes = torch.tensor([[rows, columns]], device=pixels.device).expand(len(pixels), 2)
    seen = torch.ones(patches.shape[:2], dtype=torch.int32, device=pixels.device)
    return {"pixel_values": patches, "pixel_attention_mask": seen, "spatial_shapes": shapes}


def vector_in(output: Any) -> torch.Tensor:  # noqa: ANN401 - as the version has it
    """The embedding in what `get_*_features` returns: a tensor, or since transformers 5 an output object."""
    vector: torch.Tensor = output if isinstance(output, torch.Tensor) else output.pooler_output
    return vector
