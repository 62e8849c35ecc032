"""open_clip's towers: imported without libraries of others, and what goes on inside them.

Every vision tower, its own transformer or one that it takes from timm, gives the same two things: patch
tokens as they leave the last block, after the tower's last norm and before any projection; and in front of
them the pooled token, which the projection turns into the embedding.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module, reload
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from zeroshot.model.speed.blocks import QuickBlock, quick_patches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from zeroshot.model.speed.products import MakeProduct, Swap


# Which of open_clip's modules look for a library, and the class in it that needs one.
_TOWERS = {"timm": ("timm_model", "TimmModel"), "transformers": ("hf_model", "HFTextEncoder")}


def import_open_clip(config: dict[str, Any] | None = None) -> ModuleType:
    """open_clip, with what towers of this description need.

    Args:
        config: of an architecture; None: nothing is to be built.
    """
    if "open_clip" not in sys.modules:
        with _without(name for name in _TOWERS if name not in sys.modules):
            import_module("open_clip")
    if config is not None and "timm_model_name" in config.get("vision_cfg", {}):
        _complete("timm")
    if config is not None and "hf_model_name" in config.get("text_cfg", {}):
        _complete("transformers")
    return sys.modules["open_clip"]


def _complete(library: str) -> None:
    """Have open_clip look for a library that it was imported without."""
    name, tower = _TOWERS[library]
    module = import_module(f"open_clip.{name}")
    if getattr(module, library) is None:
        reload(module)
        setattr(import_module("open_clip.model"), tower, getattr(module, tower))


class _Absent:
    """Finds no library of some names, for one thread."""

    def __init__(self, names: set[str]) -> None:
        self._names, self._thread = names, threading.get_ident()

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """None: others may look; an error for what is not to be found."""
        if name in self._names and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is left out", name=name)
        return None


@contextmanager
def _without(names: Iterator[str]) -> Iterator[None]:
    """Imports of these libraries fail within, which open_clip is made for."""
    finder = _Absent(set(names))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


# Texts are cut to a multiple of so many tokens, so that few shapes occur.
_STEP = 8


@dataclass(frozen=True)
class Tower:
    """What a vision transformer cuts frames into.

    Attributes:
        token_dim: C, width of a token.
        grid: (gh, gw) patches.
    """

    token_dim: int
    grid: tuple[int, int]


def tower_of(visual: Any) -> Tower | None:  # noqa: ANN401 - the module of another library
    """What is known of open_clip's vision tower; None for convolutional and windowed ones.

    None also where attention pools over learned queries (CoCa): the pooled vector is then not as wide as
    the patches.
    """
    if _is_plain_transformer(visual):
        gh, gw = visual.grid_size
        return Tower(int(visual.conv1.out_channels), (int(gh), int(gw)))
    if _is_timm_transformer(visual):
        embed = visual.trunk.patch_embed
        # timm may have built its grid for another size than the one that open_clip feeds (ViTamin-XL-384).
        sides = zip(embed.grid_size, visual.image_size, embed.img_size, strict=True)
        gh, gw = (patches * pixels // built for patches, pixels, built in sides)
        return Tower(int(visual.trunk.num_features), (int(gh), int(gw)))
    return None


def tokens_of(visual: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ANN401
    """Tokens (B, 1+N, C), the pooled one first, and embeddings (B, D), of pixels (B, 3, h, w), in one pass.

    Args:
        visual: a tower for which `tower_of` is not None.
        pixels: normalized frames.
    """
    if _is_plain_transformer(visual):
        return _plain_tokens(visual, pixels)
    return _timm_tokens(visual, pixels)


def embeddings_of(module: Any, pixels: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
    """Embeddings (B, D), not normalized, of pixels (B, 3, h, w) by open_clip's module.

    Where the tower's blocks are `QuickBlock`s and the class token alone is pooled, the last of them computes
    that token alone.
    """
    visual = module.visual
    blocks = visual.transformer.resblocks if _is_plain_transformer(visual) else []
    if not len(blocks) or visual.pool_type != "tok" or not all(isinstance(b, QuickBlock) for b in blocks):
        embeddings: torch.Tensor = module.encode_image(pixels)
        return embeddings
    tokens = visual._embeds(pixels)
    for block in blocks[:-1]:
        tokens = block(tokens)
    pooled: torch.Tensor = visual.ln_post(blocks[-1](tokens, num_kept=1))
    return torch.matmul(pooled[:, 0], visual.proj)


def swaps() -> dict[type, Swap]:
    """What `quick_copy` replaces in open_clip's towers besides linear layers, by class."""
    from open_clip.transformer import ResidualAttentionBlock

    return {ResidualAttentionBlock: _swap_block, nn.Conv2d: quick_patches}


def _swap_block(block: Any, make: MakeProduct) -> nn.Module:  # noqa: ANN401
    """A block of open_clip's own transformer, with the activation that it was built with."""
    from open_clip.transformer import QuickGELU

    activation = block.mlp.gelu
    if type(activation) is QuickGELU:
        return QuickBlock(block, make, "quick_gelu")
    return QuickBlock(block, make, "gelu_tanh" if activation.approximate == "tanh" else "gelu")


