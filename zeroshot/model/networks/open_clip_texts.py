"""open_clip's own text towers, read without padding: texts of any lengths lie side by side in one product.

The library pads every text to the full context, nine tenths of it for a label. In a causal tower no token
sees what comes after it, so what follows the token that the embedding is read off changes nothing, and is
left out. Products then have as many rows as there are tokens that count; only attention is by text, those of
one length together. A text costs the same, and gives the same numbers, whatever lies beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence


class TextTower:
    """A text tower of open_clip's own.

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
