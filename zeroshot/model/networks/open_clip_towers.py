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
from importlib.machinery import PathFinder
from importlib.util import LazyLoader, find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from zeroshot.model.speed.blocks import QuickBlock, quick_patches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec

    from zeroshot.model.speed.products import MakeProduct, Swap


# Which of open_clip's modules look for a library, and the class in it that needs one.
_TOWERS = {"timm": ("timm_model", "TimmModel"), "transformers": ("hf_model", "HFTextEncoder")}
_MENDS_TEXTS = "ftfy"  # the tokenizer calls it for each text; frames alone do without
# torch's compiler: torchvision asks it for one answer, which only its own training kernels want.
_COMPILER, _ANSWERS = "torch._dynamo", "torch._dynamo.utils"


def import_open_clip(config: dict[str, Any] | None = None) -> ModuleType:
    """open_clip, with what towers of this description need.

    Args:
        config: of an architecture; None: nothing is to be built.
    """
    if "open_clip" not in sys.modules:
        with _without(name for name in _TOWERS if name not in sys.modules), _compiler_later():
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


class _Later(ModuleType):
    """Stands for a module that takes long to import, until something of it is used."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module holds
        """What the module itself has of that name."""
        if name.startswith("__"):  # the import system looks at these
            raise AttributeError(name)
        return getattr(self._itself(), name)

    def is_compile_supported(self, device: str) -> bool:
        """The answer of torch's compiler, looked up when it is asked for."""
        return bool(self._itself().is_compile_supported(device))

    def _itself(self) -> ModuleType:
        """The module, which takes this one's place."""
        _put_away()
        return import_module(self.__name__)


def _put_away() -> None:
    """Have the next import find torch's compiler itself."""
    for name in (_COMPILER, _ANSWERS):
        if isinstance(sys.modules.get(name), _Later):
            del sys.modules[name]


@contextmanager
def _compiler_later() -> Iterator[None]:
    """Within, torch's compiler is imported by name alone: it takes as long as torch itself."""
    place = None if _COMPILER in sys.modules else find_spec(_COMPILER)
    if place is None:
        yield
        return
    for name in (_COMPILER, _ANSWERS):
        sys.modules[name] = _Later(name)
    sys.modules[_COMPILER].__path__ = list(place.submodule_search_locations or ())
    try:
        yield
    finally:
        _put_away()


class _Absent:
    """Finds no library of some names, for one thread; and one that mends texts not before it is used."""

    def __init__(self, names: set[str]) -> None:
        self._names, self._thread = names, threading.get_ident()

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """None: others may look; an error for what is not to be found."""
        if threading.get_ident() != self._thread:
            return None
        if name in self._names:
            raise ModuleNotFoundError(f"{name} is left out", name=name)
        spec = PathFinder.find_spec(name) if name == _MENDS_TEXTS else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def _without(names: Iterator[str]) -> Iterator[None]:
    """Imports of these libraries fail within, which open_clip is made for."""
    finder = _Absent(set(names))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


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