def _plain_tokens(visual: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ANN401
    """Tokens and embeddings of open_clip's own transformer."""
    output = visual.forward_intermediates(pixels, indices=1, output_fmt="NLC", output_extra_tokens=True)
    patches = output["image_intermediates"][-1]
    class_token = output["image_intermediates_prefix"][-1]
    normed = visual.ln_post(torch.cat((class_token, patches), dim=1))
    if visual.pool_type == "tok":
        return normed, output["image_features"]
    if visual.final_ln_after_pool:
        pooled = visual.ln_post(patches.mean(dim=1, keepdim=True))
    else:
        pooled = normed[:, 1:].mean(dim=1, keepdim=True)
    return torch.cat((pooled, normed[:, 1:]), dim=1), output["image_features"]


def _timm_tokens(visual: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ANN401
    """Tokens and embeddings of a transformer of timm's."""
    trunk = visual.trunk
    sequence = trunk.forward_features(pixels)
    pooled = trunk.forward_head(sequence, pre_logits=True)
    patches = sequence[:, trunk.num_prefix_tokens :]
    return torch.cat((pooled[:, None], patches), dim=1), visual.head(trunk.head(pooled))


def _is_plain_transformer(visual: Any) -> bool:  # noqa: ANN401
    """Whether a tower is open_clip's own transformer, pooled by class token or mean."""
    from open_clip.transformer import VisionTransformer

    return (
        isinstance(visual, VisionTransformer)
        and visual.attn_pool is None
        and visual.pool_type in {"tok", "avg"}
    )


def _is_timm_transformer(visual: Any) -> bool:  # noqa: ANN401
    """Whether a tower is a transformer of timm's with one grid of patches throughout."""
    from open_clip.timm_model import TimmModel

    if not isinstance(visual, TimmModel):
        return False
    trunk = visual.trunk
    grid = getattr(getattr(trunk, "patch_embed", None), "grid_size", None)
    return grid is not None and all(
        hasattr(trunk, name) for name in ("num_prefix_tokens", "blocks", "norm", "head")
    )


def short_texts(module: Any, token_ids: torch.Tensor) -> torch.Tensor | None:  # noqa: ANN401 - open_clip's module
    """Embeddings (n, D), not normalized, of token ids (n, L) that end before L; None where all is needed.

    A causal text tower reads the embedding off the token that ends the text, and no token sees what comes
    after it: the padding, nine tenths of the context for a label, changes nothing. A label of six tokens then
    costs a tenth of a full context of 77.

    Args:
        module: one of open_clip's; others than its own causal transformers give None.
        token_ids: of the tokenizer, padded to the context length.
    """
    text = _text_tower(module)
    ends = None if text is None else _ends(text, token_ids)
    if ends is None:
        return None
    length = int(_padded(ends, token_ids).max())
    if length == token_ids.shape[1]:
        return None
    x = text.token_embedding(token_ids[:, :length]).to(text.transformer.get_cast_dtype())
    x = x + text.positional_embedding[:length].to(x.dtype)
    x = text.transformer(x, attn_mask=text.attn_mask[:length, :length])
    x = text.ln_final(x)[torch.arange(len(x), device=x.device), ends]
    projection = text.text_projection
    if projection is not None:
        x = projection(x) if isinstance(projection, torch.nn.Linear) else x @ projection
    embeddings: torch.Tensor = x
    return embeddings


def read_lengths(module: Any, token_ids: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - open_clip's module
    """(n,) tokens that `short_texts` reads of each of n texts alone; L where all is needed.

    Args:
        module: one of open_clip's.
        token_ids: (n, L) of the tokenizer, padded to the context length.
    """
    text = _text_tower(module)
    ends = None if text is None else _ends(text, token_ids)
    return torch.full((len(token_ids),), token_ids.shape[1]) if ends is None else _padded(ends, token_ids)


def _padded(ends: torch.Tensor, token_ids: torch.Tensor) -> torch.Tensor:
    """(n,) tokens up to the end of each text, as a multiple of the step, or the whole context."""
    return ((ends + _STEP) // _STEP * _STEP).clamp(max=token_ids.shape[1])


def _text_tower(module: Any) -> Any:  # noqa: ANN401
    """open_clip's own causal text tower in a module; None where there is another."""
    import open_clip

    text: Any = module if type(module) is open_clip.CLIP else getattr(module, "text", None)
    own = text is module or type(text) is open_clip.transformer.TextTransformer
    return text if own and _is_causal(text) else None


def _is_causal(text: Any) -> bool:  # noqa: ANN401
    """Whether each token sees those before it alone, all of them, and nothing is appended."""
    plain = getattr(text, "cls_emb", None) is None and not getattr(text, "use_pad_mask", False)
    return bool(plain and getattr(text, "attn_mask", None) is not None)


def _ends(text: Any, token_ids: torch.Tensor) -> torch.Tensor | None:  # noqa: ANN401
    """(n,) place of the token that each embedding is read off; None where that is not the end of the text."""
    kind = getattr(text, "text_pool_type", None) or getattr(text, "pool_type", None)
    if kind == "argmax":
        return token_ids.argmax(dim=1)
    end = getattr(text, "text_eos_id", None) or getattr(text, "eos_id", None)
    if kind == "eos" and end is not None:
        places: torch.Tensor = (token_ids == end).int().argmax(dim=1)
        return places
    return None