class TextTower:
    """A text tower of open_clip's own, read without padding: texts of any lengths lie side by side.

    The library pads every text to the full context, nine tenths of it for a label. In a causal tower no token
    sees what comes after it, so what follows the token that the embedding is read off changes nothing, and is
    left out. Products then have as many rows as there are tokens that count; only attention is by text, those
    of one length together. A text costs the same, and gives the same numbers, whatever lies beside it.

    It holds the library's modules, no weight of its own, so that it moves with them.
    """

    def __init__(self, text: Any) -> None:  # noqa: ANN401 - a module of another library
        """Take a tower as `text_tower` found it."""
        self._text = text
        self._causal = text.attn_mask is not None
        self._end = _end_of_text(text) or 0

    def lengths(self, token_ids: torch.Tensor) -> torch.Tensor:
        """(n,) tokens that are read of each text, of token ids (n, L) padded to the context length."""
        if self._causal:
            return self._places(token_ids) + 1
        return torch.full((len(token_ids),), token_ids.shape[1], device=token_ids.device)

    def embed(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, D), not normalized, of token ids (n, L) padded to the context length; n ≥ 1."""
        if len(token_ids) == 1:  # the product of a single row is summed in another order than that of several
            return self.embed(token_ids.repeat(2, 1))[:1]
        order = self.lengths(token_ids).argsort(stable=True)
        token_ids = token_ids[order]
        lengths = self.lengths(token_ids)
        text, positions = self._text, torch.arange(token_ids.shape[1], device=token_ids.device)
        inside = positions < lengths[:, None]
        x = text.token_embedding(token_ids[inside])
        x = x + text.positional_embedding[positions.expand_as(token_ids)[inside]]
        read = lengths.cumsum(0) - lengths + self._places(token_ids)
        groups = [(n, length) for length, n in zip(*_counted(lengths), strict=True)]
        *blocks, last = text.transformer.resblocks
        for block in blocks:
            x = _through(block, x, groups, None, causal=self._causal)
        x = text.ln_final(_through(last, x, groups, read, causal=self._causal))
        projection = text.text_projection
        if projection is not None:
            x = projection(x) if isinstance(projection, nn.Linear) else x @ projection
        return torch.empty_like(x).index_copy_(0, order, x)

    def _places(self, token_ids: torch.Tensor) -> torch.Tensor:
        """(n,) place of the token that each embedding is read off."""
        kind = _pooled_by(self._text)
        if kind == "argmax":
            return token_ids.argmax(dim=1)
        if kind == "eos":
            return token_ids.eq(self._end).int().argmax(dim=1)
        place = 0 if kind == "first" else token_ids.shape[1] - 1
        return torch.full((len(token_ids),), place, device=token_ids.device)


def text_tower(module: Any) -> TextTower | None:  # noqa: ANN401 - open_clip's module
    """The text tower in one of open_clip's modules; None where there is none of its own kind."""
    from open_clip import CLIP
    from open_clip.transformer import ResidualAttentionBlock, TextTransformer

    text: Any = module if type(module) is CLIP else getattr(module, "text", None)
    if text is not module and type(text) is not TextTransformer:
        return None
    appended = getattr(text, "cls_emb", None) is not None or getattr(text, "use_pad_mask", False)
    known = _pooled_by(text) in {"argmax", "first", "last"} or _end_of_text(text) is not None
    plain = all(type(block) is ResidualAttentionBlock for block in text.transformer.resblocks)
    return TextTower(text) if known and plain and not appended else None


def _pooled_by(text: Any) -> str | None:  # noqa: ANN401
    """Which token the embedding is read off, as open_clip calls it."""
    kind: str | None = getattr(text, "text_pool_type", None) or getattr(text, "pool_type", None)
    return kind


def _end_of_text(text: Any) -> int | None:  # noqa: ANN401
    """The token that ends a text, where the embedding is read off it."""
    end = getattr(text, "text_eos_id", None) or getattr(text, "eos_id", None)
    return end if _pooled_by(text) == "eos" else None


def _counted(lengths: torch.Tensor) -> tuple[list[int], list[int]]:
    """Lengths, sorted already, and how often each of them comes."""
    values, counts = torch.unique_consecutive(lengths, return_counts=True)
    return values.tolist(), counts.tolist()


def _through(
    block: Any,  # noqa: ANN401 - a block of open_clip's own transformer
    x: torch.Tensor,
    groups: Sequence[tuple[int, int]],
    read: torch.Tensor | None,
    *,
    causal: bool,
) -> torch.Tensor:
    """Tokens (R, C) through a block: all of them, or (n, C) those alone that are read off.

    Args:
        block: normed first.
        x: (R, C) tokens of n texts, one text after another.
        groups: how many texts of which length follow each other.
        read: (n,) rows of x, one a text; None: all rows.
        causal: whether a token sees those before it alone.
    """
    attention = block.attn
    parts = F.linear(block.ln_1(x), attention.in_proj_weight, attention.in_proj_bias)
    parts = parts.view(len(x), 3, attention.num_heads, -1)
    queries = parts[:, 0] if read is None else parts[read, 0]
    seen, first, first_query = [], 0, 0
    for number, length in groups:
        num_queries = number * length if read is None else number
        asked = queries[first_query : first_query + num_queries].view(number, -1, *parts.shape[2:])
        there = parts[first : first + number * length].view(number, length, *parts.shape[1:])
        keys, values = there[:, :, 1].transpose(1, 2), there[:, :, 2].transpose(1, 2)
        # Where one token is read of a causal text, it is the last: it sees all of them.
        found = F.scaled_dot_product_attention(
            asked.transpose(1, 2), keys, values, is_causal=causal and read is None
        )
        seen.append(found.transpose(1, 2).reshape(num_queries, -1))
        first, first_query = first + number * length, first_query + num_queries
    x = (x if read is None else x[read]) + block.ls_1(attention.out_proj(torch.cat(seen)))
    result: torch.Tensor = x + block.ls_2(block.mlp(block.ln_2(x)))
    return result
